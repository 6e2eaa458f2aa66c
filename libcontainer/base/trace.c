/* The one sink for log lines. It is process-wide on purpose: warnings come up in the deepest
 * layers, and a parameter through all of them would say nothing. errno is preserved, so that a log
 * line between a failed call and its report changes nothing. */
#include "base/trace.h"

#include <errno.h>
#include <stdio.h>

static struct {
	trace_sink *sink;
	void *data;
	enum trace_level most;
} trace;

void trace_install(trace_sink *sink, void *data, enum trace_level most)
{
	trace.sink = sink;
	trace.data = data;
	trace.most = most;
}

int trace_wants(enum trace_level level)
{
	return trace.sink != NULL && level <= trace.most;
}

void trace_line(enum trace_level level, const char *format, ...)
{
	char text[ERROR_TEXT_MAX];
	int saved = errno;
	va_list ap;

	if (!trace_wants(level))
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	trace.sink(trace.data, level, text);
	errno = saved;
}
