/* report: what is asked for by name, sysctl=, access=, call= and call32=. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report.h"

/* sysctl=NAME: its value without the newline; dots become slashes. */
void show_sysctl(const char *name)
{
	char path[512];
	char *c;

	snprintf(path, sizeof path, "/proc/sys/%s", name);
	for (c = path + strlen("/proc/sys/"); *c; c++)
		if (*c == '.')
			*c = '/';
	file(path);
}

/* access=PATH: what it is and what can be done with it; for masked and read-only paths. */
void show_access(const char *path)
{
	struct stat st;
	char text[4096];
	int fd;

	if (stat(path, &st) < 0) {
		printf("{\"error\":");
		string(strerror(errno));
		putchar('}');
		return;
	}
	printf("{\"type\":\"%s\",\"mode\":%u,\"uid\":%u,\"gid\":%u,\"rdev\":[%u,%u],",
	       type_of(st.st_mode), st.st_mode & 07777, st.st_uid, st.st_gid, major(st.st_rdev),
	       minor(st.st_rdev));
	if (S_ISDIR(st.st_mode)) {
		snprintf(text, sizeof text, "%s/.tare-test", path);
		fd = open(text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		printf("\"write\":");
		string(fd < 0 ? strerror(errno) : "");
		if (fd >= 0)
			unlink(text);
		printf(",\"entries\":");
		directory(path, 0);
	} else {
		ssize_t n = -1;

		fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		printf("\"read\":");
		if (fd >= 0)
			n = read(fd, text, sizeof text);
		string(fd < 0 || n < 0 ? strerror(errno) : "");
		printf(",\"bytes\":%zd,\"write\":", n);
		if (fd >= 0)
			close(fd);
		fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		string(fd < 0 ? strerror(errno) : "");
	}
	if (fd >= 0)
		close(fd);
	putchar('}');
}

static long native_call(const unsigned long *a)
{
	return syscall((long)a[0], a[1], a[2], a[3], a[4], a[5], a[6]) < 0 ? errno : 0;
}

/* A call by the 32-bit x86 entry, which a filter sees as another architecture. */
static long call_32(const unsigned long *a)
{
#ifdef __x86_64__
	int result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"((int)a[0]), "b"(a[1]), "c"(a[2]), "d"(a[3]), "S"(a[4])
			 : "memory", "r8", "r9", "r10", "r11");
	return result < 0 && result > -4096 ? -result : 0;
#else
	(void)a;
	return ENOSYS;
#endif
}

/* call=NUMBER:ARG...: the errno of a system call (0: it succeeded), or minus the signal that it
 * brought. Made in a child, so that nothing of it stays and a deadly filter is survived. */
static void call(const char *text, long (*make)(const unsigned long *))
{
	unsigned long a[7] = { 0 };
	volatile long *result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *end;
	int i, status = 0;
	pid_t pid;

	for (i = 0; i < 7 && *text; i++, text = *end ? end + 1 : end)
		a[i] = strtoul(text, &end, 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		*result = make(a);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		exit(2);
	printf("%ld", WIFSIGNALED(status) ? -(long)WTERMSIG(status) : *result);
	munmap((void *)result, sizeof *result);
}

void show_call(const char *text)
{
	call(text, native_call);
}

void show_call_32(const char *text)
{
	call(text, call_32);
}
