/* Logs that others keep. The journal takes a datagram of FIELD=value lines on a socket of its own
 * (systemd.io/JOURNAL_NATIVE_PROTOCOL); a value with a line break is written with its length instead. syslog is
 * the C library's, which drops a line silently when nobody takes it: so somebody has to be there when the log
 * is opened. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "log.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define SYSLOG_SOCKET "/dev/log"

static int connect_to(const char *path, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
		return -errno;
	return steal_fd(&fd);
}

int log_open_journal(struct log *log, const char *identifier, struct error *err)
{
	int fd = connect_to(JOURNAL_SOCKET, SOCK_DGRAM);

	if (fd < 0)
		return error_errno(err, -fd, "--log journald:%s: connect to " JOURNAL_SOCKET,
				   identifier);
	log->fd = fd;
	log->kind = LOG_TO_JOURNAL;
	log->identifier = identifier;
	return 0;
}

int log_open_syslog(struct log *log, const char *identifier, struct error *err)
{
	_cleanup_fd_ int fd = connect_to(SYSLOG_SOCKET, SOCK_DGRAM);

	if (fd == -EPROTOTYPE)
		fd = connect_to(SYSLOG_SOCKET, SOCK_STREAM);
	if (fd < 0)
		return error_errno(err, -fd, "--log syslog:%s: connect to " SYSLOG_SOCKET,
				   identifier);
	openlog(identifier, LOG_PID, LOG_DAEMON);
	log->kind = LOG_TO_SYSLOG;
	log->identifier = identifier;
	return 0;
}

static int priority(enum trace_level level)
{
	switch (level) {
	case TRACE_ERROR:
		return LOG_ERR;
	case TRACE_WARNING:
		return LOG_WARNING;
	case TRACE_INFO:
		return LOG_INFO;
	default:
		return LOG_DEBUG;
	}
}

/* The length of a value is 64 bits, little endian. */
static void write_field(FILE *file, const char *name, const char *value)
{
	uint64_t length = strlen(value);
	int i;

	if (!strchr(value, '\n')) {
		fprintf(file, "%s=%s\n", name, value);
		return;
	}
	fprintf(file, "%s\n", name);
	for (i = 0; i < 8; i++)
		fputc((int)(length >> (8 * i) & 0xff), file);
	fprintf(file, "%s\n", value);
}

static void write_journal(const struct log *log, enum trace_level level, const char *text)
{
	char entry[2 * ERROR_TEXT_MAX + 512];
	_cleanup_file_ FILE *file = fmemopen(entry, sizeof entry, "w");
	long length;

	if (!file)
		return;
	fprintf(file, "PRIORITY=%d\n", priority(level));
	write_field(file, "MESSAGE", text);
	write_field(file, "SYSLOG_IDENTIFIER", log->identifier);
	if (fflush(file) != 0)
		return;
	length = ftell(file);
	/* a journal that has gone has taken the place to complain with it */
	(void)!send(log->fd, entry, (size_t)length, MSG_NOSIGNAL);
}

void log_to_manager(const struct log *log, enum trace_level level, const char *text)
{
	if (log->kind == LOG_TO_JOURNAL)
		write_journal(log, level, text);
	else
		syslog(priority(level), "%s", text);
}
