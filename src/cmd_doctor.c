/* tare doctor: what this host and this caller can run, as lines or as JSON, each with its reason and with the
 * command that would change it. The exit status is 0 only if containers would run. What is looked at is in
 * verbs/doctor.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "command.h"

#define EXIT_SICK 1

static const char *const verdicts[] = {
	[DOCTOR_YES] = "yes",
	[DOCTOR_LIMITED] = "limited",
	[DOCTOR_NO] = "no",
};

static int print_text(const struct doctor_report *report, struct error *err)
{
	const struct doctor_finding *finding;
	size_t i;

	for (i = 0; i < report->n; i++) {
		finding = &report->findings[i];
		printf("%-8s %-16s %s\n", verdicts[finding->verdict], finding->check,
		       finding->reason);
		if (finding->remedy)
			printf("%-25s -> %s\n", "", finding->remedy);
	}
	printf("\nContainers %s run here.\n", report->runs ? "would" : "would not");
	return command_flush(err);
}

static int print_json(const struct doctor_report *report, struct error *err)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new("    ");
	const struct doctor_finding *finding;
	size_t i;

	if (!writer)
		return error_oom(err);
	json_object_begin(writer);
	json_key_bool(writer, "runs", report->runs);
	json_key(writer, "checks");
	json_array_begin(writer);
	for (i = 0; i < report->n; i++) {
		finding = &report->findings[i];
		json_object_begin(writer);
		json_key_string(writer, "check", finding->check);
		json_key_string(writer, "verdict", verdicts[finding->verdict]);
		json_key_bool(writer, "blocks", finding->blocks);
		json_key_string(writer, "reason", finding->reason);
		if (finding->remedy)
			json_key_string(writer, "remedy", finding->remedy);
		json_object_end(writer);
	}
	json_array_end(writer);
	json_object_end(writer);
	return command_print(writer, "\n", err);
}

int cmd_doctor(struct tare *tare, int argc, char **argv, struct error *err)
{
	const char *format = "text";
	const struct option options[] = {
		{ "format", 'f', OPTION_TEXT, &format, "text|json", "how to print it" },
	};
	const struct usage usage = {
		.name = "doctor",
		.operands = "",
		.summary =
			"show what this host and this user can run, and what would change it",
		.options = options,
		.n_options = ELEMENTS_OF(options),
	};
	struct verb_context context = VERB_CONTEXT_INIT;
	struct doctor_report report;
	struct operands operands;
	int r;

	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
		return error_set(err, EINVAL, "invalid format option");
	r = verb_context_open_without_root(&tare->settings, tare->arena, &context, err);
	if (r == 0)
		r = verb_doctor(&context, &report, err);
	if (r < 0)
		return r;
	r = strcmp(format, "json") == 0 ? print_json(&report, err) : print_text(&report, err);
	return r < 0 ? r : report.runs ? 0 : EXIT_SICK;
}
