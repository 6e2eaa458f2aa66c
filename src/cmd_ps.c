/* tare ps: the processes of a container, as numbers or as the lines that the host's ps(1) has for them. The
 * table is ps's own, with whatever arguments the caller gives it, so that engines can offer its options
 * (`docker top`): its header, and of the lines those whose PID is the container's. Callers may read both
 * outputs as one (contract 8), so what ps says on its standard error is shown only when it fails. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "command.h"

#define OUTPUT_MAX ((size_t)64 * 1024 * 1024)

extern char **environ;

struct pids {
	pid_t *list;
	size_t count;
};

static int print_json(const struct pids *pids, struct error *err)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	size_t i;

	if (!writer)
		return error_oom(err);
	if (pids->count == 0) {
		json_null(writer);
		return command_print(writer, "\n", err);
	}
	json_array_begin(writer);
	for (i = 0; i < pids->count; i++)
		json_int(writer, pids->list[i]);
	json_array_end(writer);
	return command_print(writer, "\n", err);
}

/* Runs ps with both outputs into the descriptor @out. */
static int spawn_ps(char **argv, int out, pid_t *ret_pid, struct error *err)
{
	posix_spawn_file_actions_t actions;
	int r;

	r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		return error_errno(err, r, "run ps");
	r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	if (r == 0)
		r = posix_spawnp(ret_pid, "ps", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (r == ENOENT)
		return error_set(err, r, "exec: \"ps\": executable file not found in $PATH");
	return r ? error_errno(err, r, "run ps") : 0;
}

/* Waits for ps, whose output was @text. */
static int reap_ps(pid_t pid, const char *text, struct error *err)
{
	size_t length = strcspn(text, "\n");
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_errno(err, errno, "wait for ps");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return error_set(err, EIO, "ps was killed by signal %d", WTERMSIG(status));
	return error_set(err, EINVAL, "ps: exit status %d: %.*s", WEXITSTATUS(status),
			 (int)length, text);
}

/* The whole output of ps. */
static int run_ps(char **argv, struct arena *arena, char **ret_text, struct error *err)
{
	_cleanup_fd_ int out = -1, in = -1;
	int ends[2], r;
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "make a pipe");
	out = ends[0];
	in = ends[1];
	r = spawn_ps(argv, in, &pid, err);
	if (r < 0)
		return r;
	cleanup_fd(&in);
	n = fd_read_all(out, OUTPUT_MAX, "the output of ps", arena, ret_text, err);
	/* should we have stopped reading, it must not wait for us */
	cleanup_fd(&out);
	r = reap_ps(pid, n < 0 ? "" : *ret_text, err);
	return n < 0 ? (int)n : r;
}

/* The word number @index of the first @length bytes of @line, from 0 on; NULL when it has fewer. */
static const char *word(const char *line, size_t length, size_t index, size_t *ret_length)
{
	const char *end = line + length, *start;

	for (;;) {
		while (line < end && (*line == ' ' || *line == '\t'))
			line++;
		for (start = line; line < end && *line != ' ' && *line != '\t'; line++)
			;
		if (start == line)
			return NULL;
		if (index-- == 0)
			break;
	}
	*ret_length = (size_t)(line - start);
	return start;
}

/* Which column of the header @line is the PID's; -1: none. */
static int pid_column(const char *line, size_t length)
{
	const char *name;
	size_t n;
	int i;

	for (i = 0; (name = word(line, length, (size_t)i, &n)); i++)
		if (n == 3 && memcmp(name, "PID", 3) == 0)
			return i;
	return -1;
}

static bool is_wanted(const struct pids *pids, const char *line, size_t length, int column)
{
	size_t n, i;
	const char *digits = word(line, length, (size_t)column, &n);
	pid_t pid = digits ? (pid_t)strtol(digits, NULL, 10) : 0;

	for (i = 0; i < pids->count; i++)
		if (pids->list[i] == pid)
			return true;
	return false;
}

static int print_table(const struct pids *pids, const char *text, struct error *err)
{
	const char *line, *next;
	int column = -1;
	size_t length;

	for (line = text; *line; line = next) {
		length = strcspn(line, "\n");
		next = line + length + (line[length] == '\n');
		if (column >= 0 && !is_wanted(pids, line, length, column))
			continue;
		/* a warning may stand above the header */
		if (column < 0)
			column = pid_column(line, length);
		if (column >= 0)
			printf("%.*s\n", (int)length, line);
	}
	if (column < 0)
		return error_set(err, EINVAL, "couldn't find PID field in ps output");
	return command_flush(err);
}

int cmd_ps(struct tare *tare, int argc, char **argv, struct error *err)
{
	const char *format = "table";
	const struct option options[] = {
		{ "format", 'f', OPTION_TEXT, &format, "table|json", "how to print them" },
	};
	const struct usage usage = {
		.name = "ps",
		.operands = "ID [PS OPTIONS]",
		.summary = "show the processes of a container",
		.options = options,
		.n_options = ELEMENTS_OF(options),
		.least = 1,
		.most = -1,
		.stops = true,
	};
	struct verb_context context = VERB_CONTEXT_INIT;
	char name[] = "ps", all[] = "-ef", *usual[] = { name, all, NULL }, *text;
	struct operands operands;
	struct pids pids;
	int r;

	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0)
		return error_set(err, EINVAL, "invalid format option");
	r = verb_context_open(&tare->settings, false, tare->arena, &context, err);
	if (r < 0)
		return r;
	r = verb_ps(&context, operands.values[0], &pids.list, &pids.count, err);
	if (r < 0)
		return r;
	if (strcmp(format, "json") == 0)
		return print_json(&pids, err);
	/* argv ends with NULL, and the id is read: its place is that of ps's name */
	if (operands.count > 1)
		operands.values[0] = name;
	r = run_ps(operands.count > 1 ? operands.values : usual, tare->arena, &text, err);
	return r < 0 ? r : print_table(&pids, text, err);
}
