/* How a process that is being cloned gets into a cgroup. By CLONE_INTO_CGROUP, which costs nothing, where the
 * kernel lets it; else it is cloned where the caller is, moved while it waits for CHANNEL_GO, and what it clones is
 * born in there. That costs a wait for RCU (some 10 ms on an idle machine). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct entry {
	int cgroup; /* its directory; -1: the process stays where the caller is */
	/* Has @pid moved into the cgroup by somebody who may do what the caller may not; NULL: there is nobody. */
	int (*move)(void *data, pid_t pid, struct error *err);
	void *data;
};

/* Why a process has to be moved into its cgroup. */
enum entry_hold {
	ENTRY_BORN, /* it need not: it is born there */
	ENTRY_MOVED, /* by the caller itself: the kernel kills what is born there (entry_failed()) */
	ENTRY_MOVED_BY_OTHERS, /* the caller may not */
};

/* Which other way is left when a process could not be cloned into the cgroup.
 * @r: 0, or the -errno of the clone. @pidfd: of the process, when there is one; it is reaped when the answer is
 * that the process has to be cloned again.
 * @untouched: the process has done nothing yet, as far as is known.
 * Returns ENTRY_BORN when nothing is left to try: it lives, or the error stands. */
enum entry_hold entry_failed(const struct entry *entry, int r, int pidfd, bool untouched);

/* The caller's side of a process that is held: has it moved, and lets it go on.
 * @channel: the caller's end. @pid: a child, which is killed and reaped by the caller on an error. */
int entry_move(const struct entry *entry, enum entry_hold hold, pid_t pid, int channel,
	       struct error *err) _must_check_;

/* Its own side: waits until it is where it has to be.
 * @channel: its end; the other must be closed in it already, so that its end can be seen. */
int entry_await(int channel, struct error *err) _must_check_;
