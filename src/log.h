/* Where log lines and the last words of a failed command go (contract 4). */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/trace.h"

enum log_kind {
	LOG_TO_FILE, /* or standard error */
	LOG_TO_JOURNAL,
	LOG_TO_SYSLOG,
};

struct log {
	enum log_kind kind;
	int fd; /* of --log; -1: standard error, or syslog's own */
	const char *identifier; /* what journal and syslog call the source of the lines */
	bool json; /* --log-format json */
};

#define LOG_INIT         \
	(struct log)     \
	{                \
		.fd = -1 \
	}

/* Opens the log. @target: --log's value, borrowed: "PATH", "file:PATH", "journald:ID" or "syslog:ID"; NULL:
 * standard error. */
int log_open(struct log *log, const char *target, struct error *err) _must_check_;

/* A trace_sink: @data is the struct log. One line, one write(2): several commands share one file. */
void log_sink(void *data, enum trace_level level, const char *text);

/* Reports why the command failed: a log line and, when that went to a file, the text on standard error. */
void log_fatal(struct log *log, const struct error *err);

/* The level of that name ("error", "warning", "info", "debug"); EINVAL. */
int log_level_parse(const char *name, enum trace_level *ret_level,
		    struct error *err) _must_check_;

/* log_manager.c: opening the two that others keep, for log_open(), and one line to one of them. @identifier:
 * borrowed. Errors: ENOENT, ECONNREFUSED when nobody is there. */
int log_open_journal(struct log *log, const char *identifier, struct error *err) _must_check_;
int log_open_syslog(struct log *log, const char *identifier, struct error *err) _must_check_;
void log_to_manager(const struct log *log, enum trace_level level, const char *text);
