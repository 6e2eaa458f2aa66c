/* process: what runs in the container and as whom. Nothing here is looked up: user and group are
 * numbers, args[0] is searched by the container's own PATH later, capability names that this build does
 * not know only warn (spec 112). */
#include "spec/decode.h"

#include "base/cleanup.h"

#define ID_MAX (UINT32_MAX - 1) /* the last number means "leave it" to setresuid(2) */

enum {
	POLICY_FIFO = 1,
	POLICY_RR = 2,
	POLICY_DEADLINE = 6,
};

static const struct field console_size_fields[] = {
	F_INT(spec_console_size, "height", height, 0, UINT16_MAX, .flags = REQUIRED),
	F_INT(spec_console_size, "width", width, 0, UINT16_MAX, .flags = REQUIRED),
};
static const struct object_type type_console_size = OBJECT_TYPE(spec_console_size,
								console_size_fields, NULL);

static const struct field user_fields[] = {
	F_INT(spec_user, "uid", uid, 0, ID_MAX, .flags = REQUIRED),
	F_INT(spec_user, "gid", gid, 0, ID_MAX, .flags = REQUIRED),
	F_OPT_UINT(spec_user, "umask", umask, 0777),
	F_UINT32S(spec_user, "additionalGids", additional_gids, ID_MAX),
};
static const struct object_type type_user = OBJECT_TYPE(spec_user, user_fields, NULL);

static const struct field capabilities_fields[] = {
	F_STRINGS(spec_capabilities, "bounding", bounding),
	F_STRINGS(spec_capabilities, "effective", effective),
	F_STRINGS(spec_capabilities, "inheritable", inheritable),
	F_STRINGS(spec_capabilities, "permitted", permitted),
	F_STRINGS(spec_capabilities, "ambient", ambient),
};
static const struct object_type type_capabilities = OBJECT_TYPE(spec_capabilities,
								capabilities_fields, NULL);

static void check_rlimit(const struct place *at, void *object, const struct json_value *json)
{
	struct spec_rlimit *rlimit = object;
	const struct json_value *type = json_member(json, "type");

	if (!sound(at, NULL))
		return;
	rlimit->type = type->text;
	if (rlimit->soft > rlimit->hard)
		problem(at, "soft", "is above the hard limit");
}

static const struct field rlimit_fields[] = {
	F_WORD(spec_rlimit, "type", resource, RLIMIT, .flags = REQUIRED,
	       .say = "unknown rlimit type"),
	F_INT(spec_rlimit, "soft", soft, 0, UINT64_MAX, .flags = REQUIRED),
	F_INT(spec_rlimit, "hard", hard, 0, UINT64_MAX, .flags = REQUIRED),
};
static const struct object_type type_rlimit = OBJECT_TYPE(spec_rlimit, rlimit_fields,
							  check_rlimit);

static void check_scheduler(const struct place *at, void *object, const struct json_value *json)
{
	const struct spec_scheduler *scheduler = object;

	if (!given(json, "policy"))
		problem(at, "policy", "scheduler policy is required");
	if (!sound(at, NULL))
		return;
	if (scheduler->policy == POLICY_FIFO || scheduler->policy == POLICY_RR) {
		if (scheduler->priority < 1 || scheduler->priority > 99)
			problem(at, "priority",
				"SCHED_FIFO and SCHED_RR need one from 1 to 99");
	} else if (scheduler->priority != 0) {
		problem(at, "priority", "only SCHED_FIFO and SCHED_RR have one");
	}
	if (scheduler->policy != POLICY_DEADLINE)
		return;
	/* sched(7): 1024 <= runtime <= deadline <= period, and a period of 0 means the deadline */
	if (scheduler->runtime < 1024 || scheduler->runtime > scheduler->deadline ||
	    (scheduler->period > 0 && scheduler->deadline > scheduler->period))
		problem(at, NULL, "SCHED_DEADLINE needs 1024 <= runtime <= deadline <= period");
}

static const struct field scheduler_fields[] = {
	F_WORD(spec_scheduler, "policy", policy, SCHEDULER_POLICY,
	       .say = "unknown scheduler policy"),
	F_INT(spec_scheduler, "nice", nice, -20, 19),
	F_INT(spec_scheduler, "priority", priority, INT32_MIN, INT32_MAX),
	F_WORDS(spec_scheduler, "flags", flags, SCHEDULER_FLAG,
		.say = "unknown scheduler flag"),
	F_INT(spec_scheduler, "runtime", runtime, 0, UINT64_MAX),
	F_INT(spec_scheduler, "deadline", deadline, 0, UINT64_MAX),
	F_INT(spec_scheduler, "period", period, 0, UINT64_MAX),
};
static const struct object_type type_scheduler = OBJECT_TYPE(spec_scheduler, scheduler_fields,
							     check_scheduler);

static const struct field io_priority_fields[] = {
	F_WORD(spec_io_priority, "class", class, IO_CLASS, .flags = REQUIRED,
	       .say = "unknown I/O priority class"),
	F_INT(spec_io_priority, "priority", priority, 0, 7, .flags = REQUIRED,
	      .say = "invalid ioPriority.Priority"),
};
static const struct object_type type_io_priority = OBJECT_TYPE(spec_io_priority,
							       io_priority_fields, NULL);

static const struct field exec_cpu_affinity_fields[] = {
	F_STRING(spec_exec_cpu_affinity, "initial", initial, .flags = LIST),
	F_STRING(spec_exec_cpu_affinity, "final", final, .flags = LIST),
};
static const struct object_type type_exec_cpu_affinity = OBJECT_TYPE(
	spec_exec_cpu_affinity, exec_cpu_affinity_fields, NULL);

/* spec 110 */
static void check_rlimits_once(const struct place *at, const struct spec_process *process)
{
	struct place list = place_member(at, "rlimits");
	uint64_t seen = 0;
	size_t i;

	for (i = 0; i < process->n_rlimits; i++) {
		struct place here = place_element(&list, i);
		uint64_t bit = UINT64_C(1) << process->rlimits[i].resource;

		if (!sound(&here, "type"))
			continue;
		if (seen & bit)
			problem(&here, "type", "duplicate rlimit \"%s\"",
				table_name(spec_words(SPEC_WORDS_RLIMIT)->entries,
					   spec_words(SPEC_WORDS_RLIMIT)->count,
					   (uint64_t)process->rlimits[i].resource));
		seen |= bit;
	}
}

static void check_process(const struct place *at, void *object, const struct json_value *json)
{
	(void)json;
	check_rlimits_once(at, object);
}

static const struct field process_fields[] = {
	F_BOOL(spec_process, "terminal", terminal),
	F_OBJECT(spec_process, "consoleSize", console_size, type_console_size),
	F_STRING(spec_process, "cwd", cwd, .flags = REQUIRED | ABSOLUTE,
		 .say = "Cwd must be an absolute path"),
	F_STRINGS(spec_process, "env", env),
	F_STRINGS(spec_process, "args", args, .flags = REQUIRED,
		  .say = "args must not be empty"),
	F_OBJECTS(spec_process, "rlimits", rlimits, type_rlimit),
	F_STRING(spec_process, "apparmorProfile", apparmor_profile, .flags = ONE_LINE),
	F_OBJECT(spec_process, "capabilities", capabilities, type_capabilities),
	F_BOOL(spec_process, "noNewPrivileges", no_new_privileges),
	F_OPT_INT(spec_process, "oomScoreAdj", oom_score_adj, -1000, 1000),
	F_OBJECT(spec_process, "scheduler", scheduler, type_scheduler),
	F_STRING(spec_process, "selinuxLabel", selinux_label, .flags = ONE_LINE),
	F_OBJECT(spec_process, "ioPriority", io_priority, type_io_priority),
	F_OBJECT(spec_process, "execCPUAffinity", exec_cpu_affinity, type_exec_cpu_affinity),
	F_EMBEDDED(spec_process, "user", user, type_user),
};
const struct object_type type_process = OBJECT_TYPE(spec_process, process_fields,
						    check_process);
