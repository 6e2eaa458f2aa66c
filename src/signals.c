/* Names of signals. The numbers are the kernel's, of the architecture that tare is built for; real-time
 * signals count from 34 as programs know them, because C libraries keep the first two (and musl a third) for
 * themselves and a name must not depend on which one tare was built with. */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "command.h"

#define REALTIME_FIRST 34
#define REALTIME_LAST 64

static const struct table_entry signals[] = {
	{ "HUP", SIGHUP },	 { "INT", SIGINT },	{ "QUIT", SIGQUIT },
	{ "ILL", SIGILL },	 { "TRAP", SIGTRAP },	{ "ABRT", SIGABRT },
	{ "IOT", SIGABRT },	 { "BUS", SIGBUS },	{ "FPE", SIGFPE },
	{ "KILL", SIGKILL },	 { "USR1", SIGUSR1 },	{ "SEGV", SIGSEGV },
	{ "USR2", SIGUSR2 },	 { "PIPE", SIGPIPE },	{ "ALRM", SIGALRM },
	{ "TERM", SIGTERM },	 { "CHLD", SIGCHLD },	{ "CLD", SIGCHLD },
	{ "CONT", SIGCONT },	 { "STOP", SIGSTOP },	{ "TSTP", SIGTSTP },
	{ "TTIN", SIGTTIN },	 { "TTOU", SIGTTOU },	{ "URG", SIGURG },
	{ "XCPU", SIGXCPU },	 { "XFSZ", SIGXFSZ },	{ "VTALRM", SIGVTALRM },
	{ "PROF", SIGPROF },	 { "WINCH", SIGWINCH }, { "IO", SIGIO },
	{ "POLL", SIGIO },	 { "PWR", SIGPWR },	{ "SYS", SIGSYS },
#ifdef SIGSTKFLT
	{ "STKFLT", SIGSTKFLT },
#endif
};

/* A decimal number of at most three digits; -1 for anything else. */
static int parse_number(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length > 3 || strspn(text, "0123456789") != length)
		return -1;
	return (int)strtol(text, NULL, 10);
}

/* "RTMIN", "RTMIN+n", "RTMAX", "RTMAX-n"; -1 for anything else. */
static int parse_realtime(const char *name)
{
	bool from_first = strncasecmp(name, "RTMIN", 5) == 0;
	int offset = 0;

	if (!from_first && strncasecmp(name, "RTMAX", 5) != 0)
		return -1;
	if (name[5] != '\0') {
		offset = name[5] == (from_first ? '+' : '-') ? parse_number(name + 6) : -1;
		if (offset < 0 || offset > REALTIME_LAST - REALTIME_FIRST)
			return -1;
	}
	return from_first ? REALTIME_FIRST + offset : REALTIME_LAST - offset;
}

int signal_parse(const char *text, struct error *err)
{
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	int number = parse_number(text);
	size_t i;

	if (number < 0)
		number = parse_realtime(name);
	for (i = 0; number < 0 && i < ELEMENTS_OF(signals); i++)
		if (strcasecmp(signals[i].name, name) == 0)
			number = (int)signals[i].value;
	if (number < 0 || number > REALTIME_LAST)
		return error_set(err, EINVAL, "unknown signal \"%s\"", text);
	return number;
}
