/* The sealed copy of the executable. A read-only bind mount or an overlay of the executable would share its page
 * cache with the host's file, so a kernel bug that writes to read-only pages would still reach the host; an
 * independent copy does not. The copy is made with sendfile(2), inside the kernel. Seals can be read back
 * with F_GET_SEALS, which fails on every file that is no memfd: that is the test for "already".
 * This runs before the C library has started, in a position-independent executable even before its
 * relocations: no errno, no function of the library, no table of pointers, and the system calls are made here. */
#include "process/sealed-copy.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "kernel/uapi.h"

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* With larger pages some of this is refused, and the copy executed. */
#define PAGE ((size_t)4096)
/* The pages of stack that a create or exec needs; the kernel gives a new program more than that (128 KiB). */
#define STACK_PAGES 9

/* The linker's name for the beginning of the executable in memory. */
extern const unsigned char __ehdr_start[] __attribute__((visibility("hidden")));

#define ARGUMENT(x) ((long)(x))
#define CALL(number, ...) raw_call(number, (const long[6]){ __VA_ARGS__ })

#if defined(__x86_64__)
static long raw_call(long number, const long a[6])
{
	register long r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4];
	register long r9 __asm__("r9") = a[5];
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
static long raw_call(long number, const long a[6])
{
	register long x8 __asm__("x8") = number, x0 __asm__("x0") = a[0];
	register long x1 __asm__("x1") = a[1], x2 __asm__("x2") = a[2];
	register long x3 __asm__("x3") = a[3], x4 __asm__("x4") = a[4];
	register long x5 __asm__("x5") = a[5];

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#else
/* No entry point of ours there (src/entry.c): the library has started. */
static long raw_call(long number, const long a[6])
{
	long result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);

	return result < 0 ? -errno : result;
}
#endif

bool sealed_copy_is(int file)
{
	long seals = CALL(__NR_fcntl, file, F_GET_SEALS);

	return seals >= 0 && (seals & ALL_SEALS) == ALL_SEALS;
}

/* How much of the file is needed to execute it: up to the end of the last segment. What comes behind is for
 * linkers and debuggers, and in a build that is not stripped it is more than all the rest. */
static size_t loaded_size(void)
{
	const ElfW(Ehdr) *header = (const void *)__ehdr_start;
	const ElfW(Phdr) *segments = (const void *)(__ehdr_start + header->e_phoff);
	size_t end = 0, i;

	for (i = 0; i < header->e_phnum; i++)
		if (segments[i].p_offset + segments[i].p_filesz > end)
			end = segments[i].p_offset + segments[i].p_filesz;
	return end;
}

static void close_fd(int fd)
{
	CALL(__NR_close, fd);
}

static int fill(int copy, int executable, const char **ret_step)
{
	size_t left;
	long n;

	*ret_step = "copy";
	for (left = loaded_size(); left > 0; left -= (size_t)n) {
		n = CALL(__NR_sendfile, copy, executable, 0, ARGUMENT(left));
		if (n < 0)
			return (int)n;
		if (n == 0)
			return -EIO; /* it became shorter */
	}
	*ret_step = "seal";
	return (int)CALL(__NR_fcntl, copy, F_ADD_SEALS, ALL_SEALS);
}

int sealed_copy_make(int executable, const char **ret_step)
{
	static const char name[] = "tare";
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int copy, r;

	*ret_step = "memfd_create";
	copy = (int)CALL(__NR_memfd_create, ARGUMENT(name), flags | TARE_MFD_EXEC);
	if (copy == -EINVAL) /* compat: below Linux 6.3, where memfds are executable */
		copy = (int)CALL(__NR_memfd_create, ARGUMENT(name), flags);
	if (copy < 0)
		return copy;
	r = fill(copy, executable, ret_step);
	if (r < 0) {
		close_fd(copy);
		return r;
	}
	return copy;
}

int sealed_copy_execute(int copy, char *const argv[], char *const environment[])
{
	return (int)CALL(__NR_execveat, copy, ARGUMENT(""), ARGUMENT(argv),
			 ARGUMENT(environment), AT_EMPTY_PATH);
}

/* Maps a segment of the copy over the executable's, at @start: the same byte for byte, so that the code which does
 * it just goes on. All at once, since a page fault costs several microseconds in a virtual machine. What lies behind
 * the file's bytes in the last page of the data is zero in the copy, which ends there. */
static long map_segment(int copy, const ElfW(Phdr) * segment, size_t start)
{
	const size_t before = segment->p_vaddr & (PAGE - 1);
	const int protection = (segment->p_flags & PF_R ? PROT_READ : 0) |
			       (segment->p_flags & PF_W ? PROT_WRITE : 0) |
			       (segment->p_flags & PF_X ? PROT_EXEC : 0);

	return CALL(__NR_mmap, ARGUMENT(start - before), ARGUMENT(segment->p_filesz + before),
		    protection, MAP_PRIVATE | MAP_FIXED | MAP_POPULATE, copy,
		    ARGUMENT(segment->p_offset - before));
}

/* A dynamic loader, where there is one, has written to the data already: that must stay. */
static int map_over(int copy, struct prctl_mm_map *map)
{
	const ElfW(Ehdr) *header = (const void *)__ehdr_start;
	const ElfW(Phdr) *segments = (const void *)(__ehdr_start + header->e_phoff);
	size_t i, start, offset = 0;
	long at;

	for (i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type == PT_INTERP)
			return -ENOEXEC;
		if (segments[i].p_type == PT_LOAD && segments[i].p_offset == 0)
			offset = (size_t)__ehdr_start - segments[i].p_vaddr;
	}
	for (i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type != PT_LOAD)
			continue;
		start = offset + segments[i].p_vaddr;
		at = map_segment(copy, &segments[i], start);
		if (at < 0 && at > -(long)PAGE)
			return (int)at;
		if (segments[i].p_flags & PF_X) {
			map->start_code = start;
			map->end_code = start + segments[i].p_filesz;
		} else if (segments[i].p_flags & PF_W) {
			map->start_data = start;
			map->end_data = start + segments[i].p_filesz;
		}
	}
	return 0;
}

/* The end of a list of strings that lie one behind the other; @otherwise if it is empty. */
static size_t end_of(char *const words[], size_t otherwise)
{
	const char *last;

	if (!*words)
		return otherwise;
	while (words[1])
		words++;
	for (last = *words; *last; last++)
		;
	return (size_t)last + 1;
}

/* Becomes the copy without an execution: afterwards no page of the executable is mapped, which the kernel checks
 * before it lets /proc/self/exe be another file (EBUSY). All else that it asks for is as it was. Against
 * execveat(2) this saves a new address space and its page faults, a twentieth of the CPU time of a run (Linux 6.18
 * in a virtual machine).
 * Returns -errno where the copy has to be executed instead: EPERM without CAP_CHECKPOINT_RESTORE, EINVAL of a
 * kernel without CONFIG_CHECKPOINT_RESTORE. */
static int become(int copy, char *const argv[], char *const environment[])
{
	struct prctl_mm_map map = { .exe_fd = (unsigned)copy };
	int r;

	r = map_over(copy, &map);
	if (r < 0)
		return r;
	map.start_brk = map.brk = (size_t)CALL(__NR_brk, 0);
	map.start_stack = (size_t)(argv - 1);
	map.arg_start = (size_t)argv[0];
	map.arg_end = map.env_start = end_of(argv, 0);
	map.env_end = end_of(environment, map.env_start);
	return (int)CALL(__NR_prctl, PR_SET_MM, PR_SET_MM_MAP, ARGUMENT(&map), sizeof map);
}

void sealed_copy_stack(const void *stack)
{
	CALL(__NR_madvise, ARGUMENT(((size_t)stack & ~(PAGE - 1)) - STACK_PAGES * PAGE),
	     ARGUMENT(STACK_PAGES * PAGE), TARE_MADV_POPULATE_WRITE);
}

void sealed_copy_run(char *const argv[], char *const environment[])
{
	const char *step;
	int self, copy;

	self = (int)CALL(__NR_openat, AT_FDCWD, ARGUMENT("/proc/self/exe"),
			 O_RDONLY | O_CLOEXEC);
	if (self < 0)
		return;
	copy = sealed_copy_is(self) ? -1 : sealed_copy_make(self, &step);
	if (copy >= 0) {
		if (become(copy, argv, environment) < 0)
			sealed_copy_execute(copy, argv, environment);
		close_fd(copy);
	}
	close_fd(self);
}
