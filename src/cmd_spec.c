/* tare spec: writes a config.json to start from; its content is in verbs/template.c. An existing file is
 * never overwritten, also not when it appears at the last moment: O_EXCL decides. The mode is 0666 without
 * the umask's bits, as for any file that a person makes. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "command.h"

static int write_new(const char *path, const char *name, struct json_writer *writer,
		     struct error *err)
{
	_cleanup_fd_ int fd = -1;
	const char *text;
	size_t length;
	int r;

	r = json_writer_text(writer, &text, &length, err);
	if (r < 0)
		return r;
	fd = openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return error_set(err, EEXIST, "File %s exists. Remove it first", name);
	if (fd < 0)
		return error_errno(err, errno, "create %s", path);
	r = fd_write_all(fd, text, length, path, err);
	if (r == 0)
		r = fd_write_all(fd, "\n", 1, path, err);
	if (r < 0)
		unlink(path);
	return r;
}

int cmd_spec(struct tare *tare, int argc, char **argv, struct error *err)
{
	const char *bundle = ".", *name = "config.json", *path;
	struct verb_spec_options wanted = { .uid = geteuid(), .gid = getegid() };
	const struct option options[] = {
		{ "bundle", 'b', OPTION_TEXT, &bundle, "DIR", "directory to write to" },
		{ "file", 'f', OPTION_TEXT, &name, "FILE", "name of the file" },
		{ "rootless", 0, OPTION_FLAG, &wanted.rootless, NULL,
		  "for a user without privileges: the own id as root of a user namespace" },
	};
	const struct usage usage = {
		.name = "spec",
		.operands = "",
		.summary = "write a config.json to start from",
		.options = options,
		.n_options = ELEMENTS_OF(options),
	};
	_cleanup_json_writer_ struct json_writer *writer = NULL;
	struct operands operands;
	int r;

	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	path = path_join(tare->arena, bundle, name);
	writer = json_writer_new("\t");
	if (!path || !writer)
		return error_oom(err);
	verb_spec(&wanted, writer);
	return write_new(path, name, writer, err);
}
