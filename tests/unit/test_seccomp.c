/* Compiled system call filters, asked by a small interpreter of classic BPF what they answer. x86_64 is
 * the native architecture of these answers; elsewhere they are skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/trace.h"
#include "config.h"
#include "machine.h"
#include "seccomp/enosys.h"
#include "seccomp/seccomp.h"

#define X86_64 AUDIT_ARCH_X86_64
#define I386 AUDIT_ARCH_I386
#define X32(number) (ENOSYS_X32_BIT | (number))
#define RET_ERRNO(number) (SECCOMP_RET_ERRNO | (number))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint32_t ask_args(const struct seccomp_program *program, uint32_t arch, unsigned number,
			 const uint64_t args[6])
{
	struct seccomp_data data = { .nr = (int)number, .arch = arch };
	uint32_t answer = 0;

	if (args)
		memcpy(data.args, args, sizeof data.args);
	assert_true(machine_run(program->instructions, program->length, &data, &answer));
	return answer;
}

static uint32_t ask(const struct seccomp_program *program, uint32_t arch, unsigned number)
{
	return ask_args(program, arch, number, NULL);
}

static int set_up(void **state)
{
	*state = arena_new();
	return 0;
}

static int tear_down(void **state)
{
	arena_free(*state);
	return 0;
}

static struct arena *needs_x86_64(void **state)
{
#ifndef __x86_64__
	skip();
#endif
	if (!HAVE_SECCOMP)
		skip();
	return *state;
}

static void compile(const struct spec_seccomp *spec, struct arena *arena,
		    struct seccomp_program *ret_program)
{
	struct error err = ERROR_INIT;

	if (seccomp_compile(spec, arena, ret_program, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(ret_program->length > 0);
}

static void compiles_nothing_from_nothing(void **state)
{
	struct seccomp_program program;
	struct error err = ERROR_INIT;
	int listener = 0;

	assert_int_equal(seccomp_compile(NULL, *state, &program, &err), 0);
	assert_int_equal(program.length, 0);
	assert_int_equal(seccomp_install(&program, &listener, &err), 0);
	assert_int_equal(listener, -1);
}

/* The profile that docker sends for a container without privileges. */
static void answers_as_the_engines_profile_says(void **state)
{
	struct arena *arena = needs_x86_64(state);
	struct error err = ERROR_INIT;
	struct seccomp_program program;
	const struct spec *spec;
	const uint64_t plain[6] = { SIGCHLD }, userns[6] = { CLONE_NEWUSER | SIGCHLD };
	const uint64_t vsock[6] = { AF_VSOCK }, inet[6] = { AF_INET };
	const uint64_t linux32[6] = { PER_LINUX32 }, other[6] = { PER_BSD };
	char *text, *path;
	ssize_t length;

	path = arena_printf(arena, "%s/tests/data/engine-configs/docker-limits.json",
			    getenv("TARE_SOURCE") ? getenv("TARE_SOURCE") : ".");
	length = fd_read_file(AT_FDCWD, path, JSON_SIZE_MAX, arena, &text, &err);
	assert_true(length > 0);
	assert_int_equal(spec_load(text, (size_t)length, "/bundle", arena, &spec, &err), 0);
	compile(spec->linux_->seccomp, arena, &program);
	assert_int_equal(ask(&program, X86_64, SYS_read), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&program, X86_64, SYS_execve), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&program, X86_64, SYS_mount), RET_ERRNO(EPERM));
	assert_int_equal(ask(&program, X86_64, SYS_bpf), RET_ERRNO(EPERM));
	assert_int_equal(ask(&program, X86_64, SYS_clone3), RET_ERRNO(ENOSYS));
	assert_int_equal(ask_args(&program, X86_64, SYS_clone, plain), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_args(&program, X86_64, SYS_clone, userns), RET_ERRNO(EPERM));
	assert_int_equal(ask_args(&program, X86_64, SYS_socket, inet), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_args(&program, X86_64, SYS_socket, vsock), RET_ERRNO(EPERM));
	assert_int_equal(ask_args(&program, X86_64, SYS_personality, linux32),
			 SECCOMP_RET_ALLOW);
	assert_int_equal(ask_args(&program, X86_64, SYS_personality, other), RET_ERRNO(EPERM));
	assert_int_equal(ask(&program, X86_64, 4000), RET_ERRNO(ENOSYS));
	assert_int_equal(ask(&program, I386, 3), SECCOMP_RET_ALLOW); /* read */
	assert_int_equal(ask(&program, I386, 21), RET_ERRNO(EPERM)); /* mount */
	assert_int_equal(ask(&program, I386, 4000), RET_ERRNO(ENOSYS));
	assert_int_equal(ask(&program, X86_64, X32(0)), SECCOMP_RET_ALLOW); /* read */
	assert_int_equal(ask(&program, X86_64, X32(SYS_mount)), RET_ERRNO(EPERM));
	assert_int_equal(ask(&program, X86_64, X32(4000)), RET_ERRNO(ENOSYS));
	assert_int_equal(ask(&program, AUDIT_ARCH_AARCH64, 0), SECCOMP_RET_KILL_THREAD);
}

#define RULE(the_action, the_names, ...)                                                   \
	{                                                                                  \
		.n_names = COUNT(the_names), .names = (the_names), .action = (the_action), \
		__VA_ARGS__                                                                \
	}
#define GIVEN(number)                          \
	{                                      \
		.set = true, .value = (number) \
	}

/* spec:234, spec:246, spec:247 */
static void gives_each_action_its_answer(void **state)
{
	static const char *const reads[] = { "read" }, *const writes[] = { "write" },
				 *const opens[] = { "open" }, *const closes[] = { "close" },
				 *const stats[] = { "stat" }, *const polls[] = { "poll" },
				 *const news[] = { "no_such_call", "openat2" },
				 *const last[] = { "faccessat2" }, *const makes[] = { "mkdir" };
	const struct spec_syscall rules[] = {
		RULE(SPEC_ACT_ERRNO, reads),
		RULE(SPEC_ACT_ERRNO, writes, .errno_ret = GIVEN(ENXIO)),
		RULE(SPEC_ACT_TRACE, opens, .errno_ret = GIVEN(7)),
		RULE(SPEC_ACT_TRAP, closes),
		RULE(SPEC_ACT_KILL_PROCESS, stats),
		RULE(SPEC_ACT_LOG, polls),
		RULE(SPEC_ACT_KILL_THREAD, news),
		RULE(SPEC_ACT_NOTIFY, makes),
		RULE(SPEC_ACT_ALLOW, last), /* the default action: adds nothing */
	};
	struct arena *arena = needs_x86_64(state);
	struct spec_seccomp spec = {
		.default_action = SPEC_ACT_ALLOW,
		.n_syscalls = COUNT(rules),
		.syscalls = rules,
	};
	struct seccomp_program program;

	compile(&spec, arena, &program);
	assert_int_equal(ask(&program, X86_64, SYS_read), RET_ERRNO(EPERM));
	assert_int_equal(ask(&program, X86_64, SYS_write), RET_ERRNO(ENXIO));
	assert_int_equal(ask(&program, X86_64, SYS_open), SECCOMP_RET_TRACE | 7);
	assert_int_equal(ask(&program, X86_64, SYS_close), SECCOMP_RET_TRAP);
	assert_int_equal(ask(&program, X86_64, SYS_stat), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask(&program, X86_64, SYS_poll), SECCOMP_RET_LOG);
	assert_int_equal(ask(&program, X86_64, SYS_openat2), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(ask(&program, X86_64, SYS_faccessat2), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&program, X86_64, SYS_mkdir), SECCOMP_RET_USER_NOTIF);
	/* what is allowed needs no ENOSYS, and what is not native is not allowed */
	assert_int_equal(ask(&program, X86_64, 4000), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&program, I386, 3), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(ask(&program, X86_64, X32(0)), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(program.flags, 1 << 2 | 1 << 3);
}

/* contract:7.16 */
static void answers_enosys_to_what_is_newer(void **state)
{
	static const char *const names[] = { "read", "openat2" };
	static const char *const both[] = { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86" };
	const struct spec_syscall rule = RULE(SPEC_ACT_ALLOW, names);
	struct arena *arena = needs_x86_64(state);
	struct spec_seccomp spec = {
		.default_action = SPEC_ACT_ERRNO,
		.n_architectures = 2,
		.architectures = both,
		.flags_given = true,
		.n_syscalls = 1,
		.syscalls = &rule,
	};
	struct seccomp_program program;

	compile(&spec, arena, &program);
	assert_int_equal(program.flags, 0);
	assert_int_equal(ask(&program, X86_64, SYS_openat2), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&program, X86_64, SYS_openat2 - 1), RET_ERRNO(EPERM));
	assert_int_equal(ask(&program, X86_64, SYS_openat2 + 1), RET_ERRNO(ENOSYS));
	assert_int_equal(ask(&program, I386, SYS_openat2), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&program, I386, SYS_openat2 + 1), RET_ERRNO(ENOSYS));
	/* x32 is not among the architectures */
	assert_int_equal(ask(&program, X86_64, X32(0)), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(ask(&program, X86_64, X32(4000)), SECCOMP_RET_KILL_THREAD);
	spec.default_action = SPEC_ACT_KILL_PROCESS;
	compile(&spec, arena, &program);
	assert_int_equal(ask(&program, X86_64, SYS_openat2 - 1), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask(&program, X86_64, SYS_openat2 + 1), RET_ERRNO(ENOSYS));
	spec.default_action = SPEC_ACT_ERRNO;
	spec.default_errno_ret = (struct spec_opt_uint)GIVEN(ENOSYS);
	compile(&spec, arena, &program);
	assert_int_equal(ask(&program, X86_64, SYS_openat2 - 1), RET_ERRNO(ENOSYS));
	assert_int_equal(program.instructions[0].k, offsetof(struct seccomp_data, arch));
	spec.default_errno_ret = (struct spec_opt_uint)GIVEN(0);
	compile(&spec, arena, &program);
	assert_int_equal(ask(&program, X86_64, SYS_openat2 - 1), RET_ERRNO(0));
	assert_int_equal(ask(&program, X86_64, SYS_openat2 + 1), RET_ERRNO(ENOSYS));
}

/* spec:248 */
static void compares_arguments(void **state)
{
	static const char *const reads[] = { "read" }, *const writes[] = { "write" },
				 *const polls[] = { "poll" };
	const struct spec_seccomp_arg both[] = {
		{ .index = 0, .value = 5, .op = SPEC_CMP_GE },
		{ .index = 1, .value = UINT64_C(0x100000000), .op = SPEC_CMP_LT },
	};
	const struct spec_seccomp_arg either[] = {
		{ .index = 0, .value = 1, .op = SPEC_CMP_EQ },
		{ .index = 0, .value = 9, .op = SPEC_CMP_GT },
	};
	const struct spec_seccomp_arg masked[] = {
		{ .index = 5, .value = 0xf0, .value_two = 0x30, .op = SPEC_CMP_MASKED_EQ },
		{ .index = 2, .value = 4, .op = SPEC_CMP_NE },
		{ .index = 3, .value = 4, .op = SPEC_CMP_LE },
	};
	const struct spec_syscall rules[] = {
		RULE(SPEC_ACT_ALLOW, reads, .n_args = COUNT(both), .args = both),
		RULE(SPEC_ACT_ALLOW, writes, .n_args = COUNT(either), .args = either),
		RULE(SPEC_ACT_ALLOW, polls, .n_args = COUNT(masked), .args = masked),
	};
	struct arena *arena = needs_x86_64(state);
	struct spec_seccomp spec = {
		.default_action = SPEC_ACT_TRAP,
		.n_syscalls = COUNT(rules),
		.syscalls = rules,
	};
	struct seccomp_program p;

	compile(&spec, arena, &p);
#define ASK(number, ...) ask_args(&p, X86_64, number, (const uint64_t[6]){ __VA_ARGS__ })
	assert_int_equal(ASK(SYS_read, 5, 0xffffffff), SECCOMP_RET_ALLOW);
	assert_int_equal(ASK(SYS_read, 5, 0x100000000), SECCOMP_RET_TRAP);
	assert_int_equal(ASK(SYS_read, 4, 0), SECCOMP_RET_TRAP);
	assert_int_equal(ASK(SYS_read, UINT64_MAX, 0), SECCOMP_RET_ALLOW);
	/* the same argument twice: alternatives */
	assert_int_equal(ASK(SYS_write, 1), SECCOMP_RET_ALLOW);
	assert_int_equal(ASK(SYS_write, 10), SECCOMP_RET_ALLOW);
	assert_int_equal(ASK(SYS_write, 9), SECCOMP_RET_TRAP);
	assert_int_equal(ASK(SYS_poll, 0, 0, 0, 4, 0, 0xf3f), SECCOMP_RET_ALLOW);
	assert_int_equal(ASK(SYS_poll, 0, 0, 4, 4, 0, 0xf3f), SECCOMP_RET_TRAP);
	assert_int_equal(ASK(SYS_poll, 0, 0, 0, 5, 0, 0xf3f), SECCOMP_RET_TRAP);
	assert_int_equal(ASK(SYS_poll, 0, 0, 0, 4, 0, 0xf4f), SECCOMP_RET_TRAP);
#undef ASK
}

static void refuses_what_it_cannot_do(void **state)
{
	static const char *const names[] = { "read" };
	static const char *const odd[] = { "SCMP_ARCH_X86", "SCMP_ARCH_PDP11" };
	static const char *const big[] = { "SCMP_ARCH_S390X" };
	const struct spec_seccomp_arg one = { .index = 0, .value = 1, .op = SPEC_CMP_EQ };
	const struct spec_syscall clash[] = {
		RULE(SPEC_ACT_ALLOW, names, .n_args = 1, .args = &one),
		RULE(SPEC_ACT_TRAP, names, .n_args = 1, .args = &one),
	};
	struct spec_seccomp spec = {
		.default_action = SPEC_ACT_ERRNO,
		.n_architectures = 2,
		.architectures = odd,
	};
	struct arena *arena = needs_x86_64(state);
	struct seccomp_program program;
	struct error err = ERROR_INIT;

	assert_int_equal(seccomp_compile(&spec, arena, &program, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "architectures[1]: libseccomp 2."));
	spec.n_architectures = 1;
	spec.architectures = big;
	assert_int_equal(seccomp_compile(&spec, arena, &program, &err), -EINVAL);
	assert_non_null(strstr(err.text, "byte order"));
	spec.n_architectures = 0;
	spec.n_syscalls = 2;
	spec.syscalls = clash;
	assert_int_equal(seccomp_compile(&spec, arena, &program, &err), -EINVAL);
	assert_non_null(strstr(err.text, "syscalls[1]: read: another rule has a different"));
}

/* libseccomp's issue 370: many rules, and an architecture where none of them exists. */
static void survives_an_empty_architecture(void **state)
{
	static const char *const names[] = {
		"open",	   "stat",	   "lstat",    "poll",	  "access",	  "pipe",
		"select",  "dup2",	   "pause",    "alarm",	  "fork",	  "vfork",
		"getpgrp", "rename",	   "mkdir",    "rmdir",	  "creat",	  "link",
		"unlink",  "symlink",	   "readlink", "chmod",	  "chown",	  "lchown",
		"utime",   "mknod",	   "ustat",    "sysfs",	  "getdents",	  "epoll_wait",
		"utimes",  "inotify_init", "signalfd", "eventfd", "epoll_create", "futimesat",
		"time",
	};
	static const char *const with[] = { "SCMP_ARCH_AARCH64" };
	const struct spec_syscall rule = RULE(SPEC_ACT_ALLOW, names);
	struct spec_seccomp spec = {
		.default_action = SPEC_ACT_ERRNO,
		.n_architectures = 1,
		.architectures = with,
		.n_syscalls = 1,
		.syscalls = &rule,
	};
	struct arena *arena = needs_x86_64(state);
	struct seccomp_program program;

	compile(&spec, arena, &program);
	assert_int_equal(ask(&program, X86_64, SYS_open), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&program, X86_64, SYS_read), RET_ERRNO(EPERM));
	assert_int_equal(ask(&program, AUDIT_ARCH_AARCH64, 63), RET_ERRNO(EPERM));
}

/* The stub alone, in front of a filter that allows: also for what libseccomp does not build here. */
static void tells_architectures_apart(void **state)
{
	const struct enosys_limit limits[] = {
		{ AUDIT_ARCH_ARM, 400 },
		{ X86_64, 450 },
		{ X86_64, X32(547) },
		{ AUDIT_ARCH_MIPS64, 5300 },
	};
	struct sock_filter program[ENOSYS_INSTRUCTIONS_MAX(COUNT(limits)) + 1];
	struct seccomp_program p = { .instructions = program };
	size_t n = enosys_stub(limits, COUNT(limits), program);

	(void)state;
	assert_true(n < COUNT(program));
	program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	p.length = (unsigned short)n;
	assert_int_equal(ask(&p, AUDIT_ARCH_ARM, 400), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&p, AUDIT_ARCH_ARM, 401), RET_ERRNO(ENOSYS));
	assert_int_equal(ask(&p, AUDIT_ARCH_ARM, 0xf0005), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&p, X86_64, 450), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&p, X86_64, 451), RET_ERRNO(ENOSYS));
	assert_int_equal(ask(&p, X86_64, X32(547)), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&p, X86_64, X32(451)), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&p, X86_64, X32(548)), RET_ERRNO(ENOSYS));
	assert_int_equal(ask(&p, AUDIT_ARCH_MIPS64, 5300), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&p, AUDIT_ARCH_MIPS64, 5301), RET_ERRNO(ENOSYS));
	assert_int_equal(ask(&p, I386, 100000), SECCOMP_RET_ALLOW);
	assert_int_equal(enosys_stub(limits, 0, program), 0);
}

/* The kernel takes the program and means the same by it. */
static void holds_in_the_kernel(void **state)
{
	static const char *const names[] = { "getppid" };
	const struct spec_syscall rule = RULE(SPEC_ACT_ERRNO, names, .errno_ret = GIVEN(EXDEV));
	struct spec_seccomp spec = {
		.default_action = SPEC_ACT_ALLOW,
		.n_syscalls = 1,
		.syscalls = &rule,
	};
	struct arena *arena = needs_x86_64(state);
	struct seccomp_program program;
	int status = -1, listener;
	pid_t pid;

	compile(&spec, arena, &program);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct error err = ERROR_INIT;

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (seccomp_install(&program, &listener, &err) < 0 || listener != -1)
			_exit(1);
		_exit(syscall(SYS_getppid) == -1 && errno == EXDEV ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(compiles_nothing_from_nothing),
		CASE(answers_as_the_engines_profile_says),
		CASE(gives_each_action_its_answer),
		CASE(answers_enosys_to_what_is_newer),
		CASE(compares_arguments),
		CASE(refuses_what_it_cannot_do),
		CASE(survives_an_empty_architecture),
		CASE(tells_architectures_apart),
		CASE(holds_in_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
