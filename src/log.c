/* Log lines in the two formats that engines read: text as logrus writes it, and JSON with one object a line,
 * of which containerd takes the last one whose level is "error" as the reason of a failure. Several commands
 * append to one file, so each line is one write(2) on a descriptor opened with O_APPEND. */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/utc.h"
#include "base/json.h"
#include "base/table.h"

static const struct table_entry levels[] = {
	{ "error", TRACE_ERROR }, { "warning", TRACE_WARNING }, { "info", TRACE_INFO },
	{ "debug", TRACE_DEBUG }, { "warn", TRACE_WARNING },
};

int log_level_parse(const char *name, enum trace_level *ret_level, struct error *err)
{
	const struct table_entry *entry = table_find(levels, ELEMENTS_OF(levels), name);

	if (!entry)
		return error_set(err, EINVAL, "invalid log-level: %s", name);
	*ret_level = (enum trace_level)entry->value;
	return 0;
}

int log_open(struct log *log, const char *target, struct error *err)
{
	if (!target || *target == '\0')
		return 0;
	if (strncmp(target, "journald:", 9) == 0)
		return log_open_journal(log, target + 9, err);
	if (strncmp(target, "syslog:", 7) == 0)
		return log_open_syslog(log, target + 7, err);
	if (strncmp(target, "file:", 5) == 0)
		target += 5;
	log->fd = openat(AT_FDCWD, target, O_WRONLY | O_CREAT | O_APPEND | O_SYNC | O_CLOEXEC,
			 0644);
	if (log->fd < 0)
		return error_errno(err, errno, "open %s", target);
	return 0;
}

/* RFC 3339, UTC. */
static void name_time(char *text, size_t size)
{
	char date[UTC_TEXT_SIZE];

	utc_text(time(NULL), date);
	snprintf(text, size, "%sZ", date);
}

/* A line that is being made, without allocating: that memory is missing must be said as well. */
struct line {
	size_t length;
	char text[4 * ERROR_TEXT_MAX + 128]; /* \xXX: four bytes for one */
};

static void add(struct line *line, const char *text, size_t length)
{
	if (length > sizeof line->text - line->length)
		length = sizeof line->text - line->length;
	memcpy(line->text + line->length, text, length);
	line->length += length;
}

static void add_word(struct line *line, const char *word)
{
	add(line, word, strlen(word));
}

/* @text as a quoted word: quotes, backslashes, control characters and what is no UTF-8 are escaped as Go does. */
static void add_quoted(struct line *line, const char *text)
{
	size_t left = strlen(text), step;
	char escape[8];

	add_word(line, "\"");
	for (; left > 0; text += step, left -= step) {
		step = json_utf8_length(text, left);
		if (*text == '"' || *text == '\\') {
			add_word(line, "\\");
			add(line, text, 1);
		} else if (*text == '\n') {
			add_word(line, "\\n");
		} else if (*text == '\t') {
			add_word(line, "\\t");
		} else if (step == 0 || (unsigned char)*text < 0x20 || *text == 0x7f) {
			snprintf(escape, sizeof escape, "\\x%02x", (unsigned char)*text);
			add_word(line, escape);
		} else {
			add(line, text, step);
		}
		step += step == 0;
	}
	add_word(line, "\"");
}

static void write_line(int fd, const char *text, size_t length)
{
	struct error err = ERROR_INIT;

	if (fd_write_all(fd, text, length, "log", &err) < 0)
		error_ignore(&err, "there is nowhere left to complain");
}

static void log_text(int fd, const char *level, const char *text)
{
	struct line line = { .length = 0 };
	char now[32];

	name_time(now, sizeof now);
	add_word(&line, "time=\"");
	add_word(&line, now);
	add_word(&line, "\" level=");
	add_word(&line, level);
	add_word(&line, " msg=");
	add_quoted(&line, text);
	add_word(&line, "\n");
	write_line(fd, line.text, line.length);
}

static void log_json(int fd, const char *level, const char *text)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	char line[6 * ERROR_TEXT_MAX + 256], now[32]; /* \u00XX: six bytes for one */
	struct error err = ERROR_INIT;
	const char *object;
	size_t length;

	if (!writer) {
		log_text(fd, level, text);
		return;
	}
	name_time(now, sizeof now);
	json_object_begin(writer);
	json_key_string(writer, "level", level);
	json_key_string(writer, "msg", text);
	json_key_string(writer, "time", now);
	json_object_end(writer);
	if (json_writer_text(writer, &object, &length, &err) < 0 || length + 1 > sizeof line) {
		/* there is no memory: better another format than no word */
		log_text(fd, level, text);
		return;
	}
	memcpy(line, object, length);
	line[length] = '\n';
	write_line(fd, line, length + 1);
}

void log_sink(void *data, enum trace_level level, const char *text)
{
	const struct log *log = data;
	const char *name = table_name(levels, ELEMENTS_OF(levels), level);
	int fd = log->fd >= 0 ? log->fd : STDERR_FILENO;

	if (log->kind != LOG_TO_FILE)
		log_to_manager(log, level, text);
	else if (log->json)
		log_json(fd, name, text);
	else
		log_text(fd, name, text);
}

void log_fatal(struct log *log, const struct error *err)
{
	char line[ERROR_TEXT_MAX + 2];
	int n;

	log_sink(log, TRACE_ERROR, err->text);
	if (log->kind == LOG_TO_FILE && log->fd < 0)
		return;
	n = snprintf(line, sizeof line, "%s\n", err->text);
	write_line(STDERR_FILENO, line, (size_t)n);
}
