/* Executing tare-systemd and speaking to it. Inside this folder only. */
#pragma once

#include "base/error.h"
#include "cgroup/unit_message.h"

/* Executes the embedded helper for the manager.
 * @ret_socket: the end to speak to. @ret_pidfd: of it, a child of the caller's. */
int unit_helper_start(bool user, int *ret_socket, int *ret_pidfd,
		      struct error *err) _must_check_;

/* Sends a request. A helper that is gone is no error here: its answer, or its end, tells. */
int unit_helper_send(int socket, const struct packet *message, struct error *err) _must_check_;

/* Waits for an answer. Returns 0, or the error in it; @pidfd: of the helper, to say how it has ended when it
 * gives none. */
int unit_helper_receive(int socket, int pidfd, struct error *err) _must_check_;
