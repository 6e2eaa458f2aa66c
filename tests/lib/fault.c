/* fault: runs a command and makes one of its system calls fail, or kills the caller there; or counts them.
 *
 *   fault -o LOG [-p PID]... [-t SIDE:NAME:NTH (-e ERRNO | -k)] -- COMMAND [ARGUMENT...]
 *
 * The sides are the processes in the order of their birth: those of -p, the command, its children. A child
 * is followed until it executes another program. What the dynamic loader calls does not count. The failing
 * call is not made, except close, which gives its descriptor back even when it fails (close(2)).
 * LOG gets a line "SIDE NAME WHAT" for each call, and "done" when the fault has happened. The exit status
 * is the command's. The tracer leaves when the command has ended; who lives on is let go. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 64
#define OP_ENTRY 1
#define OP_EXIT 2

/* struct ptrace_syscall_info of linux/ptrace.h, which does not go together with sys/ptrace.h */
struct syscall_info {
	uint8_t op, pad[3];
	uint32_t arch;
	uint64_t instruction, stack;
	union {
		struct {
			uint64_t number, arguments[6];
		};
		char room[64];
	};
};

struct tracee {
	pid_t pid;
	int side;
	bool acted;
	uint64_t loader, loader_end; /* where its dynamic loader is mapped; 0: not looked up */
};

static struct tracee tracees[MOST];
static int sides;

static struct {
	FILE *log;
	int side, left, error;
	bool kill;
	char *name;
	pid_t joined[4];
	int n_joined;
} options = { .side = -1 };

static void die(const char *what)
{
	fprintf(stderr, "fault: %s: %s\n", what, strerror(errno));
	exit(125);
}

static struct tracee *find(pid_t pid)
{
	struct tracee *empty = NULL;
	int i;

	for (i = 0; i < MOST; i++) {
		if (tracees[i].pid == pid)
			return &tracees[i];
		if (!empty && !tracees[i].pid)
			empty = &tracees[i];
	}
	if (!empty) {
		errno = EAGAIN;
		die("too many processes");
	}
	*empty = (struct tracee){ .pid = pid, .side = sides++ };
	return empty;
}

/* Where the loader lies: AT_BASE, and the end of the mapping of the same file that begins there. */
static void find_loader(struct tracee *t)
{
	char path[64], line[512], name[256], first[256] = "";
	unsigned long start, end;
	uint64_t pair[2] = { 0, 0 };
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/auxv", (int)t->pid);
	t->loader = t->loader_end = 1;
	file = fopen(path, "re");
	while (file && fread(pair, sizeof pair, 1, file) == 1 && pair[0] != AT_BASE)
		continue;
	if (file)
		fclose(file);
	if (pair[0] != AT_BASE || !pair[1])
		return;
	snprintf(path, sizeof path, "/proc/%d/maps", (int)t->pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof line, file)) {
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %255s", &start, &end, name) != 3)
			continue;
		if (start == pair[1])
			strcpy(first, name);
		if (*first && strcmp(name, first) == 0)
			t->loader_end = end;
	}
	if (file)
		fclose(file);
	t->loader = pair[1];
}

/* Replaces the number of the call, or its result. */
static void set_call(pid_t pid, bool result, long value)
{
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof regs };

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) < 0)
		die("registers");
#if defined(__x86_64__)
	if (result)
		regs.rax = (unsigned long)value;
	else
		regs.orig_rax = (unsigned long)value;
#elif defined(__aarch64__)
	if (result) {
		regs.regs[0] = (unsigned long)value;
	} else {
		int number = (int)value;

		iov = (struct iovec){ &number, sizeof number };
		if (ptrace(PTRACE_SETREGSET, pid, 0x404 /* NT_ARM_SYSTEM_CALL */, &iov) < 0)
			die("registers");
		return;
	}
#else
#error "this architecture is not known to fault.c"
#endif
	if (ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov) < 0)
		die("registers");
}

/* The text at an address, if it looks like one. */
static bool read_text(pid_t pid, uint64_t address, char text[64])
{
	struct iovec local = { text, 63 };
	struct iovec remote = { (void *)(uintptr_t)address, 63 };
	ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0), i;

	text[n > 0 ? n : 0] = '\0';
	for (i = 0; text[i]; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return i > 0;
}

/* What the call is about, for people: the first of its paths, or its first two arguments. */
static const char *about(pid_t pid, const struct syscall_info *info, char text[64])
{
	if (!read_text(pid, info->arguments[1], text) &&
	    !read_text(pid, info->arguments[0], text))
		snprintf(text, 64, "%lx,%lx", (unsigned long)info->arguments[0],
			 (unsigned long)info->arguments[1]);
	return text;
}

static void entry(struct tracee *t, const struct syscall_info *info)
{
	char *name, text[64];

	if (!t->loader)
		find_loader(t);
	if (info->instruction >= t->loader && info->instruction < t->loader_end)
		return;
	name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)info->number);
	fprintf(options.log, "%d %s %s\n", t->side, name ? name : "unknown",
		about(t->pid, info, text));
	if (name && t->side == options.side && strcmp(name, options.name) == 0 &&
	    --options.left == 0) {
		fprintf(options.log, "done\n");
		if (options.kill) {
			kill(t->pid, SIGKILL);
		} else {
			t->acted = true;
			if (info->number != __NR_close)
				set_call(t->pid, false, -1);
		}
	}
	free(name);
}

static void on_syscall(pid_t pid)
{
	struct syscall_info info = { 0 };
	struct tracee *t = find(pid);

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) < 0)
		return; /* killed meanwhile */
	if (info.op == OP_ENTRY) {
		entry(t, &info);
	} else if (info.op == OP_EXIT && t->acted) {
		set_call(pid, true, -options.error);
		t->acted = false;
	}
}

/* Lets a stopped process go on. */
static void proceed(pid_t pid, int status, pid_t main_pid)
{
	int event = status >> 16, sig = WSTOPSIG(status), deliver = 0;

	if (sig == (SIGTRAP | 0x80)) {
		on_syscall(pid);
	} else if (event == PTRACE_EVENT_EXEC) {
		find(pid)->loader = 0;
		if (pid != main_pid) {
			ptrace(PTRACE_DETACH, pid, 0, 0);
			return;
		}
	} else if (event == PTRACE_EVENT_STOP && sig != SIGTRAP) {
		ptrace(PTRACE_LISTEN, pid, 0, 0); /* stopped by SIGSTOP and the like */
		return;
	} else if (event) {
		find(pid); /* its first stop gives a child its number */
	} else {
		deliver = sig;
	}
	ptrace(PTRACE_SYSCALL, pid, 0, deliver);
}

static int trace(pid_t main_pid)
{
	unsigned long child;
	int status;
	pid_t pid;

	for (;;) {
		pid = waitpid(-1, &status, __WALL);
		if (pid < 0)
			die("wait");
		if (WIFSTOPPED(status)) {
			/* in the order of the clones, not of the children's first stops */
			if ((status >> 16 == PTRACE_EVENT_CLONE ||
			     status >> 16 == PTRACE_EVENT_FORK ||
			     status >> 16 == PTRACE_EVENT_VFORK) &&
			    ptrace(PTRACE_GETEVENTMSG, pid, 0, &child) == 0)
				find((pid_t)child);
			proceed(pid, status, main_pid);
			continue;
		}
		if (pid == main_pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		find(pid)->pid = -1;
	}
}

static void parse_target(char *text)
{
	char *name = strchr(text, ':'), *nth = name ? strchr(name + 1, ':') : NULL;

	if (!nth)
		exit(125);
	*name = *nth = '\0';
	options.side = atoi(text);
	options.name = name + 1;
	options.left = atoi(nth + 1);
}

static void parse(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "+o:p:t:e:k")) != -1) {
		switch (c) {
		case 'o':
			options.log = fopen(optarg, "we");
			if (!options.log)
				die(optarg);
			break;
		case 'p':
			if (options.n_joined == 4)
				exit(125);
			options.joined[options.n_joined++] = atoi(optarg);
			break;
		case 't':
			parse_target(optarg);
			break;
		case 'e':
			options.error = atoi(optarg);
			break;
		case 'k':
			options.kill = true;
			break;
		default:
			exit(125);
		}
	}
	if (optind >= argc || !options.log)
		exit(125);
}

int main(int argc, char **argv)
{
	long how = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
		   PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;
	int gate[2], status, i;
	char byte = 0;
	pid_t pid;

	parse(argc, argv);
	for (i = 0; i < options.n_joined; i++) {
		find(options.joined[i]);
		if (ptrace(PTRACE_SEIZE, options.joined[i], 0, how) < 0 ||
		    ptrace(PTRACE_INTERRUPT, options.joined[i], 0, 0) < 0)
			die("seize");
	}
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
		execvp(argv[optind], argv + optind);
		_exit(127);
	}
	find(pid)->loader = 1; /* what comes before its first execve is our own */
	find(pid)->loader_end = UINT64_MAX;
	if (ptrace(PTRACE_SEIZE, pid, 0, how) < 0)
		die("seize");
	if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0 || write(gate[1], &byte, 1) != 1)
		die("begin");
	status = trace(pid);
	fclose(options.log);
	return status;
}
