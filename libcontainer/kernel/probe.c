/* What this kernel can do, found out by trying with calls that change nothing: a flag or parameter that
 * the kernel does not know fails with another errno than a known one that is used wrongly. Which check
 * comes first in the kernel is what each probe rests on, so each says it. A probe that a sandbox forbids
 * (EPERM, ENOSYS) says no: the older path then fails with a message of its own, or works. */
#include "kernel/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/mountfd.h"
#include "kernel/process.h"
#include "kernel/uapi.h"

struct kernel_switch {
	const char *name;
	size_t offset;
};

#define SWITCH(member)                                        \
	{                                                     \
#member, offsetof(struct kernel_caps, member) \
	}
static const struct kernel_switch switches[] = {
	SWITCH(overlay_append), SWITCH(overlay_fd),   SWITCH(detached),
	SWITCH(pidns_option),	SWITCH(open_tree_ns), SWITCH(pidfs_id),
};

static bool *switch_of(struct kernel_caps *caps, const struct kernel_switch *s)
{
	return (bool *)((char *)caps + s->offset);
}

/* A kernel without the member "cgroup" finds non-zero bytes behind its struct (E2BIG); one with it goes
 * on to refuse CLONE_NEWNS together with CLONE_FS (EINVAL), before anything is cloned. */
bool probe_into_cgroup(void)
{
	struct tare_clone_args args = {
		.flags = TARE_CLONE_INTO_CGROUP | CLONE_NEWNS | CLONE_FS,
		.cgroup = 1,
	};

	return syscall(__NR_clone3, &args, sizeof args) < 0 && errno == EINVAL;
}

/* Flags are checked (EINVAL) before the path is looked up (EBADF). Whoever enters a mount namespace takes its
 * root as his own, for which he needs CAP_SYS_CHROOT (setns(2)); pivot_root(2) does not ask for that. */
static bool probe_open_tree_ns(void)
{
	return process_is_capable(CAP_SYS_CHROOT) &&
	       mountfd_open_tree(-1, "x", TARE_OPEN_TREE_NAMESPACE) == -EBADF;
}

static bool probe_pidfs_id(void)
{
	_cleanup_fd_ int pidfd = process_pidfd_open(getpid());
	uint64_t id;

	return pidfd >= 0 && process_pidfs_id(pidfd, &id) == 0;
}

/* Sets a parameter to a path that cannot exist: an unknown parameter is EINVAL, the value of a known one
 * is looked up. */
static bool knows_path_parameter(int context, const char *key)
{
	int r = mountfd_set_string(context, key, "/dev/null/x");

	return r == -ENOTDIR || r == -ENOENT;
}

static bool probe_pidns_option(void)
{
	_cleanup_fd_ int context = mountfd_fsopen("proc");

	return context >= 0 && knows_path_parameter(context, "pidns");
}

/* Trying it would take two mounts, and to dissolve a mount waits for a grace period of RCU (30 us each on an
 * idle machine, ten times that on a busy one). So this asks for open_tree_attr(2), which came with the same
 * release, where an unknown call is ENOSYS and a path is looked up (EBADF); and whoever mounts on a detached
 * tree goes the other way when the first mount is refused (rootfs_assemble_outside()). */
static bool probe_detached(void)
{
	return syscall(__NR_open_tree_attr, -1, "x", 0, NULL, 0) < 0 && errno == EBADF;
}

/* A descriptor as value is a wrong type (EINVAL) where only strings are taken. */
static void probe_overlay_of(int context, struct kernel_caps *caps)
{
	_cleanup_fd_ int directory = -1;

	caps->overlay_append = knows_path_parameter(context, "lowerdir+");
	if (!caps->overlay_append)
		return;
	directory = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	caps->overlay_fd = directory >= 0 &&
			   mountfd_set_fd(context, "lowerdir+", directory) == 0;
}

/* fsopen(2) takes CAP_SYS_ADMIN over the caller's mount namespace (EPERM): a user is asked for by a child that has
 * one of its own, as the container's side will have. */
static void probe_overlay_as_user(struct kernel_caps *caps)
{
	_cleanup_fd_ int pidfd = -1;
	int context, status = 0;
	pid_t pid;

	pid = process_clone(CLONE_NEWUSER | CLONE_NEWNS, -1, SIGCHLD, &pidfd);
	if (pid == 0) {
		context = mountfd_fsopen("overlay");
		if (context >= 0)
			probe_overlay_of(context, caps);
		_exit((caps->overlay_append ? 1 : 0) | (caps->overlay_fd ? 2 : 0));
	}
	if (pid < 0 || process_wait(pidfd, &status) < 0 || status > 3)
		return;
	caps->overlay_append = status & 1;
	caps->overlay_fd = status & 2;
}

static void probe_overlay(struct kernel_caps *caps)
{
	_cleanup_fd_ int context = mountfd_fsopen("overlay");

	if (context >= 0)
		probe_overlay_of(context, caps);
	else if (context == -EPERM)
		probe_overlay_as_user(caps);
}

int probe_kernel(unsigned wishes, struct kernel_caps *ret_caps, struct error *err)
{
	*ret_caps = (struct kernel_caps){
		.pidfs_id = probe_pidfs_id(),
	};
	if (wishes & PROBE_OVERLAY)
		probe_overlay(ret_caps);
	if (wishes & PROBE_DETACHED) {
		ret_caps->detached = probe_detached();
		ret_caps->pidns_option = probe_pidns_option();
		ret_caps->open_tree_ns = probe_open_tree_ns();
	}
	(void)err;
	return 0;
}

static int switch_off_one(struct kernel_caps *caps, const char *word, size_t length,
			  struct error *err)
{
	size_t i;

	for (i = 0; i < ELEMENTS_OF(switches) && length > 1 && word[0] == '-'; i++) {
		if (strlen(switches[i].name) != length - 1 ||
		    strncmp(word + 1, switches[i].name, length - 1) != 0)
			continue;
		*switch_of(caps, &switches[i]) = false;
		return 0;
	}
	return error_set(err, EINVAL, "\"%.*s\" is not \"-\" and the name of a kernel feature",
			 (int)length, word);
}

int probe_switch_off(struct kernel_caps *caps, const char *list, struct error *err)
{
	size_t length;
	int r;

	if (getauxval(AT_SECURE))
		return error_set(err, EPERM,
				 "kernel features cannot be switched off in a setuid program");
	while (list[0]) {
		length = strcspn(list, ",");
		r = switch_off_one(caps, list, length, err);
		if (r < 0)
			return r;
		list += length;
		if (list[0] == ',')
			list++;
	}
	return 0;
}

void probe_each(const struct kernel_caps *caps,
		void (*each)(void *data, const char *name, bool value), void *data)
{
	size_t i;

	for (i = 0; i < ELEMENTS_OF(switches); i++)
		each(data, switches[i].name,
		     *switch_of((struct kernel_caps *)caps, &switches[i]));
}
