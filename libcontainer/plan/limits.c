/* linux.resources as values for the files of cgroup v2. The properties are those of v1; what v2 has under
 * another name or on another scale is converted as runc does, because schedulers count on the results.
 * Where v2 has nothing, a property that promises something is an error, one that only tunes is a warning
 * (spec 217). A memory value of 0 means "not set", -1 means unlimited (contract 7.15). */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plan/cgroup.h"

int plan_add_write(struct plan_writes *w, const struct plan_write_to *write, struct error *err,
		   const char *format, ...)
{
	struct plan_cgroup_write **list = write->late ? &w->late : &w->list;
	size_t *n = write->late ? &w->n_late : &w->n;
	struct plan_cgroup_write *grown;
	char value[256], *copy;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(value, sizeof value, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof value)
		return error_set(err, E2BIG, "%s: too long for a file of cgroup v2",
				 write->where);
	grown = arena_grow(w->arena, *list, *n, sizeof *grown);
	copy = arena_strdup(w->arena, value);
	if (!grown || !copy)
		return error_oom(err);
	*list = grown;
	grown[(*n)++] = (struct plan_cgroup_write){
		.controller = write->controller,
		.file = write->file,
		.value = copy,
		.where = write->where,
		.optional = write->optional,
		.or_next = write->or_next,
	};
	return 0;
}

/* A number of bytes or tasks, "max" for a negative one. */
static int add_limit(struct plan_writes *w, const struct plan_write_to *write, int64_t value,
		     struct error *err)
{
	if (value < 0)
		return plan_add_write(w, write, err, "max");
	return plan_add_write(w, write, err, "%" PRId64, value);
}

static const struct plan_write_to swap_file = {
	.controller = "memory",
	.file = "memory.swap.max",
	.where = "linux.resources.memory.swap",
};

/* Swap alone, where v1 has memory and swap together. Of a whole config.json spec_load() has checked it, of an
 * update nobody could. Returns whether there is something to write, or -errno. */
static int swap_limit(const struct spec_memory *memory, int64_t *ret_swap, struct error *err)
{
	int64_t limit = memory->limit.value, swap = memory->swap.value;

	/* unlimited memory is unlimited swap, unless said otherwise */
	if (limit < 0 && swap == 0)
		swap = -1;
	if (swap > 0 && limit == 0)
		return error_set(err, EINVAL,
				 "%s: unable to set swap limit without memory limit",
				 swap_file.where);
	if (swap > 0 && (limit < 0 || swap < limit))
		return error_set(err, EINVAL, "%s: memory+swap limit should be >= memory limit",
				 swap_file.where);
	*ret_swap = swap > 0 ? swap - limit : swap;
	return swap != 0;
}

static int add_swap(struct plan_writes *w, const struct spec_memory *memory, struct error *err)
{
	struct plan_write_to write = swap_file;
	int64_t swap = 0;
	int r = swap_limit(memory, &swap, err);

	if (r <= 0)
		return r;
	/* a kernel without swap accounting has no limit to lift, and lets nothing be swapped */
	write.optional = swap <= 0;
	return add_limit(w, &write, swap, err);
}

static int add_memory(struct plan_writes *w, const struct spec_memory *memory,
		      struct error *err)
{
	int r = 0;

	if (memory->limit.value != 0)
		r = add_limit(
			w,
			&(struct plan_write_to){ .controller = "memory",
						 .file = "memory.max",
						 .where = "linux.resources.memory.limit" },
			memory->limit.value, err);
	if (r >= 0)
		r = add_swap(w, memory, err);
	if (r >= 0 && memory->reservation.value != 0)
		r = add_limit(w,
			      &(struct plan_write_to){
				      .controller = "memory",
				      .file = "memory.low",
				      .where = "linux.resources.memory.reservation" },
			      memory->reservation.value, err);
	return r;
}

static int add_cpu_time(struct plan_writes *w, const struct spec_cpu *cpu, struct error *err)
{
	struct plan_write_to write = { .controller = "cpu", .file = "cpu.max" };
	uint64_t period = cpu->period.value ? cpu->period.value : 100000;
	int r = 0;

	if (cpu->quota.value > 0 && cpu->burst.value > (uint64_t)cpu->quota.value)
		return error_set(err, EINVAL,
				 "linux.resources.cpu.burst: must not be larger than quota");
	if (cpu->quota.value != 0 || cpu->period.value != 0) {
		write.where = cpu->quota.value != 0 ? "linux.resources.cpu.quota"
						    : "linux.resources.cpu.period";
		if (cpu->quota.value > 0)
			r = plan_add_write(w, &write, err, "%" PRId64 " %" PRIu64,
					   cpu->quota.value, period);
		else
			r = plan_add_write(w, &write, err, "max %" PRIu64, period);
	}
	if (r >= 0 && cpu->burst.set)
		r = plan_add_write(
			w,
			&(struct plan_write_to){ .controller = "cpu",
						 .file = "cpu.max.burst",
						 .where = "linux.resources.cpu.burst",
						 .optional = cpu->burst.value == 0 },
			err, "%" PRIu64, cpu->burst.value);
	return r;
}

/* An idle cgroup refuses a weight, and one that becomes idle forgets it; a scope of systemd's is born idle. */
static int add_cpu(struct plan_writes *w, const struct spec_cpu *cpu, struct error *err)
{
	int r = 0;

	if (cpu->realtime_runtime.value != 0 || cpu->realtime_period.value != 0)
		return error_set(err, ENOTSUP,
				 "linux.resources.cpu.%s: cgroup v2 has no real-time limits",
				 cpu->realtime_runtime.value ? "realtimeRuntime"
							     : "realtimePeriod");
	if (cpu->shares.value != 0 && cpu->idle.value != 1)
		r = plan_add_write(
			w,
			&(struct plan_write_to){ .controller = "cpu",
						 .file = "cpu.weight",
						 .where = "linux.resources.cpu.shares" },
			err, "%" PRIu64, plan_cpu_weight(cpu->shares.value));
	if (r >= 0)
		r = add_cpu_time(w, cpu, err);
	if (r >= 0 && cpu->idle.set)
		r = plan_add_write(w,
				   &(struct plan_write_to){ .controller = "cpu",
							    .file = "cpu.idle",
							    .where = "linux.resources.cpu.idle",
							    .optional = cpu->idle.value == 0 },
				   err, "%" PRId64, cpu->idle.value);
	return r;
}

/* Lists can be long: they are not formatted. */
static int add_text(struct plan_writes *w, const struct plan_write_to *write, const char *value,
		    struct error *err)
{
	int r = plan_add_write(w, write, err, " ");

	if (r >= 0)
		w->list[w->n - 1].value = value;
	return r;
}

static int add_cpuset(struct plan_writes *w, const struct spec_cpu *cpu, struct error *err)
{
	int r = 0;

	if (cpu->cpus && cpu->cpus[0])
		r = add_text(w,
			     &(struct plan_write_to){ .controller = "cpuset",
						      .file = "cpuset.cpus",
						      .where = "linux.resources.cpu.cpus" },
			     cpu->cpus, err);
	if (r >= 0 && cpu->mems && cpu->mems[0])
		r = add_text(w,
			     &(struct plan_write_to){ .controller = "cpuset",
						      .file = "cpuset.mems",
						      .where = "linux.resources.cpu.mems" },
			     cpu->mems, err);
	return r;
}

/* 0 tasks would forbid the birth of the init itself: written when it is there. */
static int add_pids(struct plan_writes *w, const struct spec_pids *pids, struct error *err)
{
	if (!pids->limit.set)
		return 0;
	return add_limit(w,
			 &(struct plan_write_to){ .controller = "pids",
						  .file = "pids.max",
						  .where = "linux.resources.pids.limit",
						  .late = pids->limit.value == 0 },
			 pids->limit.value, err);
}

/* Spec 208: rsvd accounting where the kernel has it. Both are written: a reservation is not a fault. */
static int add_hugepages(struct plan_writes *w, const struct spec_hugepage_limit *limit,
			 size_t index, struct error *err)
{
	struct plan_write_to write = { .controller = "hugetlb" };
	int r;

	write.where = arena_printf(w->arena, "linux.resources.hugepageLimits[%zu]", index);
	write.file = arena_printf(w->arena, "hugetlb.%s.max", limit->page_size);
	if (!write.where || !write.file)
		return error_oom(err);
	r = plan_add_write(w, &write, err, "%" PRIu64, limit->limit);
	if (r < 0)
		return r;
	write.optional = true;
	write.file = arena_printf(w->arena, "hugetlb.%s.rsvd.max", limit->page_size);
	if (!write.file)
		return error_oom(err);
	return plan_add_write(w, &write, err, "%" PRIu64, limit->limit);
}

static int add_rdma(struct plan_writes *w, const struct spec_rdma *rdma, struct error *err)
{
	struct plan_write_to write = { .controller = "rdma", .file = "rdma.max" };

	write.where = arena_printf(w->arena, "linux.resources.rdma[\"%s\"]", rdma->device);
	if (!write.where)
		return error_oom(err);
	if (!rdma->hca_objects.set)
		return plan_add_write(w, &write, err, "%s hca_handle=%" PRIu64, rdma->device,
				      rdma->hca_handles.value);
	if (!rdma->hca_handles.set)
		return plan_add_write(w, &write, err, "%s hca_object=%" PRIu64, rdma->device,
				      rdma->hca_objects.value);
	return plan_add_write(w, &write, err, "%s hca_handle=%" PRIu64 " hca_object=%" PRIu64,
			      rdma->device, rdma->hca_handles.value, rdma->hca_objects.value);
}

/* net_cls and net_prio have no successor; 0 is their default. */
static int check_network(const struct spec_network *network, struct error *err)
{
	if (network->class_id.value != 0)
		return error_set(err, ENOTSUP,
				 "linux.resources.network.classID: cgroup v2 has no net_cls");
	if (network->n_priorities > 0)
		return error_set(
			err, ENOTSUP,
			"linux.resources.network.priorities: cgroup v2 has no net_prio");
	return 0;
}

/* What a write speaks of within its file: a device, where it begins with one, else all of it. */
static size_t subject(const char *value)
{
	size_t length = strcspn(value, " ");

	return memchr(value, ':', length) ? length : 0;
}

/* A typed property that has set the same already. */
static struct plan_cgroup_write *find_typed(const struct plan_writes *w, size_t n_typed,
					    const char *file, const char *value)
{
	size_t length = subject(value), i;

	for (i = 0; i < n_typed; i++)
		if (strcmp(w->list[i].file, file) == 0 && subject(w->list[i].value) == length &&
		    strncmp(w->list[i].value, value, length) == 0)
			return &w->list[i];
	for (i = 0; i < w->n_late; i++)
		if (strcmp(w->late[i].file, file) == 0)
			return &w->late[i];
	return NULL;
}

/* kubelet limits swap by unified alone, and the engines that it calls send swap = limit, no swap, with any limit. */
static bool is_engines_default(const struct plan_cgroup_write *typed)
{
	return strcmp(typed->file, swap_file.file) == 0 && strcmp(typed->value, "0") == 0;
}

/* One line of the value: files of several devices or resources take one with each write. */
static int add_unified_line(struct plan_writes *w, const struct plan_write_to *write,
			    const char *value, size_t n_typed, struct error *err)
{
	struct plan_cgroup_write *typed = find_typed(w, n_typed, write->file, value);

	if (typed && strcmp(typed->value, value) == 0)
		return 0;
	if (typed && is_engines_default(typed)) {
		typed->value = value;
		typed->where = write->where;
		typed->optional = false;
		return 0;
	}
	if (typed)
		return error_set(err, EINVAL, "unable to apply both %s (%s) and %s (%s)",
				 typed->where, typed->value, write->where, value);
	return add_text(w, write, value, err);
}

/* The controller of a file is what stands before its first dot; "cgroup" is the core and always there. */
static int add_unified(struct plan_writes *w, const struct spec_pair *pair, size_t n_typed,
		       struct error *err)
{
	const char *dot = strchr(pair->key, '.');
	struct plan_write_to write = { .file = pair->key };
	char *text, *line, *rest = NULL;
	int r = 0;

	if (strchr(pair->key, '/') || !dot || dot == pair->key)
		return error_set(err, EINVAL,
				 "linux.resources.unified: \"%s\" is not a file of a cgroup "
				 "(CONTROLLER.NAME)",
				 pair->key);
	write.where = arena_printf(w->arena, "linux.resources.unified[\"%s\"]", pair->key);
	write.controller = arena_strndup(w->arena, pair->key, (size_t)(dot - pair->key));
	text = arena_strdup(w->arena, pair->value);
	if (!write.where || !write.controller || !text)
		return error_oom(err);
	if (strcmp(write.controller, "cgroup") == 0)
		write.controller = NULL;
	line = strtok_r(text, "\n", &rest);
	if (!line) /* an empty write would change nothing, an empty line empties a list */
		return add_unified_line(w, &write, "\n", n_typed, err);
	for (; line && r >= 0; line = strtok_r(NULL, "\n", &rest))
		r = add_unified_line(w, &write, line, n_typed, err);
	return r;
}

static int add_lists(struct plan_writes *w, const struct spec_resources *resources,
		     struct error *err)
{
	size_t n_typed, i;
	int r = 0;

	for (i = 0; i < resources->n_hugepage_limits && r >= 0; i++)
		r = add_hugepages(w, &resources->hugepage_limits[i], i, err);
	for (i = 0; i < resources->n_rdma && r >= 0; i++)
		r = add_rdma(w, &resources->rdma[i], err);
	n_typed = w->n;
	for (i = 0; i < resources->n_unified && r >= 0; i++)
		r = add_unified(w, &resources->unified[i], n_typed, err);
	return r;
}

void plan_check_usage(const struct spec_memory *memory, struct plan_cgroup *cgroup)
{
	if (!memory || !memory->check_before_update.value)
		return;
	if (memory->limit.value > 0)
		cgroup->usage_below = (uint64_t)memory->limit.value;
	if (memory->swap.value > 0)
		cgroup->usage_with_swap_below = (uint64_t)memory->swap.value;
}

int plan_add_limits(struct plan_writes *w, const struct spec_resources *resources,
		    struct error *err)
{
	int r = 0;

	if (resources->memory)
		r = add_memory(w, resources->memory, err);
	if (r >= 0 && resources->cpu)
		r = add_cpu(w, resources->cpu, err);
	if (r >= 0 && resources->cpu)
		r = add_cpuset(w, resources->cpu, err);
	if (r >= 0 && resources->pids)
		r = add_pids(w, resources->pids, err);
	if (r >= 0 && resources->block_io)
		r = plan_block_io(w, resources->block_io, err);
	if (r >= 0 && resources->network)
		r = check_network(resources->network, err);
	if (r >= 0)
		r = add_lists(w, resources, err);
	return r;
}

int plan_limits(const struct plan_builder *b, struct plan_cgroup *cgroup, struct error *err)
{
	const struct spec_resources *resources = b->lin->resources;
	struct plan_writes w = { .arena = b->arena };
	int r;

	if (!resources)
		return 0;
	plan_warn_of_limits(resources);
	r = plan_add_limits(&w, resources, err);
	plan_check_usage(resources->memory, cgroup);
	cgroup->n_writes = w.n;
	cgroup->writes = w.list;
	cgroup->n_late_writes = w.n_late;
	cgroup->late_writes = w.late;
	return r;
}
