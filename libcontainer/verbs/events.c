/* events: the figures of a running container, at once or again and again, and each time that the kernel had to
 * kill a process of it for lack of memory. Nothing is looked at between: memory.events and cgroup.events say by
 * POLLPRI that they have changed. Kernel facts: the first of them is there only with the memory controller;
 * a poll reports what has changed since the file was last read, on the same open file. No lock is taken. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cgroup/cgroup.h"
#include "cgroup/stats.h"
#include "kernel/process.h"
#include "verbs/observe.h"
#include "verbs/statistics.h"

/* What is being told of, and to whom. */
struct telling {
	struct verb_context *context;
	const struct state_record *record;
	const struct verb_events_sink *sink;
};

/* The interfaces of init's network namespace, as long as it is init that is looked at. */
static int read_interfaces(const struct telling *telling, struct arena *arena,
			   struct statistics *statistics, struct error *err)
{
	const struct state_identity *init = &telling->record->init;
	_cleanup_fd_ int pidfd = state_open_process(init, telling->context->proc);
	int r;

	if (pidfd < 0)
		return 0; /* what shares its pid namespace lives on */
	r = interfaces_read(telling->context->proc, init->pid, arena, &statistics->interfaces,
			    err);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		error_ignore(err, "the figures of the cgroup are of use without them");
	if (r < 0 || process_pidfd_signal(pidfd, 0) < 0)
		statistics->interfaces.count = 0;
	return 0;
}

static void begin(struct json_writer *writer, const char *type, const char *id)
{
	json_object_begin(writer);
	json_key_string(writer, "type", type);
	json_key_string(writer, "id", id);
}

/* One event with all figures. Memory for them is freed at once: this may go on for months. */
static int tell_stats(const struct telling *telling, struct error *err)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	_cleanup_arena_ struct arena *arena = arena_new();
	struct statistics statistics = { 0 };
	int r;

	if (!writer || !arena)
		return error_oom(err);
	r = cgroup_read_stats(telling->record->cgroup, arena, &statistics.cgroup, err);
	if (r >= 0)
		r = resctrl_read_stats(&telling->record->rdt, arena, &statistics.rdt, err);
	if (r >= 0)
		r = read_interfaces(telling, arena, &statistics, err);
	if (r < 0)
		return r;
	begin(writer, "stats", telling->record->id);
	json_key(writer, "data");
	if (statistics_print(&statistics, arena, writer) < 0)
		return error_oom(err);
	json_object_end(writer);
	return telling->sink->take(telling->sink->data, writer, err);
}

static int tell_oom(const struct telling *telling, struct error *err)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);

	if (!writer)
		return error_oom(err);
	begin(writer, "oom", telling->record->id);
	json_object_end(writer);
	return telling->sink->take(telling->sink->data, writer, err);
}

/* Tells of what happens until the container's cgroup is empty or gone. */
static int follow(const struct telling *telling, int interval_ms, struct error *err)
{
	_cleanup_(cgroup_watch_close) struct cgroup_watch watch = CGROUP_WATCH_INIT;
	int64_t next = now_ms() + interval_ms, left;
	uint64_t kills, told;
	bool populated;
	int r;

	r = cgroup_watch_open(telling->record->cgroup, &watch, err);
	if (r >= 0)
		r = cgroup_watch_read(&watch, &populated, &told, err);
	while (r >= 0 && populated) {
		left = next - now_ms();
		if (left <= 0) {
			/* from now on: what was slept through, stopped or suspended, is not made up for */
			next = now_ms() + interval_ms;
			r = tell_stats(telling, err);
			continue;
		}
		r = cgroup_watch_wait(&watch, (int)left, err);
		if (r > 0)
			r = cgroup_watch_read(&watch, &populated, &kills, err);
		else
			continue;
		if (r >= 0 && kills > told)
			r = tell_oom(telling, err);
		told = kills;
	}
	if (r != -ESRCH)
		return r;
	error_ignore(err, "the cgroup went with the container");
	return 0;
}

int verb_events(struct verb_context *context, const char *id, int interval_ms,
		const struct verb_events_sink *sink, struct error *err)
{
	struct telling telling = { .context = context, .sink = sink };
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct verb_container container;
	int r;

	r = state_open_dir(&context->store, id, &dir, err);
	if (r < 0)
		return r;
	r = observe(context, &dir, id, &container, err);
	if (r >= 0)
		r = state_check_reachable(container.record, context->proc, err);
	if (r < 0)
		return r;
	state_dir_close(&dir);
	telling.record = container.record;
	if (container.status == STATE_STOPPED || container.status == STATE_CREATING)
		return error_set(err, ESRCH, "container with id %s is not running", id);
	if (!container.record->cgroup)
		return error_set(err, ENOTSUP,
				 "the container has no cgroup of its own, whose figures could "
				 "be told");
	if (interval_ms > 0)
		return follow(&telling, interval_ms, err);
	r = tell_stats(&telling, err);
	if (r == -ESRCH)
		return error_set(err, ESRCH, "container with id %s is not running", id);
	return r;
}
