/* tare list: the containers below the state root, as a table, as JSON or as bare names (contract 5). The
 * table's columns are as wide as their longest cell and three spaces, twelve at least, because scripts cut
 * it where runc's columns stand. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "command.h"

#define COLUMNS 6
#define COLUMN_LEAST 12
#define COLUMN_GAP 3

struct row {
	const char *cells[COLUMNS];
};

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static void print_row(const struct row *row, const size_t widths[COLUMNS])
{
	size_t i;

	for (i = 0; i < COLUMNS - 1; i++)
		printf("%-*s", (int)widths[i], row->cells[i]);
	printf("%s\n", row->cells[COLUMNS - 1]);
}

static int print_table(const struct verb_container *containers, size_t count,
		       struct arena *arena, struct error *err)
{
	size_t widths[COLUMNS] = { 0 }, i, column;
	struct row *rows = arena_array(arena, count + 1, sizeof *rows);

	if (!rows)
		return error_oom(err);
	rows[0] = (struct row){ { "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER" } };
	for (i = 0; i < count; i++) {
		const struct state_record *record = containers[i].record;

		rows[i + 1] = (struct row){ {
			record->id,
			arena_printf(arena, "%d", (int)containers[i].pid),
			state_status_name(containers[i].status),
			record->bundle,
			record->created,
			or_empty(record->owner_name),
		} };
		if (!rows[i + 1].cells[1])
			return error_oom(err);
	}
	for (column = 0; column < COLUMNS; column++) {
		widths[column] = COLUMN_LEAST;
		for (i = 0; i <= count; i++) {
			size_t width = strlen(rows[i].cells[column]) + COLUMN_GAP;

			if (width > widths[column])
				widths[column] = width;
		}
	}
	for (i = 0; i <= count; i++)
		print_row(&rows[i], widths);
	return command_flush(err);
}

static int print_json(const struct verb_container *containers, size_t count, struct error *err)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	size_t i;

	if (!writer)
		return error_oom(err);
	if (count == 0) {
		json_null(writer);
		return command_print(writer, "\n", err);
	}
	json_array_begin(writer);
	for (i = 0; i < count; i++)
		state_print(containers[i].record, containers[i].status, containers[i].pid,
			    writer);
	json_array_end(writer);
	return command_print(writer, "\n", err);
}

static int print_names(const struct verb_container *containers, size_t count, struct error *err)
{
	size_t i;

	for (i = 0; i < count; i++)
		printf("%s\n", containers[i].record->id);
	return command_flush(err);
}

int cmd_list(struct tare *tare, int argc, char **argv, struct error *err)
{
	const char *format = "table";
	bool quiet = false;
	const struct option options[] = {
		{ "format", 'f', OPTION_TEXT, &format, "table|json", "how to print them" },
		{ "quiet", 'q', OPTION_FLAG, &quiet, NULL, "print only the names" },
	};
	const struct usage usage = {
		.name = "list",
		.operands = "",
		.summary = "list the containers below the state root",
		.options = options,
		.n_options = ELEMENTS_OF(options),
	};
	struct verb_context context = VERB_CONTEXT_INIT;
	struct verb_container *containers;
	struct operands operands;
	size_t count;
	int r;

	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0)
		return error_set(err, EINVAL, "invalid format option");
	r = verb_context_open(&tare->settings, false, tare->arena, &context, err);
	if (r < 0)
		return r;
	r = verb_list(&context, &containers, &count, err);
	if (r < 0)
		return r;
	if (quiet)
		return print_names(containers, count, err);
	if (strcmp(format, "json") == 0)
		return print_json(containers, count, err);
	return print_table(containers, count, tare->arena, err);
}
