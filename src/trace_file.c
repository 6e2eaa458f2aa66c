/* --trace: the timeline as a file in Chrome's trace-event format, which Perfetto (ui.perfetto.dev) opens, or
 * as a chart of bars for a terminal. Times count from the first step, which begins when the options are
 * known: the two executions before (of the file, then of its sealed copy) are not in it. Everything
 * written is a literal of this program or a number, so nothing needs escaping. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "command.h"

#define CHART_WIDTH 40

int trace_file_open(const char *path, struct arena *arena, struct trace_file *ret_trace,
		    struct error *err)
{
	_cleanup_fd_ int fd = -1;
	struct trace_file trace = { 0 };

	*ret_trace = trace;
	if (!path)
		return 0;
	trace.chart = strcmp(path, "-") == 0;
	trace.timeline = arena_array(arena, 1, sizeof *trace.timeline);
	if (!trace.timeline)
		return error_oom(err);
	memset(trace.timeline, 0, sizeof *trace.timeline);
	fd = trace.chart ? fcntl(2, F_DUPFD_CLOEXEC, 3)
			 : openat(AT_FDCWD, path,
				  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
	if (fd < 0)
		return error_errno(err, errno, "--trace: open %s", path);
	trace.file = fdopen(fd, "we");
	if (!trace.file)
		return error_oom(err);
	steal_fd(&fd);
	*ret_trace = trace;
	return 0;
}

/* When the last thing ended that is known to have ended. */
static uint64_t last_end(const struct timeline *timeline)
{
	uint64_t end = 0;
	size_t i;

	for (i = 0; i < timeline->count; i++) {
		if (timeline->spans[i].begin > end)
			end = timeline->spans[i].begin;
		if (timeline->spans[i].end > end)
			end = timeline->spans[i].end;
	}
	return end;
}

static const char *who(const struct timeline_span *span)
{
	return span->pid == getpid() ? "tare" : "init";
}

/* Nanoseconds as microseconds. */
static void print_micros(FILE *file, int width, uint64_t nanos)
{
	fprintf(file, "%*" PRIu64 ".%03u", width, nanos / 1000, (unsigned)(nanos % 1000));
}

static void print_process(FILE *file, const struct timeline_span *span)
{
	fprintf(file,
		"{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":%d,\"tid\":%d,"
		"\"args\":{\"name\":\"%s\"}}",
		(int)span->pid, (int)span->pid, who(span));
}

static void print_json(FILE *file, const struct timeline *timeline, uint64_t zero, uint64_t end)
{
	const struct timeline_span *span;
	pid_t last = -1;
	size_t i;

	fprintf(file, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
	for (i = 0; i < timeline->count; i++) {
		span = &timeline->spans[i];
		if (span->pid != last) {
			fprintf(file, "%s\n", last < 0 ? "" : ",");
			print_process(file, span);
			last = span->pid;
		}
		fprintf(file,
			",\n{\"name\":\"%s\",\"cat\":\"%s\",\"ph\":\"X\",\"pid\":%d,\"tid\":%d",
			span->name, who(span), (int)span->pid, (int)span->pid);
		fprintf(file, ",\"ts\":");
		print_micros(file, 0, span->begin - zero);
		fprintf(file, ",\"dur\":");
		print_micros(file, 0, (span->end ? span->end : end) - span->begin);
		fprintf(file, "}");
	}
	fprintf(file, "\n]}\n");
}

static void print_chart(FILE *file, const struct timeline *timeline, uint64_t zero,
			uint64_t end)
{
	uint64_t whole = end > zero ? end - zero : 1, from, to;
	const struct timeline_span *span;
	char bar[CHART_WIDTH + 1];
	size_t i;

	fprintf(file, "%12s %12s  microseconds\n", "began at", "took");
	for (i = 0; i < timeline->count; i++) {
		span = &timeline->spans[i];
		from = (span->begin - zero) * CHART_WIDTH / whole;
		to = ((span->end ? span->end : end) - zero) * CHART_WIDTH / whole;
		memset(bar, ' ', CHART_WIDTH);
		bar[CHART_WIDTH] = '\0';
		if (from < CHART_WIDTH)
			memset(bar + from, to > from ? '#' : '|', to > from ? to - from : 1);
		print_micros(file, 8, span->begin - zero);
		fprintf(file, " ");
		print_micros(file, 8, (span->end ? span->end : end) - span->begin);
		fprintf(file, "  [%s] %s: %s\n", bar, who(span), span->name);
	}
}

void trace_file_finish(struct trace_file *trace)
{
	const struct timeline *timeline = trace->timeline;
	uint64_t zero, end;

	if (!trace->file)
		return;
	zero = timeline->count > 0 ? timeline->spans[0].begin : 0;
	end = last_end(timeline);
	if (trace->chart)
		print_chart(trace->file, timeline, zero, end);
	else
		print_json(trace->file, timeline, zero, end);
	if (fclose(trace->file) != 0)
		trace_warning("--trace: the timeline could not be written: %s",
			      error_errno_text(errno));
	trace->file = NULL;
}
