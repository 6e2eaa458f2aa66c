/* The terminal (security rule R-PTY). devpts itself is the trust: no one can create, rename or remove
 * anything in it, so ptmx is opened straight below a directory that is known to be devpts, crossing no
 * mount and no link, and the peer comes from TIOCGPTPEER (Linux 4.13), never from a path
 * (CVE-2025-52565: /dev/pts/N as a link). */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "kernel/mountfd.h"
#include "kernel/uapi.h"
#include "rootfs/operation.h"
#include "rootfs/target.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif
#define PTMX_MAJOR 5
#define PTMX_MINOR 2

static int open_ptmx(int root, struct error *err)
{
	_cleanup_fd_ int pts = -1, ptmx = -1;
	struct statfs fs;
	struct stat st;

	pts = target_lookup(root, "/dev/pts", O_DIRECTORY);
	if (pts < 0)
		return op_failed(err, -pts, "open /dev/pts of the container");
	if (fstatfs(pts, &fs) < 0)
		return op_failed(err, errno, "examine /dev/pts of the container");
	if (fs.f_type != TARE_DEVPTS_SUPER_MAGIC)
		return error_set(err, ENODEV,
				 "/dev/pts of the container is not devpts: a terminal needs a "
				 "mount of type devpts there");
	ptmx = mountfd_openat2(pts, "ptmx", O_RDWR | O_NOCTTY, 0,
			       TARE_RESOLVE_BENEATH | TARE_RESOLVE_NO_XDEV |
				       TARE_RESOLVE_NO_SYMLINKS);
	if (ptmx < 0)
		return op_failed(err, -ptmx, "open /dev/pts/ptmx of the container");
	if (fstat(ptmx, &st) < 0)
		return op_failed(err, errno, "examine /dev/pts/ptmx of the container");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(PTMX_MAJOR, PTMX_MINOR))
		return error_set(err, ENODEV,
				 "/dev/pts/ptmx of the container is not character device 5:2");
	return steal_fd(&ptmx);
}

int rootfs_open_pty(int root, int *ret_master, int *ret_peer, unsigned *ret_number,
		    struct error *err)
{
	_cleanup_fd_ int master = -1, peer = -1;
	unsigned number;
	int unlocked = 0;

	master = open_ptmx(root, err);
	if (master < 0)
		return master;
	if (ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		return op_failed(err, errno, "unlock the new pty");
	if (ioctl(master, TIOCGPTN, &number) < 0)
		return op_failed(err, errno, "ask the new pty for its number");
	peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (peer < 0)
		return op_failed(err, errno, "open the peer of the new pty");
	*ret_master = steal_fd(&master);
	*ret_peer = steal_fd(&peer);
	*ret_number = number;
	return 0;
}

static int open_console(int root, struct error *err)
{
	_cleanup_fd_ int parent = -1, fd = -1;
	const char *name;
	struct stat st;

	parent = target_open_parent(root, "/dev/console", &name, err);
	if (parent < 0)
		return parent;
	if (mknodat(parent, name, S_IFREG | 0600, 0) < 0 && errno != EEXIST)
		return op_failed(err, errno, "create a file to bind the terminal to");
	fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return op_failed(err, errno, "open it");
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return error_set(err, EEXIST,
				 "a link or directory is there, which is not followed");
	return steal_fd(&fd);
}

static int attach_console(int root, int pty, struct error *err)
{
	_cleanup_fd_ int at = -1, clone = -1;
	int r;

	at = open_console(root, err);
	if (at < 0)
		return at;
	clone = mountfd_open_tree(pty, "", TARE_OPEN_TREE_CLONE | AT_EMPTY_PATH);
	if (clone < 0)
		return op_failed(err, -clone, "clone the terminal's mount");
	r = mountfd_attach(clone, at);
	if (r < 0)
		return op_failed(err, -r, "attach the terminal");
	return 0;
}

int rootfs_bind_console(int root, int pty, struct error *err)
{
	if (attach_console(root, pty, err) < 0)
		return error_at(err, "error creating \"/dev/console\"");
	return 0;
}
