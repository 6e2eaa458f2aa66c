/* Why a user namespace can't be made, or does not give what it should: by the settings that are known to forbid it. */
#pragma once

#include "base/error.h"

struct userns_refusal {
	const char *reason; /* which setting, or what else is known to cause it; never NULL */
	const char *remedy; /* the command that would change it; NULL: none is known */
};

/* @proc: verified procfs. @code: positive errno of the clone3(2) or unshare(2) with CLONE_NEWUSER, or of what was tried
 * inside. */
struct userns_refusal userns_explain(int proc, int code);

/* Adds the reason and the command to the error of a call that makes a user namespace. */
void userns_hint(int proc, struct error *err);

/* After something failed inside a user namespace that was made without privileges: AppArmor may have given it no
 * capabilities (Ubuntu 23.10 and later), which no errno tells from other causes. If so, @err says so. Returns -err->code. */
int userns_hint_inside(int proc, struct error *err);
