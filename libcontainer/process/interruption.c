/* Signals that are held back while a container is being made. That they are pending is all that is looked at: they
 * are not taken, since a process that ends by a signal has to end by that very one (a shell's script ends with what
 * SIGINT has ended, not with what exits by itself). An ignored one is queued too while it is blocked, and has to be
 * told apart. */
#include "process/interruption.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"

static const int ends[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP };

static sigset_t set_of_ends(void)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < ELEMENTS_OF(ends); i++)
		sigaddset(&set, ends[i]);
	return set;
}

int interruption_open(struct interruption *interruption, struct error *err)
{
	sigset_t set = set_of_ends();

	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_errno(err, errno, "sigprocmask");
	interruption->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return interruption->fd < 0 ? error_errno(err, errno, "signalfd") : 0;
}

void interruption_close(struct interruption *interruption)
{
	cleanup_fd(&interruption->fd);
}

static bool is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

bool interruption_came(const struct interruption *interruption)
{
	struct pollfd poller = { .fd = interruption->fd, .events = POLLIN };
	struct signalfd_siginfo info;
	sigset_t pending;
	size_t i;

	if (poll(&poller, 1, 0) <= 0 || sigpending(&pending) < 0)
		return false;
	for (i = 0; i < ELEMENTS_OF(ends); i++)
		if (sigismember(&pending, ends[i]) && !is_ignored(ends[i]))
			return true;
	/* else they would be there again and again; one that came just now is not taken away, but sent anew */
	while (read(interruption->fd, &info, sizeof info) > 0)
		if (!is_ignored((int)info.ssi_signo)) {
			raise((int)info.ssi_signo);
			return true;
		}
	return false;
}

int interruption_wait(const struct interruption *interruption, int fd, struct error *err)
{
	struct pollfd pollers[] = { { .fd = fd, .events = POLLIN }, { .events = POLLIN } };
	int r;

	if (!interruption)
		return 0;
	pollers[1].fd = interruption->fd;
	for (;;) {
		r = poll(pollers, 2, -1);
		if (r < 0 && errno != EINTR)
			return error_errno(err, errno, "poll");
		if (r < 0)
			continue;
		if (pollers[0].revents)
			return 0;
		if (pollers[1].revents && interruption_came(interruption))
			return error_set(err, EINTR, "interrupted by a signal");
	}
}

void interruption_obey(const struct interruption *interruption)
{
	sigset_t set = set_of_ends();

	if (interruption_came(interruption))
		sigprocmask(SIG_UNBLOCK, &set, NULL);
}
