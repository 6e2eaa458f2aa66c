/* The floor: the least that the kernel has to do to start and remove one container like that of `tare spec`,
 * in plain system calls, with nothing decided, checked or recorded. Executed once for each container it is the
 * lower bound of `run` (what a static program costs to execute included); with --repeat it prints what
 * each step costs. The classic way is taken (bind mount and pivot_root), which every kernel has.
 *
 * usage: floor [--repeat N] [--filter N] ROOTFS CGROUP-DIRECTORY PROGRAM
 *   --filter N   also loads a seccomp filter that searches N ranges of system call numbers */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MARKS_MAX 40
#define FILTER_MAX 4096
#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Shared by both sides of the clone. */
struct marks {
	int count;
	const char *name[MARKS_MAX];
	double at[MARKS_MAX]; /* microseconds */
};

static struct marks *marks; /* NULL: nobody wants to know */
static struct sock_filter filter[FILTER_MAX];
static unsigned filter_length;

static _Noreturn void die(const char *what)
{
	perror(what);
	_exit(9);
}

static void check(long result, const char *what)
{
	if (result < 0)
		die(what);
}

static void mark(const char *name)
{
	struct timespec now;

	if (!marks)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	marks->name[marks->count] = name;
	marks->at[marks->count++] = (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Loads a device filter that allows what every container gets, in the cheapest form. */
static int load_device_filter(void)
{
	static const int devices[][2] = { { 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 },
					  { 1, 9 }, { 5, 0 }, { 5, 2 } };
	struct bpf_insn code[4 * LENGTH(devices) + 4];
	union bpf_attr attr;
	unsigned n = 0, i;

	/* struct bpf_cgroup_dev_ctx: access_type, major, minor */
	code[n++] = (struct bpf_insn){ BPF_LDX | BPF_W | BPF_MEM, 2, 1, 4, 0 };
	code[n++] = (struct bpf_insn){ BPF_LDX | BPF_W | BPF_MEM, 3, 1, 8, 0 };
	for (i = 0; i < LENGTH(devices); i++) {
		code[n++] = (struct bpf_insn){ BPF_JMP | BPF_JNE | BPF_K, 2, 0, 3,
					       devices[i][0] };
		code[n++] = (struct bpf_insn){ BPF_JMP | BPF_JNE | BPF_K, 3, 0, 2,
					       devices[i][1] };
		code[n++] = (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1 };
		code[n++] = (struct bpf_insn){ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 };
	}
	code[n++] = (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 };
	code[n++] = (struct bpf_insn){ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 };
	memset(&attr, 0, sizeof attr);
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (size_t)code;
	attr.insn_cnt = n;
	attr.license = (size_t) "GPL";
	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
}

/* A binary search over @count ranges from @first on, of which every second is refused. Returns its length. */
static unsigned search(struct sock_filter *code, unsigned first, unsigned count)
{
	unsigned left, right, half = count / 2;

	if (count == 1) {
		*code = (struct sock_filter)BPF_STMT(
			BPF_RET | BPF_K, first % 2 && first > 400 ? SECCOMP_RET_ERRNO | EPERM
								  : SECCOMP_RET_ALLOW);
		return 1;
	}
	left = search(code + 2, first, half);
	right = search(code + 2 + left, first + half, count - half);
	/* conditional jumps reach 255 instructions: the far one is an unconditional one */
	code[0] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first + half, 0, 1);
	code[1] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, left);
	return 2 + left + right;
}

static void make_filter(unsigned ranges)
{
	if (ranges == 0)
		return;
	filter[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	filter_length = 1 + search(filter + 1, 0, ranges);
}

static void raise_loopback(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_flags = IFF_UP };

	check(fd, "socket");
	strcpy(request.ifr_name, "lo");
	check(ioctl(fd, SIOCSIFFLAGS, &request), "loopback");
	close(fd);
}

static void mount_filesystems(void)
{
	static const struct {
		const char *type, *target, *data;
		unsigned long flags;
	} table[] = {
		{ "proc", "proc", NULL, 0 },
		{ "tmpfs", "dev", "mode=755,size=65536k", MS_NOSUID | MS_STRICTATIME },
		{ "devpts", "dev/pts", "newinstance,ptmxmode=0666,mode=0620,gid=5",
		  MS_NOSUID | MS_NOEXEC },
		{ "tmpfs", "dev/shm", "mode=1777,size=65536k",
		  MS_NOSUID | MS_NOEXEC | MS_NODEV },
		{ "mqueue", "dev/mqueue", NULL, MS_NOSUID | MS_NOEXEC | MS_NODEV },
		{ "sysfs", "sys", NULL, MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY },
		{ "cgroup2", "sys/fs/cgroup", NULL,
		  MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY },
	};
	size_t i;

	for (i = 0; i < LENGTH(table); i++) {
		if (i >= 2 && i <= 4)
			check(mkdir(table[i].target, 0755), table[i].target);
		check(mount(table[i].type, table[i].target, table[i].type, table[i].flags,
			    table[i].data),
		      table[i].target);
		mark(table[i].target);
	}
}

static void make_devices(void)
{
	static const struct {
		const char *path;
		unsigned major, minor;
	} nodes[] = {
		{ "dev/null", 1, 3 },	{ "dev/zero", 1, 5 },	 { "dev/full", 1, 7 },
		{ "dev/random", 1, 8 }, { "dev/urandom", 1, 9 }, { "dev/tty", 5, 0 },
	};
	static const char *const links[][2] = {
		{ "/proc/self/fd", "dev/fd" },	     { "/proc/self/fd/0", "dev/stdin" },
		{ "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" },
		{ "pts/ptmx", "dev/ptmx" },
	};
	size_t i;

	for (i = 0; i < LENGTH(nodes); i++)
		check(mknod(nodes[i].path, S_IFCHR | 0666,
			    makedev(nodes[i].major, nodes[i].minor)),
		      nodes[i].path);
	for (i = 0; i < LENGTH(links); i++)
		check(symlink(links[i][0], links[i][1]), links[i][1]);
}

static void mask_paths(void)
{
	static const char *const masked[] = {
		"/proc/acpi",	     "/proc/asound",	    "/proc/kcore",
		"/proc/keys",	     "/proc/latency_stats", "/proc/timer_list",
		"/proc/timer_stats", "/proc/sched_debug",   "/sys/firmware",
		"/proc/scsi",
	};
	static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq",
						"/proc/sys", "/proc/sysrq-trigger" };
	struct stat st;
	size_t i;

	for (i = 0; i < LENGTH(masked); i++) {
		if (stat(masked[i], &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			check(mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, NULL), masked[i]);
		else
			check(mount("/dev/null", masked[i], NULL, MS_BIND, NULL), masked[i]);
	}
	mark("masked paths");
	for (i = 0; i < LENGTH(readonly); i++)
		if (mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC, NULL) == 0)
			check(mount(NULL, readonly[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY,
				    NULL),
			      readonly[i]);
	mark("read-only paths");
}

/* The three capabilities of `tare spec`; the kernel drops the others from the bounding set one by one. */
static void drop_capabilities(void)
{
	const unsigned kept = 1U << CAP_AUDIT_WRITE | 1U << CAP_KILL |
			      1U << CAP_NET_BIND_SERVICE;
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { kept, kept, 0 }, { 0, 0, 0 } };
	int i;

	for (i = 0; i <= CAP_LAST_CAP; i++)
		if (i > 31 || !(kept >> i & 1))
			check(prctl(PR_CAPBSET_DROP, i, 0, 0, 0), "capabilities");
	check(syscall(SYS_capset, &header, data), "capset");
}

static _Noreturn void become_container(const char *rootfs, const char *program)
{
	struct sock_fprog code = { (unsigned short)filter_length, filter };

	mark("clone3");
	raise_loopback();
	mark("loopback");
	check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make / private");
	check(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL), "bind the root");
	check(chdir(rootfs), "chdir");
	mark("private, bind the root");
	mount_filesystems();
	make_devices();
	mark("device nodes");
	check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	check(umount2(".", MNT_DETACH), "umount");
	check(chdir("/"), "chdir");
	mark("pivot_root");
	mask_paths();
	check(sethostname("floor", 5), "sethostname");
	drop_capabilities();
	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	mark("capabilities");
	if (filter_length) {
		check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &code), "seccomp");
		mark("seccomp");
	}
	execl(program, program, NULL);
	die(program);
}

static void run_container(const char *rootfs, const char *parent, const char *program)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	char path[4096];
	union bpf_attr attr;
	int cgroup, devices, status;
	long pid;

	mark("begin");
	snprintf(path, sizeof path, "%s/floor-%d", parent, (int)getpid());
	check(mkdir(path, 0755), path);
	cgroup = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(cgroup, path);
	mark("cgroup mkdir");
	devices = load_device_filter();
	check(devices, "load the device filter");
	memset(&attr, 0, sizeof attr);
	attr.target_fd = (unsigned)cgroup;
	attr.attach_bpf_fd = (unsigned)devices;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	check(syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof attr), "attach");
	close(devices);
	mark("device filter");
	args.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC |
		     CLONE_NEWCGROUP | CLONE_NEWNET | CLONE_INTO_CGROUP;
	args.cgroup = (unsigned)cgroup;
	pid = syscall(SYS_clone3, &args, sizeof args);
	check(pid, "clone3");
	if (pid == 0)
		become_container(rootfs, program);
	check(waitpid((pid_t)pid, &status, 0), "waitpid");
	mark("exec, exit, namespaces");
	if (status != 0) {
		fprintf(stderr, "the container ended with status %#x\n", (unsigned)status);
		exit(1);
	}
	close(cgroup);
	check(rmdir(path), path);
	mark("cgroup rmdir");
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void report(const char *name, double *times, size_t count)
{
	qsort(times, count, sizeof *times, by_value);
	printf("%-24s min %8.1f  median %8.1f us\n", name, times[0], times[count / 2]);
}

static int repeat(size_t count, char **words)
{
	double *times = calloc(count * MARKS_MAX, sizeof *times), *whole;
	size_t i;
	int k, last = 0;

	whole = calloc(count, sizeof *whole);
	marks = mmap(NULL, sizeof *marks, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	if (!times || !whole || marks == MAP_FAILED)
		die("memory");
	for (i = 0; i < count; i++) {
		marks->count = 0;
		run_container(words[0], words[1], words[2]);
		last = marks->count - 1;
		for (k = 1; k <= last; k++)
			times[(size_t)k * count + i] = marks->at[k] - marks->at[k - 1];
		whole[i] = marks->at[last] - marks->at[0];
	}
	for (k = 1; k <= last; k++)
		report(marks->name[k], times + (size_t)k * count, count);
	report("whole", whole, count);
	return 0;
}

int main(int argc, char **argv)
{
	size_t count = 0;
	int i;

	for (i = 1; i + 1 < argc && argv[i][0] == '-'; i += 2) {
		if (strcmp(argv[i], "--repeat") == 0)
			count = (size_t)atol(argv[i + 1]);
		else if (strcmp(argv[i], "--filter") == 0 && atoi(argv[i + 1]) <= 1000)
			make_filter((unsigned)atoi(argv[i + 1]));
		else
			return 2;
	}
	if (argc - i != 3) {
		fprintf(stderr,
			"usage: floor [--repeat N] [--filter N] ROOTFS CGROUP PROGRAM\n");
		return 2;
	}
	if (count > 0)
		return repeat(count, argv + i);
	run_container(argv[i], argv[i + 1], argv[i + 2]);
	return 0;
}
