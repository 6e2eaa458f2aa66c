/* The record: state.json in the container's directory, a JSON object with a version. It is written to a
 * temporary name and renamed, because rename(2) is atomic: a reader sees the old record or the new one,
 * never a part. There is no fsync: the state lives on tmpfs, and after a crash no container is left that
 * the record could speak of.
 *
 * Version 1: version, id, ociVersion, bundle, rootfs, created, owner, status, init and holder {pid,
 * startTime, pidfsId, pidNs}, cgroup, cgroupId, cgroupCreated, cgroupAbove, oomKillsBefore (0 without), intelRdt {resctrl, class,
 * classMade, monitoring}, privatePidNs, hasProcess, notifies, terminal, streams, seccompAgent, seccompMetadata, joined,
 * noCheckpoint, annotations, hooks, resources. A reader ignores members that it does not know; what an older tare must
 * not ignore raises the version. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "state/state.h"
#include "state/store.h"

/* Writers hold the container's lock, so one name is enough. */
#define TEMPORARY STATE_RECORD_FILE ".tmp"

static void write_identity(struct json_writer *writer, const char *key,
			   const struct state_identity *identity)
{
	json_key(writer, key);
	json_object_begin(writer);
	json_key_int(writer, "pid", identity->pid);
	json_key_uint(writer, "startTime", identity->start_time);
	if (identity->has_pidfs_id)
		json_key_uint(writer, "pidfsId", identity->pidfs_id);
	if (identity->pid_ns)
		json_key_uint(writer, "pidNs", identity->pid_ns);
	json_object_end(writer);
}

static void write_rdt(const struct resctrl_group *rdt, struct json_writer *writer)
{
	if (!rdt->root)
		return;
	json_key(writer, "intelRdt");
	json_object_begin(writer);
	json_key_string(writer, "resctrl", rdt->root);
	json_key_string(writer, "class", rdt->clos);
	json_key_bool(writer, "classMade", rdt->clos_made);
	if (rdt->monitoring)
		json_key_string(writer, "monitoring", rdt->monitoring);
	json_object_end(writer);
}

static void write_streams(const struct state_record *record, struct json_writer *writer)
{
	size_t i;

	if (!record->streams_known)
		return;
	json_key(writer, "streams");
	json_array_begin(writer);
	for (i = 0; i < STATE_STREAMS; i++)
		json_string(writer, record->streams[i] ? record->streams[i] : "");
	json_array_end(writer);
}

void state_print_record(const struct state_record *record, struct json_writer *writer)
{
	size_t i;

	json_object_begin(writer);
	json_key_uint(writer, "version", STATE_RECORD_VERSION);
	json_key_string(writer, "id", record->id);
	json_key_string(writer, "ociVersion", record->oci_version);
	json_key_string(writer, "bundle", record->bundle);
	json_key_string(writer, "rootfs", record->rootfs);
	json_key_string(writer, "created", record->created);
	json_key_uint(writer, "owner", record->owner);
	json_key_string(writer, "status", state_status_name(record->status));
	write_identity(writer, "init", &record->init);
	write_identity(writer, "holder", &record->holder);
	if (record->cgroup)
		json_key_string(writer, "cgroup", record->cgroup);
	if (record->unit) {
		json_key_string(writer, "unit", record->unit);
		json_key_bool(writer, "unitUser", record->unit_user);
	}
	if (record->cgroup_id)
		json_key_uint(writer, "cgroupId", record->cgroup_id);
	json_key_bool(writer, "cgroupCreated", record->cgroup_created);
	write_rdt(&record->rdt, writer);
	if (record->cgroup_above)
		json_key_uint(writer, "cgroupAbove", record->cgroup_above);
	if (record->oom_kills_before)
		json_key_uint(writer, "oomKillsBefore", record->oom_kills_before);
	json_key_bool(writer, "privatePidNs", record->private_pid_ns);
	json_key_bool(writer, "hasProcess", record->has_process);
	if (record->notifies)
		json_key_bool(writer, "notifies", true);
	if (record->terminal)
		json_key_bool(writer, "terminal", true);
	write_streams(record, writer);
	if (record->seccomp_agent)
		json_key_string(writer, "seccompAgent", record->seccomp_agent);
	if (record->seccomp_metadata)
		json_key_string(writer, "seccompMetadata", record->seccomp_metadata);
	if (record->joined)
		json_key_uint(writer, "joined", record->joined);
	if (record->no_checkpoint)
		json_key_string(writer, "noCheckpoint", record->no_checkpoint);
	json_key(writer, "annotations");
	json_object_begin(writer);
	for (i = 0; i < record->n_annotations; i++)
		json_key_string(writer, record->annotations[i].key,
				record->annotations[i].value);
	json_object_end(writer);
	if (record->hooks) {
		json_key(writer, "hooks");
		spec_write_hooks(record->hooks, writer);
	}
	if (record->resources) {
		json_key(writer, "resources");
		spec_write_resources(record->resources, writer);
	}
	json_object_end(writer);
}

int state_stage(const struct state_dir *dir, const struct state_record *record,
		struct arena *arena, struct error *err)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new_within(arena, NULL);
	_cleanup_fd_ int fd = -1;
	const char *text;
	size_t length;
	int r;

	if (!writer)
		return error_oom(err);
	state_print_record(record, writer);
	r = json_writer_text(writer, &text, &length, err);
	if (r < 0)
		return r;
	fd = openat(dir->fd, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return error_errno(err, errno, "write the record of %s", record->id);
	r = fd_write_all(fd, text, length, STATE_RECORD_FILE, err);
	if (r < 0) {
		unlinkat(dir->fd, TEMPORARY, 0);
		return error_at(err, "write the record of %s", record->id);
	}
	return 0;
}

int state_publish(const struct state_dir *dir, const char *id, struct error *err)
{
	if (renameat(dir->fd, TEMPORARY, dir->fd, STATE_RECORD_FILE) < 0)
		return error_errno(err, errno, "write the record of %s", id);
	return 0;
}

int state_write(const struct state_dir *dir, const struct state_record *record,
		struct arena *arena, struct error *err)
{
	int r = state_stage(dir, record, arena, err);

	return r < 0 ? r : state_publish(dir, record->id, err);
}

/* What is being read, and where its problems go: the readers below do nothing after the first one. */
struct reader {
	const struct json_value *object;
	struct error *err;
};

static const struct json_value *member(const struct reader *reader, const char *name,
				       enum json_type type)
{
	const struct json_value *value;

	if (reader->err->code != 0)
		return NULL;
	value = json_member(reader->object, name);
	if (value && value->type != type) {
		error_set(reader->err, EINVAL, "%s: expected %s, found %s", name,
			  json_type_name(type), json_type_name(value->type));
		return NULL;
	}
	return value;
}

static const char *read_text(const struct reader *reader, const char *name)
{
	const struct json_value *value = member(reader, name, JSON_STRING);

	return value ? value->text : NULL;
}

static const char *read_needed(const struct reader *reader, const char *name)
{
	const char *text = read_text(reader, name);

	if (!text && reader->err->code == 0)
		error_set(reader->err, EINVAL, "%s is missing", name);
	return text ? text : "";
}

static bool read_bool(const struct reader *reader, const char *name)
{
	const struct json_value *value = member(reader, name, JSON_BOOL);

	return value && value->boolean;
}

static uint64_t read_number(const struct reader *reader, const char *name, uint64_t most)
{
	const struct json_value *value = member(reader, name, JSON_NUMBER);
	uint64_t number = 0;

	if (value && (json_uint64(value, &number) < 0 || number > most)) {
		error_set(reader->err, EINVAL, "%s: %s is out of range", name, value->text);
		return 0;
	}
	return number;
}

static struct state_identity read_identity(const struct reader *reader, const char *name)
{
	struct reader inner = { member(reader, name, JSON_OBJECT), reader->err };
	struct state_identity identity = { 0 };

	if (!inner.object)
		return identity;
	identity.pid = (pid_t)read_number(&inner, "pid", INT32_MAX);
	identity.start_time = read_number(&inner, "startTime", UINT64_MAX);
	identity.has_pidfs_id = json_member(inner.object, "pidfsId") != NULL;
	identity.pidfs_id = read_number(&inner, "pidfsId", UINT64_MAX);
	identity.pid_ns = read_number(&inner, "pidNs", UINT64_MAX);
	return identity;
}

static struct resctrl_group read_rdt(const struct reader *reader)
{
	struct reader inner = { member(reader, "intelRdt", JSON_OBJECT), reader->err };
	struct resctrl_group rdt = { .root = NULL };

	if (!inner.object)
		return rdt;
	rdt.root = read_needed(&inner, "resctrl");
	rdt.clos = read_needed(&inner, "class");
	rdt.clos_made = read_bool(&inner, "classMade");
	rdt.monitoring = read_text(&inner, "monitoring");
	return rdt;
}

static void read_streams(const struct reader *reader, struct state_record *record)
{
	const struct json_value *list = member(reader, "streams", JSON_ARRAY);
	size_t i;

	if (!list)
		return;
	record->streams_known = true;
	for (i = 0; i < STATE_STREAMS && i < list->count; i++) {
		if (list->elements[i].type != JSON_STRING) {
			error_set(reader->err, EINVAL, "streams: one is no string");
			return;
		}
		if (*list->elements[i].text)
			record->streams[i] = list->elements[i].text;
	}
}

static void read_annotations(const struct reader *reader, struct arena *arena,
			     struct state_record *record)
{
	const struct json_value *map = member(reader, "annotations", JSON_OBJECT);
	struct spec_pair *pairs;
	size_t i;

	if (!map || map->count == 0)
		return;
	pairs = arena_array(arena, map->count, sizeof *pairs);
	if (!pairs) {
		error_oom(reader->err);
		return;
	}
	for (i = 0; i < map->count; i++) {
		if (map->members[i].value.type != JSON_STRING) {
			error_set(reader->err, EINVAL, "annotations: a value is no string");
			return;
		}
		pairs[i].key = map->members[i].name;
		pairs[i].value = map->members[i].value.text;
	}
	record->annotations = pairs;
	record->n_annotations = map->count;
}

static int read_record(const struct reader *reader, struct arena *arena,
		       struct state_record *record)
{
	const char *status;

	record->version = (unsigned)read_number(reader, "version", UINT32_MAX);
	if (record->version > STATE_RECORD_VERSION && reader->err->code == 0)
		return error_set(reader->err, EPROTO,
				 "it was written by a newer tare (record version %u, this one "
				 "knows %u): use that one",
				 record->version, STATE_RECORD_VERSION);
	if (record->version == 0 && reader->err->code == 0)
		return error_set(reader->err, EINVAL, "version is missing");
	record->id = read_needed(reader, "id");
	record->oci_version = read_needed(reader, "ociVersion");
	record->bundle = read_needed(reader, "bundle");
	record->rootfs = read_needed(reader, "rootfs");
	record->created = read_needed(reader, "created");
	record->owner = (uint32_t)read_number(reader, "owner", UINT32_MAX);
	record->init = read_identity(reader, "init");
	record->holder = read_identity(reader, "holder");
	record->cgroup = read_text(reader, "cgroup");
	record->unit = read_text(reader, "unit");
	record->unit_user = read_bool(reader, "unitUser");
	record->cgroup_id = read_number(reader, "cgroupId", UINT64_MAX);
	record->cgroup_created = read_bool(reader, "cgroupCreated");
	record->rdt = read_rdt(reader);
	record->cgroup_above = (unsigned)read_number(reader, "cgroupAbove", UINT32_MAX);
	record->oom_kills_before = read_number(reader, "oomKillsBefore", UINT64_MAX);
	record->private_pid_ns = read_bool(reader, "privatePidNs");
	record->has_process = read_bool(reader, "hasProcess");
	record->notifies = read_bool(reader, "notifies");
	record->terminal = read_bool(reader, "terminal");
	read_streams(reader, record);
	record->seccomp_agent = read_text(reader, "seccompAgent");
	record->seccomp_metadata = read_text(reader, "seccompMetadata");
	record->joined = read_number(reader, "joined", UINT64_MAX);
	record->no_checkpoint = read_text(reader, "noCheckpoint");
	read_annotations(reader, arena, record);
	status = read_needed(reader, "status");
	if (reader->err->code == 0 && state_status_parse(status, &record->status) < 0)
		return error_set(reader->err, EINVAL, "unknown status \"%s\"", status);
	if (reader->err->code == 0 &&
	    spec_read_hooks(json_member(reader->object, "hooks"), STATE_RECORD_FILE, arena,
			    &record->hooks, reader->err) < 0)
		return -reader->err->code;
	if (reader->err->code == 0 &&
	    spec_read_resources(json_member(reader->object, "resources"), STATE_RECORD_FILE,
				arena, &record->resources, reader->err) < 0)
		return -reader->err->code;
	return -reader->err->code;
}

int state_parse_record(const char *text, size_t length, struct arena *arena,
		       struct state_record **ret_record, struct error *err)
{
	const struct json_value *value;
	struct state_record *record;
	struct reader reader;
	int r;

	r = json_parse(text, length, STATE_RECORD_FILE, arena, &value, err);
	if (r < 0)
		return error_at(err, "read the record");
	if (value->type != JSON_OBJECT)
		return error_set(err, EINVAL, "read the record: expected an object");
	record = arena_alloc(arena, sizeof *record);
	if (!record)
		return error_oom(err);
	reader = (struct reader){ .object = value, .err = err };
	r = read_record(&reader, arena, record);
	if (r < 0)
		return error_at(err, "the record of the container");
	*ret_record = record;
	return 0;
}

ssize_t state_read_file(const struct state_dir *dir, const char *name, size_t limit,
			struct arena *arena, char **ret_text, struct error *err)
{
	_cleanup_fd_ int fd = openat(dir->fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return error_errno(err, errno, "open %s", name);
	return fd_read_regular(fd, limit, name, arena, ret_text, err);
}

int state_read(const struct state_dir *dir, struct arena *arena,
	       struct state_record **ret_record, struct error *err)
{
	char *text;
	ssize_t n;

	n = state_read_file(dir, STATE_RECORD_FILE, JSON_SIZE_MAX, arena, &text, err);
	if (n == -ENOENT)
		return error_set(err, ENODATA, "there is no record of the container");
	if (n < 0)
		return error_at(err, "read the record");
	return state_parse_record(text, (size_t)n, arena, ret_record, err);
}
