/* The relay of a terminal. Three facts about ptys shape it. A master reads EIO whenever nobody has the other
 * side open, also in between (an init that opens /dev/console for each line): so the other side is kept open
 * here until the container has ended. What was written just before the end may still be in a kernel work item;
 * poll(2) and read(2) on the master wait for that (n_tty_poll), so that "nothing to read" after the end is
 * final. And there is no end of file in a terminal but the one that is typed: so it is typed (c_cc[VEOF]) when
 * standard input ends, and again after growing pauses, since a file that has ended stays so for whoever reads
 * again. */
#include "process/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/trace.h"

/* More than a pty holds (8 KiB of flip buffers and 4 KiB of lines): where processes outlive the init and go
 * on writing, this ends the waiting for them. */
#define REST_MAX ((size_t)64 * 1024)

#define EOF_WAIT_FIRST 1000
#define EOF_WAIT_MOST 60000

/* Somebody else has our controlling terminal. */
static bool in_background(void)
{
	pid_t group = tcgetpgrp(0);

	return group > 0 && group != getpgrp();
}

void relay_follow_size(const struct relay *relay)
{
	struct winsize size;
	int fd;

	if (relay->master < 0)
		return;
	for (fd = 0; fd < 3; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &size) < 0)
			continue;
		if (size.ws_row == 0 && size.ws_col == 0)
			return; /* not known there either: consoleSize stays */
		if (ioctl(relay->master, TIOCSWINSZ, &size) < 0)
			trace_debug("the terminal's size cannot be set: %s",
				    error_errno_text(errno));
		return;
	}
}

static void make_raw(struct relay *relay)
{
	struct termios raw = relay->before;

	cfmakeraw(&raw);
	relay->raw = tcsetattr(0, TCSANOW, &raw) == 0;
}

static void nothing(int number)
{
	(void)number;
}

/* In the background the modes are those of whoever has the terminal, and none of our business. tcdrain(3) is
 * subject to job control and does nothing else here: it stops this process until it has the terminal, and fails
 * where nobody could ever give it (an orphaned process group). Of itself it would be restarted after each stop: the
 * handler of SIGCONT makes it return. Returns 1 with the terminal, 0 without, or -EINTR. */
static int await_terminal(const struct interruption *interruption, struct error *err)
{
	struct sigaction wake = { .sa_handler = nothing }, before;
	sigset_t mask, cont;
	int r;

	sigemptyset(&cont);
	sigaddset(&cont, SIGCONT);
	sigaction(SIGCONT, &wake, &before);
	sigprocmask(SIG_UNBLOCK, &cont, &mask);
	do
		r = tcdrain(0) < 0 ? -errno : 0;
	while (r == -EINTR && !(interruption && interruption_came(interruption)));
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGCONT, &before, NULL);
	if (r == -EINTR)
		return error_set(err, EINTR, "interrupted by a signal");
	if (r < 0)
		trace_debug("the terminal cannot be had: %s", error_errno_text(-r));
	return r == 0;
}

/* Whoever ends a stopped job (kill %1) lets it go on for that. */
static int take_terminal(struct relay *relay, const struct interruption *interruption,
			 struct error *err)
{
	int r = 1;

	if (!isatty(0))
		return 0;
	if (in_background())
		r = await_terminal(interruption, err);
	if (r > 0 && tcgetattr(0, &relay->before) == 0)
		make_raw(relay);
	return r < 0 ? r : 0;
}

static void set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		trace_debug("fcntl: %s", error_errno_text(errno));
}

int relay_open(struct relay *relay, int take_master, const struct interruption *interruption,
	       struct error *err)
{
	*relay = RELAY_INIT;
	relay->master = take_master;
	if (take_master < 0)
		return 0;
	set_nonblocking(take_master);
	relay->peer = ioctl(take_master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	/* a description of our own: the mode of the caller's is not ours to change */
	if (isatty(1))
		relay->screen = openat(AT_FDCWD, "/proc/self/fd/1",
				       O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	relay->in = (struct pipeline){ .from = 0, .to = take_master, .open = true };
	relay->out = (struct pipeline){ .from = take_master,
					.to = relay->screen >= 0 ? relay->screen : 1,
					.open = true };
	relay->last = '\n';
	relay_follow_size(relay);
	return take_terminal(relay, interruption, err);
}

void relay_continue(struct relay *relay)
{
	if (relay->raw && !in_background())
		make_raw(relay);
	relay_follow_size(relay);
}

static void hang_up(struct relay *relay)
{
	cleanup_fd(&relay->peer);
	cleanup_fd(&relay->master);
	relay->in.open = relay->out.open = false;
	relay->in.length = relay->out.length = 0;
	relay->eof_at = -1;
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

/* Returns 0, or -errno when nobody takes it any more. */
static int empty(struct pipeline *p)
{
	ssize_t n = write(p->to, p->data + p->start, p->length);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0) {
		p->length = 0;
		return -errno;
	}
	p->start += (size_t)n;
	p->length -= (size_t)n;
	return 0;
}

static struct pollfd poll_pipeline(const struct pipeline *p)
{
	if (p->length > 0)
		return (struct pollfd){ .fd = p->to, .events = POLLOUT };
	return (struct pollfd){ .fd = p->open ? p->from : -1, .events = POLLIN };
}

int relay_poll(const struct relay *relay, struct pollfd ret_pollers[RELAY_POLLERS])
{
	int64_t left;

	ret_pollers[0] = poll_pipeline(&relay->in);
	ret_pollers[1] = poll_pipeline(&relay->out);
	if (relay->master < 0)
		ret_pollers[0].fd = ret_pollers[1].fd = -1;
	if (relay->eof_at < 0 || relay->in.length > 0)
		return -1;
	left = relay->eof_at - now_ms();
	return left > 0 ? (int)left : 0;
}

/* In a line that has begun, the first end of file only sends what is there (termios(3)). */
static void type_end_of_file(struct relay *relay)
{
	struct termios modes;
	char eof = 4;

	if (tcgetattr(relay->master, &modes) == 0)
		eof = (char)modes.c_cc[VEOF];
	relay->in.start = 0;
	relay->in.length = relay->last == '\n' ? 1 : 2;
	relay->in.data[0] = relay->in.data[1] = eof;
	relay->last = '\n';
	relay->eof_at = now_ms() + relay->eof_wait;
	relay->eof_wait *= 2;
	if (relay->eof_wait > EOF_WAIT_MOST)
		relay->eof_wait = EOF_WAIT_MOST;
}

static void serve_input(struct relay *relay, const struct pollfd *poller)
{
	struct pipeline *in = &relay->in;

	if (relay->eof_at >= 0 && in->length == 0 && now_ms() >= relay->eof_at)
		type_end_of_file(relay);
	if (poller->fd < 0 || poller->revents == 0)
		return;
	if (in->length > 0) {
		if (empty(in) < 0)
			trace_debug("the container's terminal takes no input");
		return;
	}
	fill(in);
	if (in->length > 0)
		relay->last = in->data[in->length - 1];
	if (!in->open) {
		relay->eof_at = now_ms();
		relay->eof_wait = EOF_WAIT_FIRST;
	}
}

static void serve_output(struct relay *relay, const struct pollfd *poller)
{
	struct pipeline *out = &relay->out;
	int r;

	if (poller->fd < 0 || poller->revents == 0)
		return;
	if (out->length > 0) {
		r = empty(out);
		if (r >= 0)
			return;
		if (r != -EPIPE)
			trace_warning("standard output: %s; the container's terminal hangs up",
				      error_errno_text(-r));
		hang_up(relay);
		return;
	}
	fill(out);
	if (!relay->ended)
		return;
	if (out->length >= relay->rest)
		out->open = false;
	else
		relay->rest -= out->length;
}

void relay_serve(struct relay *relay, const struct pollfd pollers[RELAY_POLLERS])
{
	if (relay->master < 0)
		return;
	if (!relay->ended)
		serve_input(relay, &pollers[0]);
	serve_output(relay, &pollers[1]);
}

void relay_end(struct relay *relay)
{
	cleanup_fd(&relay->peer);
	relay->in.open = false;
	relay->in.length = 0;
	relay->eof_at = -1;
	relay->ended = true;
	relay->rest = REST_MAX;
}

bool relay_is_done(const struct relay *relay)
{
	struct pollfd poller = { .fd = relay->master, .events = POLLIN };

	if (relay->master < 0)
		return true;
	if (relay->out.length > 0)
		return false;
	return !relay->out.open || poll(&poller, 1, 0) <= 0;
}

void relay_close(struct relay *relay)
{
	if (relay->raw && !in_background() && tcsetattr(0, TCSANOW, &relay->before) < 0)
		trace_debug("the terminal's modes cannot be restored: %s",
			    error_errno_text(errno));
	relay->raw = false;
	hang_up(relay);
	cleanup_fd(&relay->screen);
}
