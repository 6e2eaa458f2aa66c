/* Running one hook: its own process group, standard input from a sealed-size memory file with the state (a pipe
 * could fill up on a hook that never reads), output and errors through pipes of which the beginning is kept
 * for the message. The end of the hook is the end of its process, not of the pipes: a daemon that a hook
 * leaves behind may hold those for ever. Timeouts count on the monotonic clock. */
#include "process/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/trace.h"
#include "kernel/process.h"
#include "kernel/uapi.h"

/* What is kept of a stream of the hook, for the error message. */
struct capture {
	int fd;
	size_t length;
	char text[512];
};

struct running_hook {
	pid_t pid;
	int pidfd;
	struct capture out, errors;
};

static int open_stream(const char *path, struct error *err)
{
	int fd;

	fd = openat(AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
	return fd < 0 ? error_errno(err, errno, "open %s", path) : fd;
}

int hook_streams_open(const char *out, const char *errors, struct hook_streams *ret_streams,
		      struct error *err)
{
	*ret_streams = HOOK_STREAMS_INIT;
	if (out) {
		ret_streams->out = open_stream(out, err);
		if (ret_streams->out < 0)
			return error_at(err, "annotations[run.oci.hooks.stdout]");
	}
	if (errors) {
		ret_streams->errors = open_stream(errors, err);
		if (ret_streams->errors < 0) {
			hook_streams_close(ret_streams);
			return error_at(err, "annotations[run.oci.hooks.stderr]");
		}
	}
	return 0;
}

void hook_streams_close(struct hook_streams *streams)
{
	cleanup_fd(&streams->out);
	cleanup_fd(&streams->errors);
}

static void cleanup_running(struct running_hook *hook)
{
	cleanup_fd(&hook->pidfd);
	cleanup_fd(&hook->out.fd);
	cleanup_fd(&hook->errors.fd);
}

int hook_state_file(const char *state, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	int r;

	fd = memfd_create("state", MFD_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "memfd_create for the hook's state");
	r = fd_write_all(fd, state, strlen(state), "the hook's state", err);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_errno(err, errno, "lseek in the hook's state");
	return steal_fd(&fd);
}

/* Reports why the program could not be executed, on the hook's own standard error, which the caller
 * captures; exit status 127 or 126 as shells have it. */
static _Noreturn void fail_hook(int errors, const struct error *err, int status)
{
	ssize_t n = write(errors, err->text, strlen(err->text));

	(void)n;
	_exit(status);
}

static _Noreturn void execute_hook(const struct hook_run *run, const struct spec_hook *hook,
				   const int streams[3], pid_t parent)
{
	static char *const nothing[] = { NULL };
	struct error err = ERROR_INIT;
	char *const *environment;
	char *own_args[] = { (char *)(uintptr_t)hook->path, NULL };
	char *const *args = own_args;
	sigset_t none;
	int i, r;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	for (i = 0; i < 3; i++)
		if (dup2(streams[i], i) < 0) {
			error_errno(&err, errno, "dup2");
			fail_hook(streams[2], &err, 126);
		}
	if (run->prepare && run->prepare(run->data, &err) < 0)
		fail_hook(2, &err, 126);
	/* after every change of identity, which would clear it */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before the signal was asked for */
		_exit(1);
	r = process_close_from(3);
	if (r < 0) {
		error_errno(&err, -r, "close_range");
		fail_hook(2, &err, 126);
	}
	environment = run->environment ? run->environment : environ;
	if (hook->env_given)
		environment = hook->n_env ? (char *const *)(uintptr_t)hook->env : nothing;
	if (hook->n_args)
		args = (char *const *)(uintptr_t)hook->args;
	execve(hook->path, args, environment);
	error_errno(&err, errno, "execute %s", hook->path);
	fail_hook(2, &err, err.code == ENOENT ? 127 : 126);
}

/* The writing end of a stream of the hook: of a file, or of a pipe that is captured.
 * @file: of hook_streams, or -1. */
static int open_capture(int file, int *ret_reading, int *ret_writing, struct error *err)
{
	int ends[2];

	if (file >= 0) {
		*ret_writing = fcntl(file, F_DUPFD_CLOEXEC, 3);
		return *ret_writing < 0 ? error_errno(err, errno, "duplicate a descriptor") : 0;
	}
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "pipe2");
	*ret_reading = ends[0];
	*ret_writing = ends[1];
	return 0;
}

static int spawn_hook(const struct hook_run *run, const struct spec_hook *hook,
		      struct running_hook *running, struct error *err)
{
	_cleanup_fd_ int input = -1, out = -1, errors = -1;
	const struct hook_streams *files = run->streams;
	const pid_t parent = getpid();
	int r;

	input = hook_state_file(run->state, err);
	if (input < 0)
		return input;
	r = open_capture(files ? files->out : -1, &running->out.fd, &out, err);
	if (r < 0)
		return r;
	r = open_capture(files ? files->errors : -1, &running->errors.fd, &errors, err);
	if (r < 0)
		return r;
	running->pid = process_clone(TARE_CLONE_CLEAR_SIGHAND, -1, SIGCHLD, &running->pidfd);
	if (running->pid < 0)
		return error_errno(err, -running->pid, "clone3");
	if (running->pid == 0)
		execute_hook(run, hook, (const int[3]){ input, out, errors }, parent);
	return 0;
}

/* Reads what is there; the descriptor is closed at its end. Beyond the kept beginning output is dropped. */
static void drain(struct capture *capture)
{
	char rest[512];
	size_t room = sizeof capture->text - 1 - capture->length;
	ssize_t n;

	n = read(capture->fd, room ? capture->text + capture->length : rest,
		 room ? room : sizeof rest);
	if (n <= 0) {
		cleanup_fd(&capture->fd);
		return;
	}
	if (room)
		capture->length += (size_t)n;
	capture->text[capture->length] = '\0';
}

/* Collects output until the hook's process has ended. @deadline_ms: on now_ms()'s clock, or -1. */
static int follow_hook(struct running_hook *hook, int64_t deadline_ms,
		       const struct interruption *interruption, struct error *err)
{
	struct pollfd pollers[4];
	bool ended = false;
	int64_t left = -1;
	int r;

	for (;;) {
		pollers[0] = (struct pollfd){ .fd = hook->pidfd, .events = POLLIN };
		pollers[1] = (struct pollfd){ .fd = hook->out.fd, .events = POLLIN };
		pollers[2] = (struct pollfd){ .fd = hook->errors.fd, .events = POLLIN };
		pollers[3] = (struct pollfd){ .fd = interruption ? interruption->fd : -1,
					      .events = POLLIN };
		if (deadline_ms >= 0) {
			left = deadline_ms - now_ms();
			if (left <= 0)
				return -ETIMEDOUT;
		}
		r = poll(pollers, 4, left > 60000 ? 60000 : (int)left);
		if (r < 0 && errno != EINTR)
			return error_errno(err, errno, "poll");
		if (r <= 0)
			continue;
		if (pollers[3].revents && interruption_came(interruption))
			return error_set(err, EINTR, "interrupted by a signal");
		if (pollers[1].revents)
			drain(&hook->out);
		if (pollers[2].revents)
			drain(&hook->errors);
		if (pollers[0].revents && !pollers[1].revents && !pollers[2].revents)
			return 0;
		if (pollers[0].revents) {
			/* Ended: only what it has written already is still of interest. Once, because what it
			 * left behind may write for ever. */
			if (!ended)
				deadline_ms = now_ms() + 20;
			ended = true;
			if (!(pollers[1].revents & POLLIN) && !(pollers[2].revents & POLLIN))
				return 0;
		}
	}
}

static void trim(struct capture *capture)
{
	while (capture->length > 0 && (capture->text[capture->length - 1] == '\n' ||
				       capture->text[capture->length - 1] == ' '))
		capture->text[--capture->length] = '\0';
}

/* Waits for the end of a hook that is as good as over, and says how it went. */
static int judge(const char *kind, size_t index, struct running_hook *hook, struct error *err)
{
	int status, signal, r;

	r = process_wait_signal(hook->pidfd, &status, &signal);
	if (r < 0)
		return error_errno(err, -r, "error running %s hook #%zu: wait", kind, index);
	if (status == 0)
		return 0;
	trim(&hook->out);
	trim(&hook->errors);
	if (signal)
		return error_set(
			err, ECANCELED,
			"error running %s hook #%zu: signal: %d, stdout: %s, stderr: %s", kind,
			index, signal, hook->out.text, hook->errors.text);
	return error_set(err, ECANCELED,
			 "error running %s hook #%zu: exit status %d, stdout: %s, stderr: %s",
			 kind, index, status, hook->out.text, hook->errors.text);
}

static int run_one(const struct hook_run *run, size_t index, struct error *err)
{
	_cleanup_(cleanup_running) struct running_hook hook = {
		.pidfd = -1,
		.out = { .fd = -1 },
		.errors = { .fd = -1 },
	};
	const struct spec_hook *spec = &run->hooks[index];
	int64_t deadline_ms = -1;
	int r, status;

	r = spawn_hook(run, spec, &hook, err);
	if (r < 0)
		return error_at(err, "error running %s hook #%zu", run->kind, index);
	if (spec->timeout.set)
		deadline_ms = now_ms() + spec->timeout.value * 1000;
	r = follow_hook(&hook, deadline_ms, run->interruption, err);
	if (r < 0 && process_wait_end(hook.pidfd, 0) < 0) {
		kill(-hook.pid, SIGKILL);
		if (process_pidfd_signal(hook.pidfd, SIGKILL) < 0)
			trace_debug("hook %d is gone already", (int)hook.pid);
		if (process_wait(hook.pidfd, &status) < 0)
			trace_debug("hook %d was reaped by someone else", (int)hook.pid);
		if (r == -ETIMEDOUT)
			error_set(err, ETIMEDOUT,
				  "error running %s hook #%zu: %s: timed out after %lld s: "
				  "context deadline exceeded",
				  run->kind, index, spec->path, (long long)spec->timeout.value);
		return -err->code;
	}
	error_ignore(err, "the hook has ended, so that there is nothing to wait for");
	return judge(run->kind, index, &hook, err);
}

int hooks_run(const struct hook_run *run, struct error *err)
{
	size_t i;
	int r;

	for (i = 0; i < run->n_hooks; i++) {
		r = run_one(run, i, err);
		if (r >= 0)
			continue;
		error_at(err, "hooks.%s[%zu]", run->kind, i);
		if (!run->only_warn)
			return r;
		trace_warning("%s", err->text);
		error_ignore(err, "a failed hook of this kind is only warned about");
	}
	return 0;
}
