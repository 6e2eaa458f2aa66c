/* A library to preload: lets one allocation of tare return NULL, or that one and all after it.
 *
 *   FAILMALLOC_FILE=FILE  three native 32-bit numbers: which allocation fails (counted from 1; 0: none), on which
 *                         side (0 the command, 1 its children until they execute a program: the
 *                         init), whether all after it fail; then two that are counted up: the allocations
 *                         of either side.
 *
 * malloc, calloc, realloc and a mapping that is filled at once (MAP_POPULATE) count alike. The numbers are in a shared mapping of the file, so that they go on over
 * the re-execution of tare from a memory file, and in a child that has left the host's file system and
 * closed every descriptor. In other programs, such as hooks, the library does nothing. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct plan {
	uint32_t nth, side, all, counts[2];
};

/* glibc's own */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

static struct plan *plan; /* NULL: nothing is counted */
static pid_t command;

/* Not before the dynamic loader is done, whose failures would not be tare's. */
__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("FAILMALLOC_FILE");
	char program[256] = "";
	void *shared;
	int fd;

	if (!path || readlink("/proc/self/exe", program, sizeof program - 1) < 0)
		return;
	if (!strstr(program, "/src/tare") && !strstr(program, "memfd:tare"))
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	shared = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (shared == MAP_FAILED)
		return;
	command = getpid();
	plan = shared;
}

/* A child has another number, in its own pid namespace as well: getpid() is a system call. */
static bool fails(void)
{
	uint32_t side, count;

	if (!plan)
		return false;
	side = getpid() != command;
	count = ++plan->counts[side];
	if (side != plan->side || plan->nth == 0 || count < plan->nth ||
	    (count > plan->nth && !plan->all))
		return false;
	errno = ENOMEM;
	return true;
}

/* Memory that is asked for page by page, ready for use: the first block of tare's arena. */
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	if ((flags & MAP_POPULATE) && fails())
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	return fails() ? NULL : __libc_realloc(memory, size);
}
