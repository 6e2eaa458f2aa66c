/* Programs that are embedded in tare and executed from memory when they are needed (HACKING.md, "Helpers"). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define EMBEDDED_FDS_MAX 32

struct embedded_program {
	const char *name; /* "tare-systemd" */
	const char *begin, *end;
	const char *const *arguments; /* behind the name; ends with NULL */
	/* Descriptors that the program inherits, as 3, 4, ... in this order; borrowed. */
	size_t n_fds; /* at most EMBEDDED_FDS_MAX */
	const int *fds;
	/* It outlives a tare that dies, to undo what it has done; the end of its socket tells it. */
	bool survives;
};

/* Executes the program, with one end of a SOCK_SEQPACKET pair as its standard input and /dev/null as its outputs.
 * It gets no other descriptor but @program->fds (engines wait for the ends of pipes that tare has inherited) and
 * dies with tare, unless @program->survives. What fails behind the clone comes as an answer (base/packet.h) over the socket.
 * @ret_socket: the end to speak to. @ret_pidfd: of the program, a child of the caller's. */
int embedded_start(const struct embedded_program *program, int *ret_socket, int *ret_pidfd,
		   struct error *err) _must_check_;
