/* The limits of a plan into the files of a cgroup, in the plan's order. Kernel fact: memory.max below what is
 * used is not refused on cgroup v2: the kernel reclaims and then kills. Who wants it refused says
 * memory.checkBeforeUpdate, and then the usage is asked for first. */
#include "cgroup/write.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "cgroup/file.h"

int cgroup_write_all(const struct plan_cgroup_write *writes, size_t n_writes, int dir,
		     struct error *err)
{
	size_t i;
	int r;

	for (i = 0; i < n_writes; i++) {
		r = fd_write_file(dir, writes[i].file, writes[i].value, err);
		if (r >= 0)
			continue;
		if (r == -ENOENT && writes[i].optional) {
			error_ignore(err, "this kernel does not have the file, and it can be "
					  "done without");
			continue;
		}
		if (r == -ENOENT)
			error_hint(err, " (this kernel's %s has no such file)",
				   writes[i].controller ? writes[i].controller : "cgroup v2");
		return error_at(err, "%s",
				writes[i].where ? writes[i].where : "linux.resources");
	}
	return 0;
}

static int read_bytes(int dir, const char *file, uint64_t *ret_bytes, struct error *err)
{
	char text[64];
	ssize_t n = cgroup_file_read(dir, file, text, sizeof text);

	if (n < 0)
		return error_errno(err, (int)-n, "read %s", file);
	*ret_bytes = strtoull(text, NULL, 10);
	return 0;
}

int cgroup_check_usage(const struct plan_cgroup *plan, int dir, struct error *err)
{
	uint64_t memory = 0, swap = 0;
	int r;

	if (plan->usage_below == 0 && plan->usage_with_swap_below == 0)
		return 0;
	r = read_bytes(dir, "memory.current", &memory, err);
	if (r < 0)
		return r;
	if (plan->usage_with_swap_below != 0) {
		/* a kernel without swap accounting swaps nothing of it that it knows of */
		if (read_bytes(dir, "memory.swap.current", &swap, err) < 0)
			error_ignore(err, "no swap is accounted for");
		if (memory + swap >= plan->usage_with_swap_below)
			return error_set(err, EBUSY,
					 "linux.resources.memory.swap: rejecting memory+swap "
					 "limit %llu <= usage %llu (checkBeforeUpdate)",
					 (unsigned long long)plan->usage_with_swap_below,
					 (unsigned long long)(memory + swap));
	}
	if (plan->usage_below != 0 && memory >= plan->usage_below)
		return error_set(err, EBUSY,
				 "linux.resources.memory.limit: rejecting memory limit %llu "
				 "<= usage %llu (checkBeforeUpdate)",
				 (unsigned long long)plan->usage_below,
				 (unsigned long long)memory);
	return 0;
}
