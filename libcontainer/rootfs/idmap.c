/* Id-mapped mounts. mount_setattr() takes the maps from a user namespace, so for a mount with maps of
 * its own one is made: a short-lived child is born in it, its maps are written from outside, and the
 * namespace lives on in the descriptor alone. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/mountfd.h"
#include "kernel/process.h"
#include "kernel/procfs.h"
#include "kernel/uapi.h"
#include "rootfs/operation.h"

/* The child: stays until the caller closes its end of the pipe, or dies. */
static void stay(int pipe_read, int pipe_write)
{
	char byte;

	close(pipe_write);
	while (read(pipe_read, &byte, 1) < 0 && errno == EINTR)
		continue;
	_exit(0);
}

static int map_and_open(pid_t pid, const char *uid_map, const char *gid_map, struct error *err)
{
	_cleanup_fd_ int proc = -1;
	char path[64];
	int fd, r;

	proc = procfs_open(err);
	if (proc < 0)
		return proc;
	snprintf(path, sizeof path, "%d/uid_map", (int)pid);
	r = procfs_write(proc, path, uid_map, err);
	if (r < 0)
		return r;
	snprintf(path, sizeof path, "%d/gid_map", (int)pid);
	r = procfs_write(proc, path, gid_map, err);
	if (r < 0)
		return r;
	/* a magic link: plain openat() on the verified procfs, of a child of our own */
	snprintf(path, sizeof path, "%d/ns/user", (int)pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return op_failed(err, errno, "open the user namespace of an id-mapped mount");
	return fd;
}

int idmap_open_userns(const char *uid_map, const char *gid_map, struct error *err)
{
	_cleanup_fd_ int pidfd = -1, pipe_read = -1, pipe_write = -1;
	int ends[2], status, fd;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return op_failed(err, errno, "make a pipe");
	pipe_read = ends[0];
	pipe_write = ends[1];
	pid = process_clone(CLONE_NEWUSER, -1, SIGCHLD, &pidfd);
	if (pid < 0)
		return op_failed(err, -pid, "make a user namespace for an id-mapped mount");
	if (pid == 0)
		stay(pipe_read, pipe_write);
	fd = map_and_open(pid, uid_map, gid_map, err);
	close(steal_fd(&pipe_write));
	if (process_wait(pidfd, &status) < 0 && fd >= 0) {
		close(fd);
		return error_set(err, ECHILD, "wait for the child in a new user namespace");
	}
	return fd;
}

int idmap_apply(int mount, int userns, const struct plan_idmap *idmap, struct error *err)
{
	int r;

	if (userns < 0)
		return error_set(
			err, EINVAL,
			"the mount is to be id-mapped, but there is no user namespace");
	r = mountfd_setattr(mount, idmap->recursive, TARE_MOUNT_ATTR_IDMAP, 0, 0, userns);
	if (r == 0)
		return 0;
	op_failed(err, -r, "id-map the mount");
	if (r == -EINVAL)
		error_hint(err, " (the file system does not support id-mapped mounts, or the "
				"source is id-mapped already)");
	return r;
}
