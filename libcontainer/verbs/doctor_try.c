/* The doctor's experiments: a child in the namespaces that a container would have makes one thing, and its exit
 * status is the errno. What it mounts stays detached, or is attached in its own mount namespace alone, so
 * that nothing of it is left when it ends. */
#include "verbs/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/mountfd.h"
#include "kernel/process.h"
#include "kernel/procfs.h"
#include "kernel/uapi.h"

/* Returns a detached mount, or -errno. */
static int make(const char *type)
{
	_cleanup_fd_ int context = mountfd_fsopen(type);
	int r;

	if (context < 0)
		return context;
	r = mountfd_create(context);
	return r < 0 ? r : mountfd_fsmount(context, 0);
}

static int part_from_host(void)
{
	return mountfd_setattr_path("/", 1, 0, 0, MS_PRIVATE);
}

/* A tmpfs over "/" of the own mount namespace, reached by its descriptor alone. */
static int scratch(void)
{
	_cleanup_fd_ int slash = -1, mount_fd = -1;
	int r = part_from_host();

	if (r < 0)
		return r;
	mount_fd = make("tmpfs");
	if (mount_fd < 0)
		return mount_fd;
	slash = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = slash < 0 ? -errno : mountfd_attach(mount_fd, slash);
	return r < 0 ? r : steal_fd(&mount_fd);
}

static int try_overlay(bool in_userns)
{
	static const char *const directories[] = { "l", "u", "w" };
	_cleanup_fd_ int base = scratch();
	char options[128];
	size_t i;

	if (base < 0)
		return base;
	for (i = 0; i < ELEMENTS_OF(directories); i++)
		if (mkdirat(base, directories[i], 0755) < 0)
			return -errno;
	if (fchdir(base) < 0)
		return -errno;
	snprintf(options, sizeof options, "lowerdir=l,upperdir=u,workdir=w%s",
		 in_userns ? ",userxattr" : "");
	return mount("overlay", "l", "overlay", 0, options) < 0 ? -errno : 0;
}

static int try_device_node(void)
{
	_cleanup_fd_ int base = scratch();

	if (base < 0)
		return base;
	return mknodat(base, "null", S_IFCHR | 0600, makedev(1, 3)) < 0 ? -errno : 0;
}

static int perform(enum doctor_try what, bool in_userns)
{
	static const char *const types[] = {
		[DOCTOR_TRY_TMPFS] = "tmpfs",	[DOCTOR_TRY_PROC] = "proc",
		[DOCTOR_TRY_SYSFS] = "sysfs",	[DOCTOR_TRY_MQUEUE] = "mqueue",
		[DOCTOR_TRY_DEVPTS] = "devpts", [DOCTOR_TRY_CGROUP] = "cgroup2",
	};
	int r;

	switch (what) {
	case DOCTOR_TRY_NOTHING:
		return 0;
	case DOCTOR_TRY_PRIVATE:
		return part_from_host();
	case DOCTOR_TRY_OVERLAY:
		return try_overlay(in_userns);
	case DOCTOR_TRY_DEVICE_NODE:
		return try_device_node();
	default:
		r = make(types[what]);
		return r < 0 ? r : 0; /* its descriptor goes with this process */
	}
}

/* Waits for the word that its ids are mapped, tries and ends. */
static _Noreturn void child(int gate, enum doctor_try what, bool in_userns)
{
	char byte;
	int r;

	if (read(gate, &byte, 1) != 1)
		_exit(ECANCELED);
	if (in_userns && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		_exit(errno);
	r = perform(what, in_userns);
	_exit(-r);
}

static int map_one(int proc, pid_t pid, const char *file, const char *text)
{
	struct error err = ERROR_INIT;
	char path[64];
	int r;

	snprintf(path, sizeof path, "%d/%s", (int)pid, file);
	r = procfs_write(proc, path, text, &err);
	if (r < 0)
		error_ignore(&err, "the errno is what the caller explains");
	return r;
}

static int map_ids(int proc, pid_t pid)
{
	char uid[32], gid[32];
	int r = 0;

	snprintf(uid, sizeof uid, "0 %u 1", (unsigned)geteuid());
	snprintf(gid, sizeof gid, "0 %u 1", (unsigned)getegid());
	if (geteuid() != 0)
		r = map_one(proc, pid, "setgroups", "deny");
	if (r == 0)
		r = map_one(proc, pid, "gid_map", gid);
	return r < 0 ? r : map_one(proc, pid, "uid_map", uid);
}

int doctor_try(uint64_t flags, enum doctor_try what, int proc)
{
	_cleanup_fd_ int pidfd = -1, reading = -1, writing = -1;
	bool in_userns = (flags & CLONE_NEWUSER) != 0;
	int gate[2], r = 0, status;
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC) < 0)
		return -errno;
	reading = gate[0];
	writing = gate[1];
	pid = process_clone(flags | TARE_CLONE_CLEAR_SIGHAND, -1, SIGCHLD, &pidfd);
	if (pid < 0)
		return pid;
	if (pid == 0) {
		cleanup_fd(&writing);
		child(reading, what, in_userns);
	}
	if (in_userns)
		r = map_ids(proc, pid);
	if (r == 0 && write(writing, "", 1) != 1)
		r = -errno;
	cleanup_fd(&writing);
	if (process_wait(pidfd, &status) < 0)
		return -ECHILD;
	return r < 0 ? r : -status;
}
