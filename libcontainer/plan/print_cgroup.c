/* The cgroup of a plan as JSON: the writes in the order in which they are made, and the device rules in
 * the order in which they are matched, each as the words that the kernel's devices.list of cgroup v1
 * made familiar ("c 1:3 rwm"). */
#include <inttypes.h>
#include <stdio.h>

#include "plan/print.h"
#include "plan/unit.h"

static void print_writes(const char *key, size_t n, const struct plan_cgroup_write *writes,
			 struct json_writer *writer)
{
	size_t i;

	json_key(writer, key);
	json_array_begin(writer);
	for (i = 0; i < n; i++) {
		json_object_begin(writer);
		plan_print_text(writer, "controller", writes[i].controller);
		json_key_string(writer, "file", writes[i].file);
		json_key_string(writer, "value", writes[i].value);
		json_key_string(writer, "where", writes[i].where);
		plan_print_true(writer, "optional", writes[i].optional);
		plan_print_true(writer, "orNext", writes[i].or_next);
		json_object_end(writer);
	}
	json_array_end(writer);
}

static void device_number(char *text, size_t size, int64_t number)
{
	if (number < 0)
		snprintf(text, size, "*");
	else
		snprintf(text, size, "%" PRId64, number);
}

static void print_rule(const struct plan_device_rule *rule, struct json_writer *writer)
{
	char major[24], minor[24], text[80];

	device_number(major, sizeof major, rule->major);
	device_number(minor, sizeof minor, rule->minor);
	snprintf(text, sizeof text, "%s %c %s:%s %s%s%s", rule->allow ? "allow" : "deny",
		 rule->type, major, minor, rule->access & PLAN_ACCESS_READ ? "r" : "",
		 rule->access & PLAN_ACCESS_WRITE ? "w" : "",
		 rule->access & PLAN_ACCESS_MKNOD ? "m" : "");
	json_string(writer, text);
}

void plan_print_cgroup(const struct plan_cgroup *cgroup, struct json_writer *writer)
{
	size_t i;

	json_object_begin(writer);
	plan_print_text(writer, "path", cgroup->path);
	plan_print_text(writer, "subgroup", cgroup->subgroup);
	plan_print_text(writer, "delegateTo", cgroup->delegate_to);
	if (cgroup->unit) {
		json_key(writer, "unit");
		plan_print_unit(cgroup->unit, writer);
	}
	json_key_bool(writer, "required", cgroup->required);
	print_writes("writes", cgroup->n_writes, cgroup->writes, writer);
	print_writes("lateWrites", cgroup->n_late_writes, cgroup->late_writes, writer);
	json_key_bool(writer, "filterDevices", cgroup->filter_devices);
	json_key(writer, "deviceRules");
	json_array_begin(writer);
	for (i = 0; i < cgroup->n_device_rules; i++)
		print_rule(&cgroup->device_rules[i], writer);
	json_array_end(writer);
	plan_print_true(writer, "delegate", cgroup->delegate);
	if (cgroup->delegate) {
		json_key_uint(writer, "ownerUid", cgroup->owner_uid);
		json_key_uint(writer, "ownerGid", cgroup->owner_gid);
	}
	json_object_end(writer);
}
