/* The whole of config.json: its top level, and what its sections must not say against each other. All
 * that can be wrong with a file without asking the kernel is found here or in the sections' files, so
 * that plan and mechanisms can rely on the values. */
#include "spec/decode.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define NAME_MAX_UTS 64 /* __NEW_UTS_LEN of the kernel, for hostname and domainname */

static const struct field root_fields[] = {
	F_STRING(spec_root, "path", path, .flags = REQUIRED),
	F_BOOL(spec_root, "readonly", readonly),
};
static const struct object_type type_root = OBJECT_TYPE(spec_root, root_fields, NULL);

/* ---- ociVersion ---- */

/* Skips a number without leading zeros; NULL when there is none. */
static const char *skip_number(const char *text)
{
	size_t length = strspn(text, "0123456789");

	if (length == 0 || (length > 1 && *text == '0'))
		return NULL;
	return text + length;
}

/* Skips dot-separated identifiers of a pre-release (numbers in it have no leading zeros) or a build. */
static const char *skip_identifiers(const char *text, bool pre_release)
{
	size_t length, digits;

	for (;; text++) {
		length = strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
		digits = strspn(text, "0123456789");
		if (length == 0)
			return NULL;
		if (pre_release && digits == length && length > 1 && *text == '0')
			return NULL;
		text += length;
		if (*text != '.')
			return text;
	}
}

/* https://semver.org/spec/v2.0.0.html */
static bool is_semver(const char *version)
{
	int part;

	for (part = 0; part < 3; part++) {
		version = skip_number(version);
		if (!version || (part < 2 && *version++ != '.'))
			return false;
	}
	if (*version == '-')
		version = skip_identifiers(version + 1, true);
	if (version && *version == '+')
		version = skip_identifiers(version + 1, false);
	return version && *version == '\0';
}

/* Newer minor versions are taken: engines stay ahead of runtimes, and within major 1 unknown properties
 * are to be ignored (spec 69). */
static void check_version(const struct place *at, const char *version)
{
	if (!version)
		return;
	if (!is_semver(version))
		problem(at, "ociVersion", "\"%.100s\" is no version by SemVer 2.0.0", version);
	else if (strncmp(version, "1.", 2) != 0)
		problem(at, "ociVersion", "major version 1 is needed, not \"%.100s\"", version);
}

/* ---- sections against each other ---- */

static void check_names(const struct place *at, const struct spec *spec)
{
	const struct {
		const char *property, *value;
	} names[] = { { "hostname", spec->hostname }, { "domainname", spec->domainname } };
	size_t i;

	for (i = 0; i < ELEMENTS_OF(names); i++) {
		if (!names[i].value)
			continue;
		if (strlen(names[i].value) > NAME_MAX_UTS)
			problem(at, names[i].property, "longer than %d bytes", NAME_MAX_UTS);
		if (sound(at, "linux") &&
		    !spec_namespace_find(spec->linux_, SPEC_NAMESPACE_UTS))
			problem(at, names[i].property,
				"unable to set %s without a private UTS namespace",
				names[i].property);
	}
}

/* spec 93, 94 */
static void check_idmap_options(const struct place *at, const struct spec *spec)
{
	struct place mounts = place_member(at, "mounts");
	size_t i, j;

	if (!sound(at, "linux"))
		return;
	if (spec_namespace_find(spec->linux_, SPEC_NAMESPACE_USER))
		return;
	for (i = 0; i < spec->n_mounts; i++) {
		const struct spec_mount *mount = &spec->mounts[i];
		struct place here = place_element(&mounts, i);

		for (j = 0; j < mount->n_options && mount->n_uid_mappings == 0; j++)
			if (strcmp(mount->options[j], "idmap") == 0 ||
			    strcmp(mount->options[j], "ridmap") == 0)
				problem(&here, "options",
					"%s needs uidMappings and gidMappings, because the "
					"container has no user namespace to take them from",
					mount->options[j]);
	}
}

static bool is_mapped(size_t n_mappings, const struct spec_id_mapping *mappings, uint32_t id)
{
	size_t i;

	for (i = 0; i < n_mappings; i++)
		if (id >= mappings[i].container_id &&
		    id - mappings[i].container_id < mappings[i].size)
			return true;
	return false;
}

/* setresuid(2) and setresgid(2) refuse an id that the user namespace does not map. */
static void check_user(const struct place *at, const struct spec *spec)
{
	const struct spec_namespace *ns = spec_namespace_find(spec->linux_,
							      SPEC_NAMESPACE_USER);
	const struct spec_linux *lin = spec->linux_;
	struct place process = place_member(at, "process");
	struct place user = place_member(&process, "user");

	if (!spec->process || !ns || ns->path || !sound(at, "linux") || !sound(&user, NULL))
		return;
	if (!is_mapped(lin->n_uid_mappings, lin->uid_mappings, spec->process->user.uid))
		problem(&user, "uid", "%u is not in linux.uidMappings",
			spec->process->user.uid);
	if (!is_mapped(lin->n_gid_mappings, lin->gid_mappings, spec->process->user.gid))
		problem(&user, "gid", "%u is not in linux.gidMappings",
			spec->process->user.gid);
}

static void check_spec(const struct place *at, void *object, const struct json_value *json)
{
	struct spec *spec = object;

	spec->source = json;
	check_version(at, spec->oci_version);
	check_names(at, spec);
	check_idmap_options(at, spec);
	check_user(at, spec);
	check_sysctl(at, spec);
}

static const struct field spec_fields[] = {
	F_STRING(spec, "ociVersion", oci_version, .flags = REQUIRED),
	F_OBJECT(spec, "root", root, type_root, .flags = REQUIRED),
	F_OBJECTS(spec, "mounts", mounts, type_mount),
	F_OBJECT(spec, "process", process, type_process),
	F_STRING(spec, "hostname", hostname),
	F_STRING(spec, "domainname", domainname),
	F_OBJECT(spec, "hooks", hooks, type_hooks),
	F_PAIRS(spec, "annotations", annotations),
	F_OBJECT(spec, "linux", linux_, type_linux),
};
static const struct object_type type_spec = OBJECT_TYPE(spec, spec_fields, check_spec);

/* ---- loading ---- */

struct document {
	const char *text;
	size_t length;
	const char *name;
};

/* Parses and decodes into @object. The JSON tree stays in the arena: the strings are its own. */
static int load(const struct document *document, const struct object_type *type,
		struct arena *arena, void *object, struct error *err)
{
	struct decoder decoder = { .arena = arena, .name = document->name };
	struct place whole = { .decoder = &decoder };
	const struct json_value *json;
	int r;

	r = json_parse(document->text, document->length, document->name, arena, &json, err);
	if (r < 0)
		return r;
	decode_object(&whole, type, json, object);
	return decoder_finish(&decoder, err);
}

int spec_load(const char *text, size_t length, const char *bundle, struct arena *arena,
	      const struct spec **ret_spec, struct error *err)
{
	const struct document document = { text, length, "config.json" };
	struct spec *spec = arena_alloc(arena, sizeof *spec);
	int r;

	if (!spec)
		return error_oom(err);
	spec->bundle = arena_strdup(arena, bundle);
	if (!spec->bundle)
		return error_oom(err);
	r = load(&document, &type_spec, arena, spec, err);
	if (r < 0)
		return r;
	*ret_spec = spec;
	return 0;
}

int spec_load_process(const char *text, size_t length, const char *name, struct arena *arena,
		      const struct spec_process **ret_process, struct error *err)
{
	const struct document document = { text, length, name };
	struct spec_process *process = arena_alloc(arena, sizeof *process);
	int r;

	if (!process)
		return error_oom(err);
	r = load(&document, &type_process, arena, process, err);
	if (r < 0)
		return r;
	*ret_process = process;
	return 0;
}

int spec_load_resources(const char *text, size_t length, const char *name, struct arena *arena,
			const struct spec_resources **ret_resources, struct error *err)
{
	const struct document document = { text, length, name };
	struct spec_resources *resources = arena_alloc(arena, sizeof *resources);
	int r;

	if (!resources)
		return error_oom(err);
	r = load(&document, &type_resources, arena, resources, err);
	if (r < 0)
		return r;
	*ret_resources = resources;
	return 0;
}

int spec_read_hooks(const struct json_value *value, const char *name, struct arena *arena,
		    const struct spec_hooks **ret_hooks, struct error *err)
{
	struct decoder decoder = { .arena = arena, .name = name };
	struct place whole = { .decoder = &decoder };
	struct spec_hooks *hooks;
	int r;

	*ret_hooks = NULL;
	if (!value || value->type == JSON_NULL)
		return 0;
	hooks = arena_alloc(arena, sizeof *hooks);
	if (!hooks)
		return error_oom(err);
	decode_object(&whole, &type_hooks, value, hooks);
	r = decoder_finish(&decoder, err);
	if (r < 0)
		return r;
	*ret_hooks = hooks;
	return 0;
}

int spec_read_resources(const struct json_value *value, const char *name, struct arena *arena,
			const struct spec_resources **ret_resources, struct error *err)
{
	struct decoder decoder = { .arena = arena, .name = name };
	struct place whole = { .decoder = &decoder };
	struct spec_resources *resources;
	int r;

	*ret_resources = NULL;
	if (!value || value->type == JSON_NULL)
		return 0;
	resources = arena_alloc(arena, sizeof *resources);
	if (!resources)
		return error_oom(err);
	decode_object(&whole, &type_resources, value, resources);
	r = decoder_finish(&decoder, err);
	if (r < 0)
		return r;
	*ret_resources = resources;
	return 0;
}

const char *spec_find_pair(const struct spec_pair *pairs, size_t count, const char *key)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(pairs[i].key, key) == 0)
			return pairs[i].value;
	return NULL;
}
