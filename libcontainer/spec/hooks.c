/* hooks: six lists of programs (spec 130-133), read from config.json and, in the same form, from the
 * state record, because poststop hooks run when config.json may be long gone. A hook's path is for
 * execve(2), which searches no PATH: so it must be absolute. */
#include "spec/decode.h"

#include "base/cleanup.h"

static void check_hook(const struct place *at, void *object, const struct json_value *json)
{
	struct spec_hook *hook = object;

	(void)at;
	hook->env_given = given(json, "env");
}

static const struct field hook_fields[] = {
	F_STRING(spec_hook, "path", path, .flags = REQUIRED | ABSOLUTE),
	F_STRINGS(spec_hook, "args", args),
	F_STRINGS(spec_hook, "env", env),
	F_OPT_INT(spec_hook, "timeout", timeout, 1, INT32_MAX),
};
static const struct object_type type_hook = OBJECT_TYPE(spec_hook, hook_fields, check_hook);

static const struct field hooks_fields[] = {
	F_OBJECTS(spec_hooks, "prestart", prestart, type_hook),
	F_OBJECTS(spec_hooks, "createRuntime", create_runtime, type_hook),
	F_OBJECTS(spec_hooks, "createContainer", create_container, type_hook),
	F_OBJECTS(spec_hooks, "startContainer", start_container, type_hook),
	F_OBJECTS(spec_hooks, "poststart", poststart, type_hook),
	F_OBJECTS(spec_hooks, "poststop", poststop, type_hook),
};
const struct object_type type_hooks = OBJECT_TYPE(spec_hooks, hooks_fields, NULL);

static void write_strings(struct json_writer *writer, const char *key, size_t count,
			  const char *const *strings)
{
	size_t i;

	json_key(writer, key);
	json_array_begin(writer);
	for (i = 0; i < count; i++)
		json_string(writer, strings[i]);
	json_array_end(writer);
}

static void write_list(struct json_writer *writer, const char *kind, size_t n_hooks,
		       const struct spec_hook *hooks)
{
	size_t i;

	if (n_hooks == 0)
		return;
	json_key(writer, kind);
	json_array_begin(writer);
	for (i = 0; i < n_hooks; i++) {
		json_object_begin(writer);
		json_key_string(writer, "path", hooks[i].path);
		if (hooks[i].n_args > 0)
			write_strings(writer, "args", hooks[i].n_args, hooks[i].args);
		if (hooks[i].env_given)
			write_strings(writer, "env", hooks[i].n_env, hooks[i].env);
		if (hooks[i].timeout.set)
			json_key_int(writer, "timeout", hooks[i].timeout.value);
		json_object_end(writer);
	}
	json_array_end(writer);
}

void spec_write_hooks(const struct spec_hooks *hooks, struct json_writer *writer)
{
	json_object_begin(writer);
	if (hooks) {
		write_list(writer, "prestart", hooks->n_prestart, hooks->prestart);
		write_list(writer, "createRuntime", hooks->n_create_runtime,
			   hooks->create_runtime);
		write_list(writer, "createContainer", hooks->n_create_container,
			   hooks->create_container);
		write_list(writer, "startContainer", hooks->n_start_container,
			   hooks->start_container);
		write_list(writer, "poststart", hooks->n_poststart, hooks->poststart);
		write_list(writer, "poststop", hooks->n_poststop, hooks->poststop);
	}
	json_object_end(writer);
}
