/* The limits of a plan into the files of a cgroup, in the plan's order. Kernel fact: memory.max below what is
 * used is not refused on cgroup v2: the kernel reclaims and then kills. Who wants it refused says
 * memory.checkBeforeUpdate, and then the usage is asked for first. */
#include "cgroup/write.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/fd.h"
#include "cgroup/file.h"

/* Returns whether it was written, or -errno. */
static int write_one(const struct plan_cgroup_write *write, int dir, struct error *err)
{
	int r = fd_write_file(dir, write->file, write->value, err);

	if (r >= 0)
		return true;
	if (r == -ENOENT)
		error_hint(err, " (this kernel's %s has no such file)",
			   write->controller ? write->controller : "cgroup v2");
	return error_at(err, "%s", write->where ? write->where : "linux.resources");
}

static bool is_unknown(int r)
{
	return r == -ENOENT || r == -EOPNOTSUPP;
}

int cgroup_write_all(const struct plan_cgroup_write *writes, size_t n_writes, int dir,
		     size_t *ret_tried, struct error *err)
{
	bool other_way = false; /* the one before was refused, and this one is the other way */
	size_t i;
	int r;

	for (i = 0; i < n_writes; i++) {
		if (ret_tried)
			*ret_tried = i + 1;
		r = write_one(&writes[i], dir, err);
		if (r < 0 && is_unknown(r) && other_way)
			return error_hint(err, ", and %s does not take it either",
					  writes[i - 1].file);
		if (r < 0 && !(is_unknown(r) && (writes[i].optional || writes[i].or_next)))
			return r;
		other_way = r < 0 && writes[i].or_next;
		if (r < 0)
			error_ignore(err, "this kernel does not have it, and it can be done "
					  "without or in another way");
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
