/* Resolution of targets (security rule R-FD). What exists is resolved by the kernel in one openat2()
 * under RESOLVE_IN_ROOT; what is missing is made component by component on descriptors, so that a link
 * that an image or a neighbour plants on the way is either followed inside the root or refused. The
 * fact that shapes this: openat2() can't create directories, and a dangling link makes mkdirat() fail
 * with EEXIST, so a link among the missing parts is read and spliced into the path here. */
#include "rootfs/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "kernel/mountfd.h"
#include "kernel/uapi.h"
#include "rootfs/operation.h"

#define LINKS_MAX 40 /* as the kernel's MAXSYMLINKS */
#define MODE_MADE 0755

/* What programs such as lxcfs put over files of procfs; the same list as other runtimes have. */
static const char *const proc_allowed[] = {
	"cpuinfo",
	"diskstats",
	"loadavg",
	"meminfo",
	"net/dev",
	"slabinfo",
	"stat",
	"swaps",
	"uptime",
	"sys/crypto/fips_enabled",
	"sys/kernel/ns_last_pid",
};

int target_check_proc(const struct target *target, struct error *err)
{
	const char *rest;
	size_t i;

	if (strncmp(target->path, "/proc", 5) != 0 ||
	    (target->path[5] != '/' && target->path[5] != '\0'))
		return 0;
	rest = target->path + 5;
	while (*rest == '/')
		rest++;
	if (*rest == '\0') {
		if (target->procfs)
			return 1;
		return error_set(err, EPERM,
				 "\"%s\" cannot be mounted because it is not of type proc",
				 target->path);
	}
	for (i = 0; i < ELEMENTS_OF(proc_allowed); i++)
		if (strcmp(rest, proc_allowed[i]) == 0)
			return 1;
	return error_set(err, EPERM, "\"%s\" cannot be mounted because it is inside /proc",
			 target->path);
}

/* openat2() takes an absolute path under RESOLVE_IN_ROOT, but an empty one not. */
static int resolve(int root, const char *path, uint64_t flags, uint64_t how)
{
	return mountfd_openat2(root, path[0] ? path : "/", O_PATH | flags, 0,
			       TARE_RESOLVE_IN_ROOT | TARE_RESOLVE_NO_MAGICLINKS | how);
}

int target_lookup(int root, const char *path, uint64_t flags)
{
	return resolve(root, path, flags, 0);
}

/* The path of a target while it is being resolved: links are spliced into it. */
struct walk {
	char path[PATH_MAX];
	int root;
	bool directory, no_follow, created;
};

/* Opens the deepest directory on the way to the last component that exists.
 * @ret_done: how many characters of walk->path it stands for. */
static int deepest_existing(struct walk *walk, size_t *ret_done, struct error *err)
{
	size_t length = strlen(walk->path);
	char kept;
	int fd;

	for (;;) {
		while (length > 0 && walk->path[length - 1] != '/')
			length--;
		while (length > 0 && walk->path[length - 1] == '/')
			length--;
		kept = walk->path[length];
		walk->path[length] = '\0';
		fd = resolve(walk->root, walk->path, O_DIRECTORY,
			     walk->no_follow ? TARE_RESOLVE_NO_SYMLINKS : 0);
		if (fd < 0 && (fd != -ENOENT || length == 0))
			op_failed(err, -fd, "open \"%s\" below the root", walk->path);
		walk->path[length] = kept;
		if (fd >= 0 || fd != -ENOENT || length == 0) {
			*ret_done = length;
			return fd;
		}
	}
}

/* Replaces the component [start, start + length) of the path, a link in directory @parent, by what
 * it contains. */
static int splice_link(struct walk *walk, int parent, size_t start, size_t length,
		       struct error *err)
{
	char name[NAME_MAX + 1], content[PATH_MAX], spliced[PATH_MAX];
	ssize_t n;
	int r;

	memcpy(name, walk->path + start, length);
	name[length] = '\0';
	n = readlinkat(parent, name, content, sizeof content - 1);
	if (n < 0)
		return op_failed(err, errno, "read the link \"%s\" below the root", walk->path);
	content[n] = '\0';
	r = snprintf(spliced, sizeof spliced, "%.*s%s%s",
		     path_is_absolute(content) ? 0 : (int)start, walk->path, content,
		     walk->path + start + length);
	if (r < 0 || (size_t)r >= sizeof spliced)
		return op_failed(err, ENAMETOOLONG, "resolve \"%s\" below the root",
				 walk->path);
	memcpy(walk->path, spliced, (size_t)r + 1);
	return 0;
}

/* Makes one component in @parent and opens it. Returns -ELOOP without a text when a link stands there. */
static int make_component(struct walk *walk, int parent, const char *name, bool directory,
			  struct error *err)
{
	int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, r;
	_cleanup_fd_ int fd = -1;
	struct stat st;

	r = directory ? mkdirat(parent, name, MODE_MADE)
		      : mknodat(parent, name, S_IFREG | MODE_MADE, 0);
	if (r < 0 && errno != EEXIST) {
		op_failed(err, errno, "create \"%s\" for \"%s\" below the root", name,
			  walk->path);
		return err->code == EACCES
			       ? error_hint(err,
					    " (the directory above is not writable for "
					    "the container's root user: make \"%s\" "
					    "there beforehand, or give the root file "
					    "system to that user)",
					    name)
			       : -err->code;
	}
	walk->created = r == 0;
	/* what was made is still a directory, or is refused */
	if (walk->created && directory)
		flags |= O_DIRECTORY;
	fd = openat(parent, name, flags);
	if (fd >= 0 && (flags & O_DIRECTORY))
		return steal_fd(&fd);
	if (fd < 0 || fstat(fd, &st) < 0)
		return op_failed(err, errno, "open \"%s\" of \"%s\" below the root", name,
				 walk->path);
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	return steal_fd(&fd);
}

/* Makes what is missing after the first @done characters of the path, below @take_parent.
 * Returns the descriptor of the target; -EAGAIN when a link was spliced in and the walk begins again. */
static int make_rest(struct walk *walk, int take_parent, size_t done, struct error *err)
{
	_cleanup_fd_ int parent = take_parent;
	char name[NAME_MAX + 1];
	size_t at = done, length;
	bool last;
	int fd;

	for (;;) {
		at += strspn(walk->path + at, "/");
		length = strcspn(walk->path + at, "/");
		last = walk->path[at + length + strspn(walk->path + at + length, "/")] == '\0';
		if (length == 0)
			return steal_fd(&parent);
		if (length > NAME_MAX)
			return op_failed(err, ENAMETOOLONG, "create \"%s\" below the root",
					 walk->path);
		memcpy(name, walk->path + at, length);
		name[length] = '\0';
		at += length;
		if (strcmp(name, ".") == 0)
			continue;
		if (!path_is_name(name)) /* "..": only a link's contents can bring it */
			return op_failed(
				err, ENOENT,
				"a link leads to \"%s\" through a directory that is missing",
				walk->path);
		fd = make_component(walk, parent, name, !last || walk->directory, err);
		if (fd == -ELOOP && err->code == 0) {
			if (walk->no_follow)
				return op_failed(err, ELOOP, "\"%s\" has a link on its way",
						 walk->path);
			fd = splice_link(walk, parent, at - length, length, err);
			return fd < 0 ? fd : -EAGAIN;
		}
		if (fd < 0)
			return fd;
		close(parent);
		parent = fd;
	}
}

/* Opens the target of @walk, making what is missing. */
static int walk_target(struct walk *walk, struct error *err)
{
	size_t done;
	int links, fd;

	for (links = 0; links < LINKS_MAX; links++) {
		fd = resolve(walk->root, walk->path, 0,
			     walk->no_follow ? TARE_RESOLVE_NO_SYMLINKS : 0);
		if (fd >= 0)
			return fd;
		if (fd != -ENOENT) {
			op_failed(err, -fd, "open \"%s\" below the root", walk->path);
			return fd == -EACCES
				       ? error_hint(err, " (the container's root user has no "
							 "search permission on the root file "
							 "system, or on a directory in it)")
				       : fd;
		}
		fd = deepest_existing(walk, &done, err);
		if (fd < 0)
			return fd;
		fd = make_rest(walk, fd, done, err);
		if (fd != -EAGAIN)
			return fd;
	}
	return op_failed(err, ELOOP, "open \"%s\" below the root", walk->path);
}

static int walk_begin(struct walk *walk, int root, const char *path, struct error *err)
{
	size_t length = strlen(path);

	walk->root = root;
	walk->directory = true;
	walk->no_follow = walk->created = false;
	if (length >= sizeof walk->path)
		return op_failed(err, ENAMETOOLONG, "resolve a target below the root");
	memcpy(walk->path, path, length + 1);
	return 0;
}

/* A target that was reached through a link may lie inside of a procfs all the same. */
static int check_procfs_behind(int fd, const struct target *target, struct error *err)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return op_failed(err, errno, "examine the target");
	if (fs.f_type == TARE_PROC_SUPER_MAGIC && !target->procfs)
		return error_set(err, EPERM,
				 "\"%s\" cannot be mounted because it is inside /proc",
				 target->path);
	return 0;
}

static int check_kind(mode_t mode, const struct target *target, struct error *err)
{
	if (target->directory == (bool)S_ISDIR(mode))
		return 0;
	return op_failed(err, ENOTDIR,
			 "the target is %s, but what is to be mounted is %s (are you trying to "
			 "mount a directory onto a file, or vice-versa?)",
			 S_ISDIR(mode) ? "a directory" : "no directory",
			 target->directory ? "one" : "none");
}

int target_examine(int root, int fd, mode_t *ret_mode, struct error *err)
{
	struct mountfd_place place, top;
	int r;

	r = mountfd_examine(fd, &place);
	/* seldom: the root of another mount */
	if (r == 0 && place.begins_mount)
		r = mountfd_examine(root, &top);
	if (r < 0)
		return op_failed(err, -r, "examine the target");
	*ret_mode = place.mode;
	return place.begins_mount && mountfd_same_place(&place, &top);
}

static int check_not_root(int root, int fd, mode_t *ret_mode, struct error *err)
{
	int r = target_examine(root, fd, ret_mode, err);

	if (r <= 0)
		return r;
	return op_failed(err, EBUSY,
			 "the target is the root itself, a mount over it is not seen");
}

int target_open(int root, const struct target *target, bool *ret_created, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	struct walk walk;
	int r, allowed;
	mode_t mode;

	allowed = target_check_proc(target, err);
	if (allowed < 0)
		return allowed;
	r = walk_begin(&walk, root, target->path, err);
	if (r < 0)
		return r;
	walk.directory = target->directory;
	walk.no_follow = target->no_follow;
	fd = walk_target(&walk, err);
	if (fd < 0) {
		if (target->no_follow && (fd == -ELOOP || fd == -ENOTDIR))
			return error_set(err, -fd,
					 "\"%s\" must be mounted on ordinary directory",
					 target->path);
		return fd;
	}
	r = check_not_root(root, fd, &mode, err);
	if (r < 0)
		return r;
	r = check_kind(mode, target, err);
	if (r < 0 && target->no_follow)
		return error_set(err, ENOTDIR, "\"%s\" must be mounted on ordinary directory",
				 target->path);
	if (r == 0 && !allowed)
		r = check_procfs_behind(fd, target, err);
	if (r < 0)
		return r;
	if (ret_created)
		*ret_created = walk.created;
	return steal_fd(&fd);
}

int target_open_parent(int root, const char *path, const char **ret_name, struct error *err)
{
	const char *name = strrchr(path, '/');
	_cleanup_fd_ int fd = -1;
	struct walk walk;
	struct stat st;
	int r;

	name = name ? name + 1 : path;
	if (!path_is_name(name) || strlen(name) > NAME_MAX)
		return error_set(err, EINVAL, "\"%s\" does not end in a file name", path);
	r = walk_begin(&walk, root, path, err);
	if (r < 0)
		return r;
	walk.path[name - path] = '\0';
	fd = walk_target(&walk, err);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return op_failed(err, errno, "examine \"%s\" below the root", walk.path);
	if (!S_ISDIR(st.st_mode))
		return op_failed(err, ENOTDIR, "open \"%s\" below the root", walk.path);
	*ret_name = name;
	return steal_fd(&fd);
}
