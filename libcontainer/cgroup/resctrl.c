/* resctrl by its files. Kernel facts: mkdir(2) in its root makes a class, in mon_groups a monitoring group, and
 * rmdir(2) removes one whose files the kernel gives back; a task can get into a monitoring group only once it is
 * in the class above it; why a write was refused stands in info/last_cmd_status. A schemata file has a line
 * for each resource, with blanks ahead of its name. */
#include "cgroup/resctrl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/trace.h"
#include "kernel/mountinfo.h"
#include "kernel/procfs.h"

#define RESCTRL_MAGIC 0x7655821 /* linux/magic.h: RDTGROUP_SUPER_MAGIC */
#define USUAL_PLACE "/sys/fs/resctrl"
#define TEXT_MAX 65536
#define MOUNTINFO_MAX ((size_t)64 * 1024 * 1024)

static bool is_resctrl(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == RESCTRL_MAGIC;
}

static int find_mount(int proc, struct arena *arena, const char **ret_root, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	char *text, *line, *next;
	struct mountinfo mount;
	ssize_t n;

	if (is_resctrl(USUAL_PLACE)) {
		*ret_root = USUAL_PLACE;
		return 0;
	}
	fd = procfs_openat(proc, "self/mountinfo", O_RDONLY);
	if (fd < 0)
		return error_errno(err, -fd, "open /proc/self/mountinfo");
	n = fd_read_all(fd, MOUNTINFO_MAX, "mountinfo", arena, &text, err);
	if (n < 0)
		return (int)n;
	for (line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!mountinfo_parse(line, &mount) || strcmp(mount.type, "resctrl") != 0 ||
		    !is_resctrl(mount.point))
			continue;
		*ret_root = mount.point;
		return 0;
	}
	return error_set(err, ENOTSUP,
			 "no resctrl file system is mounted (mount -t resctrl resctrl "
			 "/sys/fs/resctrl, on a processor that has it)");
}

int resctrl_locate(const struct plan_rdt *plan, int proc, struct arena *arena,
		   struct resctrl_group *ret_group, struct error *err)
{
	int r = 0;

	*ret_group = (struct resctrl_group){ .root = NULL };
	if (!plan)
		return 0;
	ret_group->root = plan->root;
	if (!plan->root)
		r = find_mount(proc, arena, &ret_group->root, err);
	if (r < 0)
		return error_at(err, "linux.intelRdt");
	ret_group->clos = strcmp(plan->clos, "/") == 0
				  ? ret_group->root
				  : arena_printf(arena, "%s/%s", ret_group->root, plan->clos);
	if (!ret_group->clos)
		return error_oom(err);
	ret_group->clos_made = plan->make && access(ret_group->clos, F_OK) < 0 &&
			       errno == ENOENT;
	if (plan->monitoring) {
		ret_group->monitoring = arena_printf(arena, "%s/mon_groups/%s", ret_group->clos,
						     plan->id);
		if (!ret_group->monitoring)
			return error_oom(err);
		/* said here, because what is recorded as ours is removed */
		if (access(ret_group->monitoring, F_OK) == 0)
			return error_set(err, EEXIST,
					 "linux.intelRdt.enableMonitoring: %s exists",
					 ret_group->monitoring);
	}
	return 0;
}

/* Adds the kernel's own words on the last refusal. */
static void explain(const struct resctrl_group *group, struct error *err)
{
	_cleanup_fd_ int dir = openat(AT_FDCWD, group->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fd = -1;
	char words[256];
	ssize_t n;

	if (dir >= 0)
		fd = openat(dir, "info/last_cmd_status", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, words, sizeof words - 1);
	if (n <= 0)
		return;
	words[n] = '\0';
	words[strcspn(words, "\n")] = '\0';
	if (words[0] && strcmp(words, "ok") != 0)
		error_hint(err, " (%s)", words);
}

static int write_line(const struct resctrl_group *group, const char *directory,
		      const char *file, const char *line, struct error *err)
{
	_cleanup_fd_ int dir = openat(AT_FDCWD, directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fd = -1;
	char text[4096];
	int length;

	if (dir >= 0)
		fd = openat(dir, file, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fd < 0)
		return error_errno(err, errno, "linux.intelRdt: open %s/%s", directory, file);
	length = snprintf(text, sizeof text, "%s\n", line);
	if (length >= (int)sizeof text)
		return error_set(err, E2BIG, "linux.intelRdt: a line of %d characters", length);
	if (write(fd, text, (size_t)length) == length)
		return 0;
	error_errno(err, errno, "linux.intelRdt: write \"%s\" to %s/%s", line, directory, file);
	explain(group, err);
	return -err->code;
}

/* ---- comparing ---- */

/* The value of hexadecimal or decimal digits without leading zeros, as text: which of the two it is depends on
 * the resource, and does not matter for whether two are equal. */
static bool same_number(const char *a, size_t a_length, const char *b, size_t b_length)
{
	while (a_length > 1 && *a == '0')
		a++, a_length--;
	while (b_length > 1 && *b == '0')
		b++, b_length--;
	return a_length == b_length && strncasecmp(a, b, a_length) == 0;
}

/* Takes "ID=VALUE" off @text, up to a semicolon. Returns false at its end. */
static bool next_setting(const char **text, const char **ret_id, size_t *ret_id_length,
			 const char **ret_value, size_t *ret_length)
{
	const char *at = *text + strspn(*text, " ;\t"), *equals;
	size_t length = strcspn(at, ";\n");

	if (length == 0)
		return false;
	equals = memchr(at, '=', length);
	if (!equals)
		equals = at + length;
	*ret_id = at;
	*ret_id_length = (size_t)(equals - at);
	*ret_value = equals < at + length ? equals + 1 : equals;
	*ret_length = strcspn(*ret_value, "; \t\n");
	*text = at + length;
	return true;
}

/* Whether @line's settings have the domain @id with that value. */
static bool has_setting(const char *line, const char *id, size_t id_length, const char *value,
			size_t length)
{
	const char *at = line, *other_id, *other;
	size_t other_id_length, other_length;

	while (next_setting(&at, &other_id, &other_id_length, &other, &other_length))
		if (same_number(id, id_length, other_id, other_id_length))
			return same_number(value, length, other, other_length);
	return false;
}

/* What follows "NAME:" in the line of @schemata for that resource, NULL when there is none. */
static const char *find_resource(const char *schemata, const char *name, size_t length)
{
	const char *line = schemata;

	while (*line) {
		line += strspn(line, " \t");
		if (strncmp(line, name, length) == 0 && line[length] == ':')
			return line + length + 1;
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return NULL;
}

bool resctrl_in_force(const char *schemata, const char *line)
{
	const char *name = line + strspn(line, " \t"), *at, *present, *id, *value;
	size_t name_length = strcspn(name, ":"), id_length, length;

	if (name[name_length] != ':')
		return false;
	present = find_resource(schemata, name, name_length);
	if (!present)
		return false;
	at = name + name_length + 1;
	while (next_setting(&at, &id, &id_length, &value, &length))
		if (!has_setting(present, id, id_length, value, length))
			return false;
	return true;
}

/* spec:224 */
static int compare(const struct plan_rdt *plan, const struct resctrl_group *group,
		   struct arena *arena, struct error *err)
{
	_cleanup_fd_ int dir = openat(AT_FDCWD, group->clos, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *text;
	ssize_t n;
	size_t i;

	if (dir < 0)
		return error_errno(err, errno, "linux.intelRdt.closID: open %s", group->clos);
	n = fd_read_file(dir, "schemata", TEXT_MAX, arena, &text, err);
	if (n < 0)
		return error_at(err, "linux.intelRdt.closID: %s", group->clos);
	for (i = 0; i < plan->n_lines; i++)
		if (!resctrl_in_force(text, plan->lines[i]))
			return error_set(err, EEXIST,
					 "linux.intelRdt.closID: the class %s exists with "
					 "other schemata than \"%s\"",
					 plan->clos, plan->lines[i]);
	return 0;
}

/* ---- making and removing ---- */

static int make_class(const struct plan_rdt *plan, struct resctrl_group *group,
		      struct arena *arena, struct error *err)
{
	bool there = access(group->clos, F_OK) == 0;
	size_t i;
	int r;

	group->clos_made = false;
	if (!there && !plan->make)
		return error_set(err, ENOENT,
				 "linux.intelRdt.closID: there is no class %s, and no schemata "
				 "to make it with",
				 plan->clos);
	if (there) {
		r = plan->n_lines > 0 ? compare(plan, group, arena, err) : 0;
		if (r < 0)
			return r;
	} else if (mkdir(group->clos, 0755) < 0) {
		error_errno(err, errno, "linux.intelRdt: make the class %s", group->clos);
		explain(group, err);
		return -err->code;
	}
	group->clos_made = !there;
	for (i = 0; i < plan->n_lines; i++) {
		r = write_line(group, group->clos, "schemata", plan->lines[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

int resctrl_make(const struct plan_rdt *plan, struct resctrl_group *group, struct arena *arena,
		 struct error *err)
{
	const char *monitoring = group->monitoring;
	int r;

	if (!plan)
		return 0;
	group->monitoring = NULL;
	r = make_class(plan, group, arena, err);
	if (r < 0 || !monitoring)
		return r;
	if (mkdir(monitoring, 0755) < 0) {
		error_errno(err, errno, "linux.intelRdt.enableMonitoring: make %s", monitoring);
		explain(group, err);
		return -err->code;
	}
	group->monitoring = monitoring;
	return 0;
}

int resctrl_join(const struct resctrl_group *group, pid_t pid, struct error *err)
{
	char number[16];
	int r;

	if (!group->root)
		return 0;
	snprintf(number, sizeof number, "%d", (int)pid);
	r = write_line(group, group->clos, "tasks", number, err);
	if (r < 0 || !group->monitoring)
		return r;
	return write_line(group, group->monitoring, "tasks", number, err);
}

int resctrl_update(const struct resctrl_group *group, const char *l3, const char *mb,
		   struct arena *arena, char **ret_before, struct error *err)
{
	const char *path;
	ssize_t n;
	int r = 0;

	*ret_before = NULL;
	if (!group->root)
		return error_set(err, EINVAL, "the container was made without linux.intelRdt");
	path = arena_printf(arena, "%s/schemata", group->clos);
	if (!path)
		return error_oom(err);
	n = fd_read_file(AT_FDCWD, path, TEXT_MAX, arena, ret_before, err);
	if (n < 0)
		return (int)n;
	if (l3)
		r = write_line(group, group->clos, "schemata", l3, err);
	if (r >= 0 && mb)
		r = write_line(group, group->clos, "schemata", mb, err);
	if (r < 0)
		resctrl_restore(group, *ret_before);
	return r;
}

void resctrl_restore(const struct resctrl_group *group, char *before)
{
	struct error err = ERROR_INIT;
	char *line, *rest = NULL;

	for (line = strtok_r(before, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		line += strspn(line, " ");
		if (write_line(group, group->clos, "schemata", line, &err) < 0) {
			trace_warning("undo a half-done update: %s", err.text);
			error_ignore(&err, "what failed first is reported");
		}
	}
}

static int remove_one(const char *path, struct error *err)
{
	if (!path || rmdir(path) == 0 || errno == ENOENT || errno == ENODEV)
		return 0;
	return error_errno(err, errno, "remove %s", path);
}

int resctrl_remove(const struct resctrl_group *group, struct error *err)
{
	int r;

	if (!group->root)
		return 0;
	r = remove_one(group->monitoring, err);
	if (r < 0)
		return r;
	return remove_one(group->clos_made ? group->clos : NULL, err);
}
