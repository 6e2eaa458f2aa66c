/* The limits of a container as properties of its unit, so that systemctl and cAdvisor see them, and so that systemd
 * writes the same values when it writes them again. What systemd has no property for stays with the writes to the
 * files alone. */
#include "plan/unit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "plan/unit_properties.h"

#define OOM_POLICY "OOMPolicy"

/* With fewer tasks than these the placeholder in the scope and those that bring the init to life (an
 * intermediate process, itself) would find no room, so that the limit is set when they are gone. */
#define TASKS_AT_BIRTH 4

struct plan_unit_property *plan_unit_add(struct plan_unit_properties *p, const char *name,
					 const char *where)
{
	struct plan_unit_property *grown = arena_grow(p->arena, p->list, p->n, sizeof *p->list);

	if (!grown) {
		error_oom(p->err);
		return NULL;
	}
	p->list = grown;
	grown[p->n] = (struct plan_unit_property){ .name = name, .where = where };
	return &grown[p->n++];
}

struct plan_unit_property *plan_unit_add_word(struct plan_unit_properties *p, const char *name,
					      const char *where, const char *word)
{
	struct plan_unit_property *property = plan_unit_add(p, name, where);
	const char **words = arena_array(p->arena, 1, sizeof *words);

	if (!property || !word || !words) {
		error_oom(p->err);
		return NULL;
	}
	words[0] = word;
	property->value.signature = arena_strndup(p->arena, word, 1);
	property->value.words = words;
	property->value.n_words = 1;
	return property->value.signature ? property : NULL;
}

struct plan_unit_property *plan_unit_add_number(struct plan_unit_properties *p,
						const char *name, const char *where,
						uint64_t number)
{
	return plan_unit_add_word(p, name, where, arena_printf(p->arena, "t%" PRIu64, number));
}

/* A decimal number, or "max" for UINT64_MAX. What else a unified key may say is left to the kernel. */
static bool parse_limit(const char *text, uint64_t *ret_number)
{
	char *end;

	if (strcmp(text, "max") == 0) {
		*ret_number = UINT64_MAX;
		return true;
	}
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret_number = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static int add_limit(struct plan_unit_properties *p, const struct plan_cgroup_write *write,
		     const char *name)
{
	uint64_t number;

	if (!parse_limit(write->value, &number))
		return 0;
	return plan_unit_add_number(p, name, write->where, number) ? 0 : -ENOMEM;
}

/* Since systemd 253. */
static int add_zswap(struct plan_unit_properties *p, const struct plan_cgroup_write *write,
		     const char *name)
{
	size_t before = p->n;
	int r = add_limit(p, write, name);

	if (r >= 0 && p->n > before)
		p->list[before].optional = true;
	return r;
}

/* systemd knows no limit of 0. */
static int add_tasks(struct plan_unit_properties *p, const struct plan_cgroup_write *write,
		     const char *name)
{
	uint64_t number;
	struct plan_unit_property *property;

	if (!parse_limit(write->value, &number))
		return 0;
	property = plan_unit_add_number(p, name, write->where, number ? number : 1);
	if (!property)
		return -ENOMEM;
	property->late = number < TASKS_AT_BIRTH;
	return 0;
}

/* Of a property that was just added, if there was memory for it: an older systemd can do without. */
static int make_optional(struct plan_unit_property *property)
{
	if (!property)
		return -ENOMEM;
	property->optional = true;
	return 0;
}

/* cpu.weight.nice: the kernel's weights of nice values (sched_prio_to_weight in kernel/sched/core.c) on the scale of
 * cgroups, where 100 is the weight of nice 0. Told to systemd, because it writes the weight that it knows of. */
static int add_nice(struct plan_unit_properties *p, const struct plan_cgroup_write *write,
		    const char *name)
{
	static const uint32_t weights[] = {
		88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
		9548,  7620,  6100,  4904,  3906,  3121,  2501,	 1991,	1586,  1277,
		1024,  820,   655,   526,   423,   335,	  272,	 215,	172,   137,
		110,   87,    70,    56,    45,	   36,	  29,	 23,	18,    15,
	};
	char *end;
	long nice = strtol(write->value, &end, 10);

	if (end == write->value || *end != '\0' || nice < -20 || nice > 19)
		return 0; /* which the kernel will say */
	return plan_unit_add_number(p, name, write->where,
				    (weights[nice + 20] * 100 + 512) / 1024)
		       ? 0
		       : -ENOMEM;
}

static bool has_property(const struct plan_unit_properties *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (strcmp(p->list[i].name, name) == 0)
			return true;
	return false;
}

/* systemd 252 and newer: a weight of 0 is "idle". It would make the unit idle again with its next change, until another
 * weight is set, or none. */
static int add_idle(struct plan_unit_properties *p, const struct plan_cgroup_write *write,
		    const char *name)
{
	bool idle = strcmp(write->value, "1") == 0;
	struct plan_unit_property *property;

	if (!idle && (!p->changes || has_property(p, name)))
		return 0;
	property = plan_unit_add_number(p, name, write->where, idle ? 0 : UINT64_MAX);
	return make_optional(property);
}

/* systemd writes memory.oom.group anew with every change of a unit, by the policy that a scope has since
 * systemd 253. */
static int add_oom_policy(struct plan_unit_properties *p, const struct plan_cgroup_write *write,
			  const char *name)
{
	struct plan_unit_property *property;
	const char *policy;

	if (strcmp(write->value, "0") == 0)
		policy = "scontinue";
	else if (strcmp(write->value, "1") == 0)
		policy = "skill";
	else
		return 0;
	property = plan_unit_add_word(p, name, write->where, policy);
	return make_optional(property);
}

/* "QUOTA PERIOD" in microseconds. systemd keeps whole percents of a processor in its file of the unit, so the
 * next one above is told, as the other runtimes do; the exact values are in the cgroup's file. */
static int add_quota(struct plan_unit_properties *p, const struct plan_cgroup_write *write,
		     const char *name)
{
	uint64_t quota, period = 100000, per_second = UINT64_MAX;
	char first[32];
	size_t length = strcspn(write->value, " ");

	if (length >= sizeof first)
		return 0;
	memcpy(first, write->value, length);
	first[length] = '\0';
	if (!parse_limit(first, &quota) ||
	    (write->value[length] && !parse_limit(write->value + length + 1, &period)) ||
	    period == 0 || period > UINT32_MAX)
		return 0;
	if (quota != UINT64_MAX) {
		if (quota > UINT64_MAX / 1000000 - 10000)
			return 0;
		per_second = quota * 1000000 / period;
		per_second = (per_second + 9999) / 10000 * 10000;
	}
	if (!plan_unit_add_number(p, name, write->where, per_second) ||
	    !plan_unit_add_number(p, "CPUQuotaPeriodUSec", write->where, period))
		return -ENOMEM;
	return 0;
}

/* "W" or "default W": the weight for all devices. */
static int add_io_weight(struct plan_unit_properties *p, const struct plan_cgroup_write *write,
			 const char *name)
{
	const char *number = write->value;
	uint64_t weight;

	if (strncmp(number, "default ", 8) == 0)
		number += 8;
	if (!parse_limit(number, &weight) || weight < 1 || weight > 10000)
		return 0;
	return plan_unit_add_number(p, name, write->where, weight) ? 0 : -ENOMEM;
}

/* A list like "0-3,7" as a bit mask, the lowest bit first. */
static int add_list(struct plan_unit_properties *p, const struct plan_cgroup_write *write,
		    const char *name)
{
	unsigned char mask[PLAN_LIST_MAX / 8] = { 0 };
	struct plan_unit_property *property;
	ssize_t used = plan_parse_list(write->value, mask);
	const char **words;
	ssize_t i;

	if (used <= 0)
		return 0;
	property = plan_unit_add(p, name, write->where);
	words = arena_array(p->arena, (size_t)used + 2, sizeof *words);
	if (!property || !words)
		return error_oom(p->err);
	property->value = (struct gvariant){ "ay", (size_t)used + 2, words };
	words[0] = "ay";
	for (i = 0; i < used; i++) {
		words[i + 1] = arena_printf(p->arena, "y%u", mask[i]);
		if (!words[i + 1])
			return error_oom(p->err);
	}
	words[used + 1] = "]";
	return 0;
}

ssize_t plan_parse_list(const char *list, unsigned char mask[PLAN_LIST_MAX / 8])
{
	unsigned long first, last, highest = 0;
	const char *at = list;
	char *end;

	for (;;) {
		at += strspn(at, " ,\n");
		if (*at == '\0')
			return at == list || highest == 0 ? (mask[0] ? 1 : 0)
							  : (ssize_t)(highest / 8 + 1);
		if (*at < '0' || *at > '9')
			return -EINVAL;
		first = last = strtoul(at, &end, 10);
		if (*end == '-') {
			if (end[1] < '0' || end[1] > '9')
				return -EINVAL;
			last = strtoul(end + 1, &end, 10);
		}
		if (last < first || last >= PLAN_LIST_MAX || (*end && !strchr(" ,\n", *end)))
			return -EINVAL;
		for (; first <= last; first++)
			mask[first / 8] |= (unsigned char)(1U << first % 8);
		if (last > highest)
			highest = last;
		at = end;
	}
}

/* Which file of the cgroup is which property. */
static const struct {
	const char *file, *name;
	int (*add)(struct plan_unit_properties *p, const struct plan_cgroup_write *write,
		   const char *name);
} conversions[] = {
	{ "memory.max", "MemoryMax", add_limit },
	{ "memory.high", "MemoryHigh", add_limit },
	{ "memory.low", "MemoryLow", add_limit },
	{ "memory.min", "MemoryMin", add_limit },
	{ "memory.swap.max", "MemorySwapMax", add_limit },
	{ "memory.zswap.max", "MemoryZSwapMax", add_zswap },
	{ "memory.oom.group", OOM_POLICY, add_oom_policy },
	{ "cpu.weight", "CPUWeight", add_limit },
	{ "cpu.weight.nice", "CPUWeight", add_nice },
	{ "cpu.idle", "CPUWeight", add_idle },
	{ "cpu.max", "CPUQuotaPerSecUSec", add_quota },
	{ "cpuset.cpus", "AllowedCPUs", add_list },
	{ "cpuset.mems", "AllowedMemoryNodes", add_list },
	{ "io.weight", "IOWeight", add_io_weight },
	{ "pids.max", "TasksMax", add_tasks },
};

int plan_unit_add_limits(struct plan_unit_properties *p, size_t n_writes,
			 const struct plan_cgroup_write *writes)
{
	size_t i, j;
	int r = 0;

	for (i = 0; i < n_writes; i++)
		for (j = 0; j < ELEMENTS_OF(conversions) && r >= 0; j++)
			if (strcmp(writes[i].file, conversions[j].file) == 0)
				r = conversions[j].add(p, &writes[i], conversions[j].name);
	return r < 0 ? error_oom(p->err) : 0;
}

int plan_unit_limits(const struct plan_cgroup *cgroup, struct arena *arena,
		     struct plan_unit *ret_unit, struct error *err)
{
	struct plan_unit_properties p = { .arena = arena, .err = err, .changes = true };
	size_t i, kept = 0;
	int r;

	r = plan_unit_add_limits(&p, cgroup->n_writes, cgroup->writes);
	if (r >= 0)
		r = plan_unit_add_limits(&p, cgroup->n_late_writes, cgroup->late_writes);
	for (i = 0; i < p.n; i++) {
		/* systemd takes it only with the request that makes the scope */
		if (strcmp(p.list[i].name, OOM_POLICY) == 0)
			continue;
		p.list[kept] = p.list[i];
		/* there is a container already */
		p.list[kept++].late = false;
	}
	ret_unit->n_properties = kept;
	ret_unit->properties = p.list;
	return r;
}

int plan_unit_delay_tasks(struct plan_cgroup *cgroup, struct arena *arena, struct error *err)
{
	struct plan_cgroup_write *writes, *late;
	size_t i, at = cgroup->n_writes;
	uint64_t number;

	for (i = 0; i < cgroup->n_writes; i++)
		if (strcmp(cgroup->writes[i].file, "pids.max") == 0 &&
		    parse_limit(cgroup->writes[i].value, &number) && number < TASKS_AT_BIRTH)
			at = i;
	if (at == cgroup->n_writes)
		return 0;
	writes = arena_array(arena, cgroup->n_writes, sizeof *writes);
	late = arena_array(arena, cgroup->n_late_writes + 1, sizeof *late);
	if (!writes || !late)
		return error_oom(err);
	for (i = 0; i < cgroup->n_late_writes; i++)
		late[i] = cgroup->late_writes[i];
	late[cgroup->n_late_writes++] = cgroup->writes[at];
	for (i = 0; i < cgroup->n_writes; i++)
		if (i != at)
			writes[i - (i > at)] = cgroup->writes[i];
	cgroup->n_writes--;
	cgroup->writes = writes;
	cgroup->late_writes = late;
	return 0;
}
