/* Where log lines and the last words of a failed command go (contract 4). */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/trace.h"

struct log {
	int fd; /* of --log; -1: standard error */
	bool json; /* --log-format json */
};

#define LOG_INIT         \
	(struct log)     \
	{                \
		.fd = -1 \
	}

/* Opens the log file. @target: --log's value, "PATH" or "file:PATH"; NULL: standard error. */
int log_open(struct log *log, const char *target, struct error *err) _must_check_;

/* A trace_sink: @data is the struct log. One line, one write(2): several commands share one file. */
void log_sink(void *data, enum trace_level level, const char *text);

/* Reports why the command failed: a log line and, when that went to a file, the text on standard error. */
void log_fatal(struct log *log, const struct error *err);

/* The level of that name ("error", "warning", "info", "debug"); EINVAL. */
int log_level_parse(const char *name, enum trace_level *ret_level,
		    struct error *err) _must_check_;
