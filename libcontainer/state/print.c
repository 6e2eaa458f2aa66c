/* The OCI state (runtime.md, "State") as callers know it: the order and the names of the members are
 * relied upon (contract 5), the first ones by the specification, rootfs, created and owner because engines
 * read them. A member that is unknown is an empty string, never null: engines decode into strings. */
#include <pwd.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "state/state.h"

static const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

void state_print(const struct state_record *record, enum state_status status, pid_t pid,
		 struct json_writer *writer)
{
	size_t i;

	json_object_begin(writer);
	json_key_string(writer, "ociVersion", text_or_empty(record->oci_version));
	json_key_string(writer, "id", text_or_empty(record->id));
	json_key_int(writer, "pid", pid);
	json_key_string(writer, "status", state_status_name(status));
	json_key_string(writer, "bundle", text_or_empty(record->bundle));
	json_key_string(writer, "rootfs", text_or_empty(record->rootfs));
	json_key_string(writer, "created", text_or_empty(record->created));
	if (record->n_annotations > 0) {
		json_key(writer, "annotations");
		json_object_begin(writer);
		for (i = 0; i < record->n_annotations; i++)
			json_key_string(writer, record->annotations[i].key,
					record->annotations[i].value);
		json_object_end(writer);
	}
	json_key_string(writer, "owner", text_or_empty(record->owner_name));
	if (record->exit) {
		json_key(writer, "exit");
		state_print_exit(record->exit, writer);
	}
	json_object_end(writer);
}

void state_print_process(const struct state_record *record, enum state_status status,
			 pid_t process, struct json_writer *writer)
{
	json_object_begin(writer);
	json_key_string(writer, "ociVersion", text_or_empty(record->oci_version));
	json_key(writer, "fds");
	json_array_begin(writer);
	json_string(writer, "seccompFd");
	json_array_end(writer);
	json_key_int(writer, "pid", process);
	if (record->seccomp_metadata)
		json_key_string(writer, "metadata", record->seccomp_metadata);
	json_key(writer, "state");
	state_print(record, status, record->init.pid, writer);
	json_object_end(writer);
}

void state_name_owner(struct state_record *record, struct arena *arena)
{
	_cleanup_file_ FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *entry;

	if (!file)
		return;
	while ((entry = fgetpwent(file)) != NULL)
		if (entry->pw_uid == record->owner) {
			record->owner_name = arena_strdup(arena, entry->pw_name);
			return;
		}
}
