/* The container as a unit of systemd: the names in linux.cgroupsPath ("slice:prefix:name"), and a transient
 * scope's properties: what makes it a container's, the limits (so that systemctl and cAdvisor see them, and so
 * that systemd writes the same values when it writes them again), and those in annotations. What systemd has
 * no property for stays with the writes to the files. Fact of systemd: a unit's name may have letters, digits
 * and ":-_.\" alone and at most 255 characters; "a-b.slice" lies within "a.slice" (systemd.slice(5)). */
#include "plan/unit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "plan/gvariant.h"
#include "plan/print.h"

#define UNIT_NAME_MAX 255
#define NAME_CHARACTERS                        \
	"0123456789abcdefghijklmnopqrstuvwxyz" \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.\\"
#define SLICE_SUFFIX ".slice"
#define OOM_POLICY "OOMPolicy"

/* With fewer tasks than these the placeholder in the scope and those that bring the init to life (an
 * intermediate process, itself) would find no room, so that the limit is set when they are gone. */
#define TASKS_AT_BIRTH 4

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), of_end = strlen(end);

	return length >= of_end && strcmp(text + length - of_end, end) == 0;
}

static bool is_slice_name(const char *slice)
{
	size_t length = strlen(slice), stem;

	if (strcmp(slice, "-" SLICE_SUFFIX) == 0)
		return true;
	if (length > UNIT_NAME_MAX || !ends_with(slice, SLICE_SUFFIX) ||
	    strspn(slice, NAME_CHARACTERS) != length)
		return false;
	stem = length - strlen(SLICE_SUFFIX);
	return stem > 0 && slice[0] != '-' && slice[0] != '.' && slice[stem - 1] != '-' &&
	       !strstr(slice, "--");
}

const char *plan_slice_path(const char *slice, struct arena *arena)
{
	size_t stem = strlen(slice) - strlen(SLICE_SUFFIX), i;
	const char *path = "";

	if (strcmp(slice, "-" SLICE_SUFFIX) == 0)
		return "/";
	for (i = 1; i <= stem; i++) {
		if (i < stem && slice[i] != '-')
			continue;
		path = arena_printf(arena, "%s/%.*s" SLICE_SUFFIX, path, (int)i, slice);
		if (!path)
			return NULL;
	}
	return path;
}

/* Ids may have a "+", which names of units may not: written as systemd-escape(1) does. */
static const char *escape(const char *id, struct arena *arena)
{
	const size_t room = strlen(id) * 4 + 1;
	char *name = arena_alloc(arena, room);
	size_t length = 0;

	if (!name)
		return NULL;
	for (; *id; id++) {
		if (strchr(NAME_CHARACTERS, *id) && *id != '\\')
			name[length++] = *id;
		else
			length += (size_t)snprintf(name + length, room - length, "\\x%02x",
						   (unsigned char)*id);
	}
	return name;
}

/* Splits linux.cgroupsPath; without one the parts are the defaults. */
static int split(const struct plan_cgroup *cgroup, struct arena *arena, const char *parts[3],
		 struct error *err)
{
	char *copy, *first, *second;

	if (!cgroup->path) {
		parts[0] = "";
		parts[1] = "tare";
		parts[2] = escape(cgroup->id, arena);
		return parts[2] ? 0 : error_oom(err);
	}
	copy = arena_strdup(arena, cgroup->path);
	if (!copy)
		return error_oom(err);
	first = strchr(copy, ':');
	second = first ? strchr(first + 1, ':') : NULL;
	if (!second || strchr(second + 1, ':'))
		return error_set(
			err, EINVAL,
			"linux.cgroupsPath: expected cgroupsPath to be of format "
			"\"slice:prefix:name\" for systemd cgroups, got \"%s\" instead",
			cgroup->path);
	*first = *second = '\0';
	parts[0] = copy;
	parts[1] = first + 1;
	parts[2] = second + 1;
	return 0;
}

static int name_unit(const struct plan_cgroup *cgroup, struct arena *arena,
		     struct plan_unit *unit, struct error *err)
{
	const char *parts[3];
	int r;

	r = split(cgroup, arena, parts, err);
	if (r < 0)
		return r;
	unit->slice = parts[0][0] ? parts[0] : unit->user ? "user.slice" : "system.slice";
	if (!is_slice_name(unit->slice))
		return error_set(err, EINVAL,
				 "linux.cgroupsPath: \"%s\" is not the name of a slice "
				 "(a.slice, or a-b.slice within it)",
				 unit->slice);
	unit->name = arena_printf(arena, "%s-%s.scope", parts[1], parts[2]);
	if (!unit->name)
		return error_oom(err);
	if (parts[2][0] == '\0' || strlen(unit->name) > UNIT_NAME_MAX ||
	    strspn(unit->name, NAME_CHARACTERS) != strlen(unit->name) || unit->name[0] == '.')
		return error_set(
			err, EINVAL,
			"linux.cgroupsPath: \"%.300s\" cannot be the name of a unit of "
			"systemd (letters, digits and \":-_.\\\", at most %d "
			"characters)",
			unit->name, UNIT_NAME_MAX);
	unit->path = plan_slice_path(unit->slice, arena);
	if (unit->path)
		unit->path = arena_printf(arena, "%s/%s",
					  strcmp(unit->path, "/") == 0 ? "" : unit->path,
					  unit->name);
	return unit->path ? 0 : error_oom(err);
}

/* ---- properties ---- */

struct properties {
	struct arena *arena;
	struct error *err;
	size_t n;
	struct plan_unit_property *list;
};

static struct plan_unit_property *add(struct properties *p, const char *name, const char *where)
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

/* One word is all of the value. */
static struct plan_unit_property *add_word(struct properties *p, const char *name,
					   const char *where, const char *word)
{
	struct plan_unit_property *property = add(p, name, where);
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

static struct plan_unit_property *add_number(struct properties *p, const char *name,
					     const char *where, uint64_t number)
{
	return add_word(p, name, where, arena_printf(p->arena, "t%" PRIu64, number));
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

static int add_limit(struct properties *p, const struct plan_cgroup_write *write,
		     const char *name)
{
	uint64_t number;

	if (!parse_limit(write->value, &number))
		return 0;
	return add_number(p, name, write->where, number) ? 0 : -ENOMEM;
}

/* Since systemd 253. */
static int add_zswap(struct properties *p, const struct plan_cgroup_write *write,
		     const char *name)
{
	size_t before = p->n;
	int r = add_limit(p, write, name);

	if (r >= 0 && p->n > before)
		p->list[before].optional = true;
	return r;
}

/* systemd knows no limit of 0. */
static int add_tasks(struct properties *p, const struct plan_cgroup_write *write,
		     const char *name)
{
	uint64_t number;
	struct plan_unit_property *property;

	if (!parse_limit(write->value, &number))
		return 0;
	property = add_number(p, name, write->where, number ? number : 1);
	if (!property)
		return -ENOMEM;
	property->late = number < TASKS_AT_BIRTH;
	return 0;
}

/* systemd 252 and newer: a weight of 0 is "idle". */
static int add_idle(struct properties *p, const struct plan_cgroup_write *write,
		    const char *name)
{
	struct plan_unit_property *property;

	if (strcmp(write->value, "1") != 0)
		return 0;
	property = add_number(p, name, write->where, 0);
	if (!property)
		return -ENOMEM;
	property->optional = true;
	return 0;
}

/* systemd writes memory.oom.group anew with every change of a unit, by the policy that a scope has since
 * systemd 253. */
static int add_oom_policy(struct properties *p, const struct plan_cgroup_write *write,
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
	property = add_word(p, name, write->where, policy);
	if (!property)
		return -ENOMEM;
	property->optional = true;
	return 0;
}

/* "QUOTA PERIOD" in microseconds. systemd keeps whole percents of a processor in its file of the unit, so the
 * next one above is told, as the other runtimes do; the exact values are in the cgroup's file. */
static int add_quota(struct properties *p, const struct plan_cgroup_write *write,
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
	if (!add_number(p, name, write->where, per_second) ||
	    !add_number(p, "CPUQuotaPeriodUSec", write->where, period))
		return -ENOMEM;
	return 0;
}

/* "W" or "default W": the weight for all devices. */
static int add_io_weight(struct properties *p, const struct plan_cgroup_write *write,
			 const char *name)
{
	const char *number = write->value;
	uint64_t weight;

	if (strncmp(number, "default ", 8) == 0)
		number += 8;
	if (!parse_limit(number, &weight) || weight < 1 || weight > 10000)
		return 0;
	return add_number(p, name, write->where, weight) ? 0 : -ENOMEM;
}

/* A list like "0-3,7" as a bit mask, the lowest bit first. */
static int add_list(struct properties *p, const struct plan_cgroup_write *write,
		    const char *name)
{
	unsigned char mask[PLAN_LIST_MAX / 8] = { 0 };
	struct plan_unit_property *property;
	ssize_t used = plan_parse_list(write->value, mask);
	const char **words;
	ssize_t i;

	if (used <= 0)
		return 0;
	property = add(p, name, write->where);
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
	int (*add)(struct properties *p, const struct plan_cgroup_write *write,
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
	{ "cpu.idle", "CPUWeight", add_idle },
	{ "cpu.max", "CPUQuotaPerSecUSec", add_quota },
	{ "cpuset.cpus", "AllowedCPUs", add_list },
	{ "cpuset.mems", "AllowedMemoryNodes", add_list },
	{ "io.weight", "IOWeight", add_io_weight },
	{ "pids.max", "TasksMax", add_tasks },
};

static int add_limits(struct properties *p, size_t n_writes,
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
	struct properties p = { .arena = arena, .err = err };
	size_t i, kept = 0;
	int r;

	r = add_limits(&p, cgroup->n_writes, cgroup->writes);
	if (r >= 0)
		r = add_limits(&p, cgroup->n_late_writes, cgroup->late_writes);
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

/* ---- annotations ---- */

#define ANNOTATION "org.systemd.property."

/* What this runtime decides about its scope: another value would take the container out of it, or foreign
 * processes into it. */
static const char *const own_properties[] = { "PIDs",	  "PIDFDs", "Slice",
					      "Delegate", "Scope",  "Controller" };

static int check_annotation(const char *name, struct error *err)
{
	size_t length = strlen(name), i;

	if (length < 3 ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != length)
		return error_set(err, EINVAL,
				 "name incorrect (at least three letters and nothing else)");
	for (i = 0; i < ELEMENTS_OF(own_properties); i++)
		if (strcmp(name, own_properties[i]) == 0)
			return error_set(err, EINVAL, "the runtime itself sets this property");
	return 0;
}

/* "TimeoutStopSec" of unit files is TimeoutStopUSec on the bus. */
static int convert_seconds(struct properties *p, struct plan_unit_property *property)
{
	const char *word = property->value.words[0];
	double seconds;

	if (property->value.n_words != 1 || !strchr("nqiuxtd", word[0]))
		return error_set(p->err, EINVAL,
				 "value conversion error: no number of seconds");
	seconds = strtod(word + 1, NULL);
	if (!(seconds >= 0) || seconds >= 1e12)
		return error_set(p->err, EINVAL,
				 "value conversion error: %s seconds are out of range",
				 word + 1);
	p->n--; /* replaced by the converted one */
	property->name = arena_printf(p->arena, "%.*sUSec", (int)strlen(property->name) - 3,
				      property->name);
	if (!property->name ||
	    !add_number(p, property->name, property->where, (uint64_t)(seconds * 1e6 + 0.5)))
		return error_oom(p->err);
	return 0;
}

static bool in_seconds(const char *name)
{
	size_t length = strlen(name);

	return length > 3 && ends_with(name, "Sec") && name[length - 4] >= 'a' &&
	       name[length - 4] <= 'z';
}

static int add_annotation(struct properties *p, const struct spec_pair *annotation)
{
	struct plan_unit_property *property;
	const char *name, *where;
	int r;

	name = annotation->key + strlen(ANNOTATION);
	where = arena_printf(p->arena, "annotations[\"%s\"]", annotation->key);
	if (!where)
		return error_oom(p->err);
	r = check_annotation(name, p->err);
	if (r < 0)
		return error_at(p->err, "%s", where);
	property = add(p, name, where);
	if (!property)
		return -ENOMEM;
	r = gvariant_parse(annotation->value, p->arena, &property->value, p->err);
	if (r < 0)
		return error_at(p->err, "%s: value parse error", where);
	if (in_seconds(name))
		r = convert_seconds(p, property);
	return r < 0 ? error_at(p->err, "%s", where) : 0;
}

/* A property that is said twice counts as it was said last: annotations can change what is set here, and a
 * weight and "idle" are one property. */
static void drop_repeated(struct properties *p)
{
	size_t i, j, kept = 0;

	for (i = 0; i < p->n; i++) {
		for (j = i + 1; j < p->n; j++)
			if (strcmp(p->list[i].name, p->list[j].name) == 0)
				break;
		if (j == p->n)
			p->list[kept++] = p->list[i];
	}
	p->n = kept;
}

static int add_basics(struct properties *p, const struct plan_cgroup *cgroup,
		      const struct plan_unit *unit)
{
	const char *description = arena_printf(p->arena, "stare container %s", cgroup->id);
	const char *slice = arena_printf(p->arena, "s%s", unit->slice);

	/* Delegate also gives the scope all controllers, for the statistics that are read from its files. */
	if (!add_word(p, "Description", NULL, description) ||
	    !add_word(p, "Slice", NULL, slice) || !add_word(p, "Delegate", NULL, "b1") ||
	    !add_word(p, "DefaultDependencies", NULL, "b0") ||
	    !add_word(p, "CollectMode", NULL, "sinactive-or-failed"))
		return error_oom(p->err);
	return 0;
}

/* The file of the tasks' limit, late for the same reason as the property. */
static int delay_tasks(struct plan_cgroup *cgroup, struct arena *arena, struct error *err)
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

int plan_unit(const struct plan_builder *b, struct plan_cgroup *cgroup, struct error *err)
{
	struct properties p = { .arena = b->arena, .err = err };
	struct plan_unit *unit = arena_alloc(b->arena, sizeof *unit);
	size_t i;
	int r;

	if (!unit)
		return error_oom(err);
	unit->user = !b->privileged;
	r = name_unit(cgroup, b->arena, unit, err);
	if (r >= 0)
		r = add_basics(&p, cgroup, unit);
	if (r >= 0)
		r = add_limits(&p, cgroup->n_writes, cgroup->writes);
	if (r >= 0)
		r = add_limits(&p, cgroup->n_late_writes, cgroup->late_writes);
	for (i = 0; i < b->spec->n_annotations && r >= 0; i++)
		if (strncmp(b->spec->annotations[i].key, ANNOTATION, strlen(ANNOTATION)) == 0)
			r = add_annotation(&p, &b->spec->annotations[i]);
	if (r >= 0)
		r = delay_tasks(cgroup, b->arena, err);
	if (r < 0)
		return r;
	drop_repeated(&p);
	unit->n_properties = p.n;
	unit->properties = p.list;
	cgroup->unit = unit;
	return 0;
}

void plan_print_unit(const struct plan_unit *unit, struct json_writer *writer)
{
	const struct plan_unit_property *property;
	size_t i;

	json_object_begin(writer);
	json_key_string(writer, "name", unit->name);
	json_key_string(writer, "slice", unit->slice);
	json_key_string(writer, "path", unit->path);
	plan_print_true(writer, "user", unit->user);
	json_key(writer, "properties");
	json_array_begin(writer);
	for (i = 0; i < unit->n_properties; i++) {
		property = &unit->properties[i];
		json_object_begin(writer);
		json_key_string(writer, "name", property->name);
		plan_print_strings(writer, "value", property->value.n_words,
				   property->value.words);
		plan_print_true(writer, "optional", property->optional);
		plan_print_true(writer, "late", property->late);
		plan_print_text(writer, "where", property->where);
		json_object_end(writer);
	}
	json_array_end(writer);
	json_object_end(writer);
}
