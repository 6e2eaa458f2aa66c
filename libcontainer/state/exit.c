/* The exit record: exit.json in the container's directory. Whoever watches the end of a container's init notes
 * down what it saw; nobody else can know it later, because an exit status goes to the parent alone. It is no
 * part of the record, whose writers hold the lock: a watcher can't wait for that, a delete may hold it. The file
 * is complete whenever it is there (rename(2)). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "state/state.h"
#include "state/store.h"

#define EXIT_FILE "exit.json"
#define EXIT_FILE_MAX 4096

void state_print_exit(const struct state_exit *exit, struct json_writer *writer)
{
	json_object_begin(writer);
	if (!exit->known) {
		json_key_string(writer, "status", "unknown");
	} else if (exit->signal) {
		json_key_string(writer, "status", "killed");
		json_key_int(writer, "signal", exit->signal);
	} else {
		json_key_string(writer, "status", "exited");
		json_key_int(writer, "code", exit->status);
	}
	if (exit->oom_known)
		json_key_bool(writer, "oomKilled", exit->oom_killed);
	if (exit->observed)
		json_key_string(writer, "observed", exit->observed);
	json_object_end(writer);
}

int state_write_exit(const struct state_dir *dir, const struct state_exit *exit,
		     struct error *err)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	_cleanup_fd_ int fd = -1;
	char temporary[32];
	const char *text;
	size_t length;
	int r;

	if (!writer)
		return error_oom(err);
	state_print_exit(exit, writer);
	r = json_writer_text(writer, &text, &length, err);
	if (r < 0)
		return r;
	snprintf(temporary, sizeof temporary, EXIT_FILE ".%d", (int)getpid());
	fd = openat(dir->fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return error_errno(err, errno, "note down the container's end");
	r = fd_write_all(fd, text, length, EXIT_FILE, err);
	if (r >= 0 && renameat(dir->fd, temporary, dir->fd, EXIT_FILE) < 0)
		r = error_errno(err, errno, "note down the container's end");
	if (r < 0)
		unlinkat(dir->fd, temporary, 0);
	return r;
}

static int64_t number(const struct json_value *object, const char *name)
{
	const struct json_value *value = json_member(object, name);
	int64_t n;

	return value && json_int64(value, &n) == 0 && n >= 0 && n <= 255 ? n : -1;
}

int state_read_exit(const struct state_dir *dir, struct arena *arena,
		    struct state_exit *ret_exit, struct error *err)
{
	const struct json_value *value, *oom, *observed;
	int64_t code, signal;
	char *text;
	ssize_t n;
	int r;

	n = state_read_file(dir, EXIT_FILE, EXIT_FILE_MAX, arena, &text, err);
	if (n == -ENOENT)
		return error_set(err, ENODATA, "nobody has seen the container's end");
	if (n < 0)
		return (int)n;
	r = json_parse(text, (size_t)n, EXIT_FILE, arena, &value, err);
	if (r < 0)
		return r;
	code = number(value, "code");
	signal = number(value, "signal");
	oom = json_member(value, "oomKilled");
	observed = json_member(value, "observed");
	*ret_exit = (struct state_exit){
		.known = code >= 0 || signal > 0,
		.status = signal > 0 ? (int)(128 + signal) : (int)code,
		.signal = signal > 0 ? (int)signal : 0,
		.oom_known = oom && oom->type == JSON_BOOL,
		.oom_killed = oom && oom->type == JSON_BOOL && oom->boolean,
		.observed = observed && observed->type == JSON_STRING ? observed->text : NULL,
	};
	return 0;
}
