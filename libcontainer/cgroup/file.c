/* Reading the files of a cgroup. The texts are short, so that they fit a buffer on the stack, and the
 * kernel gives each in one read(2). A cgroup that was removed while its directory is open answers
 * ENODEV. */
#include "cgroup/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define DEPTH_MAX 64 /* each level costs a descriptor while it is looked at */

ssize_t cgroup_file_read(int dir, const char *name, char *text, size_t size)
{
	_cleanup_fd_ int fd = -1;
	ssize_t n;

	text[0] = '\0';
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do
		n = pread(fd, text, size - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	return n;
}

bool cgroup_has_word(const char *text, const char *word)
{
	size_t length = strlen(word), n;

	for (; *text; text += n) {
		text += strspn(text, " \n");
		n = strcspn(text, " \n");
		if (n == length && memcmp(text, word, n) == 0)
			return true;
	}
	return false;
}

int cgroup_flat_keyed(const char *text, const char *key, uint64_t *ret_value)
{
	size_t length = strlen(key);
	const char *line = text;

	while (line) {
		if (strncmp(line, key, length) == 0 && line[length] == ' ') {
			*ret_value = strtoull(line + length + 1, NULL, 10);
			return 0;
		}
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return -ENOENT;
}

int cgroup_open(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

struct visit {
	void (*each)(void *data, pid_t pid);
	void *data;
	ssize_t count;
};

static int visit_processes(void *data, int dir)
{
	struct visit *visit = data;
	_cleanup_file_ FILE *file = NULL;
	char line[32];
	int fd, number;

	fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	/* EOPNOTSUPP: a threaded cgroup, whose processes are listed by the one above it */
	while (fgets(line, sizeof line, file)) {
		number = (int)strtol(line, NULL, 10);
		visit->count++;
		if (number > 0 && visit->each)
			visit->each(visit->data, number);
	}
	return 0;
}

/* What is done to every cgroup of a tree. */
struct walk {
	int (*each)(void *data, int dir);
	void *data;
};

static int walk_tree(int dir, unsigned depth, const struct walk *walk)
{
	_cleanup_dir_ DIR *list = NULL;
	struct dirent *entry;
	int r, fd;

	r = walk->each(walk->data, dir);
	if (r < 0)
		return r;
	if (depth == 0)
		return -ELOOP;
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	list = fdopendir(fd);
	if (!list) {
		close(fd);
		return -ENOMEM;
	}
	while (errno = 0, (entry = readdir(list))) {
		_cleanup_fd_ int child = -1;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		child = cgroup_open(dir, entry->d_name);
		r = child < 0 ? child : walk_tree(child, depth - 1, walk);
		if (r < 0 && r != -ENOENT && r != -ENODEV)
			return r;
	}
	return -errno; /* 0 at the end */
}

int cgroup_each(int dir, int (*each)(void *data, int dir), void *data)
{
	const struct walk walk = { .each = each, .data = data };

	return walk_tree(dir, DEPTH_MAX, &walk);
}

ssize_t cgroup_each_process(int dir, void (*each)(void *data, pid_t pid), void *data)
{
	struct visit visit = { .each = each, .data = data };
	int r = cgroup_each(dir, visit_processes, &visit);

	return r < 0 ? r : visit.count;
}
