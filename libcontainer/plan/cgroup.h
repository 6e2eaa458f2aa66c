/* Between the files of this folder that plan the cgroup. */
#pragma once

#include "plan/build.h"

/* The writes while they are collected. */
struct plan_writes {
	struct arena *arena;
	size_t n, n_late;
	struct plan_cgroup_write *list, *late;
};

/* One write but for its value; the members as in struct plan_cgroup_write. */
struct plan_write_to {
	const char *controller, *file, *where;
	bool optional, or_next;
	bool late; /* after the birth of the init */
};

/* Appends a write; its value is formatted, at most 255 characters long (else E2BIG). */
int plan_add_write(struct plan_writes *w, const struct plan_write_to *write, struct error *err,
		   const char *format, ...) _printf_(4, 5) _must_check_;

/* Appends the writes for linux.resources.blockIO. */
int plan_block_io(struct plan_writes *w, const struct spec_block_io *io,
		  struct error *err) _must_check_;

/* Appends the writes for all of linux.resources but the devices. Says nothing of what it leaves out. */
int plan_add_limits(struct plan_writes *w, const struct spec_resources *resources,
		    struct error *err) _must_check_;

/* Warns of properties that are ignored because cgroup v2 has nothing like them (spec 194 to 197, 204). */
void plan_warn_of_limits(const struct spec_resources *resources);

/* What memory.checkBeforeUpdate wants to be checked, into @cgroup. @memory: with all that holds; may be
 * NULL. */
void plan_check_usage(const struct spec_memory *memory, struct plan_cgroup *cgroup);

/* Fills the writes of @cgroup from linux.resources. */
int plan_limits(const struct plan_builder *b, struct plan_cgroup *cgroup,
		struct error *err) _must_check_;

/* The weight of cgroup v2 (1 to 10000) for the shares of v1 (2 to 262144): the curve of 2025 that
 * Kubernetes expects, with 1024 -> 100. */
uint64_t plan_cpu_weight(uint64_t shares);

/* Fills the device rules of @cgroup.
 * @resources: may be NULL. @terminal: the console is allowed as well. */
int plan_device_rules(const struct spec_resources *resources, bool terminal,
		      struct arena *arena, struct plan_cgroup *cgroup,
		      struct error *err) _must_check_;
