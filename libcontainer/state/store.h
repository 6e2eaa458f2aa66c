/* What the parts of the state layer share and nobody else needs. */
#pragma once

#include <stdbool.h>

#include "state/state.h"

#define STATE_RECORD_FILE "state.json"

/* Opens the directory of @id below the root, following no link; -errno (ENOENT also without a root). */
int state_enter(const struct state_store *store, const char *id) _must_check_;

/* The record as text and back: what state_write() and state_read() do around the file. The errors of the
 * second are state_read()'s. @text: @length bytes, not needed afterwards. */
void state_print_record(const struct state_record *record, struct json_writer *writer);
int state_parse_record(const char *text, size_t length, struct arena *arena,
		       struct state_record **ret_record, struct error *err) _must_check_;

/* Reads a file of the container's directory whole, as fd_read_file(); such files are replaced, not written to. */
ssize_t state_read_file(const struct state_dir *dir, const char *name, size_t limit,
			struct arena *arena, char **ret_text, struct error *err) _must_check_;

/* Whether @fd is the directory that the name @id leads to at this moment. */
bool state_is_current(const struct state_store *store, const char *id, int fd);

/* Whether a created container's init waits on the start socket: 1, 0 or -errno. Connects and goes away. */
int state_start_waits(const struct state_dir *dir) _must_check_;

/* The status of that name; -EINVAL when there is none. */
int state_status_parse(const char *name, enum state_status *ret_status) _must_check_;
