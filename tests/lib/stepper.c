/* A stepper: makes races deterministic. It runs a command under ptrace(2), stops each of its processes
 * before every system call that names something of interest by path, counts these calls, and before (or
 * around) the N-th one changes the file system under the command's feet. A test that goes through all N has
 * met every interleaving of one change with the command. The processes are seized at birth, so it does not
 * matter that some make themselves not dumpable or execute a copy of themselves from memory. Those that the
 * command leaves when it ends run on untraced. Options and the log's lines: usage(). */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stepper.h"

#ifndef __NR_open_tree_attr
#define __NR_open_tree_attr 467
#endif
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif

#define PLAIN(name, path)                  \
	{                                  \
		__NR_##name, #name,        \
		{                          \
			{ CWD, path },     \
			{                  \
				NONE, NONE \
			}                  \
		}                          \
	}
#define AT(name, fd, path)                 \
	{                                  \
		__NR_##name, #name,        \
		{                          \
			{ fd, path },      \
			{                  \
				NONE, NONE \
			}                  \
		}                          \
	}
#define TWO(name, fd1, path1, fd2, path2)  \
	{                                  \
		__NR_##name, #name,        \
		{                          \
			{ fd1, path1 },    \
			{                  \
				fd2, path2 \
			}                  \
		}                          \
	}

static const struct call calls[] = {
#ifdef __NR_open
	PLAIN(open, 0),
	PLAIN(creat, 0),
	PLAIN(mkdir, 0),
	PLAIN(rmdir, 0),
	PLAIN(unlink, 0),
	PLAIN(symlink, 1),
	PLAIN(mknod, 0),
	PLAIN(chmod, 0),
	PLAIN(chown, 0),
	PLAIN(lchown, 0),
	PLAIN(access, 0),
	PLAIN(stat, 0),
	PLAIN(lstat, 0),
	PLAIN(readlink, 0),
	TWO(rename, CWD, 0, CWD, 1),
	TWO(link, CWD, 0, CWD, 1),
#endif
	PLAIN(chdir, 0),
	PLAIN(chroot, 0),
	PLAIN(truncate, 0),
	PLAIN(statfs, 0),
	PLAIN(execve, 0),
	PLAIN(umount2, 0),
	PLAIN(setxattr, 0),
	PLAIN(lsetxattr, 0),
	AT(openat, 0, 1),
	AT(openat2, 0, 1),
	AT(mkdirat, 0, 1),
	AT(mknodat, 0, 1),
	AT(symlinkat, 1, 2),
	AT(unlinkat, 0, 1),
	AT(readlinkat, 0, 1),
	AT(fchmodat, 0, 1),
	AT(fchmodat2, 0, 1),
	AT(fchownat, 0, 1),
	AT(faccessat, 0, 1),
	AT(faccessat2, 0, 1),
#ifdef __NR_newfstatat
	AT(newfstatat, 0, 1),
#endif
	AT(statx, 0, 1),
	AT(utimensat, 0, 1),
	AT(name_to_handle_at, 0, 1),
	AT(execveat, 0, 1),
	AT(open_tree, 0, 1),
	AT(open_tree_attr, 0, 1),
	AT(mount_setattr, 0, 1),
	AT(fspick, 0, 1),
	AT(fsconfig, 4, 3),
	AT(fchdir, 0, NONE),
	AT(fsmount, 0, NONE),
	AT(setns, 0, NONE),
	TWO(linkat, 0, 1, 2, 3),
	TWO(renameat2, 0, 1, 2, 3),
	TWO(mount, CWD, 0, CWD, 1),
	TWO(move_mount, 0, 1, 2, 3),
	TWO(pivot_root, CWD, 0, CWD, 1),
};

#define N_CALLS (sizeof calls / sizeof calls[0])
struct options options;

/* As linux/ptrace.h has it, which does not go together with sys/ptrace.h. */
struct syscall_info {
	uint8_t op;
	uint8_t pad[3];
	uint32_t arch;
	uint64_t instruction_pointer, stack_pointer;
	uint64_t number, arguments[6];
	uint64_t room[4];
};

enum { OP_ENTRY = 1, OP_EXIT = 2 };

#ifndef PTRACE_GET_SYSCALL_INFO
#define PTRACE_GET_SYSCALL_INFO 0x420e
#endif

/* A traced process between the entry and the exit of a system call. */
struct tracee {
	pid_t pid;
	bool inside, acted, mounts;
};

static struct tracee tracees[256];
static long count;

/* The log's lines are separated by tabs:
 *   call N PID NAME PATH...    a counted call
 *   swap N                     the change was made before call N
 *   fail N                     call N was made to fail
 *   mounted PID POINT          a mount below a forbidden directory (-f)
 *   write PID MAGIC PATH       a file that a process writes to, and its file system (-w)
 *   end TOTAL                  the last line: the number of counted calls */
static _Noreturn void usage(void)
{
	fputs("stepper [OPTION...] -- COMMAND [ARGUMENT...]\n"
	      "  -o FILE    the log\n"
	      "  -a PREFIX  count calls on paths that begin so, in any process's view "
	      "(repeatable)\n"
	      "  -m FILE    count calls on descriptors that lie on FILE's file system "
	      "(repeatable)\n"
	      "  -s NAMES   count only these system calls (comma-separated)\n"
	      "  -n N       the number of the call to act upon\n"
	      "  -x A,B     the change: exchange two names by renameat2(RENAME_EXCHANGE)\n"
	      "  -c SHELL   the change: a shell command\n"
	      "  -b         change it back after the call: the same change once more\n"
	      "  -e ERRNO   let the call fail with that number instead of being made\n"
	      "  -f DIR     report mounts at or below DIR in a process's mount namespace\n"
	      "  -w         log which regular files are written to\n"
	      "Exit status: the command's, or 128 + signal; 125: trouble of the stepper's "
	      "own.\n",
	      stderr);
	exit(125);
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "stepper: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void say(const char *format, ...)
{
	va_list arguments;

	if (!options.log)
		return;
	va_start(arguments, format);
	vfprintf(options.log, format, arguments);
	va_end(arguments);
	fputc('\n', options.log);
}

static struct tracee *find(pid_t pid)
{
	struct tracee *free_one = NULL;
	size_t i;

	for (i = 0; i < sizeof tracees / sizeof tracees[0]; i++) {
		if (tracees[i].pid == pid)
			return &tracees[i];
		if (!tracees[i].pid && !free_one)
			free_one = &tracees[i];
	}
	if (!free_one) {
		errno = E2BIG;
		die("processes");
	}
	*free_one = (struct tracee){ .pid = pid };
	return free_one;
}

static void change(void)
{
	if (options.exchange_a &&
	    syscall(__NR_renameat2, AT_FDCWD, options.exchange_a, AT_FDCWD, options.exchange_b,
		    2 /* RENAME_EXCHANGE */) < 0)
		die("exchange");
	if (options.command && system(options.command) != 0) {
		errno = ECHILD;
		die(options.command);
	}
}

/* Replaces the call by one that does not exist, or its result. */
static void set_call(pid_t pid, bool result, long value)
{
#if defined(__x86_64__)
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof regs };

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) < 0)
		die("registers");
	if (result)
		regs.rax = (unsigned long)value;
	else
		regs.orig_rax = (unsigned long)value;
	if (ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov) < 0)
		die("registers");
#elif defined(__aarch64__)
	struct user_regs_struct regs;
	int number = (int)value;
	struct iovec iov = { &regs, sizeof regs }, call = { &number, sizeof number };

	if (!result) {
		if (ptrace(PTRACE_SETREGSET, pid, 0x404 /* NT_ARM_SYSTEM_CALL */, &call) < 0)
			die("registers");
		return;
	}
	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) < 0)
		die("registers");
	regs.regs[0] = (unsigned long)value;
	if (ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov) < 0)
		die("registers");
#else
	(void)pid, (void)result, (void)value;
	errno = ENOSYS;
	die("-e on this architecture");
#endif
}

static bool wanted(const char *name)
{
	const char *at = options.names;
	size_t length = strlen(name);

	while (at && *at) {
		if (strncmp(at, name, length) == 0 && (at[length] == ',' || !at[length]))
			return true;
		at = strchr(at, ',');
		at = at ? at + 1 : NULL;
	}
	return !options.names;
}

static void log_write(pid_t pid, int fd)
{
	char path[64], link[PATH_MAX], what[32];
	struct statfs fs;
	struct stat st;

	snprintf(what, sizeof what, "fd/%d", fd);
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
	link_of(pid, what, link, sizeof link);
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || statfs(path, &fs) < 0)
		return;
	say("write\t%d\t%lx\t%s", (int)pid, (unsigned long)fs.f_type, link);
}

static void entry(struct tracee *t, const struct syscall_info *info)
{
	const uint64_t *args = info->arguments;
	long number = (long)info->number;
	char path[2][2 * PATH_MAX];
	bool interesting;
	size_t i;

	if (options.writes && (number == __NR_write || number == __NR_pwrite64 ||
			       number == __NR_writev || number == __NR_sendfile))
		log_write(t->pid, (int)args[0]);
	t->mounts = number == __NR_mount || number == __NR_move_mount;
	for (i = 0; i < N_CALLS; i++)
		if (calls[i].number == number)
			break;
	if (i == N_CALLS || !wanted(calls[i].name))
		return;
	interesting = resolve(t->pid, &calls[i], args, 0, path[0], sizeof path[0]);
	interesting |= resolve(t->pid, &calls[i], args, 1, path[1], sizeof path[1]);
	if (!interesting)
		return;
	count++;
	say("call\t%ld\t%d\t%s\t%s\t%s", count, (int)t->pid, calls[i].name, path[0], path[1]);
	if (count != options.step)
		return;
	t->acted = true;
	if (options.exchange_a || options.command) {
		change();
		say("swap\t%ld", count);
	}
	if (options.error) {
		set_call(t->pid, false, -1);
		say("fail\t%ld", count);
	}
}

/* Whether the process still has our root directory: afterwards its paths are the container's. */
static bool has_our_root(pid_t pid)
{
	struct stat ours, theirs;
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
	return stat("/", &ours) == 0 && stat(path, &theirs) == 0 &&
	       ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/* Whether a mount lies below a forbidden directory, as the process sees it. */
static void look_at_mounts(pid_t pid)
{
	char path[64], line[2 * PATH_MAX], point[PATH_MAX];
	size_t length;
	FILE *file;
	int i;

	snprintf(path, sizeof path, "/proc/%d/mountinfo", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return;
	while (fgets(line, sizeof line, file)) {
		if (sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1)
			continue;
		for (i = 0; i < options.n_forbidden; i++) {
			length = strlen(options.forbidden[i]);
			if (strncmp(point, options.forbidden[i], length) == 0 &&
			    (point[length] == '/' || !point[length]))
				say("mounted\t%d\t%s", (int)pid, point);
		}
	}
	fclose(file);
}

static void leave(struct tracee *t)
{
	if (t->acted && options.error)
		set_call(t->pid, true, -options.error);
	if (t->acted && options.back)
		change();
	if (t->mounts && options.n_forbidden && has_our_root(t->pid))
		look_at_mounts(t->pid);
	t->acted = t->mounts = false;
}

static void on_syscall(pid_t pid)
{
	struct syscall_info info = { 0 };
	struct tracee *t = find(pid);

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) < 0)
		return; /* killed meanwhile */
	if (info.op == OP_ENTRY)
		entry(t, &info);
	else if (info.op == OP_EXIT)
		leave(t);
}

/* Lets a stopped process go on. */
static void proceed(pid_t pid, int status)
{
	int event = status >> 16, sig = WSTOPSIG(status), deliver = 0;

	if (sig == (SIGTRAP | 0x80)) {
		on_syscall(pid);
	} else if (event == PTRACE_EVENT_STOP && sig != SIGTRAP) {
		ptrace(PTRACE_LISTEN, pid, 0, 0); /* stopped by SIGSTOP and the like */
		return;
	} else if (!event) {
		deliver = sig;
	}
	ptrace(PTRACE_SYSCALL, pid, 0, deliver);
}

static int trace(pid_t main_pid)
{
	int status;
	pid_t pid;

	for (;;) {
		pid = waitpid(-1, &status, __WALL);
		if (pid < 0)
			die("wait");
		if (WIFSTOPPED(status)) {
			proceed(pid, status);
			continue;
		}
		*find(pid) = (struct tracee){ 0 };
		if (pid == main_pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

static void parse_device(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		die(path);
	options.devices[options.n_devices++ % MOST] = st.st_dev;
}

static void parse(int argc, char **argv)
{
	char *comma;
	int c;

	while ((c = getopt(argc, argv, "+o:a:m:s:n:x:c:be:f:w")) != -1) {
		switch (c) {
		case 'o':
			options.log = fopen(optarg, "we");
			if (!options.log)
				die(optarg);
			break;
		case 'a':
			options.prefixes[options.n_prefixes++ % MOST] = optarg;
			break;
		case 'm':
			parse_device(optarg);
			break;
		case 's':
			options.names = optarg;
			break;
		case 'n':
			options.step = strtol(optarg, NULL, 10);
			break;
		case 'x':
			comma = strchr(optarg, ',');
			if (!comma)
				usage();
			*comma = '\0';
			options.exchange_a = optarg;
			options.exchange_b = comma + 1;
			break;
		case 'c':
			options.command = optarg;
			break;
		case 'b':
			options.back = true;
			break;
		case 'e':
			options.error = (int)strtol(optarg, NULL, 10);
			break;
		case 'f':
			options.forbidden[options.n_forbidden++ % MOST] = optarg;
			break;
		case 'w':
			options.writes = true;
			break;
		default:
			usage();
		}
	}
	if (optind >= argc || options.n_prefixes > MOST || options.n_devices > MOST ||
	    options.n_forbidden > MOST)
		usage();
}

/* The leak sanitizer traces its own process at the end, which cannot be traced twice. */
static void without_leak_check(void)
{
	const char *given = getenv("ASAN_OPTIONS");
	char options[1024];

	if (!given)
		return;
	snprintf(options, sizeof options, "%s:detect_leaks=0", given);
	setenv("ASAN_OPTIONS", options, 1);
}

int main(int argc, char **argv)
{
	long how = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
		   PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;
	int gate[2], status;
	char byte = 0;
	pid_t pid;

	parse(argc, argv);
	if (pipe2(gate, O_CLOEXEC) < 0)
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		close(gate[1]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (read(gate[0], &byte, 1) != 1)
			_exit(125);
		without_leak_check();
		execvp(argv[optind], argv + optind);
		_exit(127);
	}
	if (ptrace(PTRACE_SEIZE, pid, 0, how) < 0)
		die("seize");
	if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0 || write(gate[1], &byte, 1) != 1)
		die("begin");
	status = trace(pid);
	say("end\t%ld", count);
	if (options.log)
		fclose(options.log);
	return status;
}
