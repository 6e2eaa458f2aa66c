/* The program that integration tests run inside containers: prints one JSON object with what it sees
 * of itself and its surroundings, by system calls where there is one, so that it also works without
 * /proc. Linked statically: it needs nothing of the root file system.
 *
 * report [SECTION...] [sysctl=NAME...] [access=PATH...] [call=NUMBER:ARG...] [call32=...] [pause]
 * Sections are the names in the table at the end; all of them when none is given. With pause it stays
 * until a signal ends it. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "report.h"

static int arguments;
static char **argument;

void string(const char *text)
{
	const unsigned char *c;

	if (!text) {
		printf("null");
		return;
	}
	putchar('"');
	for (c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			printf("\\%c", *c);
		else if (*c < 0x20 || *c > 0x7e)
			printf("\\u%04x", *c); /* bytes beyond ASCII as Latin-1 */
		else
			putchar(*c);
	}
	putchar('"');
}

static void key(const char *name)
{
	string(name);
	putchar(':');
}

static void number(const char *name, long long value)
{
	key(name);
	printf("%lld", value);
}

/* The text of a whole file, or null when it cannot be read. */
void file(const char *path)
{
	static char text[1 << 20];
	size_t length = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		string(NULL);
		return;
	}
	while (length < sizeof text - 1 &&
	       (n = read(fd, text + length, sizeof text - 1 - length)) > 0)
		length += (size_t)n;
	text[length] = '\0';
	close(fd);
	string(text);
}

static void link_target(int dir, const char *name)
{
	char target[4096];
	ssize_t n = readlinkat(dir, name, target, sizeof target - 1);

	target[n < 0 ? 0 : n] = '\0';
	string(n < 0 ? NULL : target);
}

static void section_identity(void)
{
	gid_t groups[1024];
	uid_t r, e, s;
	mode_t mask = umask(0);
	int i, n;

	umask(mask);
	getresuid(&r, &e, &s);
	printf("{\"uid\":[%u,%u,%u],", r, e, s);
	getresgid(&r, &e, &s);
	printf("\"gid\":[%u,%u,%u],\"umask\":%u,\"groups\":[", r, e, s, mask);
	n = getgroups(1024, groups);
	for (i = 0; i < n; i++)
		printf("%s%u", i ? "," : "", groups[i]);
	printf("]}");
}

static void section_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	uint64_t bounding = 0, ambient = 0;
	int i;

	syscall(SYS_capget, &header, data);
	for (i = 0; i < 64; i++) {
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			bounding |= 1ULL << i;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1)
			ambient |= 1ULL << i;
	}
#define BOTH(field) (data[0].field | (unsigned long long)data[1].field << 32)
	printf("{\"effective\":%llu,\"permitted\":%llu,\"inheritable\":%llu,", BOTH(effective),
	       BOTH(permitted), BOTH(inheritable));
	printf("\"bounding\":%llu,\"ambient\":%llu,\"securebits\":%d}",
	       (unsigned long long)bounding, (unsigned long long)ambient,
	       prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
}

static void section_seccomp(void)
{
	printf("%d", prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
}

static void section_no_new_privs(void)
{
	printf("%d", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static void section_rlimits(void)
{
	static const char *const names[] = { "CPU",	 "FSIZE", "DATA",   "STACK",
					     "CORE",	 "RSS",	  "NPROC",  "NOFILE",
					     "MEMLOCK",	 "AS",	  "LOCKS",  "SIGPENDING",
					     "MSGQUEUE", "NICE",  "RTPRIO", "RTTIME" };
	struct rlimit limit;
	unsigned i;

	putchar('{');
	for (i = 0; i < sizeof names / sizeof *names; i++) {
		getrlimit((int)i, &limit);
		printf("%s\"RLIMIT_%s\":[%llu,%llu]", i ? "," : "", names[i],
		       (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
	}
	putchar('}');
}

static void strings(char *const *list)
{
	int i;

	putchar('[');
	for (i = 0; list[i]; i++) {
		if (i)
			putchar(',');
		string(list[i]);
	}
	putchar(']');
}

static void section_env(void)
{
	strings(environ);
}

static void section_args(void)
{
	strings(argument);
}

static void section_cwd(void)
{
	char path[4096];

	string(getcwd(path, sizeof path));
}

/* Every number is tried, so that this works without /proc. */
static void section_fds(void)
{
	char path[64];
	int fd, any = 0;

	putchar('{');
	for (fd = 0; fd < 4096; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		snprintf(path, sizeof path, "%d", fd);
		if (any++)
			putchar(',');
		key(path);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		link_target(AT_FDCWD, path);
	}
	putchar('}');
}

static void section_mountinfo(void)
{
	file("/proc/self/mountinfo");
}

static void section_uts(void)
{
	struct utsname names;

	uname(&names);
	putchar('{');
	key("hostname");
	string(names.nodename);
	putchar(',');
	key("domainname");
	string(names.domainname);
	putchar('}');
}

static void section_cgroup(void)
{
	file("/proc/self/cgroup");
}

static void section_namespaces(void)
{
	static const char *const names[] = { "cgroup", "ipc",  "mnt", "net",
					     "pid",    "user", "uts", "time" };
	char path[64];
	unsigned i;

	putchar('{');
	for (i = 0; i < sizeof names / sizeof *names; i++) {
		if (i)
			putchar(',');
		key(names[i]);
		snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
		link_target(AT_FDCWD, path);
	}
	printf(",\"uid_map\":");
	file("/proc/self/uid_map");
	printf(",\"gid_map\":");
	file("/proc/self/gid_map");
	printf(",\"time_offsets\":");
	file("/proc/self/timens_offsets");
	putchar('}');
}

const char *type_of(mode_t mode)
{
	return S_ISCHR(mode)	? "c"
	       : S_ISBLK(mode)	? "b"
	       : S_ISDIR(mode)	? "d"
	       : S_ISLNK(mode)	? "l"
	       : S_ISFIFO(mode) ? "p"
	       : S_ISSOCK(mode) ? "s"
				: "f";
}

/* The entries of one directory; a directory below it is listed too (/dev/pts, /dev/shm). */
void directory(const char *path, int depth)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	struct stat st;
	char below[4096];
	int any = 0;

	putchar('{');
	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (any++)
			putchar(',');
		key(entry->d_name);
		printf("{\"type\":\"%s\",\"mode\":%u,\"uid\":%u,\"gid\":%u,",
		       type_of(st.st_mode), st.st_mode & 07777, st.st_uid, st.st_gid);
		printf("\"rdev\":[%u,%u]", major(st.st_rdev), minor(st.st_rdev));
		if (S_ISLNK(st.st_mode)) {
			printf(",\"target\":");
			link_target(dirfd(dir), entry->d_name);
		}
		if (S_ISDIR(st.st_mode) && depth > 0) {
			snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
			printf(",\"entries\":");
			directory(below, depth - 1);
		}
		putchar('}');
	}
	putchar('}');
	if (dir)
		closedir(dir);
}

static void section_dev(void)
{
	directory("/dev", 1);
}

static void section_oom_score_adj(void)
{
	file("/proc/self/oom_score_adj");
}

/* What sched_getattr(2) says; the C library has no structure for it. */
static void attributes(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
		uint32_t util_min, util_max;
	} a = { 0 };

	syscall(SYS_sched_getattr, 0, &a, sizeof a, 0);
	number("policy", a.policy);
	putchar(',');
	number("flags", (long long)a.flags);
	putchar(',');
	number("priority", a.priority);
	putchar(',');
	number("runtime", (long long)a.runtime);
	putchar(',');
	number("deadline", (long long)a.deadline);
	putchar(',');
	number("period", (long long)a.period);
}

static void section_scheduling(void)
{
	unsigned long nodes[1024 / 8 / sizeof(unsigned long)] = { 0 };
	cpu_set_t set;
	int i, any = 0, mode = 0;

	putchar('{');
	attributes();
	putchar(',');
	number("nice", getpriority(PRIO_PROCESS, 0));
	putchar(',');
	number("ioprio", syscall(SYS_ioprio_get, 1, 0));
	putchar(',');
	number("mempolicy",
	       syscall(SYS_get_mempolicy, &mode, nodes, 1024, NULL, 0) < 0 ? -1 : mode);
	putchar(',');
	number("nodes", (long long)nodes[0]);
	printf(",\"affinity\":[");
	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof set, &set);
	for (i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			printf("%s%d", any++ ? "," : "", i);
	printf("]}");
}

static void section_personality(void)
{
	printf("%d", personality(0xffffffff));
}

static void section_keyring(void)
{
	char text[512] = "";
	long id = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
	long n = id < 0 ? -1 : syscall(SYS_keyctl, KEYCTL_DESCRIBE, id, text, sizeof text - 1);

	string(n < 0 ? NULL : text);
}

static void section_terminal(void)
{
	struct winsize size = { 0 };
	char path[32];
	int fd, tty;

	printf("{\"streams\":[");
	for (fd = 0; fd < 3; fd++) {
		if (fd)
			putchar(',');
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		if (isatty(fd))
			link_target(AT_FDCWD, path);
		else
			string(NULL);
	}
	printf("],");
	tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	printf("\"controlling\":%s,", tty >= 0 ? "true" : "false");
	if (tty >= 0)
		close(tty);
	ioctl(0, TIOCGWINSZ, &size);
	printf("\"rows\":%u,\"columns\":%u}", size.ws_row, size.ws_col);
}

static void section_process(void)
{
	struct sigaction action;
	sigset_t blocked;
	int signal, any = 0, death = 0;

	printf("{\"pid\":%d,\"ppid\":%d,\"sid\":%d,\"pgid\":%d,", getpid(), getppid(),
	       getsid(0), getpgid(0));
	prctl(PR_GET_PDEATHSIG, &death, 0, 0, 0);
	printf("\"dumpable\":%d,\"parent_death_signal\":%d,",
	       prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), death);
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	printf("\"blocked\":[");
	for (signal = 1; signal < NSIG; signal++)
		if (sigismember(&blocked, signal) == 1)
			printf("%s%d", any++ ? "," : "", signal);
	printf("],\"ignored\":[");
	for (any = 0, signal = 1; signal < NSIG; signal++)
		if (sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			printf("%s%d", any++ ? "," : "", signal);
	printf("],\"exe\":");
	link_target(AT_FDCWD, "/proc/self/exe");
	putchar('}');
}

static const struct section {
	const char *name;
	void (*print)(void);
} sections[] = {
	{ "fds", section_fds }, /* first, before anything is opened */
	{ "identity", section_identity },
	{ "capabilities", section_capabilities },
	{ "seccomp", section_seccomp },
	{ "no_new_privs", section_no_new_privs },
	{ "rlimits", section_rlimits },
	{ "env", section_env },
	{ "args", section_args },
	{ "cwd", section_cwd },
	{ "mountinfo", section_mountinfo },
	{ "uts", section_uts },
	{ "cgroup", section_cgroup },
	{ "namespaces", section_namespaces },
	{ "dev", section_dev },
	{ "oom_score_adj", section_oom_score_adj },
	{ "scheduling", section_scheduling },
	{ "personality", section_personality },
	{ "keyring", section_keyring },
	{ "terminal", section_terminal },
	{ "process", section_process },
};

/* Prints the members for the arguments KIND=NAME. */
static void named(const char *kind, void (*print)(const char *))
{
	size_t length = strlen(kind);
	int i, any = 0;

	for (i = 1; i < arguments; i++) {
		if (strncmp(argument[i], kind, length) || argument[i][length] != '=')
			continue;
		if (any++)
			putchar(',');
		key(argument[i] + length + 1);
		print(argument[i] + length + 1);
	}
}

static int wanted(const char *name)
{
	int i, any = 0;

	for (i = 1; i < arguments; i++) {
		if (strchr(argument[i], '=') || !strcmp(argument[i], "pause"))
			continue;
		any = 1;
		if (!strcmp(argument[i], name))
			return 1;
	}
	return !any;
}

int main(int argc, char *argv[])
{
	unsigned i;
	int any = 0;

	arguments = argc;
	argument = argv;
	putchar('{');
	for (i = 0; i < sizeof sections / sizeof *sections; i++) {
		if (!wanted(sections[i].name))
			continue;
		if (any++)
			putchar(',');
		key(sections[i].name);
		sections[i].print();
	}
	printf("%s\"sysctl\":{", any ? "," : "");
	named("sysctl", show_sysctl);
	printf("},\"access\":{");
	named("access", show_access);
	printf("},\"call\":{");
	named("call", show_call);
	printf("},\"call32\":{");
	named("call32", show_call_32);
	puts("}}");
	if (fflush(stdout))
		return 1;
	while (argc > 1 && !strcmp(argv[argc - 1], "pause"))
		pause();
	return 0;
}
