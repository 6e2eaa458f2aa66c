/* Limits of a living cgroup, changed together or not at all: each file is read before it is written, and
 * when one is refused, those before it get their old values back, the last one first. Kernel fact: a file of
 * one value is written as it was read; in one with a line a device or resource a write changes that line
 * alone, and a device without a limit has no line, so that its old value has to be known from the file's
 * meaning (Documentation/admin-guide/cgroup-v2.rst). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/trace.h"
#include "cgroup/cgroup.h"
#include "cgroup/controllers.h"
#include "cgroup/device_filter.h"
#include "cgroup/file.h"
#include "cgroup/write.h"

#define FILE_MAX ((size_t)1024 * 1024)

/* What a file says of a device that it has no line for. */
static const struct {
	const char *file, *value;
} without_line[] = {
	{ "io.max", "rbps=max wbps=max riops=max wiops=max" },
	{ "io.weight", "default" },
	{ "io.bfq.weight", "default" },
	{ "io.latency", "target=0" },
};

/* The line of @text that begins with the first @length characters of @key and a blank; NULL: none. The text
 * is cut behind it. */
static char *find_line(char *text, const char *key, size_t length)
{
	char *line, *rest = NULL;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			return line;
	return NULL;
}

/* The old value of a device's line that is not there. */
static const char *value_without_line(const char *file, const char *key, size_t length,
				      struct arena *arena)
{
	size_t i;

	for (i = 0; i < ELEMENTS_OF(without_line); i++)
		if (strcmp(without_line[i].file, file) == 0)
			return arena_printf(arena, "%.*s %s", (int)length, key,
					    without_line[i].value);
	return NULL;
}

/* What has to be written to undo @write. @text: what the file says before; changed. NULL: not known. */
static const char *value_before(const struct plan_cgroup_write *write, char *text,
				struct arena *arena)
{
	size_t key = strcspn(write->value, " ");
	bool has_key = write->value[key] == ' ';
	char *newline;

	/* MAJOR:MINOR is always a key */
	if (has_key && memchr(write->value, ':', key)) {
		char *line = find_line(text, write->value, key);

		return line ? line : value_without_line(write->file, write->value, key, arena);
	}
	newline = strchr(text, '\n');
	if (!newline || newline[1] == '\0')
		return *text ? text : "\n"; /* an empty write would change nothing */
	if (has_key)
		return find_line(text, write->value, key);
	return find_line(text, "default", strlen("default"));
}

/* @ret_values: for each write what undoes it, or NULL. */
static int read_values(const struct plan_cgroup *plan, int dir, struct arena *arena,
		       const char ***ret_values, struct error *err)
{
	const char **values = arena_array(arena, plan->n_writes, sizeof *values);
	char *text;
	size_t i;

	if (!values)
		return error_oom(err);
	for (i = 0; i < plan->n_writes; i++) {
		if (fd_read_file(dir, plan->writes[i].file, FILE_MAX, arena, &text, err) < 0) {
			error_ignore(err, "writing it will say what is wrong; some files can "
					  "only be written");
			continue;
		}
		values[i] = value_before(&plan->writes[i], text, arena);
	}
	*ret_values = values;
	return 0;
}

/* @n: how many were written. */
static void restore(const struct plan_cgroup *plan, int dir, const char *const *values,
		    size_t n)
{
	struct error err = ERROR_INIT;

	while (n-- > 0) {
		if (!values[n])
			continue;
		if (fd_write_file(dir, plan->writes[n].file, values[n], &err) < 0) {
			trace_warning("undo a half-done update: %s", err.text);
			error_ignore(&err, "what failed first is reported");
		}
	}
}

static int apply(const struct plan_cgroup *plan, int dir, const struct cgroup_step *then,
		 struct error *err)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	_cleanup_fd_ int filter = -1;
	const char **values = NULL;
	size_t tried = 0;
	int r;

	if (!arena)
		return error_oom(err);
	/* first, since what refuses the rules refuses them here, and @then can't be undone */
	if (plan->filter_devices) {
		filter = device_filter_load(plan->device_rules, plan->n_device_rules, err);
		if (filter < 0)
			return error_at(err, "linux.resources.devices");
	}
	r = read_values(plan, dir, arena, &values, err);
	if (r < 0)
		return r;
	r = cgroup_write_all(plan->writes, plan->n_writes, dir, &tried, err);
	if (r >= 0 && then)
		r = then->perform(then->data, err);
	if (r >= 0 && filter >= 0) {
		r = device_filter_replace(dir, filter, err);
		if (r < 0)
			error_at(err, "linux.resources.devices");
	}
	/* the one that was refused too: it can have been changed in part */
	if (r < 0)
		restore(plan, dir, values, tried);
	return r;
}

int cgroup_update(const struct plan_cgroup *plan, const char *path,
		  const struct cgroup_step *then, struct error *err)
{
	struct controllers controllers;
	_cleanup_fd_ int dir = -1;
	int r;

	if (!path)
		return error_set(
			err, ENOTSUP,
			"the container has no cgroup of its own that could be limited");
	controllers_collect(plan, &controllers);
	dir = cgroup_open(AT_FDCWD, path);
	if (dir == -ENOENT)
		return error_set(err, ESRCH, "cgroup %s is gone", path);
	if (dir < 0)
		return error_errno(err, -dir, "open cgroup %s", path);
	r = cgroup_enable_down_to(path, &controllers, err);
	if (r >= 0)
		r = cgroup_check_usage(plan, dir, err);
	if (r >= 0)
		r = apply(plan, dir, then, err);
	return r < 0 ? error_at(err, "cgroup %s", path) : 0;
}
