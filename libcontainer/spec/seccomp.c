/* linux.seccomp: actions, operators and flags are closed vocabularies, names of system calls and
 * architectures are not: which of them exist, the compiler asks libseccomp. An errno on an action that
 * can't carry one must be refused (spec 235). */
#include "spec/decode.h"

#include <string.h>

#include "base/cleanup.h"

#define ERRNO_MAX 4095 /* MAX_ERRNO of the kernel, which cuts a greater one */
#define TRACE_DATA_MAX 0xffff /* SECCOMP_RET_DATA */

static bool carries_errno(enum spec_seccomp_action action)
{
	return action == SPEC_ACT_ERRNO || action == SPEC_ACT_TRACE;
}

static void check_errno(const struct place *at, const char *property,
			enum spec_seccomp_action action, struct spec_opt_uint errno_ret)
{
	uint64_t most = action == SPEC_ACT_ERRNO ? ERRNO_MAX : TRACE_DATA_MAX;

	if (!errno_ret.set)
		return;
	if (!carries_errno(action))
		problem(at, property, "only SCMP_ACT_ERRNO and SCMP_ACT_TRACE can carry one");
	else if (errno_ret.value > most)
		problem(at, property, "at most %u is possible", (unsigned)most);
}

static const struct field arg_fields[] = {
	F_INT(spec_seccomp_arg, "index", index, 0, 5, .flags = REQUIRED),
	F_INT(spec_seccomp_arg, "value", value, 0, UINT64_MAX, .flags = REQUIRED),
	F_INT(spec_seccomp_arg, "valueTwo", value_two, 0, UINT64_MAX),
	F_WORD(spec_seccomp_arg, "op", op, SECCOMP_OPERATOR, .flags = REQUIRED,
	       .say = "unknown seccomp operator"),
};
static const struct object_type type_arg = OBJECT_TYPE(spec_seccomp_arg, arg_fields, NULL);

/* The container side hands its listener over under the filter, by sendmsg(2): supervised, it would wait for an
 * agent that does not have the listener yet. write(2) is what the other runtimes use, so it is refused as there. */
static void check_syscall(const struct place *at, void *object, const struct json_value *json)
{
	const struct spec_syscall *rule = object;
	size_t i;

	(void)json;
	if (!sound(at, "action"))
		return;
	check_errno(at, "errnoRet", rule->action, rule->errno_ret);
	if (rule->action != SPEC_ACT_NOTIFY)
		return;
	for (i = 0; i < rule->n_names; i++)
		if (strcmp(rule->names[i], "write") == 0 ||
		    strcmp(rule->names[i], "sendmsg") == 0)
			problem(at, "action",
				"SCMP_ACT_NOTIFY cannot be used for the %s syscall",
				rule->names[i]);
}

static const struct field syscall_fields[] = {
	F_STRINGS(spec_syscall, "names", names, .flags = REQUIRED),
	F_WORD(spec_syscall, "action", action, SECCOMP_ACTION, .flags = REQUIRED,
	       .say = "unknown seccomp action"),
	F_OPT_UINT(spec_syscall, "errnoRet", errno_ret, UINT32_MAX),
	F_OBJECTS(spec_syscall, "args", args, type_arg),
};
static const struct object_type type_syscall = OBJECT_TYPE(spec_syscall, syscall_fields,
							   check_syscall);

static void check_architectures(const struct place *at, const struct spec_seccomp *seccomp)
{
	static const char prefix[] = "SCMP_ARCH_";
	struct place list = place_member(at, "architectures");
	size_t i;

	for (i = 0; i < seccomp->n_architectures; i++) {
		const char *name = seccomp->architectures[i];
		struct place here = place_element(&list, i);

		if (!sound(&here, NULL))
			continue;
		if (strncmp(name, prefix, sizeof prefix - 1) != 0 || !name[sizeof prefix - 1] ||
		    name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")])
			problem(&here, NULL, "unknown seccomp architecture \"%.100s\"", name);
	}
}

static bool notifies(const struct place *at, const struct spec_seccomp *seccomp)
{
	size_t i;

	for (i = 0; sound(at, "syscalls") && i < seccomp->n_syscalls; i++)
		if (seccomp->syscalls[i].action == SPEC_ACT_NOTIFY)
			return true;
	return false;
}

static void check_seccomp(const struct place *at, void *object, const struct json_value *json)
{
	struct spec_seccomp *seccomp = object;

	seccomp->flags_given = given(json, "flags");
	check_architectures(at, seccomp);
	if (sound(at, "defaultAction")) {
		check_errno(at, "defaultErrnoRet", seccomp->default_action,
			    seccomp->default_errno_ret);
		if (seccomp->default_action == SPEC_ACT_NOTIFY)
			problem(at, "defaultAction",
				"SCMP_ACT_NOTIFY cannot be used as default action");
	}
	if (!sound(at, "listenerPath"))
		return;
	if (seccomp->listener_metadata && !seccomp->listener_path)
		problem(at, "listenerMetadata", "must not be given without listenerPath");
	if (!seccomp->listener_path && notifies(at, seccomp))
		problem(at, "listenerPath", "is required with SCMP_ACT_NOTIFY");
}

static const struct field seccomp_fields[] = {
	F_WORD(spec_seccomp, "defaultAction", default_action, SECCOMP_ACTION, .flags = REQUIRED,
	       .say = "unknown seccomp action"),
	F_OPT_UINT(spec_seccomp, "defaultErrnoRet", default_errno_ret, UINT32_MAX),
	F_STRINGS(spec_seccomp, "architectures", architectures),
	F_WORDS(spec_seccomp, "flags", flags, SECCOMP_FLAG, .say = "unknown seccomp flag"),
	F_STRING(spec_seccomp, "listenerPath", listener_path),
	F_STRING(spec_seccomp, "listenerMetadata", listener_metadata),
	F_OBJECTS(spec_seccomp, "syscalls", syscalls, type_syscall),
};
const struct object_type type_seccomp = OBJECT_TYPE(spec_seccomp, seccomp_fields,
						    check_seccomp);
