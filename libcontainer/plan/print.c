/* The plan as JSON: for people (`tare plan`) and for the golden tests, so the order of members never
 * changes and flags have names. A member that is absent is false, empty or not set; nothing else is left
 * out. This file has the frame and the namespaces, the other sections have files of their own. */
#include "plan/print.h"

void plan_print_text(struct json_writer *writer, const char *key, const char *text)
{
	if (text)
		json_key_string(writer, key, text);
}

void plan_print_true(struct json_writer *writer, const char *key, bool value)
{
	if (value)
		json_key_bool(writer, key, true);
}

void plan_print_strings(struct json_writer *writer, const char *key, size_t n,
			const char *const *strings)
{
	size_t i;

	json_key(writer, key);
	json_array_begin(writer);
	for (i = 0; i < n; i++)
		json_string(writer, strings[i]);
	json_array_end(writer);
}

static const char *manager_name(enum plan_cgroup_manager manager)
{
	static const char *const names[] = {
		[PLAN_CGROUP_CGROUPFS] = "cgroupfs",
		[PLAN_CGROUP_SYSTEMD] = "systemd",
		[PLAN_CGROUP_DISABLED] = "disabled",
	};

	return names[manager];
}

static void print_options(const struct plan_options *options, struct json_writer *writer)
{
	json_object_begin(writer);
	json_key_string(writer, "id", options->id);
	json_key_string(writer, "bundle", options->bundle);
	json_key_string(writer, "cgroupManager", manager_name(options->cgroup_manager));
	plan_print_true(writer, "rootless", options->rootless);
	json_key_uint(writer, "euid", options->euid);
	json_key_bool(writer, "initialUserNamespace", options->initial_userns);
	plan_print_true(writer, "noPivot", options->no_pivot);
	plan_print_true(writer, "noNewKeyring", options->no_new_keyring);
	plan_print_true(writer, "detached", options->detached);
	plan_print_text(writer, "consoleSocket", options->console_socket);
	json_key_uint(writer, "preserveFds", options->preserve_fds);
	json_object_end(writer);
}

static void print_switch(void *data, const char *name, bool value)
{
	json_key_bool(data, name, value);
}

static void print_namespace(const struct plan_namespace *ns, struct json_writer *writer)
{
	switch (ns->mode) {
	case PLAN_NS_INHERIT:
		json_string(writer, "inherit");
		break;
	case PLAN_NS_NEW:
		json_string(writer, "new");
		break;
	case PLAN_NS_JOIN:
		json_object_begin(writer);
		json_key_string(writer, "join", ns->path);
		json_object_end(writer);
		break;
	}
}

static void print_flags(struct json_writer *writer, const char *key, uint64_t flags)
{
	int type;

	json_key(writer, key);
	json_array_begin(writer);
	for (type = 0; type < SPEC_NAMESPACE_TYPES; type++)
		if (flags & spec_namespace_flag((enum spec_namespace_type)type))
			json_string(writer,
				    spec_namespace_name((enum spec_namespace_type)type));
	json_array_end(writer);
}

static void print_namespaces(const struct plan_namespaces *ns, struct json_writer *writer)
{
	int type;

	json_object_begin(writer);
	for (type = 0; type < SPEC_NAMESPACE_TYPES; type++) {
		json_key(writer, spec_namespace_name((enum spec_namespace_type)type));
		print_namespace(&ns->of[type], writer);
	}
	print_flags(writer, "cloneFlags", ns->clone_flags);
	print_flags(writer, "unshareFlags", ns->unshare_flags);
	plan_print_true(writer, "intermediate", ns->intermediate);
	plan_print_true(writer, "newUserNamespace", ns->new_userns);
	plan_print_true(writer, "inUserNamespace", ns->in_userns);
	plan_print_true(writer, "mapByHelper", ns->map_by_helper);
	plan_print_text(writer, "uidMap", ns->uid_map);
	plan_print_text(writer, "gidMap", ns->gid_map);
	plan_print_true(writer, "denySetgroups", ns->deny_setgroups);
	plan_print_text(writer, "timeOffsets", ns->timens_offsets);
	plan_print_true(writer, "loopbackUp", ns->loopback_up);
	json_object_end(writer);
}

static void print_net_devices(const struct plan *plan, struct json_writer *writer)
{
	size_t i;

	if (plan->n_net_devices == 0)
		return;
	json_key(writer, "netDevices");
	json_array_begin(writer);
	for (i = 0; i < plan->n_net_devices; i++) {
		json_object_begin(writer);
		json_key_string(writer, "hostName", plan->net_devices[i].host_name);
		plan_print_text(writer, "name", plan->net_devices[i].name);
		json_object_end(writer);
	}
	json_array_end(writer);
}

static void print_rdt(const struct plan_rdt *rdt, struct json_writer *writer)
{
	if (!rdt)
		return;
	json_key(writer, "intelRdt");
	json_object_begin(writer);
	json_key_string(writer, "class", rdt->clos);
	plan_print_true(writer, "make", rdt->make);
	plan_print_true(writer, "remove", rdt->remove);
	plan_print_strings(writer, "schemata", rdt->n_lines, rdt->lines);
	plan_print_true(writer, "monitoring", rdt->monitoring);
	json_object_end(writer);
}

void plan_print(const struct plan *plan, struct json_writer *writer)
{
	json_object_begin(writer);
	json_key(writer, "options");
	print_options(plan->options, writer);
	json_key(writer, "kernel");
	json_object_begin(writer);
	probe_each(plan->caps, print_switch, writer);
	json_object_end(writer);
	json_key(writer, "namespaces");
	print_namespaces(&plan->namespaces, writer);
	print_net_devices(plan, writer);
	json_key(writer, "rootfs");
	plan_print_rootfs(&plan->rootfs, writer);
	json_key(writer, "cgroup");
	plan_print_cgroup(&plan->cgroup, writer);
	print_rdt(plan->rdt, writer);
	json_key(writer, "process");
	plan_print_process(&plan->process, writer);
	if (plan->seccomp) {
		json_key(writer, "seccomp");
		plan_print_seccomp(plan->seccomp, writer);
	}
	if (plan->raw_filter.size > 0)
		json_key_uint(writer, "rawFilterBytes", plan->raw_filter.size);
	plan_print_true(writer, "failUnknownCalls", plan->fail_unknown_calls);
	if (plan->hooks) {
		json_key(writer, "hooks");
		spec_write_hooks(plan->hooks, writer);
	}
	json_object_end(writer);
}
