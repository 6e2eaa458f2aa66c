/* CRIU, by the helper program tare-criu: one request, answered when it is done, with CRIU's notifications in between. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/packet.h"

/* A request in the making: the words of process/criu_message.h, and the descriptors that they speak of by number. */
struct criu_request {
	struct packet packet;
	size_t n_fds;
	int fds[16]; /* borrowed */
};
void criu_request_free(struct criu_request *request);
#define _cleanup_criu_request_ __attribute__((cleanup(criu_request_free)))

/* Begins the request. @verb: "dump", "pre-dump", "restore", "load" or "version". */
void criu_begin(struct criu_request *request, const char *verb);

/* Adds an option, as printf() makes it: "NAME" or "NAME=VALUE". What fails is told by criu_perform(). */
void criu_add(struct criu_request *request, const char *format, ...) _printf_(2, 3);

/* The number by which the helper, and CRIU, will know a descriptor. */
int criu_add_fd(struct criu_request *request, int fd);

/* Who is told of what CRIU does. A failure makes CRIU give up, and is what criu_perform() fails with.
 * @pid: of the first process, 0: there is none yet. @fd: what CRIU sent along, borrowed; -1: nothing. */
struct criu_observer {
	int (*notify)(void *data, const char *action, pid_t pid, int fd, struct error *err);
	void *data;
};

/* Sends the request and serves notifications until it is done. A process that was restored is a child of the
 * caller's, if that is a subreaper (prctl(2)), once this has returned.
 * @observer: NULL: nobody wants to know. Returns the number that the answer has: the version, or the process.
 * Errors: ENOENT: libcriu or criu is not there; those of @observer. */
int criu_perform(struct criu_request *request, const struct criu_observer *observer,
		 struct error *err) _must_check_;

/* Adds to a failure of CRIU's what its log says of it: the last errors, and where the log is.
 * @work: the directory, whose name is @path. Returns -err->code. */
int criu_explain(int work, const char *path, const char *log, struct arena *arena,
		 struct error *err);
