/* The store: one directory a container below the state root. Names are checked before they become
 * paths, and directories are opened without following links, so that nothing below the root can lead
 * elsewhere. A claim is decided by flock, not by mkdir: whoever holds the lock of the directory that the
 * name leads to at that moment owns it, which lets the remains of a killed tare be taken over without a
 * window in which two can win. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "state/state.h"
#include "state/store.h"

#define ID_MAX 255
/* Each further attempt needs somebody who removed the directory in between. */
#define CLAIM_ATTEMPTS 100
/* Each further attempt needs a wait that has seen the container's end just then. */
#define REMOVE_ATTEMPTS 100
#define USER_INIT_INO 0xEFFFFFFDU /* include/linux/proc_ns.h: PROC_USER_INIT_INO */

/* In a user namespace, uid 0 is only the host's root when somebody says so: the rule of runc, that engines
 * inside of containers rely on (contract 1). */
static bool honors_runtime_dir(void)
{
	const char *user = getenv("USER");
	struct stat st;

	if (geteuid() != 0)
		return true;
	if (stat("/proc/self/ns/user", &st) < 0 || st.st_ino == USER_INIT_INO)
		return false;
	return user == NULL || strcmp(user, "root") != 0;
}

int state_default_root(struct arena *arena, const char **ret_path, struct error *err)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (!honors_runtime_dir() || (geteuid() == 0 && (dir == NULL || *dir == '\0'))) {
		*ret_path = "/run/tare";
		return 0;
	}
	if (dir == NULL || *dir == '\0')
		return error_set(
			err, ENOENT,
			"XDG_RUNTIME_DIR is not set: log in, export "
			"XDG_RUNTIME_DIR=/run/user/%u, or say with --root where the state is",
			(unsigned)geteuid());
	*ret_path = path_join(arena, dir, "tare");
	return *ret_path ? 0 : error_oom(err);
}

static int make_root_failed(const char *what, const char *path, struct error *err)
{
	error_errno(err, errno, "make the %s %s", what, path);
	if (geteuid() != 0 && (err->code == EACCES || err->code == EROFS))
		error_hint(err,
			   " (the state is kept below XDG_RUNTIME_DIR, which should be "
			   "/run/user/%u, or where --root says)",
			   (unsigned)geteuid());
	return -err->code;
}

/* Makes the directory @path and those above it that are missing. */
static int make_root(const char *path, struct arena *arena, struct error *err)
{
	/* Not root: sticky, so that cleaners of the runtime directory pass it by (XDG base directories). */
	mode_t mode = geteuid() == 0 ? 0711 : 01700;
	char *part = arena_strdup(arena, path), *slash;

	if (!part)
		return error_oom(err);
	for (slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, mode & 0711) < 0 && errno != EEXIST)
			return make_root_failed("directory", part, err);
		*slash = '/';
	}
	if (mkdir(path, mode) < 0)
		return errno == EEXIST ? 0 : make_root_failed("state root", path, err);
	/* mkdir(2) takes away what the umask names, and may ignore the sticky bit */
	if (chmod(path, mode) < 0)
		return error_errno(err, errno, "change the mode of the state root %s", path);
	return 0;
}

int state_open(const char *path, bool make, struct arena *arena, struct state_store *ret_store,
	       struct error *err)
{
	const char *clean = path_clean(arena, path);
	_cleanup_fd_ int fd = -1;
	int r;

	if (!clean)
		return error_oom(err);
	if (strcmp(clean, "/") == 0)
		return error_set(err, EINVAL, "the state root must not be /");
	fd = openat(AT_FDCWD, clean, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && make) {
		r = make_root(clean, arena, err);
		if (r < 0)
			return r;
		fd = openat(AT_FDCWD, clean, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return error_errno(err, errno, "open the state root %s", clean);
	*ret_store = (struct state_store){ .fd = steal_fd(&fd), .path = clean, .proc = -1 };
	return 0;
}

void state_store_close(struct state_store *store)
{
	if (store->fd >= 0)
		close(store->fd);
	store->fd = -1;
}

int state_check_id(const char *id, struct error *err)
{
	size_t length = strlen(id);

	if (length == 0)
		return error_set(err, EINVAL, "container id cannot be empty");
	if (length > ID_MAX || strcmp(id, ".") == 0 || strcmp(id, "..") == 0 ||
	    strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+.-") !=
		    length)
		return error_set(err, EINVAL, "invalid container ID format");
	return 0;
}

int state_enter(const struct state_store *store, const char *id)
{
	int fd;

	if (store->fd < 0)
		return -ENOENT;
	fd = openat(store->fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

bool state_is_current(const struct state_store *store, const char *id, int fd)
{
	struct stat mine, named;

	return fstat(fd, &mine) == 0 &&
	       fstatat(store->fd, id, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
}

int state_open_dir(const struct state_store *store, const char *id, struct state_dir *ret_dir,
		   struct error *err)
{
	int fd, r;

	r = state_check_id(id, err);
	if (r < 0)
		return r;
	fd = state_enter(store, id);
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return error_set(err, ENOENT, "container does not exist");
	if (fd < 0)
		return error_errno(err, -fd, "open the state of %s", id);
	*ret_dir = (struct state_dir){ .fd = fd };
	return 0;
}

void state_dir_close(struct state_dir *dir)
{
	state_unlock(dir);
	if (dir->fd >= 0)
		close(dir->fd);
	dir->fd = -1;
}

/* Removes every file in the directory but the record, and the empty directory of a killed checkpoint. Other
 * directories are not tare's; they stay, and so will what holds them. */
static int remove_files(int dir, struct error *err)
{
	_cleanup_dir_ DIR *stream = NULL;
	struct dirent *entry;
	int fd, flags;

	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "open the state directory");
	stream = fdopendir(fd);
	if (!stream) {
		close(fd);
		return error_errno(err, errno, "read the state directory");
	}
	while (errno = 0, (entry = readdir(stream)) != NULL) {
		if (!path_is_name(entry->d_name) ||
		    strcmp(entry->d_name, STATE_RECORD_FILE) == 0)
			continue;
		flags = strcmp(entry->d_name, STATE_CRIU_DIRECTORY) == 0 ? AT_REMOVEDIR : 0;
		if (unlinkat(dir, entry->d_name, flags) < 0 && errno != ENOENT)
			return error_errno(err, errno, "remove %s from the state directory",
					   entry->d_name);
	}
	if (errno != 0)
		return error_errno(err, errno, "read the state directory");
	return 0;
}

/* Opens and locks the directory of @id, which @made says is new. Returns 1 with @dir locked and current, 0
 * when the directory went away meanwhile. */
static int take_directory(const struct state_store *store, const char *id, bool made,
			  struct state_dir *dir, struct error *err)
{
	_cleanup_fd_ int fd = -1;

	fd = state_enter(store, id);
	if (fd == -ENOENT)
		return 0;
	if (fd == -ENOTDIR || fd == -ELOOP)
		return error_set(err, EEXIST, "%s/%s is in the way: no directory", store->path,
				 id);
	if (fd < 0)
		return error_errno(err, -fd, "open the state directory of %s", id);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return error_set(err, EEXIST, "container with given ID already exists");
		return error_errno(err, errno, "lock the state directory of %s", id);
	}
	if (!state_is_current(store, id, fd))
		return 0;
	/* mkdir(2) took away what the umask names */
	if (made && fchmod(fd, 0711) < 0)
		return error_errno(err, errno, "change the mode of the state directory");
	*dir = (struct state_dir){ .fd = steal_fd(&fd), .locked = true };
	return 1;
}

/* One attempt, with the results of take_directory(). */
static int claim_once(const struct state_store *store, const char *id, bool *ret_made,
		      struct state_dir *dir, struct error *err)
{
	int r;

	*ret_made = mkdirat(store->fd, id, 0711) == 0;
	if (!*ret_made && errno != EEXIST)
		return error_errno(err, errno, "make the state directory of %s", id);
	r = take_directory(store, id, *ret_made, dir, err);
	if (r < 0 && r != -EEXIST && *ret_made)
		unlinkat(store->fd, id, AT_REMOVEDIR);
	return r;
}

/* Whether a killed create has left the record: before its commit, or in the middle of it, when the record was
 * written, but the init, not told yet, has died with its creator. */
static bool is_abandoned(const struct state_record *record, int proc)
{
	if (state_alive(&record->holder, proc))
		return false;
	if (record->status == STATE_CREATED)
		return record->holder.pid != 0 && !state_alive(&record->init, proc);
	return record->status == STATE_CREATING;
}

int state_claim(const struct state_store *store, const char *id, struct arena *arena,
		struct state_dir *ret_dir, struct state_record **ret_stale, struct error *err)
{
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct state_record *record = NULL;
	struct error unreadable = ERROR_INIT;
	bool made = false;
	int attempt, r = 0;

	r = state_check_id(id, err);
	if (r < 0)
		return r;
	for (attempt = 0, r = 0; r == 0 && attempt < CLAIM_ATTEMPTS; attempt++)
		r = claim_once(store, id, &made, &dir, err);
	if (r < 0)
		return r;
	if (r == 0)
		return error_set(err, EAGAIN, "the state directory of %s keeps vanishing", id);

	r = state_read(&dir, arena, &record, &unreadable);
	if (r < 0 && r != -ENODATA) {
		if (made)
			unlinkat(store->fd, id, AT_REMOVEDIR);
		error_set(err, EEXIST, "container with given ID already exists");
		return error_hint(err, " (its record: %s)", unreadable.text);
	}
	if (record && (ret_stale == NULL || !is_abandoned(record, store->proc))) {
		error_set(err, EEXIST, "container with given ID already exists");
		if (state_check_reachable(record, store->proc, &unreadable) == -EXDEV)
			error_hint(err, " (%s)", unreadable.text);
		return -EEXIST;
	}
	/* The record stays until the new one replaces it: should this tare be killed as well before it has
	 * cleared the remains away, the next one must still know of them. */
	r = made ? 0 : remove_files(dir.fd, err);
	if (r < 0)
		return error_at(err, "clear what is left of %s", id);
	if (ret_stale)
		*ret_stale = record;
	*ret_dir = dir;
	dir = STATE_DIR_INIT;
	return 0;
}

int state_remove(const struct state_store *store, const char *id, struct state_dir *dir,
		 struct error *err)
{
	int attempt;

	if (!state_is_current(store, id, dir->fd))
		return error_set(err, ENOENT, "container does not exist");
	for (attempt = 0;; attempt++) {
		if (remove_files(dir->fd, err) < 0)
			return error_at(err, "remove the state of %s", id);
		/* last: as long as something remains, the record says whose it was */
		if (unlinkat(dir->fd, STATE_RECORD_FILE, 0) < 0 && errno != ENOENT)
			return error_errno(err, errno, "remove the record of %s", id);
		if (unlinkat(store->fd, id, AT_REMOVEDIR) == 0)
			return 0;
		/* a wait has noted down the end meanwhile, which takes no lock (state_write_exit()) */
		if ((errno != ENOTEMPTY && errno != EEXIST) || attempt >= REMOVE_ATTEMPTS)
			return error_errno(err, errno, "remove the state directory of %s", id);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names below the root that may be containers. */
static int read_names(const struct state_store *store, struct arena *arena, char ***ret_names,
		      size_t *ret_count, struct error *err)
{
	_cleanup_dir_ DIR *stream = NULL;
	struct error unused = ERROR_INIT;
	struct dirent *entry;
	char **names = NULL;
	size_t count = 0;
	int fd;

	fd = openat(store->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "open the state root %s", store->path);
	stream = fdopendir(fd);
	if (!stream) {
		close(fd);
		return error_errno(err, errno, "read the state root %s", store->path);
	}
	while (errno = 0, (entry = readdir(stream)) != NULL) {
		if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
			continue;
		if (state_check_id(entry->d_name, &unused) < 0)
			continue;
		names = arena_grow(arena, names, count, sizeof *names);
		if (!names)
			return error_oom(err);
		names[count] = arena_strdup(arena, entry->d_name);
		if (!names[count])
			return error_oom(err);
		count++;
	}
	if (errno != 0)
		return error_errno(err, errno, "read the state root %s", store->path);
	*ret_names = names;
	*ret_count = count;
	return 0;
}

int state_list(const struct state_store *store, int (*each)(void *data, const char *id),
	       void *data, struct error *err)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	char **names;
	size_t count, i;
	int r;

	if (!arena)
		return error_oom(err);
	r = read_names(store, arena, &names, &count, err);
	if (r < 0)
		return r;
	if (count > 0)
		qsort(names, count, sizeof *names, by_name);
	for (i = 0; i < count; i++) {
		r = each(data, names[i]);
		if (r != 0)
			return r;
	}
	return 0;
}
