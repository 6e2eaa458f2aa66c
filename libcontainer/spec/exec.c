/* What exec needs of config.json when that file may be gone or changed: the process object, which the added
 * process starts from, and what linux says of every process of the container. It is kept as it stood in the
 * file, so that each property is decoded and checked by the same tables again, and none is lost that this
 * file does not name. */
#include "spec/decode.h"

#include "base/cleanup.h"

static const struct field exec_fields[] = {
	F_OBJECT(spec, "process", process, type_process),
	F_OBJECT(spec, "linux", linux_, type_linux),
};
static const struct object_type type_exec = OBJECT_TYPE(spec, exec_fields, NULL);

static void write_member(const struct json_value *object, const char *name,
			 struct json_writer *writer)
{
	const struct json_value *value = json_member(object, name);

	if (!value || value->type == JSON_NULL)
		return;
	json_key(writer, name);
	json_value(writer, value);
}

void spec_write_exec(const struct spec *spec, struct json_writer *writer)
{
	const struct json_value *lin = json_member(spec->source, "linux");

	json_object_begin(writer);
	write_member(spec->source, "process", writer);
	json_key(writer, "linux");
	json_object_begin(writer);
	write_member(lin, "personality", writer);
	write_member(lin, "memoryPolicy", writer);
	json_object_end(writer);
	json_object_end(writer);
}

int spec_read_exec(const struct json_value *value, const char *name, struct arena *arena,
		   const struct spec **ret_spec, struct error *err)
{
	struct decoder decoder = { .arena = arena, .name = name };
	struct place whole = { .decoder = &decoder };
	struct spec *spec = arena_alloc(arena, sizeof *spec);
	int r;

	if (!spec)
		return error_oom(err);
	decode_object(&whole, &type_exec, value, spec);
	r = decoder_finish(&decoder, err);
	if (r < 0)
		return r;
	*ret_spec = spec;
	return 0;
}
