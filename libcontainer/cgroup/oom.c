/* Why a process of the container died: the out-of-memory killer leaves no message, but it counts.
 * Kernel fact: memory.events counts the cgroup and those below it; the file is there only when the
 * memory controller is enabled. */
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

void cgroup_explain_oom(const struct cgroup *cgroup, const char *stage, struct error *err)
{
	char text[512], limit[64] = "none of its own";
	uint64_t kills = 0, refusals = 0;

	if (cgroup->fd < 0 ||
	    cgroup_file_read(cgroup->fd, "memory.events", text, sizeof text) < 0 ||
	    cgroup_flat_keyed(text, "oom_kill", &kills) < 0 ||
	    cgroup_flat_keyed(text, "max", &refusals) < 0)
		return;
	if (cgroup_file_read(cgroup->fd, "memory.max", text, sizeof text) > 0 &&
	    strcmp(text, "max") != 0)
		write_bytes(strtoull(text, NULL, 10), limit, sizeof limit);
	if (kills > 0)
		error_at(err,
			 "container init was OOM-killed (memory limit too low?): killed by the "
			 "out-of-memory killer during %s (limit %s)",
			 stage, limit);
	else if (refusals > 0 && err->code == ENOMEM)
		error_hint(err, " (memory limit too low? it is %s)", limit);
}

int cgroup_oom_killed(const char *path)
{
	_cleanup_fd_ int dir = cgroup_open(AT_FDCWD, path);
	uint64_t kills = 0;
	char text[512];

	if (dir < 0 || cgroup_file_read(dir, "memory.events", text, sizeof text) < 0 ||
	    cgroup_flat_keyed(text, "oom_kill", &kills) < 0)
		return -ENODATA;
	return kills > 0;
}
