/* Starts commands and measures them, for the bench, which writes one request a line and reads one answer a
 * line. Fields are separated by the byte 0x1f. This program is static and small and spawns with vfork
 * semantics, so that what is measured is the command, not the cost of forking an interpreter. Orphans are
 * adopted, so that the containers that `create` leaves behind can be reaped. usage: measure STDERR-FILE */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX 64
#define PARALLEL_MAX 256
#define TRACED_MAX 1024

extern char **environ;

static posix_spawn_file_actions_t streams;

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void split(char *line, char **words)
{
	int n = 0;

	line[strcspn(line, "\n")] = '\0';
	while (n < WORDS_MAX - 1 && (words[n] = strsep(&line, "\x1f")))
		n++;
	words[n] = NULL;
}

static pid_t spawn(char **words)
{
	pid_t pid;
	int r = posix_spawn(&pid, words[0], &streams, NULL, words, environ);

	if (r != 0) {
		errno = r;
		die(words[0]);
	}
	return pid;
}

static void answer(int status, long long wall, const struct rusage *usage)
{
	printf("%d %lld %lld %lld %ld %ld\n", status, wall,
	       usage->ru_utime.tv_sec * 1000000000LL + usage->ru_utime.tv_usec * 1000LL,
	       usage->ru_stime.tv_sec * 1000000000LL + usage->ru_stime.tv_usec * 1000LL,
	       usage->ru_minflt, usage->ru_majflt);
}

static void run(char **words)
{
	struct rusage usage;
	long long begin = now();
	pid_t pid = spawn(words);
	int status;

	if (wait4(pid, &status, 0, &usage) < 0)
		die("wait4");
	answer(status, now() - begin, &usage);
}

/* All are started at once; each one's time is from its own start to its end. */
static void parallel(int count)
{
	static long long begin[PARALLEL_MAX], end[PARALLEL_MAX];
	static struct rusage usage[PARALLEL_MAX];
	static int status[PARALLEL_MAX];
	static pid_t pid[PARALLEL_MAX];
	static char *lines[PARALLEL_MAX];
	char *words[WORDS_MAX];
	struct rusage one;
	int i, left, ended;
	size_t size;
	long long first;
	pid_t who;

	if (count < 1 || count > PARALLEL_MAX)
		die("parallel");
	for (i = 0; i < count; i++) {
		lines[i] = NULL;
		size = 0;
		if (getline(&lines[i], &size, stdin) < 0)
			die("parallel");
	}
	first = now();
	for (i = 0; i < count; i++) {
		split(lines[i], words);
		begin[i] = now();
		pid[i] = spawn(words);
		free(lines[i]);
	}
	for (left = count; left > 0;) {
		who = wait4(-1, &ended, 0, &one);
		if (who < 0)
			die("wait4");
		for (i = 0; i < count && pid[i] != who; i++)
			;
		if (i == count)
			continue; /* an adopted one */
		end[i] = now();
		status[i] = ended;
		usage[i] = one;
		left--;
	}
	printf("%lld\n", now() - first);
	for (i = 0; i < count; i++)
		answer(status[i], end[i] - begin[i], &usage[i]);
}

/* One thread that is traced. */
struct traced {
	pid_t pid;
	long calls;
	int program; /* it has become the container's program: no longer the runtime's business */
};

struct sides {
	long calls[2], peak[2]; /* host's, container's */
};

static struct traced traced[TRACED_MAX];
static int n_traced;

static struct traced *find(pid_t pid)
{
	int i;

	for (i = 0; i < n_traced; i++)
		if (traced[i].pid == pid)
			return &traced[i];
	if (n_traced == TRACED_MAX)
		die("too many processes");
	traced[n_traced] = (struct traced){ .pid = pid };
	return &traced[n_traced++];
}

static int in_container(pid_t pid)
{
	char path[64], own[64], other[64];
	ssize_t n, m;

	snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)pid);
	n = readlink("/proc/self/ns/mnt", own, sizeof own);
	m = readlink(path, other, sizeof other);
	return n != m || n < 0 || memcmp(own, other, (size_t)n) != 0;
}

static long peak_of(pid_t pid)
{
	char path[64], line[256];
	long peak = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof line, file))
		if (strncmp(line, "VmHWM:", 6) == 0)
			peak = strtol(line + 6, NULL, 10);
	if (file)
		fclose(file);
	return peak;
}

static void note_peak(const struct traced *t, struct sides *sides)
{
	int side = in_container(t->pid);
	long peak = t->program ? 0 : peak_of(t->pid);

	if (peak > sides->peak[side])
		sides->peak[side] = peak;
}

static void settle(struct traced *t, struct sides *sides)
{
	note_peak(t, sides);
	sides->calls[in_container(t->pid)] += t->calls;
	t->calls = 0;
}

/* A stop of one thread. Returns the signal to deliver. */
static int stopped(struct traced *t, int status, struct sides *sides)
{
	struct __ptrace_syscall_info info;
	int signal = WSTOPSIG(status);

	switch (status >> 16) {
	case PTRACE_EVENT_EXIT:
		settle(t, sides);
		return 0;
	case PTRACE_EVENT_EXEC:
		if (in_container(t->pid)) {
			settle(t, sides);
			t->program = 1;
		}
		return 0;
	case 0:
		break;
	default:
		return 0;
	}
	if (signal != (SIGTRAP | 0x80))
		return signal;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof info, &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY || t->program)
		return 0;
	t->calls++;
	if (info.entry.nr == SYS_execve || info.entry.nr == SYS_execveat)
		note_peak(t, sides); /* of the memory that the execution replaces */
	return 0;
}

/* Those that outlive the command (the init after `create`) are counted as they are, and left alone. */
static void leave_survivors(struct sides *sides)
{
	int i, status;

	for (i = 0; i < n_traced; i++) {
		if (ptrace(PTRACE_INTERRUPT, traced[i].pid, 0, 0) < 0)
			continue;
		if (waitpid(traced[i].pid, &status, __WALL) < 0 || !WIFSTOPPED(status))
			continue;
		settle(&traced[i], sides);
		ptrace(PTRACE_DETACH, traced[i].pid, 0, 0);
	}
}

static pid_t spawn_traced(char **words, int *ret_gate)
{
	int gate[2], null, status;
	char byte;
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC) < 0)
		die("pipe2");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(null, 1);
		close(null);
		close(gate[1]);
		if (read(gate[0], &byte, 1) == 1)
			execv(words[0], words);
		_exit(127);
	}
	close(gate[0]);
	if (ptrace(PTRACE_SEIZE, pid, 0,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			   PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT) < 0 ||
	    ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0 || waitpid(pid, &status, __WALL) < 0 ||
	    ptrace(PTRACE_SYSCALL, pid, 0, 0) < 0)
		die("ptrace");
	*ret_gate = gate[1];
	return pid;
}

static void trace(char **words)
{
	struct sides sides = { { 0, 0 }, { 0, 0 } };
	int gate, status, result = 0, started = 0;
	struct traced *t;
	pid_t pid, who;

	n_traced = 0;
	pid = spawn_traced(words, &gate);
	if (write(gate, "x", 1) != 1)
		die("write");
	close(gate);
	for (;;) {
		who = waitpid(-1, &status, __WALL);
		if (who < 0)
			die("waitpid");
		if (!WIFSTOPPED(status)) {
			if (who != pid)
				continue;
			result = status;
			break;
		}
		t = find(who);
		if (!started && status >> 16 == PTRACE_EVENT_EXEC) {
			started = 1;
			t->calls = 1; /* what went before was this program's */
			sides = (struct sides){ { 0, 0 }, { 0, 0 } };
		}
		ptrace(PTRACE_SYSCALL, who, 0, (long)stopped(t, status, &sides));
	}
	leave_survivors(&sides);
	printf("%d %ld %ld %ld %ld\n", result, sides.calls[0], sides.peak[0], sides.calls[1],
	       sides.peak[1]);
}

static void prepare(const char *errors)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		die("prctl");
	/* own standard error to the file as well, which traced commands inherit */
	if (dup2(open(errors, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), 2) < 0)
		die(errors);
	posix_spawn_file_actions_init(&streams);
	posix_spawn_file_actions_addopen(&streams, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&streams, 1, "/dev/null", O_WRONLY, 0);
}

/* The requests and their answers:
 *
 *   run WORD...      -> STATUS WALL USER SYSTEM MINOR-FAULTS MAJOR-FAULTS
 *                       times in nanoseconds; CPU time and faults of the command and of those
 *                       descendants that it waited for
 *   parallel N       and N lines of words -> WHOLE, then N answers as above
 *   trace WORD...    -> STATUS CALLS PEAK CALLS PEAK
 *                       system calls, and the highest VmHWM of a process in KiB: on the host's side,
 *                       and in another mount namespace until its program runs
 *   reap PID         -> STATUS; waits for an adopted process */
int main(int argc, char **argv)
{
	char *line = NULL, *words[WORDS_MAX];
	size_t size = 0;
	int status = 0;

	if (argc != 2)
		return 2;
	prepare(argv[1]);
	while (getline(&line, &size, stdin) > 0) {
		split(line, words);
		if (strcmp(words[0], "run") == 0) {
			run(words + 1);
		} else if (strcmp(words[0], "trace") == 0) {
			trace(words + 1);
		} else if (strcmp(words[0], "parallel") == 0) {
			parallel(atoi(words[1]));
		} else if (strcmp(words[0], "reap") == 0) {
			waitpid((pid_t)atoi(words[1]), &status, 0);
			printf("%d\n", status);
		} else {
			return 2;
		}
		fflush(stdout);
	}
	return 0;
}
