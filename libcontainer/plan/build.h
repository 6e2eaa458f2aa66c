/* Between the files of this folder only: what each part of the plan's building gets, and the parts in
 * the order in which plan_build() calls them. A later part may read what an earlier one has filled in. */
#pragma once

#include "plan/plan.h"

struct plan_builder {
	const struct spec *spec;
	const struct spec_linux *lin; /* never NULL: an empty one when config.json has none */
	const struct kernel_caps *caps;
	const struct plan_options *options;
	struct arena *arena;
	bool privileged; /* root in the initial user namespace */
	struct plan *plan;
};

/* Refuses what has no mechanism yet (ENOTSUP) and what contradicts the options (EINVAL). */
int plan_check(const struct plan_builder *b, struct error *err) _must_check_;

/* Fills what annotations alone decide. EINVAL, ENOTSUP: a value that means nothing here. */
int plan_annotations(const struct plan_builder *b, struct error *err) _must_check_;

/* Fills plan->namespaces. */
int plan_namespaces(const struct plan_builder *b, struct error *err) _must_check_;

/* Fills plan->process.notify_socket. ENOTSUP: a socket that cannot be reached from inside. */
int plan_notify(const struct plan_builder *b, struct error *err) _must_check_;

/* Fills plan->rootfs: the mount operations, then devices and links, then the finish. */
int plan_rootfs(const struct plan_builder *b, struct error *err) _must_check_;

/* Fills the layers of plan->rootfs. EINVAL: a writable layer without others, or one without a path. */
int plan_layers(const struct plan_builder *b, struct error *err) _must_check_;

/* Fills plan->process. */
int plan_process(const struct plan_builder *b, struct error *err) _must_check_;

/* Fills plan->cgroup. */
int plan_cgroup(const struct plan_builder *b, struct error *err) _must_check_;

/* Fills plan->rdt. */
int plan_rdt(const struct plan_builder *b, struct error *err) _must_check_;

/* The text for /proc/PID/uid_map or gid_map: one line "CONTAINER HOST SIZE" a range; NULL without
 * memory. */
const char *plan_id_map_text(struct arena *arena, const struct spec_id_mapping *mappings,
			     size_t count);

/* The host's id of @id in the container. @mappings: of the container's user namespace.
 * Returns whether it is mapped. */
bool plan_host_id(const struct spec_id_mapping *mappings, size_t count, uint32_t id,
		  uint32_t *ret_host);
