/* Why a process of the container died: the out-of-memory killer leaves no message, but it counts.
 * Kernel fact: memory.events counts the cgroup and those below it; the file is there only when the
 * memory controller is enabled, and it never goes back: who was there before a container has to be subtracted. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cgroup/cgroup.h"
#include "cgroup/file.h"

/* "512 KiB": the largest unit that divides the number. */
static void write_bytes(uint64_t bytes, char *text, size_t size)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;

	while (unit + 1 < sizeof units / sizeof units[0] && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, size, "%llu %s", (unsigned long long)bytes, units[unit]);
}

static int read_counts(int dir, uint64_t *ret_kills, uint64_t *ret_refusals)
{
	char text[512];

	if (dir < 0 || cgroup_file_read(dir, "memory.events", text, sizeof text) < 0 ||
	    cgroup_flat_keyed(text, "oom_kill", ret_kills) < 0 ||
	    cgroup_flat_keyed(text, "max", ret_refusals) < 0)
		return -ENODATA;
	return 0;
}

void cgroup_note_oom(struct cgroup *cgroup)
{
	if (read_counts(cgroup->fd, &cgroup->oom_kills, &cgroup->refusals) < 0)
		cgroup->oom_kills = cgroup->refusals = 0;
}

void cgroup_explain_oom(const struct cgroup *cgroup, const char *stage, struct error *err)
{
	char text[512], limit[64] = "none of its own";
	uint64_t kills = 0, refusals = 0;

	if (read_counts(cgroup->fd, &kills, &refusals) < 0)
		return;
	if (cgroup_file_read(cgroup->fd, "memory.max", text, sizeof text) > 0 &&
	    strcmp(text, "max") != 0)
		write_bytes(strtoull(text, NULL, 10), limit, sizeof limit);
	if (kills > cgroup->oom_kills)
		error_at(err,
			 "container init was OOM-killed (memory limit too low?): killed by the "
			 "out-of-memory killer during %s (limit %s)",
			 stage, limit);
	else if (refusals > cgroup->refusals && err->code == ENOMEM)
		error_hint(err, " (memory limit too low? it is %s)", limit);
}

int cgroup_oom_killed(const char *path, uint64_t before)
{
	_cleanup_fd_ int dir = cgroup_open(AT_FDCWD, path);
	uint64_t kills = 0, refusals = 0;

	if (read_counts(dir, &kills, &refusals) < 0)
		return -ENODATA;
	return kills > before;
}
