/* The rules of the device filter. They start with a catch-all deny, follow linux.resources.devices in
 * order, and end with what every container may use, whatever the list says (runc's default rules, on
 * which engines rely). The last rule that matches decides. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "plan/cgroup.h"

#define ALL (PLAN_ACCESS_READ | PLAN_ACCESS_WRITE | PLAN_ACCESS_MKNOD)

static const struct plan_device_rule default_rules[] = {
	{ true, 'c', -1, -1, PLAN_ACCESS_MKNOD }, /* making a node gives no access to it */
	{ true, 'b', -1, -1, PLAN_ACCESS_MKNOD },
	{ true, 'c', 1, 3, ALL }, /* null */
	{ true, 'c', 1, 5, ALL }, /* zero */
	{ true, 'c', 1, 7, ALL }, /* full */
	{ true, 'c', 1, 8, ALL }, /* random */
	{ true, 'c', 1, 9, ALL }, /* urandom */
	{ true, 'c', 5, 0, ALL }, /* tty */
	{ true, 'c', 5, 2, ALL }, /* ptmx */
	{ true, 'c', 136, -1, ALL }, /* pts */
};

static uint8_t access_of(const char *letters)
{
	uint8_t access = 0;

	if (!letters)
		return ALL;
	if (strchr(letters, 'r'))
		access |= PLAN_ACCESS_READ;
	if (strchr(letters, 'w'))
		access |= PLAN_ACCESS_WRITE;
	if (strchr(letters, 'm'))
		access |= PLAN_ACCESS_MKNOD;
	return access;
}

int plan_device_rules(const struct spec_resources *resources, bool terminal,
		      struct arena *arena, struct plan_cgroup *cgroup, struct error *err)
{
	size_t given = resources ? resources->n_devices : 0, n = 0, i;
	struct plan_device_rule *rules;

	rules = arena_array(arena, given + ELEMENTS_OF(default_rules) + 2, sizeof *rules);
	if (!rules)
		return error_oom(err);
	rules[n++] = (struct plan_device_rule){ false, 'a', -1, -1, ALL };
	for (i = 0; i < given; i++) {
		const struct spec_device_rule *rule = &resources->devices[i];

		rules[n++] = (struct plan_device_rule){
			.allow = rule->allow,
			.type = rule->type,
			.major = rule->major,
			.minor = rule->minor,
			.access = access_of(rule->access),
		};
	}
	memcpy(rules + n, default_rules, sizeof default_rules);
	n += ELEMENTS_OF(default_rules);
	if (terminal)
		rules[n++] = (struct plan_device_rule){ true, 'c', 5, 1, ALL }; /* console */
	cgroup->filter_devices = true;
	cgroup->n_device_rules = n;
	cgroup->device_rules = rules;
	return 0;
}
