/* What a descriptor leads to, and whether two lead to one place: the same directory seen through the same mount.
 * Device and inode alone do not tell, because a directory may be mounted in several places; the mount's id, and
 * whether it begins here, come from statx(2) (since Linux 5.8). The system call is made directly: some libcs
 * have no wrapper for it, or one without the mount's id. */
#include "kernel/mountfd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WANTED (STATX_TYPE | STATX_MODE | STATX_INO | STATX_MNT_ID)

int mountfd_examine(int fd, struct mountfd_place *ret_place)
{
	struct statx st;

	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, WANTED, &st) < 0)
		return -errno;
	if ((st.stx_mask & WANTED) != WANTED)
		return -ENOSYS;
	*ret_place = (struct mountfd_place){
		.mode = st.stx_mode,
		.mount = st.stx_mnt_id,
		.inode = st.stx_ino,
		.begins_mount = (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0,
	};
	return 0;
}

bool mountfd_same_place(const struct mountfd_place *a, const struct mountfd_place *b)
{
	return a->mount == b->mount && a->inode == b->inode;
}
