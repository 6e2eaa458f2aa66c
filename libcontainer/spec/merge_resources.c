/* What an update leaves in force: the recorded resources with the ones that were asked for on top. The
 * result is what the state record says afterwards, and what limits that depend on each other (memory and
 * swap; quota, period and burst) are computed from, whichever of them was changed. Nothing is copied that
 * can be shared: all of it is immutable. */
#include "spec/spec.h"

#include <string.h>

/* The two sides, of which @recorded counts where @asked says nothing. Never NULL here. */
struct sides {
	const struct spec_resources *recorded, *asked;
	struct arena *arena;
};

static void take_int(struct spec_opt_int *to, const struct spec_opt_int *from)
{
	if (from->set)
		*to = *from;
}

static void take_uint(struct spec_opt_uint *to, const struct spec_opt_uint *from)
{
	if (from->set)
		*to = *from;
}

static void take_bool(struct spec_opt_bool *to, const struct spec_opt_bool *from)
{
	if (from->set)
		*to = *from;
}

/* Where callers say "not set" by a 0. */
static void take_int_but_0(struct spec_opt_int *to, const struct spec_opt_int *from)
{
	if (from->value != 0)
		*to = *from;
}

static void take_uint_but_0(struct spec_opt_uint *to, const struct spec_opt_uint *from)
{
	if (from->value != 0)
		*to = *from;
}

/* ---- lists ---- */

struct list {
	size_t n;
	const void *elements;
};

struct kind {
	size_t size;
	bool (*same)(const void *a, const void *b); /* they speak of the same thing */
};

static bool has(const struct kind *kind, const struct list *list, const void *element)
{
	const char *elements = list->elements;
	size_t i;

	for (i = 0; i < list->n; i++)
		if (kind->same(elements + i * kind->size, element))
			return true;
	return false;
}

/* The elements of @recorded that @asked does not speak of, then those of @asked. */
static int merge_lists(const struct sides *sides, const struct kind *kind,
		       const struct list *recorded, const struct list *asked,
		       struct list *ret_list, struct error *err)
{
	const char *elements = recorded->elements;
	char *merged;
	size_t i, n = 0;

	if (asked->n == 0 || recorded->n == 0) {
		*ret_list = asked->n == 0 ? *recorded : *asked;
		return 0;
	}
	merged = arena_array(sides->arena, recorded->n + asked->n, kind->size);
	if (!merged)
		return error_oom(err);
	for (i = 0; i < recorded->n; i++, elements += kind->size)
		if (!has(kind, asked, elements))
			memcpy(merged + n++ * kind->size, elements, kind->size);
	memcpy(merged + n * kind->size, asked->elements, asked->n * kind->size);
	*ret_list = (struct list){ n + asked->n, merged };
	return 0;
}

static bool same_weight_device(const void *a, const void *b)
{
	const struct spec_weight_device *x = a, *y = b;

	return x->major == y->major && x->minor == y->minor;
}

static bool same_throttle_device(const void *a, const void *b)
{
	const struct spec_throttle_device *x = a, *y = b;

	return x->major == y->major && x->minor == y->minor;
}

static bool same_page_size(const void *a, const void *b)
{
	const struct spec_hugepage_limit *x = a, *y = b;

	return strcmp(x->page_size, y->page_size) == 0;
}

static bool same_rdma_device(const void *a, const void *b)
{
	const struct spec_rdma *x = a, *y = b;

	return strcmp(x->device, y->device) == 0;
}

static bool same_key(const void *a, const void *b)
{
	const struct spec_pair *x = a, *y = b;

	return strcmp(x->key, y->key) == 0;
}

static const struct kind weight_devices = { sizeof(struct spec_weight_device),
					    same_weight_device };
static const struct kind throttle_devices = { sizeof(struct spec_throttle_device),
					      same_throttle_device };
static const struct kind hugepage_limits = { sizeof(struct spec_hugepage_limit),
					     same_page_size };
static const struct kind rdma_devices = { sizeof(struct spec_rdma), same_rdma_device };
static const struct kind pairs = { sizeof(struct spec_pair), same_key };

/* ---- the objects ---- */

static int merge_memory(const struct sides *sides, const struct spec_memory **ret_memory,
			struct error *err)
{
	const struct spec_memory *old = sides->recorded->memory, *new = sides->asked->memory;
	struct spec_memory *memory;

	*ret_memory = new ? new : old;
	if (!old || !new)
		return 0;
	memory = arena_alloc(sides->arena, sizeof *memory);
	if (!memory)
		return error_oom(err);
	*memory = *old;
	take_int_but_0(&memory->limit, &new->limit);
	take_int_but_0(&memory->reservation, &new->reservation);
	take_int_but_0(&memory->swap, &new->swap);
	take_int_but_0(&memory->kernel, &new->kernel);
	take_int_but_0(&memory->kernel_tcp, &new->kernel_tcp);
	take_uint(&memory->swappiness, &new->swappiness);
	take_bool(&memory->disable_oom_killer, &new->disable_oom_killer);
	take_bool(&memory->use_hierarchy, &new->use_hierarchy);
	take_bool(&memory->check_before_update, &new->check_before_update);
	*ret_memory = memory;
	return 0;
}

static int merge_cpu(const struct sides *sides, const struct spec_cpu **ret_cpu,
		     struct error *err)
{
	const struct spec_cpu *old = sides->recorded->cpu, *new = sides->asked->cpu;
	struct spec_cpu *cpu;

	*ret_cpu = new ? new : old;
	if (!old || !new)
		return 0;
	cpu = arena_alloc(sides->arena, sizeof *cpu);
	if (!cpu)
		return error_oom(err);
	*cpu = *old;
	take_uint_but_0(&cpu->shares, &new->shares);
	take_int_but_0(&cpu->quota, &new->quota);
	take_uint(&cpu->burst, &new->burst);
	take_uint_but_0(&cpu->period, &new->period);
	take_int_but_0(&cpu->realtime_runtime, &new->realtime_runtime);
	take_uint_but_0(&cpu->realtime_period, &new->realtime_period);
	take_int(&cpu->idle, &new->idle);
	if (new->cpus)
		cpu->cpus = new->cpus;
	if (new->mems)
		cpu->mems = new->mems;
	*ret_cpu = cpu;
	return 0;
}

static int merge_throttles(const struct sides *sides, struct spec_block_io *io,
			   const struct spec_block_io *new, struct error *err)
{
	struct {
		size_t *n;
		const struct spec_throttle_device **devices;
		struct list asked;
	} lists[] = {
		{ &io->n_throttle_read_bps_device,
		  &io->throttle_read_bps_device,
		  { new->n_throttle_read_bps_device, new->throttle_read_bps_device } },
		{ &io->n_throttle_write_bps_device,
		  &io->throttle_write_bps_device,
		  { new->n_throttle_write_bps_device, new->throttle_write_bps_device } },
		{ &io->n_throttle_read_iops_device,
		  &io->throttle_read_iops_device,
		  { new->n_throttle_read_iops_device, new->throttle_read_iops_device } },
		{ &io->n_throttle_write_iops_device,
		  &io->throttle_write_iops_device,
		  { new->n_throttle_write_iops_device, new->throttle_write_iops_device } },
	};
	struct list merged;
	size_t i;
	int r;

	for (i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		const struct list recorded = { *lists[i].n, *lists[i].devices };

		r = merge_lists(sides, &throttle_devices, &recorded, &lists[i].asked, &merged,
				err);
		if (r < 0)
			return r;
		*lists[i].n = merged.n;
		*lists[i].devices = merged.elements;
	}
	return 0;
}

static int merge_block_io(const struct sides *sides, const struct spec_block_io **ret_io,
			  struct error *err)
{
	const struct spec_block_io *old = sides->recorded->block_io,
				   *new = sides->asked->block_io;
	struct spec_block_io *io;
	struct list weights;
	int r;

	*ret_io = new ? new : old;
	if (!old || !new)
		return 0;
	io = arena_alloc(sides->arena, sizeof *io);
	if (!io)
		return error_oom(err);
	*io = *old;
	take_uint_but_0(&io->weight, &new->weight);
	take_uint_but_0(&io->leaf_weight, &new->leaf_weight);
	r = merge_lists(sides, &weight_devices,
			&(struct list){ old->n_weight_device, old->weight_device },
			&(struct list){ new->n_weight_device, new->weight_device }, &weights,
			err);
	if (r < 0)
		return r;
	io->n_weight_device = weights.n;
	io->weight_device = weights.elements;
	*ret_io = io;
	return merge_throttles(sides, io, new, err);
}

static int merge_named(const struct sides *sides, struct spec_resources *resources,
		       struct error *err)
{
	const struct spec_resources *old = sides->recorded, *new = sides->asked;
	struct list merged;
	int r;

	r = merge_lists(sides, &hugepage_limits,
			&(struct list){ old->n_hugepage_limits, old->hugepage_limits },
			&(struct list){ new->n_hugepage_limits, new->hugepage_limits }, &merged,
			err);
	if (r < 0)
		return r;
	resources->n_hugepage_limits = merged.n;
	resources->hugepage_limits = merged.elements;
	r = merge_lists(sides, &rdma_devices, &(struct list){ old->n_rdma, old->rdma },
			&(struct list){ new->n_rdma, new->rdma }, &merged, err);
	if (r < 0)
		return r;
	resources->n_rdma = merged.n;
	resources->rdma = merged.elements;
	r = merge_lists(sides, &pairs, &(struct list){ old->n_unified, old->unified },
			&(struct list){ new->n_unified, new->unified }, &merged, err);
	if (r < 0)
		return r;
	resources->n_unified = merged.n;
	resources->unified = merged.elements;
	return 0;
}

int spec_merge_resources(const struct spec_resources *recorded,
			 const struct spec_resources *asked, struct arena *arena,
			 const struct spec_resources **ret_resources, struct error *err)
{
	static const struct spec_resources nothing;
	const struct sides sides = { recorded ? recorded : &nothing, asked ? asked : &nothing,
				     arena };
	struct spec_resources *resources = arena_alloc(arena, sizeof *resources);
	int r;

	if (!resources)
		return error_oom(err);
	*resources = *sides.recorded;
	if (sides.asked->n_devices > 0) {
		resources->n_devices = sides.asked->n_devices;
		resources->devices = sides.asked->devices;
	}
	if (sides.asked->network)
		resources->network = sides.asked->network;
	if (sides.asked->pids && sides.asked->pids->limit.set)
		resources->pids = sides.asked->pids;
	r = merge_memory(&sides, &resources->memory, err);
	if (r >= 0)
		r = merge_cpu(&sides, &resources->cpu, err);
	if (r >= 0)
		r = merge_block_io(&sides, &resources->block_io, err);
	if (r >= 0)
		r = merge_named(&sides, resources, err);
	if (r < 0)
		return r;
	*ret_resources = resources;
	return 0;
}

static const char *access_of(const struct spec_device_rule *rule)
{
	return rule->access ? rule->access : "rwm";
}

bool spec_same_device_rules(const struct spec_resources *a, const struct spec_resources *b)
{
	size_t i;

	if (!a || !b || a->n_devices != b->n_devices)
		return (!a || a->n_devices == 0) && (!b || b->n_devices == 0);
	for (i = 0; i < a->n_devices; i++) {
		const struct spec_device_rule *x = &a->devices[i], *y = &b->devices[i];

		if (x->allow != y->allow || x->type != y->type || x->major != y->major ||
		    x->minor != y->minor || strcmp(access_of(x), access_of(y)) != 0)
			return false;
	}
	return true;
}
