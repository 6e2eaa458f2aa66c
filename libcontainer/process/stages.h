/* The stages of the init that take more than a line, each documented where it is built. All run in the
 * container's side; context->stage tells the parent which one is running. */
#pragma once

#include "process/init.h"

/* stages-namespaces.c: entering and filling the namespaces */
int stage_join_namespaces(struct init_context *context, struct error *err) _must_check_;
int stage_time_offsets(struct init_context *context, struct error *err) _must_check_;
int stage_become_root(struct init_context *context, struct error *err) _must_check_;
int stage_late_namespaces(struct init_context *context, struct error *err) _must_check_;
int stage_loopback(struct init_context *context, struct error *err) _must_check_;
int stage_hostname(struct init_context *context, struct error *err) _must_check_;
int stage_sysctl(struct init_context *context, struct error *err) _must_check_;

/* stages-process.c: what the program will be */
int stage_session(struct init_context *context, struct error *err) _must_check_;
int stage_terminal(struct init_context *context, struct error *err) _must_check_;
int stage_scheduling(struct init_context *context, struct error *err) _must_check_;
int stage_stdio_owner(struct init_context *context, struct error *err) _must_check_;
int stage_working_directory(struct init_context *context, struct error *err) _must_check_;
int stage_identity(struct init_context *context, struct error *err) _must_check_;
int stage_working_directory_as_user(struct init_context *context,
				    struct error *err) _must_check_;
int stage_program(struct init_context *context, struct error *err) _must_check_;
int stage_close_descriptors(struct init_context *context, struct error *err) _must_check_;

/* init.c */
int stage_keyring(struct init_context *context, struct error *err) _must_check_;
int stage_labels(struct init_context *context, struct error *err) _must_check_;
int stage_affinity(struct init_context *context, struct error *err) _must_check_;
int stage_personality(struct init_context *context, struct error *err) _must_check_;
int stage_limits(struct init_context *context, struct error *err) _must_check_;
int stage_no_new_privs(struct init_context *context, struct error *err) _must_check_;

/* The first steps of a process of the container: guarded, alone with its end of the channel, which its log
 * goes through, with a name of its own, and no signal ignored or blocked. Ends the process when the parent is
 * gone. */
void init_begin(struct init_context *context);

/* Closes the parent's end of the channel; ends the process when the parent is gone: it may have died before
 * init_guard() could ask for the signal. */
void init_leave_without_parent(struct init_context *context);

/* Opens a pty of the container whose root is @root, sends its master over the channel, and makes the other end
 * the controlling terminal and the standard streams. */
int init_take_terminal(struct init_context *context, int root, struct error *err) _must_check_;

/* The last step before execve: the filter and the last privileges. */
int init_confine(struct init_context *context, struct error *err) _must_check_;

/* Makes the process die with its parent, and not be traced; again after every change of identity, which
 * clears both (prctl(2), PR_SET_PDEATHSIG). */
void init_guard(void);

/* standby.c: the start barrier. Tells the parent that the container stands, waits until it is recorded, then
 * for start; runs the startContainer hooks and executes the program. Returns only on failure. */
int standby_run(struct init_context *context, struct error *err) _must_check_;
