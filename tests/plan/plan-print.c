/* Not a test itself but the tests' hand: reads a config.json from stdin and prints its plan as JSON, for
 * any kernel and any caller, without being one.
 *   plan-print [--caps=all|none|-x,...] [--id=ID] [--bundle=DIR] [--euid=N] [--nested] [--detached]
 *              [--console-socket=PATH] [--no-pivot] [--no-new-keyring] [--preserve-fds=N]
 *              [--cgroup-manager=cgroupfs|systemd|disabled]
 * Warnings go to stderr as "warning: TEXT". */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/trace.h"
#include "plan/plan.h"

static void print_line(void *data, enum trace_level level, const char *text)
{
	(void)data;
	(void)level;
	fprintf(stderr, "warning: %s\n", text);
}

/* The value of "--name=value", NULL when @argument is another option. */
static const char *value_of(const char *argument, const char *name)
{
	size_t length = strlen(name);

	return strncmp(argument, name, length) == 0 && argument[length] == '='
		       ? argument + length + 1
		       : NULL;
}

static int set_caps(struct kernel_caps *caps, const char *list, struct error *err)
{
	memset(caps, strcmp(list, "none") != 0, sizeof *caps);
	if (strcmp(list, "none") == 0 || strcmp(list, "all") == 0)
		return 0;
	return probe_switch_off(caps, list, err);
}

static int read_flag(struct plan_options *options, const char *argument, struct error *err)
{
	if (strcmp(argument, "--nested") == 0)
		options->initial_userns = false;
	else if (strcmp(argument, "--detached") == 0)
		options->detached = true;
	else if (strcmp(argument, "--no-pivot") == 0)
		options->no_pivot = true;
	else if (strcmp(argument, "--no-new-keyring") == 0)
		options->no_new_keyring = true;
	else
		return error_set(err, EINVAL, "unknown option %s", argument);
	return 0;
}

static int read_option(struct plan_options *options, struct kernel_caps *caps,
		       const char *argument, struct error *err)
{
	const char *value;

	if ((value = value_of(argument, "--caps")))
		return set_caps(caps, value, err);
	if ((value = value_of(argument, "--id")))
		options->id = value;
	else if ((value = value_of(argument, "--bundle")))
		options->bundle = value;
	else if ((value = value_of(argument, "--console-socket")))
		options->console_socket = value;
	else if ((value = value_of(argument, "--euid")))
		options->euid = (uint32_t)strtoul(value, NULL, 10);
	else if ((value = value_of(argument, "--preserve-fds")))
		options->preserve_fds = (unsigned)strtoul(value, NULL, 10);
	else if ((value = value_of(argument, "--cgroup-manager")))
		options->cgroup_manager = strcmp(value, "systemd") == 0 ? PLAN_CGROUP_SYSTEMD
					  : strcmp(value, "disabled") == 0
						  ? PLAN_CGROUP_DISABLED
						  : PLAN_CGROUP_CGROUPFS;
	else
		return read_flag(options, argument, err);
	return 0;
}

static int print(const struct plan_options *options, const struct kernel_caps *caps,
		 struct error *err)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new("  ");
	_cleanup_arena_ struct arena *arena = arena_new();
	const struct plan *plan;
	const struct spec *spec;
	const char *printed;
	size_t size;
	ssize_t length;
	char *text;
	int r;

	if (!arena || !writer)
		return error_oom(err);
	length = fd_read_all(0, JSON_SIZE_MAX, "stdin", arena, &text, err);
	if (length < 0)
		return (int)length;
	r = spec_load(text, (size_t)length, options->bundle, arena, &spec, err);
	if (r < 0)
		return error_at(err, "spec");
	r = plan_build(spec, caps, options, arena, &plan, err);
	if (r < 0)
		return r;
	plan_print(plan, writer);
	r = json_writer_text(writer, &printed, &size, err);
	if (r < 0)
		return r;
	printf("%.*s\n", (int)size, printed);
	return 0;
}

int main(int argc, char **argv)
{
	struct plan_options options = { .id = "c1",
					.bundle = "/bundle",
					.initial_userns = true };
	struct error err = ERROR_INIT;
	struct kernel_caps caps;
	int i, r;

	memset(&caps, 1, sizeof caps);
	trace_install(print_line, NULL, TRACE_WARNING);
	for (i = 1, r = 0; i < argc && r >= 0; i++)
		r = read_option(&options, &caps, argv[i], &err);
	if (r >= 0)
		r = print(&options, &caps, &err);
	if (r < 0)
		fprintf(stderr, "error: %s\n", err.text);
	return r < 0;
}
