/* The update of a live container, as writes. Three sets of resources play a part: what is recorded, what is
 * asked for, and both merged. The merged set is converted as a whole only to find contradictions; what is
 * written comes from the asked one, completed by those recorded properties that share a file or a sum with it.
 * Kernel facts: cpu.max.burst must at no moment be above the quota of cpu.max; an idle cgroup refuses a
 * weight, and forgets the one it had; a memory.max below what is used reclaims, for which there has to be
 * room in memory.swap.max. */
#include <string.h>

#include "plan/cgroup.h"

static const struct spec_resources nothing;

struct update {
	const struct spec_resources *recorded, *asked, *merged;
	struct arena *arena;
};

/* Memory that becomes unlimited takes its swap along, as nobody can be held to a sum then. */
static int lift_swap(struct update *u, struct error *err)
{
	const struct spec_memory *asked = u->asked->memory, *recorded = u->recorded->memory;
	struct spec_resources *resources;
	struct spec_memory *memory;

	if (!asked || asked->limit.value >= 0 || asked->swap.value != 0 || !recorded ||
	    recorded->swap.value <= 0)
		return 0;
	resources = arena_alloc(u->arena, sizeof *resources);
	memory = arena_alloc(u->arena, sizeof *memory);
	if (!resources || !memory)
		return error_oom(err);
	*resources = *u->asked;
	*memory = *asked;
	memory->swap = (struct spec_opt_int){ true, -1 };
	resources->memory = memory;
	u->asked = resources;
	return 0;
}

/* The swap limit is a difference, so it follows both of its parts, unless it is given by itself. */
static int complete_memory(const struct update *u, struct spec_resources *resources,
			   struct error *err)
{
	const struct spec_memory *asked = u->asked->memory;
	struct spec_memory *memory;

	if (!asked || (asked->limit.value == 0 && asked->swap.value == 0))
		return 0;
	memory = arena_alloc(u->arena, sizeof *memory);
	if (!memory)
		return error_oom(err);
	*memory = *asked;
	memory->limit = u->merged->memory->limit;
	memory->swap = u->merged->memory->swap;
	if (spec_find_pair(u->merged->unified, u->merged->n_unified, "memory.swap.max"))
		memory->swap = (struct spec_opt_int){ 0 };
	resources->memory = memory;
	return 0;
}

/* Quota and period are one line; leaving idle needs the weight again, and within idle it can't be set. */
static int complete_cpu(const struct update *u, struct spec_resources *resources,
			struct error *err)
{
	const struct spec_cpu *asked = u->asked->cpu, *merged = u->merged->cpu;
	bool was_idle = u->recorded->cpu && u->recorded->cpu->idle.value == 1;
	struct spec_cpu *cpu;

	if (!asked)
		return 0;
	cpu = arena_alloc(u->arena, sizeof *cpu);
	if (!cpu)
		return error_oom(err);
	*cpu = *asked;
	if (asked->quota.value != 0 || asked->period.value != 0) {
		cpu->quota = merged->quota;
		cpu->period = merged->period;
	}
	if (was_idle)
		cpu->shares = merged->idle.value == 0 ? merged->shares
						      : (struct spec_opt_uint){ 0 };
	resources->cpu = cpu;
	return 0;
}

static size_t find(const struct plan_writes *w, const char *file)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (strcmp(w->list[i].file, file) == 0)
			break;
	return i;
}

/* Exchanges the two if both are there and @later stands in front of @earlier. */
static void put_before(struct plan_writes *w, const char *earlier, const char *later)
{
	size_t a = find(w, earlier), b = find(w, later);
	struct plan_cgroup_write write;

	if (a == w->n || b == w->n || a < b)
		return;
	write = w->list[a];
	w->list[a] = w->list[b];
	w->list[b] = write;
}

/* Whether @to lets less memory through than @from; 0 and negative ones are unlimited. */
static bool is_lower(int64_t to, int64_t from)
{
	return to > 0 && (from <= 0 || to < from);
}

static void order(const struct update *u, struct plan_writes *w)
{
	const struct spec_memory *memory = u->recorded->memory;
	const struct spec_cpu *cpu = u->recorded->cpu;

	if (u->asked->memory &&
	    is_lower(u->asked->memory->limit.value, memory ? memory->limit.value : 0))
		put_before(w, "memory.swap.max", "memory.max");
	if (cpu && u->asked->cpu && u->asked->cpu->burst.value < cpu->burst.value)
		put_before(w, "cpu.max.burst", "cpu.max");
	if (cpu && cpu->idle.value == 1)
		put_before(w, "cpu.idle", "cpu.weight");
}

/* With only the swap asked for, the memory limit stays as it is, also if somebody else has changed it. */
static void drop_unasked(const struct update *u, struct plan_writes *w)
{
	size_t at = find(w, "memory.max");

	if (!u->asked->memory || u->asked->memory->limit.value != 0 || at == w->n ||
	    strcmp(w->list[at].where, "linux.resources.memory.limit") != 0)
		return;
	memmove(w->list + at, w->list + at + 1, (w->n - at - 1) * sizeof *w->list);
	w->n--;
}

/* The init is there, so nothing is late any more. */
static int join_late(struct plan_writes *w, struct error *err)
{
	size_t i;

	for (i = 0; i < w->n_late; i++) {
		struct plan_cgroup_write *grown = arena_grow(w->arena, w->list, w->n,
							     sizeof *grown);

		if (!grown)
			return error_oom(err);
		w->list = grown;
		w->list[w->n++] = w->late[i];
	}
	return 0;
}

static int plan_writes(const struct update *u, struct plan_cgroup *cgroup, struct error *err)
{
	struct plan_writes all = { .arena = u->arena }, w = { .arena = u->arena };
	struct spec_resources resources = *u->asked;
	int r;

	r = plan_add_limits(&all, u->merged, err);
	if (r >= 0)
		r = complete_memory(u, &resources, err);
	if (r >= 0)
		r = complete_cpu(u, &resources, err);
	if (r >= 0)
		r = plan_add_limits(&w, &resources, err);
	if (r >= 0)
		r = join_late(&w, err);
	if (r < 0)
		return r;
	drop_unasked(u, &w);
	order(u, &w);
	cgroup->n_writes = w.n;
	cgroup->writes = w.list;
	return 0;
}

int plan_update(const struct plan_update_request *request, struct arena *arena,
		struct plan_update *ret_update, struct error *err)
{
	struct update u = {
		.recorded = request->recorded ? request->recorded : &nothing,
		.asked = request->asked,
		.arena = arena,
	};
	struct plan_cgroup *cgroup = &ret_update->cgroup;
	int r;

	*ret_update = (struct plan_update){ .cgroup.required = true };
	plan_warn_of_limits(request->asked);
	r = lift_swap(&u, err);
	if (r >= 0)
		r = spec_merge_resources(u.recorded, u.asked, arena, &u.merged, err);
	if (r >= 0)
		r = plan_writes(&u, cgroup, err);
	if (r < 0)
		return r;
	if (u.asked->memory)
		plan_check_usage(u.merged->memory, cgroup);
	if (request->privileged && u.asked->n_devices > 0 &&
	    !spec_same_device_rules(u.asked, u.recorded))
		r = plan_device_rules(u.asked, request->terminal, arena, cgroup, err);
	ret_update->resources = u.merged;
	return r;
}
