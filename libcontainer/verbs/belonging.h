/* Whose a cgroup is, of several containers that have named the same one. */
#pragma once

#include "cgroup/cgroup.h"
#include "verbs/verbs.h"

/* For a container that has ended: sets @record->cgroup to NULL if the cgroup at that path is another's by now, so
 * that no verb looks into it, kills in it or removes it. It is when the directory is another one than the recorded,
 * and when a container of the same state root lives in it or is being made in it.
 * Errors: those of looking at the other containers. */
int belonging_check(struct verb_context *context, struct state_record *record,
		    struct error *err) _must_check_;

/* For a new container whose cgroup was there before: if an ended container of this state root has made it, it is this
 * one's to remove now, with those right above it: @cgroup gets inherited and above. */
int belonging_inherit(struct verb_context *context, const char *id, struct cgroup *cgroup,
		      struct error *err) _must_check_;
