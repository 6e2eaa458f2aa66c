/* Whose a cgroup is. With linux.cgroupsPath several containers can name the same one, one after the other: an ended one
 * that nobody has deleted yet leaves it empty, where it may be used again, or it vanishes with systemd's scope and is
 * made anew. The late delete of the first must not end the second. What tells them apart is the directory's inode
 * number, which the kernel gives to no other cgroup of this boot, and, where it is the same directory, the records of
 * the others; those are only looked at while somebody is in it. */
#include "verbs/belonging.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/trace.h"

struct search {
	struct verb_context *context;
	const char *id, *cgroup;
	bool ended; /* those that have ended are looked for, else those that have not */
	const struct state_record *found;
	struct error *err;
};

static int look(void *data, const char *id)
{
	struct search *search = data;
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct error problem = ERROR_INIT;
	struct state_record *record = NULL;
	int r;

	if (strcmp(id, search->id) == 0)
		return 0;
	r = state_open_dir(&search->context->store, id, &dir, &problem);
	if (r >= 0)
		r = state_read(&dir, search->context->arena, &record, &problem);
	if (r == -EMFILE || r == -ENFILE || r == -ENOMEM) {
		*search->err = problem;
		return r;
	}
	if (r < 0) {
		trace_debug("container %s: %s", id, problem.text);
		error_ignore(&problem, "what has no record names no cgroup");
		return 0;
	}
	/* one that is being made names its cgroup before it has it, and may be refused */
	if (!record->cgroup || strcmp(record->cgroup, search->cgroup) != 0 ||
	    (record->status == STATE_CREATING && record->cgroup_id == 0) ||
	    (state_status_now(&dir, record, search->context->proc) == STATE_STOPPED) !=
		    search->ended)
		return 0;
	search->found = record;
	return 1;
}

int belonging_check(struct verb_context *context, struct state_record *record,
		    struct error *err)
{
	struct search search = {
		.context = context, .id = record->id, .cgroup = record->cgroup, .err = err
	};
	struct stat st;
	int r;

	if (!record->cgroup || stat(record->cgroup, &st) < 0)
		return 0;
	if (record->cgroup_id != 0 && record->cgroup_id != st.st_ino) {
		trace_debug("cgroup %s was made anew, by somebody else", record->cgroup);
		record->cgroup = NULL;
		return 0;
	}
	r = cgroup_populated(record->cgroup, err);
	if (r > 0)
		r = state_list(&context->store, look, &search, err);
	if (r < 0)
		return error_at(err, "find out whose cgroup %s is", record->cgroup);
	if (search.found) {
		trace_debug("cgroup %s is container %s's by now", record->cgroup,
			    search.found->id);
		record->cgroup = NULL;
	}
	return 0;
}

int belonging_inherit(struct verb_context *context, const char *id, struct cgroup *cgroup,
		      struct error *err)
{
	struct search search = {
		.context = context, .id = id, .cgroup = cgroup->path, .ended = true, .err = err
	};
	int r;

	if (!cgroup->path || cgroup->created)
		return 0;
	r = state_list(&context->store, look, &search, err);
	if (r < 0)
		return error_at(err, "find out whose cgroup %s is", cgroup->path);
	if (search.found && search.found->cgroup_created &&
	    (search.found->cgroup_id == cgroup->id || search.found->cgroup_id == 0)) {
		cgroup->inherited = true;
		cgroup->above = search.found->cgroup_above;
	}
	return 0;
}
