/* The record of a container: its members, its versions, what is no record, and how it is printed. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "state/state.h"
#include "state_fixture.h"

static void test_record(void **state)
{
	static const struct spec_pair annotations[] = { { "a.b", "c \"d\"" }, { "e", "" } };
	static const struct spec_pids pids = { .limit = { true, 7 } };
	static const struct spec_resources resources = { .pids = &pids };
	struct fixture *f = *state;
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct state_record record = sample("c", STATE_RUNNING), *back;

	record.owner = 4294967294U;
	record.init = (struct state_identity){ 7, UINT64_MAX, true, UINT64_MAX - 1 };
	record.holder = (struct state_identity){ 8, 9, false, 0 };
	record.private_pid_ns = record.has_process = record.notifies = true;
	record.seccomp_agent = "/run/agent";
	record.seccomp_metadata = "of \"ours\"";
	record.n_annotations = 2;
	record.annotations = annotations;
	record.terminal = true;
	record.cgroup_id = UINT64_MAX - 2;
	record.streams_known = true;
	record.streams[1] = "pipe:[7]";
	record.resources = &resources;
	make_container(f, &record);
	assert_int_equal(state_open_dir(&f->store, "c", &dir, &f->err), 0);
	assert_int_equal(state_read(&dir, f->arena, &back, &f->err), 0);
	assert_int_equal(back->version, STATE_RECORD_VERSION);
	assert_string_equal(back->id, "c");
	assert_string_equal(back->bundle, "/bundle");
	assert_string_equal(back->created, record.created);
	assert_int_equal(back->owner, record.owner);
	assert_int_equal(back->status, STATE_RUNNING);
	assert_int_equal(back->init.pid, 7);
	assert_true(back->init.start_time == UINT64_MAX && back->init.has_pidfs_id);
	assert_true(back->init.pidfs_id == UINT64_MAX - 1);
	assert_int_equal(back->holder.pid, 8);
	assert_false(back->holder.has_pidfs_id);
	assert_string_equal(back->seccomp_agent, "/run/agent");
	assert_string_equal(back->seccomp_metadata, "of \"ours\"");
	assert_true(back->private_pid_ns && back->has_process && back->notifies &&
		    !back->cgroup_created);
	assert_null(back->cgroup);
	assert_true(back->cgroup_id == UINT64_MAX - 2);
	assert_true(back->terminal && back->streams_known);
	assert_null(back->streams[0]);
	assert_string_equal(back->streams[1], "pipe:[7]");
	assert_int_equal(back->resources->pids->limit.value, 7);
	assert_int_equal(back->n_annotations, 2);
	assert_string_equal(back->annotations[0].key, "a.b");
	assert_string_equal(back->annotations[0].value, "c \"d\"");
}

static void overwrite(struct state_dir *dir, const char *text)
{
	_cleanup_fd_ int fd = openat(dir->fd, "state.json",
				     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void test_unreadable_records(void **state)
{
	static const char *const broken[] = {
		"",
		"{",
		"[]",
		"{}",
		"{\"version\": 1}",
		"{\"version\": \"1\"}",
		"{\"version\": 1, \"id\": \"c\", \"ociVersion\": \"\", \"bundle\": \"\", "
		"\"rootfs\": \"\", \"created\": \"\", \"status\": \"flying\"}",
		"{\"version\": 1, \"id\": \"c\", \"ociVersion\": \"\", \"bundle\": \"\", "
		"\"rootfs\": \"\", \"created\": \"\", \"status\": \"created\", "
		"\"init\": {\"pid\": 99999999999}}",
	};
	struct fixture *f = *state;
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct state_record *record = NULL;
	size_t i;

	assert_int_equal(state_claim(&f->store, "c", f->arena, &dir, NULL, &f->err), 0);
	assert_int_equal(state_read(&dir, f->arena, &record, &f->err), -ENODATA);
	for (i = 0; i < ELEMENTS_OF(broken); i++) {
		f->err = ERROR_INIT;
		overwrite(&dir, broken[i]);
		assert_int_equal(state_read(&dir, f->arena, &record, &f->err), -EINVAL);
	}
	f->err = ERROR_INIT;
	overwrite(&dir, "{\"version\": 2, \"id\": {}}");
	assert_int_equal(state_read(&dir, f->arena, &record, &f->err), -EPROTO);
	assert_non_null(strstr(f->err.text, "newer tare (record version 2, this one knows 1)"));
	state_dir_close(&dir);
	assert_int_equal(state_claim(&f->store, "c", f->arena, &dir, &record, &f->err),
			 -EEXIST);
	f->err = ERROR_INIT;
}

static void test_print(void **state)
{
	static const struct spec_pair annotations[] = { { "k", "v" } };
	struct fixture *f = *state;
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new("  ");
	struct state_record record = sample("c", STATE_RUNNING);
	const char *text;
	size_t length;

	record.n_annotations = 1;
	record.annotations = annotations;
	record.owner_name = "root";
	state_print(&record, STATE_PAUSED, 17, writer);
	assert_int_equal(json_writer_text(writer, &text, &length, &f->err), 0);
	assert_string_equal(text, "{\n"
				  "  \"ociVersion\": \"1.3.0\",\n"
				  "  \"id\": \"c\",\n"
				  "  \"pid\": 17,\n"
				  "  \"status\": \"paused\",\n"
				  "  \"bundle\": \"/bundle\",\n"
				  "  \"rootfs\": \"/bundle/rootfs\",\n"
				  "  \"created\": \"2026-01-02T03:04:05.000000006Z\",\n"
				  "  \"annotations\": {\n"
				  "    \"k\": \"v\"\n"
				  "  },\n"
				  "  \"owner\": \"root\"\n"
				  "}");
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_record),
		CASE(test_unreadable_records),
		CASE(test_print),
	};

	return cmocka_run_group_tests_name("state_record", tests, NULL, NULL);
}
