/* What protecting the executable costs (HACKING.md, "The executable"): (a) tare re-executes itself from a sealed
 * copy in memory; (b) a small static program for the container's side is written to a sealed memfd and
 * executed by the child. Usage: protect EXECUTABLE N: copies EXECUTABLE to a sealed memfd and executes it
 * (with the argument --version, output to /dev/null), N times, against executing the file directly. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void report(const char *what, double *times, int n)
{
	qsort(times, (size_t)n, sizeof *times, by_value);
	printf("%-28s min %7.1f  median %7.1f us\n", what, times[0], times[n / 2]);
}

static int copy(const char *path)
{
	int from = open(path, O_RDONLY | O_CLOEXEC);
	int to = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct stat st;

	if (from < 0 || to < 0 || fstat(from, &st) < 0 ||
	    sendfile(to, from, NULL, (size_t)st.st_size) != st.st_size ||
	    fcntl(to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) <
		    0) {
		perror(path);
		exit(1);
	}
	close(from);
	return to;
}

static void spawn(int fd, const char *path)
{
	char *const args[] = { (char *)(size_t)path, "--version", NULL };
	pid_t pid = vfork();

	if (pid == 0) {
		execveat(fd, fd == AT_FDCWD ? path : "", args, environ,
			 fd == AT_FDCWD ? 0 : AT_EMPTY_PATH);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : 200, i, fd;
	double *direct, *copying, *copied, begin;

	if (argc < 2)
		return 2;
	fd = open("/dev/null", O_WRONLY);
	fcntl(1, F_DUPFD, 10);
	dup2(1, 11);
	dup2(fd, 1);
	direct = calloc((size_t)n, sizeof *direct);
	copying = calloc((size_t)n, sizeof *copying);
	copied = calloc((size_t)n, sizeof *copied);
	for (i = 0; i < n; i++) {
		begin = now();
		spawn(AT_FDCWD, argv[1]);
		direct[i] = now() - begin;
		begin = now();
		fd = copy(argv[1]);
		copying[i] = now() - begin;
		begin = now();
		spawn(fd, argv[1]);
		copied[i] = now() - begin;
		close(fd);
	}
	fflush(stdout);
	dup2(11, 1);
	report("execute the file", direct, n);
	report("copy and seal", copying, n);
	report("execute the copy", copied, n);
	return 0;
}
