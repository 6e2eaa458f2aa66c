/* What the command's parts share: the words of the command line, and what main() hands to each verb. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "verbs/verbs.h"

/* What main() has found out before the verb runs. */
struct tare {
	struct verb_settings settings;
	struct arena *arena;
	int failure; /* exit status of a failure: 1, unless the verb says otherwise */
};

enum option_kind {
	OPTION_FLAG, /* target: bool * */
	OPTION_TEXT, /* target: const char ** */
	OPTION_FILLED, /* the same; an empty value is as none (a variable that a caller leaves empty) */
	OPTION_NUMBER, /* target: unsigned * */
	OPTION_LIST, /* target: struct option_list *; may be given several times */
};

/* The values of an OPTION_LIST, in their order; the array is its user's, with room for as many as there are
 * words on the command line. */
struct option_list {
	size_t count;
	const char **values;
};

struct option {
	const char *name; /* without dashes */
	char letter; /* short form, or 0 */
	enum option_kind kind;
	void *target;
	const char *value; /* the word for its value in the help, NULL for a flag */
	const char *help; /* NULL: not shown */
};

/* What a verb expects on the command line. */
struct usage {
	const char *name; /* of the verb; NULL for tare itself */
	const char *operands; /* "ID [SIGNAL]" */
	const char *summary;
	const struct option *options;
	size_t n_options;
	int least, most; /* how many operands; most is -1 for any number */
	bool stops; /* options end at the first operand (contract 1: exec, kill, ps) */
	const char *more; /* further lines for the help, or NULL */
};

struct operands {
	int count;
	char **values; /* in the rearranged argv */
};

/* Takes the options out of @argv: "--opt value", "--opt=value", "-opt value", "-opt=value", "-o value",
 * "-ovalue", flags also as "-abc" and "--flag=false"; "--" ends them. The last one wins.
 * @argv: @argc words after the verb's name; rearranged, unless usage->stops.
 * Returns 1 to go on, 0 when --help was asked for and has been printed. With a mistake of the user,
 * the usage has been printed on standard output (contract 1). */
int command_parse(const struct usage *usage, int argc, char **argv,
		  struct operands *ret_operands, struct error *err) _must_check_;

/* Prints the usage on standard output. */
void command_help(const struct usage *usage);

/* Prints what was written, and @end, on standard output. */
int command_print(struct json_writer *writer, const char *end, struct error *err) _must_check_;

/* Makes sure that all output has reached standard output. */
int command_flush(struct error *err) _must_check_;

/* The number of a signal: by name, with or without "SIG", in any case, "RTMIN+1", "RTMAX-1", or as a
 * number. EINVAL: `unknown signal "FOO"`. */
int signal_parse(const char *text, struct error *err) _must_check_;

/* A duration as Go writes it ("5s", "1m30s"), in milliseconds; what is shorter than one counts as one. EINVAL,
 * ERANGE. */
int duration_parse(const char *text, struct error *err) _must_check_;

/* Numbers that options give. @name: of the option, for the error. EINVAL: it is none, or too large.
 * number_parse(): a whole one, @least or more. size_parse(): bytes, also with a unit ("512M", "1.5g": powers of
 * 1024, at most four decimals); -1 is unlimited. */
int number_parse(const char *text, const char *name, int64_t least, int64_t *ret_number,
		 struct error *err) _must_check_;
int size_parse(const char *text, const char *name, int64_t *ret_bytes,
	       struct error *err) _must_check_;

/* What is done to each container that matches (--regex of kill and delete). */
struct matching {
	int (*act)(struct verb_context *context, const char *id, const void *data,
		   struct error *err);
	const void *data;
};

/* Does it to every container whose name matches the extended regular expression. EINVAL: it is none; else the
 * first failure, after all have been tried. */
int match_containers(struct verb_context *context, const char *expression,
		     const struct matching *matching, struct error *err) _must_check_;

/* The options that create, run and plan share. */
#define CREATE_OPTIONS 11
void create_option_table(struct verb_create_options *options,
			 struct option ret_table[CREATE_OPTIONS]);

/* The timeline that --trace asks for. */
struct trace_file {
	FILE *file; /* NULL: no trace is wanted */
	bool chart; /* a chart for people, not JSON */
	struct timeline *timeline; /* in the arena; NULL: no trace is wanted */
};
#define TRACE_FILE_INIT     \
	(struct trace_file) \
	{                   \
		0           \
	}

/* Opens @path before anything is done, so that a path that can't be written stops the verb.
 * @path: NULL for no trace; "-": a chart on standard error. */
int trace_file_open(const char *path, struct arena *arena, struct trace_file *ret_trace,
		    struct error *err) _must_check_;

/* Writes the timeline and closes the file. A file that can't be written is warned about, since the container
 * is there by now. */
void trace_file_finish(struct trace_file *trace);
#define _cleanup_trace_file_ __attribute__((cleanup(trace_file_finish)))

/* The verbs: @argv holds the @argc words after the verb's name. Each returns the exit status, or -errno. */
int cmd_checkpoint(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_create(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_delete(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_events(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_exec(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_doctor(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_features(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_kill(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_list(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_mounts(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_pause(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_plan(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_ps(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_restore(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_resume(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_run(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_spec(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_start(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_state(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_wait(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
int cmd_update(struct tare *tare, int argc, char **argv, struct error *err) _must_check_;
