/* Log lines of the library: handed to one sink that the program (or, in the container's side, the
 * channel to the parent) installs. The library itself never prints. */
#pragma once

#include "base/error.h"

enum trace_level {
	TRACE_ERROR,
	TRACE_WARNING,
	TRACE_INFO,
	TRACE_DEBUG,
};

/* Receives one finished line without a newline. @data: as given to trace_install(). */
typedef void trace_sink(void *data, enum trace_level level, const char *text);

/* Installs the sink and the least severe level that it wants; lines beyond it are not formatted.
 * @sink: NULL for none. The only global state of the library. */
void trace_install(trace_sink *sink, void *data, enum trace_level most);

/* Whether a line of this level would reach the sink. */
int trace_wants(enum trace_level level);

/* One line for the sink. A text longer than ERROR_TEXT_MAX is cut. */
void trace_line(enum trace_level level, const char *format, ...) _printf_(2, 3);

#define trace_warning(...) trace_line(TRACE_WARNING, __VA_ARGS__)
#define trace_info(...) trace_line(TRACE_INFO, __VA_ARGS__)
#define trace_debug(...) trace_line(TRACE_DEBUG, __VA_ARGS__)
