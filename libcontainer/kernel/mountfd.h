/* The mount system calls by descriptor (Linux 5.2 and 5.12), one function a call. Each returns a new
 * O_CLOEXEC descriptor or 0, or -errno; none fills a struct error, because only the caller knows which
 * object of config.json the call was for. mountfd_log() brings the file system's own words. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* fsopen(2): a context for a new superblock of file system @type. */
int mountfd_fsopen(const char *type) _must_check_;

/* fsconfig(2): one option without a value, with a string, with a descriptor. */
int mountfd_set_flag(int context, const char *key) _must_check_;
int mountfd_set_string(int context, const char *key, const char *value) _must_check_;
int mountfd_set_fd(int context, const char *key, int value) _must_check_;

/* fsconfig(FSCONFIG_CMD_CREATE): makes the superblock. */
int mountfd_create(int context) _must_check_;

/* fspick(2): a context for changing the superblock of the mount that @mount is the root of. */
int mountfd_fspick(int mount) _must_check_;

/* fsconfig(FSCONFIG_CMD_RECONFIGURE): makes the options set on a picked context real. */
int mountfd_reconfigure(int context) _must_check_;

/* fsmount(2): a detached mount of the context's superblock.
 * @attributes: TARE_MOUNT_ATTR_*. */
int mountfd_fsmount(int context, unsigned attributes) _must_check_;

/* Reads what the file system had to say about the last failure ("e tmpfs: Bad value for 'size'").
 * @text: gets at most @size bytes, NUL-terminated; empty when it said nothing. */
void mountfd_log(int context, char *text, size_t size);

/* open_tree(2). @flags: TARE_OPEN_TREE_*, AT_*. Without TARE_OPEN_TREE_CLONE it is an O_PATH open. */
int mountfd_open_tree(int dirfd, const char *path, unsigned flags) _must_check_;

/* move_mount(2) of @mount onto the object that @target is a descriptor of. */
int mountfd_attach(int mount, int target) _must_check_;

/* mount_setattr(2) on the mount that @fd is the root of.
 * @recursive: also on every mount below it. @propagation: MS_SHARED, MS_SLAVE, MS_PRIVATE,
 * MS_UNBINDABLE or 0. @userns: descriptor of the user namespace when TARE_MOUNT_ATTR_IDMAP is in
 * @set, else ignored. */
int mountfd_setattr(int fd, int recursive, uint64_t set, uint64_t clear, uint64_t propagation,
		    int userns) _must_check_;

/* mount_setattr(2) by path (for "/" of the own mount namespace). */
int mountfd_setattr_path(const char *path, int recursive, uint64_t set, uint64_t clear,
			 uint64_t propagation) _must_check_;

/* openat2(2): @flags are open(2)'s (O_CLOEXEC is added), @mode for a new file, @resolve
 * TARE_RESOLVE_*. EAGAIN (a concurrent rename under RESOLVE_IN_ROOT) is tried again. */
int mountfd_openat2(int dirfd, const char *path, uint64_t flags, unsigned mode,
		    uint64_t resolve) _must_check_;

/* What a descriptor leads to. */
struct mountfd_place {
	mode_t mode;
	uint64_t mount, inode;
	bool begins_mount; /* it is the root of a mount */
};

/* statx(2) of @fd, which may be O_PATH. Returns 0 or -errno. */
int mountfd_examine(int fd, struct mountfd_place *ret_place) _must_check_;

/* Whether both are the same file or directory through the same mount. */
bool mountfd_same_place(const struct mountfd_place *a, const struct mountfd_place *b);

/* Detaches (MNT_DETACH) the very mount that @fd is the root of, named through the procfs @proc, which becomes the
 * working directory. EINVAL: it is no mount's root, or not in this mount namespace. */
int mountfd_detach(int proc, int fd) _must_check_;

/* pivot_root(2) and umount2(2). */
int mountfd_pivot_root(const char *new_root, const char *put_old) _must_check_;
int mountfd_umount(const char *path, int flags) _must_check_;
