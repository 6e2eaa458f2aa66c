/* What a process may do: identity, capabilities, labels. Each call changes the calling process. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "plan/plan.h"

/* Drops the bounding set to the plan's and keeps capabilities across the change of user
 * (PR_SET_KEEPCAPS), then setgroups, setresgid, setresuid. Capabilities that the kernel does not have or
 * the caller may not pass on are warned about, never an error (spec 112, 113).
 * @may_setgroups: false in a user namespace where setgroups is denied (additional groups then warn). */
int confine_identity(const struct plan_process *plan, bool may_setgroups,
		     struct error *err) _must_check_;

/* Sets the permitted, effective, inheritable and ambient sets to the plan's: the last step that needs a
 * privilege of the caller. */
int confine_capabilities(const struct plan_capabilities *plan, struct error *err) _must_check_;

/* prctl(PR_SET_NO_NEW_PRIVS): no execve() gives privileges from here on; cannot be undone. */
int confine_no_new_privs(struct error *err) _must_check_;

/* The profile or label for the next execve, written to /proc/self/attr below the verified @proc; asks
 * first whether the module is active (an error that says so if not). NULL does nothing. */
int confine_apparmor(int proc, const char *profile, struct error *err) _must_check_;
int confine_selinux(int proc, const char *label, struct error *err) _must_check_;

/* Whether the module is active on this host. */
bool confine_apparmor_enabled(void);
bool confine_selinux_enabled(void);

/* A new session keyring named @name for the process (JOIN_SESSION_KEYRING) that its user may search.
 * ENOSYS and EDQUOT are passed over with a debug line: a container runs without a keyring. */
int confine_keyring(const char *name, struct error *err) _must_check_;
