/* The properties of a unit of systemd while they are put together. For unit.c and unit_limits.c only. */
#pragma once

#include "plan/unit.h"

struct plan_unit_properties {
	struct arena *arena;
	struct error *err;
	size_t n;
	struct plan_unit_property *list;
	bool changes; /* of a unit that has others already */
};

/* Adds a property without a value yet. @where: in config.json, or NULL. NULL without memory, which p->err says then;
 * so with the next two. */
struct plan_unit_property *plan_unit_add(struct plan_unit_properties *p, const char *name,
					 const char *where);

/* One word is all of the value; NULL: there was no memory for it. */
struct plan_unit_property *plan_unit_add_word(struct plan_unit_properties *p, const char *name,
					      const char *where, const char *word);

/* An integer of 64 bits without a sign. */
struct plan_unit_property *plan_unit_add_number(struct plan_unit_properties *p,
						const char *name, const char *where,
						uint64_t number);

/* Adds what these writes to files of the cgroup are as properties, as far as there are such. Errors: ENOMEM. */
int plan_unit_add_limits(struct plan_unit_properties *p, size_t n_writes,
			 const struct plan_cgroup_write *writes) _must_check_;

/* Makes the write of the tasks' limit a late one, for the same reason as the property. */
int plan_unit_delay_tasks(struct plan_cgroup *cgroup, struct arena *arena,
			  struct error *err) _must_check_;
