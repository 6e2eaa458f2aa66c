/* Processes by descriptor: clone3, pidfds, namespaces. Every function returns 0, a descriptor or a
 * pid, or -errno. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* clone3(2) with fork semantics (the child continues here with return value 0).
 * @flags: CLONE_*; TARE_CLONE_CLEAR_SIGHAND and TARE_CLONE_INTO_CGROUP as the caller wants them.
 * @cgroup: descriptor of the cgroup directory, or -1 without TARE_CLONE_INTO_CGROUP.
 * @exit_signal: SIGCHLD, or 0 with CLONE_PARENT.
 * @ret_pidfd: of the child, in the parent; NULL when not wanted. */
pid_t process_clone(uint64_t flags, int cgroup, int exit_signal, int *ret_pidfd) _must_check_;

/* pidfd_open(2), and pidfd_send_signal(2): -ESRCH when there is no such process (any more). */
int process_pidfd_open(pid_t pid) _must_check_;
int process_pidfd_signal(int pidfd, int signal) _must_check_;

/* setns(2). @type: CLONE_NEW*, or 0 for whatever @fd is. */
int process_setns(int fd, int type) _must_check_;

/* unshare(2). */
int process_unshare(int flags) _must_check_;

/* Whether @capability (CAP_*) is effective, in the process's own user namespace. */
bool process_is_capable(int capability) _must_check_;

/* setgroups(2), and real, effective and saved id at once (setresgid(2), setresuid(2)), of a process with one
 * thread: a C library's functions of these names also see to other threads, musl's by three calls more. */
int process_set_groups(size_t count, const gid_t *groups) _must_check_;
int process_set_group(gid_t group) _must_check_;
int process_set_user(uid_t user) _must_check_;

/* close_range(2) from @first to the highest descriptor. Linux 5.9. */
int process_close_from(unsigned first) _must_check_;

/* close_range(2) with CLOSE_RANGE_CLOEXEC (Linux 5.11): they close when a program is executed. */
int process_cloexec_from(unsigned first) _must_check_;

/* Closes every descriptor from @first on, and of those from 3 to it the ones that are closed on execve(2): a number
 * that the caller has promised and not opened is one that this program's own descriptors got. But @keep stays (@n
 * of them, in any order; n <= 8). */
int process_close_except(unsigned first, const int *keep, unsigned n) _must_check_;

/* Lets the calling process run on every processor that its cgroup allows, whatever its caller was bound to
 * (sched_setaffinity(2); the kernel takes away what is not there). */
int process_reset_affinity(void) _must_check_;

/* waitid(2) on a child by pidfd, without a limit of time.
 * @ret_status: 0-255 for an exit, 128 + signal for a death by signal. */
int process_wait(int pidfd, int *ret_status) _must_check_;

/* The same, for who has to tell an exit with a status above 128 from a death by signal.
 * @ret_signal: the signal, or 0 for an exit. */
int process_wait_signal(int pidfd, int *ret_status, int *ret_signal) _must_check_;

/* Whether a process that was just cloned is being ended by SIGKILL, or was: as when the kernel has sent it that while
 * it was forked. Does not wait for one that lives (process_mrelease(2) tells it apart in a microsecond), nor reaps.
 * Where that call is missing (below Linux 5.15, or filtered) the answer is no.
 * @pidfd: of a child. */
bool process_killed_at_birth(int pidfd);

/* How a process that has ended did so, for who need not be its parent: from the pidfd when it was reaped while
 * that was held (Linux 6.15), from /proc/PID/stat while it is a zombie.
 * @pidfd: of the process. @pid: its number, in @proc's pid namespace.
 * @ret_status, @ret_signal: as process_wait_signal().
 * -ENODATA: it can't be known: reaped on an older kernel, or a zombie that may not be looked into. */
int process_ending(int pidfd, int proc, pid_t pid, int *ret_status,
		   int *ret_signal) _must_check_;

/* Waits until the process that @pidfd names has ended; it need not be a child.
 * @timeout_ms: -1 for ever. Returns 0, or -ETIMEDOUT. */
int process_wait_end(int pidfd, int timeout_ms) _must_check_;

/* The start time of a process in clock ticks since boot (/proc/PID/stat, field 22), and its state
 * letter; -ESRCH when there is no such process. @ret_state may be NULL.
 * @proc: descriptor of a verified procfs. */
int process_start_time(int proc, pid_t pid, uint64_t *ret_ticks, char *ret_state) _must_check_;

/* The 64-bit id of the process in pidfs (name_to_handle_at on the pidfd, Linux 6.14), unique until
 * reboot; -EOPNOTSUPP on older kernels. */
int process_pidfs_id(int pidfd, uint64_t *ret_id) _must_check_;
