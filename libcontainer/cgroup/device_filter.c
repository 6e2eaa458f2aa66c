/* The device filter. The rules are applied in order (spec 192), for each kind of access on its own: the
 * last rule that matches the device and names the access decides on it, and a request is allowed when
 * every access that it asks for is. So "allow c 1:3 rw" followed by "deny c 1:3 w" leaves reading. What no
 * rule decides is denied. (The filter of cgroup v1 differed in one case: there a deny could not take
 * anything from an allow with a wildcard, and was silently lost.)
 *
 * The program therefore walks from the last rule to the first with the set of accesses that are still
 * undecided. Kernel facts: the program of type BPF_PROG_TYPE_CGROUP_DEVICE gets struct bpf_cgroup_dev_ctx;
 * since Linux 5.11 its memory is charged to the cgroup, so RLIMIT_MEMLOCK does not matter and is left
 * alone; the verifier refuses instructions that cannot be reached. */
#include "cgroup/device_filter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"

#define PROGRAM_NAME "tare_devices"
#define ALL_ACCESS (PLAN_ACCESS_READ | PLAN_ACCESS_WRITE | PLAN_ACCESS_MKNOD)
#define LOG_SIZE 65536
#define ATTACHED_MAX 64 /* BPF_CGROUP_MAX_PROGS of the kernel */

/* The registers: 0 is the result, 1 the context. */
enum { RESULT, CONTEXT, UNDECIDED, TYPE, MAJOR, MINOR };

#define OP(opcode, destination, origin, offset, immediate) \
	((struct bpf_insn){ .code = (opcode),              \
			    .dst_reg = (destination),      \
			    .src_reg = (origin),           \
			    .off = (short)(offset),        \
			    .imm = (int)(immediate) })
#define LOAD(destination, field)                            \
	OP(BPF_LDX | BPF_MEM | BPF_W, destination, CONTEXT, \
	   offsetof(struct bpf_cgroup_dev_ctx, field), 0)
#define MOVE(destination, value) OP(BPF_ALU64 | BPF_MOV | BPF_K, destination, 0, 0, value)
#define COPY(destination, origin) OP(BPF_ALU64 | BPF_MOV | BPF_X, destination, origin, 0, 0)
#define AND(destination, value) OP(BPF_ALU64 | BPF_AND | BPF_K, destination, 0, 0, value)
#define SHIFT_RIGHT(destination, value) \
	OP(BPF_ALU64 | BPF_RSH | BPF_K, destination, 0, 0, value)
#define JUMP_UNEQUAL(destination, value, offset) \
	OP(BPF_JMP32 | BPF_JNE | BPF_K, destination, 0, offset, value)
#define JUMP_EQUAL(destination, value, offset) \
	OP(BPF_JMP32 | BPF_JEQ | BPF_K, destination, 0, offset, value)
#define EXIT() OP(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* The kernel's bits for the plan's. */
static int kernel_access(uint8_t access)
{
	return (access & PLAN_ACCESS_MKNOD ? BPF_DEVCG_ACC_MKNOD : 0) |
	       (access & PLAN_ACCESS_READ ? BPF_DEVCG_ACC_READ : 0) |
	       (access & PLAN_ACCESS_WRITE ? BPF_DEVCG_ACC_WRITE : 0);
}

static bool is_catch_all(const struct plan_device_rule *rule)
{
	return rule->type == 'a' && rule->major < 0 && rule->minor < 0 &&
	       rule->access == ALL_ACCESS;
}

/* The accesses of one rule, for a device that it matches but for its minor number: goes on behind itself when
 * that does not match or something is left undecided. */
static size_t compile_rule(const struct plan_device_rule *rule, struct bpf_insn *program)
{
	bool tests_minor = rule->minor >= 0;
	size_t n = 0;

	if (tests_minor)
		program[n++] = JUMP_UNEQUAL(MINOR, rule->minor, 0);
	if (rule->access == ALL_ACCESS) {
		program[n++] = MOVE(RESULT, rule->allow);
		program[n++] = EXIT();
	} else if (rule->allow) {
		program[n++] = AND(UNDECIDED, ~kernel_access(rule->access));
		program[n++] = JUMP_UNEQUAL(UNDECIDED, 0, 2);
		program[n++] = MOVE(RESULT, 1);
		program[n++] = EXIT();
	} else {
		program[n++] = COPY(RESULT, UNDECIDED);
		program[n++] = AND(RESULT, kernel_access(rule->access));
		program[n++] = JUMP_EQUAL(RESULT, 0, 2);
		program[n++] = MOVE(RESULT, 0);
		program[n++] = EXIT();
	}
	if (tests_minor)
		program[0].off = (short)(n - 1);
	return n;
}

/* A test that stands in front of neighbouring rules and leads behind the last of them. */
#define NO_TEST SIZE_MAX

static void end_test(struct bpf_insn *program, size_t *test, size_t end)
{
	if (*test != NO_TEST)
		program[*test].off = (short)(end - *test - 1);
	*test = NO_TEST;
}

/* Neighbours that name the same type, or type and major number, share its test: the verifier follows each
 * branch on its own, and its work is most of what a filter costs. */
static size_t compile_rules(const struct plan_device_rule *rules, size_t n_rules,
			    struct bpf_insn *program, size_t n)
{
	const struct plan_device_rule *rule, *before = NULL;
	size_t type = NO_TEST, major = NO_TEST, i;

	for (i = n_rules; i > 0; i--, before = rule) {
		rule = &rules[i - 1];
		if (before && (rule->type != before->type || rule->major != before->major))
			end_test(program, &major, n);
		if (before && rule->type != before->type)
			end_test(program, &type, n);
		if (rule->type != 'a' && type == NO_TEST) {
			type = n;
			program[n++] = JUMP_UNEQUAL(TYPE,
						    rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK
								      : BPF_DEVCG_DEV_CHAR,
						    0);
		}
		if (rule->major >= 0 && major == NO_TEST) {
			major = n;
			program[n++] = JUMP_UNEQUAL(MAJOR, rule->major, 0);
		}
		n += compile_rule(rule, program + n);
		if (is_catch_all(rule))
			return n;
		/* behind a rule that decides all that its tests let through, only they lead on */
		if (rule->access == ALL_ACCESS && rule->minor < 0) {
			end_test(program, &major, n);
			if (rule->major < 0)
				end_test(program, &type, n);
		}
	}
	end_test(program, &major, n);
	end_test(program, &type, n);
	program[n++] = MOVE(RESULT, 0);
	program[n++] = EXIT();
	return n;
}

size_t device_filter_compile(const struct plan_device_rule *rules, size_t n_rules,
			     struct bpf_insn *program)
{
	size_t n = 0;

	/* access_type: the accesses in its upper half, the type of device in the lower */
	program[n++] = LOAD(UNDECIDED, access_type);
	program[n++] = COPY(TYPE, UNDECIDED);
	program[n++] = AND(TYPE, 0xffff);
	program[n++] = SHIFT_RIGHT(UNDECIDED, 16);
	program[n++] = LOAD(MAJOR, major);
	program[n++] = LOAD(MINOR, minor);
	return compile_rules(rules, n_rules, program, n);
}

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
	long r = syscall(SYS_bpf, command, attributes, sizeof *attributes);

	return r < 0 ? -errno : (int)r;
}

static int load(const struct bpf_insn *program, size_t length, struct error *err)
{
	_cleanup_free_ char *log = NULL;
	union bpf_attr attributes;
	int fd;

	memset(&attributes, 0, sizeof attributes);
	attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attributes.insns = (uintptr_t)program;
	attributes.insn_cnt = (unsigned)length;
	attributes.license = (uintptr_t) "Apache-2.0";
	memcpy(attributes.prog_name, PROGRAM_NAME, sizeof PROGRAM_NAME);
	fd = bpf(BPF_PROG_LOAD, &attributes);
	if (fd >= 0)
		return fd;
	error_errno(err, -fd, "load the device filter of %zu instructions", length);
	if (fd == -EPERM)
		return error_hint(err,
				  " (it takes CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, "
				  "in the initial user namespace)");
	if (fd == -E2BIG)
		return error_hint(err,
				  " (the kernel's verifier takes no more: fewer rules in "
				  "linux.resources.devices, or ranges in place of numbers)");
	if (fd != -EINVAL && fd != -EACCES)
		return fd;
	/* once more, for the verifier's own words */
	log = calloc(1, LOG_SIZE);
	if (!log)
		return -err->code;
	attributes.log_level = 1;
	attributes.log_buf = (uintptr_t)log;
	attributes.log_size = LOG_SIZE;
	fd = bpf(BPF_PROG_LOAD, &attributes);
	if (fd >= 0) {
		err->code = 0;
		err->text[0] = '\0';
		return fd;
	}
	return error_hint(err, ": %.800s", strlen(log) > 800 ? log + strlen(log) - 800 : log);
}

static int load_rules(const struct plan_device_rule *rules, size_t n_rules, struct error *err)
{
	_cleanup_free_ struct bpf_insn *program = NULL;
	int fd;

	program = calloc(DEVICE_FILTER_PROLOGUE + n_rules * DEVICE_FILTER_RULE_MAX +
				 DEVICE_FILTER_EPILOGUE,
			 sizeof *program);
	if (!program)
		return error_oom(err);
	fd = load(program, device_filter_compile(rules, n_rules, program), err);
	return fd < 0 ? -err->code : fd;
}

/* @replaced: the program whose place it takes, or -1: it comes beside what is there. */
static int attach(int dir, int program, int replaced, struct error *err)
{
	union bpf_attr attributes;
	int r;

	memset(&attributes, 0, sizeof attributes);
	attributes.target_fd = (unsigned)dir;
	attributes.attach_bpf_fd = (unsigned)program;
	attributes.attach_type = BPF_CGROUP_DEVICE;
	attributes.attach_flags = BPF_F_ALLOW_MULTI;
	if (replaced >= 0) {
		attributes.attach_flags |= BPF_F_REPLACE;
		attributes.replace_bpf_fd = (unsigned)replaced;
	}
	r = bpf(BPF_PROG_ATTACH, &attributes);
	return r < 0 ? error_errno(err, -r, "attach the device filter") : 0;
}

int device_filter_attach(int dir, const struct plan_device_rule *rules, size_t n_rules,
			 struct error *err)
{
	_cleanup_fd_ int fd = load_rules(rules, n_rules, err);

	return fd < 0 ? fd : attach(dir, fd, -1, err);
}

/* Opens the program with that id if it is ours. Returns its descriptor, or -errno. */
static int open_own_program(uint32_t id)
{
	_cleanup_fd_ int fd = -1;
	struct bpf_prog_info info;
	union bpf_attr attributes;
	int r;

	memset(&attributes, 0, sizeof attributes);
	attributes.prog_id = id;
	fd = bpf(BPF_PROG_GET_FD_BY_ID, &attributes);
	if (fd < 0)
		return fd;
	memset(&info, 0, sizeof info);
	memset(&attributes, 0, sizeof attributes);
	attributes.info.bpf_fd = (unsigned)fd;
	attributes.info.info_len = sizeof info;
	attributes.info.info = (uintptr_t)&info;
	r = bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes);
	if (r < 0)
		return r;
	return strcmp(info.name, PROGRAM_NAME) == 0 ? steal_fd(&fd) : -ENOENT;
}

/* The ids of the programs attached to the cgroup itself. Returns how many. */
static int list_programs(int dir, uint32_t *ids, struct error *err)
{
	union bpf_attr attributes;
	int r;

	memset(&attributes, 0, sizeof attributes);
	attributes.query.target_fd = (unsigned)dir;
	attributes.query.attach_type = BPF_CGROUP_DEVICE;
	attributes.query.prog_ids = (uintptr_t)ids;
	attributes.query.prog_cnt = ATTACHED_MAX;
	r = bpf(BPF_PROG_QUERY, &attributes);
	if (r < 0)
		return error_errno(err, -r, "list the device filters of the cgroup");
	return attributes.query.prog_cnt < ATTACHED_MAX ? (int)attributes.query.prog_cnt
							: ATTACHED_MAX;
}

int device_filter_replace(int dir, const struct plan_device_rule *rules, size_t n_rules,
			  struct error *err)
{
	_cleanup_fd_ int fd = load_rules(rules, n_rules, err);
	uint32_t ids[ATTACHED_MAX] = { 0 };
	int i, count;

	if (fd < 0)
		return fd;
	count = list_programs(dir, ids, err);
	if (count < 0)
		return count;
	for (i = 0; i < count; i++) {
		_cleanup_fd_ int old = open_own_program(ids[i]);

		if (old >= 0)
			return attach(dir, fd, old, err);
	}
	return attach(dir, fd, -1, err);
}

int device_filter_detach(int dir, struct error *err)
{
	uint32_t ids[ATTACHED_MAX] = { 0 };
	union bpf_attr attributes;
	int i, r, count = list_programs(dir, ids, err);

	if (count < 0)
		return count;
	for (i = 0; i < count; i++) {
		_cleanup_fd_ int fd = open_own_program(ids[i]);

		if (fd < 0)
			continue;
		memset(&attributes, 0, sizeof attributes);
		attributes.target_fd = (unsigned)dir;
		attributes.attach_bpf_fd = (unsigned)fd;
		attributes.attach_type = BPF_CGROUP_DEVICE;
		r = bpf(BPF_PROG_DETACH, &attributes);
		if (r < 0)
			return error_errno(err, -r, "detach an earlier device filter");
	}
	return 0;
}
