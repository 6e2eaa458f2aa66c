/* The foreground of `run`: one poll loop over the init's pidfd, a signalfd and, with a terminal, the two
 * directions of the relay. A pty's master reports EIO once the last user of the other side is gone: that is
 * its end of file, and what was written before can still be read. */
#include "process/attend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "kernel/process.h"

/* One direction of the relay. */
struct pipeline {
	int from, to;
	bool open; /* more may come */
	size_t start, length;
	char data[4096];
};

struct relay {
	struct pipeline in, out;
	bool raw;
	struct termios before;
};

int attend_block_signals(int *ret_signals, struct error *err)
{
	sigset_t set;
	int fd;

	sigfillset(&set);
	sigdelset(&set, SIGURG);
	sigdelset(&set, SIGCHLD);
	sigdelset(&set, SIGPIPE);
	/* a fault of tare's own is not to be forwarded */
	sigdelset(&set, SIGSEGV);
	sigdelset(&set, SIGBUS);
	sigdelset(&set, SIGILL);
	sigdelset(&set, SIGFPE);
	sigdelset(&set, SIGABRT);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_errno(err, errno, "sigprocmask");
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return error_errno(err, errno, "signalfd");
	*ret_signals = fd;
	return 0;
}

static void follow_size(int master)
{
	struct winsize size;

	if (master >= 0 && ioctl(0, TIOCGWINSZ, &size) == 0 &&
	    ioctl(master, TIOCSWINSZ, &size) < 0)
		trace_debug("the terminal's size cannot be set: %s", error_errno_text(errno));
}

static void forward_signals(const struct attendance *attendance)
{
	struct signalfd_siginfo info;
	int r;

	while (read(attendance->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGWINCH && attendance->master >= 0) {
			follow_size(attendance->master);
			continue;
		}
		r = process_pidfd_signal(attendance->pidfd, (int)info.ssi_signo);
		if (r < 0)
			trace_debug("signal %u could not be forwarded: %s", info.ssi_signo,
				    error_errno_text(-r));
	}
}

static void open_relay(struct relay *relay, int master)
{
	struct termios raw;
	struct winsize size;

	relay->in = (struct pipeline){ .from = 0, .to = master, .open = master >= 0 };
	relay->out = (struct pipeline){ .from = master, .to = 1, .open = master >= 0 };
	if (master < 0)
		return;
	if (ioctl(master, TIOCGWINSZ, &size) == 0 && size.ws_row == 0 && size.ws_col == 0)
		follow_size(master);
	if (tcgetattr(0, &relay->before) < 0)
		return; /* standard input is no terminal */
	raw = relay->before;
	cfmakeraw(&raw);
	relay->raw = tcsetattr(0, TCSANOW, &raw) == 0;
}

static void close_relay(struct relay *relay)
{
	if (relay->raw)
		tcsetattr(0, TCSANOW, &relay->before);
	relay->raw = false;
}

static void fill(struct pipeline *p)
{
	ssize_t n = read(p->from, p->data, sizeof p->data);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		p->open = false;
	p->start = 0;
	p->length = n > 0 ? (size_t)n : 0;
}

static void empty(struct pipeline *p)
{
	ssize_t n = write(p->to, p->data + p->start, p->length);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		p->length =
			0; /* nobody reads any more: drop, but keep the other side flowing */
		return;
	}
	p->start += (size_t)n;
	p->length -= (size_t)n;
}

static struct pollfd poll_pipeline(const struct pipeline *p)
{
	if (p->length > 0)
		return (struct pollfd){ .fd = p->to, .events = POLLOUT };
	return (struct pollfd){ .fd = p->open ? p->from : -1, .events = POLLIN };
}

static void serve_pipeline(struct pipeline *p, const struct pollfd *poller)
{
	if (poller->fd < 0 || poller->revents == 0)
		return;
	if (p->length > 0)
		empty(p);
	else
		fill(p);
}

/* After the end of the container: what it wrote last. */
static void finish_output(struct relay *relay)
{
	struct pipeline *out = &relay->out;
	struct pollfd poller;

	while (out->length > 0 || out->open) {
		poller = poll_pipeline(out);
		/* with nothing to write, what is not readable now will never come */
		if (poll(&poller, 1, out->length > 0 ? 10000 : 0) <= 0)
			return;
		serve_pipeline(out, &poller);
	}
}

int attend(const struct attendance *attendance, int *ret_status, struct error *err)
{
	struct relay relay = { 0 };
	struct pollfd pollers[4];
	int r;

	open_relay(&relay, attendance->master);
	for (;;) {
		pollers[0] = (struct pollfd){ .fd = attendance->pidfd, .events = POLLIN };
		pollers[1] = (struct pollfd){ .fd = attendance->signals, .events = POLLIN };
		pollers[2] = poll_pipeline(&relay.in);
		pollers[3] = poll_pipeline(&relay.out);
		r = poll(pollers, ELEMENTS_OF(pollers), -1);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0) {
			error_errno(err, errno, "poll");
			break;
		}
		if (pollers[1].revents)
			forward_signals(attendance);
		serve_pipeline(&relay.in, &pollers[2]);
		serve_pipeline(&relay.out, &pollers[3]);
		if (pollers[0].revents)
			break;
	}
	finish_output(&relay);
	close_relay(&relay);
	if (err->code)
		return -err->code;
	r = process_wait(attendance->pidfd, ret_status);
	return r < 0 ? error_errno(err, -r, "wait for the container") : 0;
}
