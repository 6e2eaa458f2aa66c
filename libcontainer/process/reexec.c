/* The re-execution from a sealed memfd. A read-only bind mount or an overlay of the executable would share
 * its page cache with the host's file, so a kernel bug that writes to read-only pages would still reach the
 * host; an independent copy does not. The copy is made with sendfile(2), inside the kernel. Seals can be
 * read back with F_GET_SEALS, which fails on every file that is no memfd: that is the test for "already". */
#include "process/reexec.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/uapi.h"

#define SEGMENTS_MAX 32 /* the linkers make some 13 */
#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int open_memfd(struct error *err)
{
	int fd;

	fd = memfd_create("tare", MFD_CLOEXEC | MFD_ALLOW_SEALING | TARE_MFD_EXEC);
	if (fd < 0 &&
	    errno == EINVAL) /* compat: below Linux 6.3, where memfds are executable */
		fd = memfd_create("tare", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 && errno == EACCES)
		return error_errno(err, EACCES,
				   "protect the executable: memfd_create (sysctl "
				   "vm.memfd_noexec is 2: tare needs 0 or 1)");
	if (fd < 0)
		return error_errno(err, errno, "protect the executable: memfd_create");
	return fd;
}

/* How much of the file is needed to execute it: up to the end of the last segment. What comes behind is for
 * linkers and debuggers, and in a build that is not stripped it is more than all the rest. */
static off_t executed_size(int from, off_t whole)
{
	ElfW(Phdr) segments[SEGMENTS_MAX];
	ElfW(Ehdr) header;
	off_t end = 0;
	size_t size, i;

	if (pread(from, &header, sizeof header, 0) != sizeof header ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_phentsize != sizeof *segments || header.e_phnum > SEGMENTS_MAX)
		return whole;
	size = header.e_phnum * sizeof *segments;
	if (pread(from, segments, size, (off_t)header.e_phoff) != (ssize_t)size)
		return whole;
	for (i = 0; i < header.e_phnum; i++)
		if ((off_t)(segments[i].p_offset + segments[i].p_filesz) > end)
			end = (off_t)(segments[i].p_offset + segments[i].p_filesz);
	return end > 0 && end < whole ? end : whole;
}

static int copy_executable(int from, int to, struct error *err)
{
	struct stat st;
	off_t left;
	ssize_t n;

	if (fstat(from, &st) < 0)
		return error_errno(err, errno, "protect the executable: fstat");
	for (left = executed_size(from, st.st_size); left > 0; left -= n) {
		n = sendfile(to, from, NULL, (size_t)left);
		if (n < 0)
			return error_errno(err, errno, "protect the executable: copy");
		if (n == 0)
			return error_set(err, EIO, "protect the executable: it became shorter");
	}
	if (fcntl(to, F_ADD_SEALS, ALL_SEALS) < 0)
		return error_errno(err, errno, "protect the executable: seal");
	return 0;
}

int reexec_sealed(char **argv, struct error *err)
{
	_cleanup_fd_ int self = -1, copy = -1;
	int r;

	self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (self < 0)
		return error_errno(err, errno, "protect the executable: open /proc/self/exe");
	r = fcntl(self, F_GET_SEALS);
	if (r >= 0 && (r & ALL_SEALS) == ALL_SEALS)
		return 0;
	copy = open_memfd(err);
	if (copy < 0)
		return copy;
	r = copy_executable(self, copy, err);
	if (r < 0)
		return r;
	syscall(__NR_execveat, copy, "", argv, environ, AT_EMPTY_PATH);
	return error_errno(err, errno, "protect the executable: execute the copy");
}
