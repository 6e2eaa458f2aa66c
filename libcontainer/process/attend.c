/* The foreground of `run`: one poll loop over the init's pidfd, a signalfd and the relay of its terminal. All
 * signals are forwarded but those that concern this process: SIGCHLD, SIGPIPE, SIGURG (contract 7.6), and SIGTTIN
 * and SIGTTOU, by which the kernel stops whoever uses the terminal from the background. SIGABRT and the like are
 * forwarded when they are sent, by systemd's watchdog for instance; a fault of this process's own ends it although
 * they are blocked (the kernel forces it, abort(3) unblocks its own). SIGKILL and SIGSTOP cannot be caught, so
 * nothing else can end this process without its last steps. */
#include "process/attend.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "kernel/process.h"

/* A function is not inherited by what is executed, as SIG_IGN is: hooks get the default again. */
static void nothing(int number)
{
	(void)number;
}

static int block_signals(struct error *err)
{
	static const int own[] = { SIGURG, SIGCHLD, SIGPIPE, SIGTTIN, SIGTTOU };
	sigset_t set;
	size_t i;
	int fd;

	sigfillset(&set);
	for (i = 0; i < ELEMENTS_OF(own); i++)
		sigdelset(&set, own[i]);
	signal(SIGPIPE, nothing);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_errno(err, errno, "sigprocmask");
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? error_errno(err, errno, "signalfd") : fd;
}

int attend_open(int pidfd, int take_master, const struct interruption *interruption,
		struct attendance *ret_attendance, struct error *err)
{
	_cleanup_fd_ int master = take_master;
	int fd = block_signals(err);

	if (fd < 0)
		return fd;
	ret_attendance->pidfd = pidfd;
	ret_attendance->signals = fd;
	return relay_open(&ret_attendance->relay, steal_fd(&master), interruption, err);
}

void attend_close(struct attendance *attendance)
{
	relay_close(&attendance->relay);
	cleanup_fd(&attendance->signals);
}

/* Returns whether the user wants to wait no longer for a reader of the last output. */
static bool serve_signals(struct attendance *attendance)
{
	struct relay *relay = &attendance->relay;
	struct signalfd_siginfo info;
	bool enough = false;
	int r;

	while (read(attendance->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGWINCH && relay->master >= 0) {
			relay_follow_size(relay);
			continue;
		}
		if (info.ssi_signo == SIGCONT)
			relay_continue(relay);
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT ||
		    info.ssi_signo == SIGQUIT || info.ssi_signo == SIGHUP)
			enough = relay->ended;
		r = process_pidfd_signal(attendance->pidfd, (int)info.ssi_signo);
		if (r < 0)
			trace_debug("signal %u could not be forwarded: %s", info.ssi_signo,
				    error_errno_text(-r));
	}
	return enough;
}

int attend(struct attendance *attendance, int *ret_status, struct error *err)
{
	struct relay *relay = &attendance->relay;
	struct pollfd pollers[2 + RELAY_POLLERS];
	int r, timeout;

	while (!relay->ended || !relay_is_done(relay)) {
		pollers[0] = (struct pollfd){ .fd = relay->ended ? -1 : attendance->pidfd,
					      .events = POLLIN };
		pollers[1] = (struct pollfd){ .fd = attendance->signals, .events = POLLIN };
		timeout = relay_poll(relay, pollers + 2);
		r = poll(pollers, ELEMENTS_OF(pollers), timeout);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return error_errno(err, errno, "poll");
		relay_serve(relay, pollers + 2);
		if (pollers[1].revents && serve_signals(attendance))
			break;
		if (pollers[0].revents)
			relay_end(relay);
	}
	r = process_wait_signal(attendance->pidfd, ret_status, &attendance->ended_by);
	return r < 0 ? error_errno(err, -r, "wait for the container") : 0;
}
