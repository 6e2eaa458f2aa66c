/* The container as a unit of systemd: the names in linux.cgroupsPath ("slice:prefix:name"), and a transient
 * scope's properties: what makes it a container's, the limits (unit_limits.c), and those in annotations. Fact of
 * systemd: a unit's name may have letters, digits and ":-_.\" alone and at most 255 characters; "a-b.slice" lies
 * within "a.slice" (systemd.slice(5)). */
#include "plan/unit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "plan/gvariant.h"
#include "plan/print.h"
#include "plan/unit_properties.h"

#define UNIT_NAME_MAX 255
#define NAME_CHARACTERS                        \
	"0123456789abcdefghijklmnopqrstuvwxyz" \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.\\"
#define SLICE_SUFFIX ".slice"

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
static int convert_seconds(struct plan_unit_properties *p, struct plan_unit_property *property)
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
	if (!property->name || !plan_unit_add_number(p, property->name, property->where,
						     (uint64_t)(seconds * 1e6 + 0.5)))
		return error_oom(p->err);
	return 0;
}

static bool in_seconds(const char *name)
{
	size_t length = strlen(name);

	return length > 3 && ends_with(name, "Sec") && name[length - 4] >= 'a' &&
	       name[length - 4] <= 'z';
}

static int add_annotation(struct plan_unit_properties *p, const struct spec_pair *annotation)
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
	property = plan_unit_add(p, name, where);
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
static void drop_repeated(struct plan_unit_properties *p)
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

static int add_basics(struct plan_unit_properties *p, const struct plan_cgroup *cgroup,
		      const struct plan_unit *unit)
{
	const char *description = arena_printf(p->arena, "stare container %s", cgroup->id);
	const char *slice = arena_printf(p->arena, "s%s", unit->slice);

	/* Delegate also gives the scope all controllers, for the statistics that are read from its files. */
	if (!plan_unit_add_word(p, "Description", NULL, description) ||
	    !plan_unit_add_word(p, "Slice", NULL, slice) ||
	    !plan_unit_add_word(p, "Delegate", NULL, "b1") ||
	    !plan_unit_add_word(p, "DefaultDependencies", NULL, "b0") ||
	    !plan_unit_add_word(p, "CollectMode", NULL, "sinactive-or-failed"))
		return error_oom(p->err);
	return 0;
}

int plan_unit(const struct plan_builder *b, struct plan_cgroup *cgroup, struct error *err)
{
	struct plan_unit_properties p = { .arena = b->arena, .err = err };
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
		r = plan_unit_add_limits(&p, cgroup->n_writes, cgroup->writes);
	if (r >= 0)
		r = plan_unit_add_limits(&p, cgroup->n_late_writes, cgroup->late_writes);
	for (i = 0; i < b->spec->n_annotations && r >= 0; i++)
		if (strncmp(b->spec->annotations[i].key, ANNOTATION, strlen(ANNOTATION)) == 0)
			r = add_annotation(&p, &b->spec->annotations[i]);
	if (r >= 0)
		r = plan_unit_delay_tasks(cgroup, b->arena, err);
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
