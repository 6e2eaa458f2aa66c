/* The namespaces of the container: which are new, joined or inherited, who makes them, and the texts
 * that map ids and move clocks. A namespace belongs to the user namespace of the process that makes it,
 * for good; that decides whether an intermediate process is needed. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>

#include "plan/build.h"

const char *plan_id_map_text(struct arena *arena, const struct spec_id_mapping *mappings,
			     size_t count)
{
	size_t size = count * sizeof "4294967295 4294967295 4294967295", length = 0, i;
	char *text;

	text = arena_alloc(arena, size + 1);
	if (!text)
		return NULL;
	for (i = 0; i < count; i++)
		length += (size_t)snprintf(text + length, size + 1 - length, "%u %u %u\n",
					   mappings[i].container_id, mappings[i].host_id,
					   mappings[i].size);
	return text;
}

bool plan_host_id(const struct spec_id_mapping *mappings, size_t count, uint32_t id,
		  uint32_t *ret_host)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (id < mappings[i].container_id ||
		    id - mappings[i].container_id >= mappings[i].size)
			continue;
		*ret_host = mappings[i].host_id + (id - mappings[i].container_id);
		return true;
	}
	return false;
}

/* Without privileges the kernel lets a process map one id only: its own (user_namespaces(7)). Any other
 * map is the business of newuidmap and newgidmap. The group's host id is the caller's own by the same
 * rule; the kernel refuses another one. */
static bool maps_only_self(const struct spec_linux *lin, uint32_t euid)
{
	return lin->n_uid_mappings == 1 && lin->uid_mappings[0].size == 1 &&
	       lin->uid_mappings[0].host_id == euid && lin->n_gid_mappings == 1 &&
	       lin->gid_mappings[0].size == 1;
}

static int user_namespace(const struct plan_builder *b, struct plan_namespaces *ns,
			  struct error *err)
{
	enum plan_ns_mode mode = ns->of[SPEC_NAMESPACE_USER].mode;
	const struct spec_linux *lin = b->lin;

	ns->new_userns = mode == PLAN_NS_NEW;
	ns->in_userns = mode != PLAN_NS_INHERIT;
	if (!ns->in_userns && b->options->euid != 0)
		return error_set(
			err, EINVAL,
			"linux.namespaces: rootless container requires user namespaces");
	if (!ns->new_userns)
		return 0;
	ns->uid_map = plan_id_map_text(b->arena, lin->uid_mappings, lin->n_uid_mappings);
	ns->gid_map = plan_id_map_text(b->arena, lin->gid_mappings, lin->n_gid_mappings);
	if (!ns->uid_map || !ns->gid_map)
		return error_oom(err);
	ns->guard_after_maps = (b->options->euid != 0 || !b->options->initial_userns) &&
			       ns->of[SPEC_NAMESPACE_PID].mode != PLAN_NS_JOIN;
	if (b->options->euid != 0) {
		ns->map_by_helper = !maps_only_self(lin, b->options->euid);
		ns->deny_setgroups = !ns->map_by_helper;
	}
	return 0;
}

/* The lines of /proc/self/timens_offsets, time_namespaces(7). */
static int time_offsets(const struct plan_builder *b, struct plan_namespaces *ns,
			struct error *err)
{
	const struct spec_time_offsets *offsets = b->lin->time_offsets;
	const struct spec_time_offset *o;
	const char *text = "";

	if (ns->of[SPEC_NAMESPACE_TIME].mode != PLAN_NS_NEW || !offsets)
		return 0;
	o = offsets->monotonic;
	if (o)
		text = arena_printf(b->arena, "monotonic %lld %u\n", (long long)o->secs,
				    o->nanosecs);
	o = offsets->boottime;
	if (o && text)
		text = arena_printf(b->arena, "%sboottime %lld %u\n", text, (long long)o->secs,
				    o->nanosecs);
	if (!text)
		return error_oom(err);
	ns->timens_offsets = text[0] ? text : NULL;
	return 0;
}

int plan_namespaces(const struct plan_builder *b, struct error *err)
{
	struct plan_namespaces *ns = &b->plan->namespaces;
	const struct spec_namespace *given;
	bool any_joined = false;
	int type, r;

	for (type = 0; type < SPEC_NAMESPACE_TYPES; type++) {
		given = spec_namespace_find(b->lin, (enum spec_namespace_type)type);
		if (!given ||
		    (type == SPEC_NAMESPACE_CGROUP && b->options->own_cgroup_namespace))
			continue;
		ns->of[type].mode = given->path ? PLAN_NS_JOIN : PLAN_NS_NEW;
		ns->of[type].path = given->path;
		if (given->path) {
			any_joined = true;
			continue;
		}
		if (type != SPEC_NAMESPACE_TIME)
			ns->clone_flags |= spec_namespace_flag((enum spec_namespace_type)type);
	}
	if (ns->of[SPEC_NAMESPACE_USER].mode != PLAN_NS_INHERIT) {
		ns->unshare_flags = ns->clone_flags & CLONE_NEWIPC;
		ns->clone_flags &= ~ns->unshare_flags;
	}
	ns->intermediate = ns->of[SPEC_NAMESPACE_USER].mode == PLAN_NS_JOIN ||
			   ns->of[SPEC_NAMESPACE_PID].mode == PLAN_NS_JOIN ||
			   (ns->of[SPEC_NAMESPACE_USER].mode == PLAN_NS_NEW && any_joined);
	ns->loopback_up = ns->of[SPEC_NAMESPACE_NETWORK].mode == PLAN_NS_NEW;
	r = user_namespace(b, ns, err);
	if (r < 0)
		return r;
	return time_offsets(b, ns, err);
}
