/* Whether two descriptors lead to one place: the same directory seen through the same mount. Device and
 * inode alone do not tell, because a directory may be mounted in several places; the mount's id comes from
 * statx(2) (since Linux 5.8). The system call is made directly: some libcs have no wrapper for it, or
 * one without the mount's id. */
#include "kernel/mountfd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WANTED (STATX_INO | STATX_MNT_ID)

static int look_at(int fd, struct statx *ret_place)
{
	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, WANTED, ret_place) < 0)
		return -errno;
	return (ret_place->stx_mask & WANTED) == WANTED ? 0 : -ENOSYS;
}

int mountfd_same_place(int a, int b)
{
	struct statx at_a, at_b;
	int r;

	r = look_at(a, &at_a);
	if (r == 0)
		r = look_at(b, &at_b);
	if (r < 0)
		return r;
	return at_a.stx_mnt_id == at_b.stx_mnt_id && at_a.stx_ino == at_b.stx_ino;
}
