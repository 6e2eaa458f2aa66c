/* See state_fixture.h. */
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
#include "kernel/procfs.h"
#include "state_fixture.h"

int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->arena = arena_new();
	f->err = ERROR_INIT;
	f->proc = procfs_open(&f->err);
	/* long enough that the path of the start socket does not fit into sun_path */
	snprintf(f->path, sizeof f->path, "/tmp/tare-state-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	snprintf(f->path + strlen(f->path), sizeof f->path - strlen(f->path), "/%0100d", 0);
	if (f->proc < 0 || state_open(f->path, true, f->arena, &f->store, &f->err) < 0)
		return -1;
	f->store.proc = f->proc;
	*state = f;
	return 0;
}

static int remove_one(void *data, const char *id)
{
	struct fixture *f = data;
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;

	if (state_open_dir(&f->store, id, &dir, &f->err) < 0)
		return -1;
	return state_remove(&f->store, id, &dir, &f->err);
}

int tear_down(void **state)
{
	struct fixture *f = *state;
	int r = state_list(&f->store, remove_one, f, &f->err);

	if (r < 0)
		fprintf(stderr, "%s\n", f->err.text);
	rmdir(f->path);
	*strrchr(f->path, '/') = '\0';
	rmdir(f->path);
	state_store_close(&f->store);
	close(f->proc);
	arena_free(f->arena);
	free(f);
	return r;
}

struct state_record sample(const char *id, enum state_status status)
{
	return (struct state_record){
		.id = id,
		.oci_version = "1.3.0",
		.bundle = "/bundle",
		.rootfs = "/bundle/rootfs",
		.created = "2026-01-02T03:04:05.000000006Z",
		.status = status,
	};
}

void make_container(struct fixture *f, const struct state_record *record)
{
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;

	assert_int_equal(state_claim(&f->store, record->id, f->arena, &dir, NULL, &f->err), 0);
	assert_int_equal(state_write(&dir, record, f->arena, &f->err), 0);
}
