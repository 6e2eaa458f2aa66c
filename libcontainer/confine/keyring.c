/* The session keyring: a container must not see the keys of whoever started it. keyctl(2) is called
 * itself, libkeyutils has nothing to add. Kernel facts: keys are counted per user (EDQUOT when a user
 * starts many containers), and many sandboxes filter keyctl with EPERM or ENOSYS; then the container runs
 * without a keyring of its own. */
#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/trace.h"
#include "confine/confine.h"

#define KEY_USER_SEARCH 0x00080000U /* KEY_USR_SEARCH of keyctl_setperm(3) */

/* Adds the user's right to search to the keyring's permissions. keyctl_describe(3) gives
 * "type;uid;gid;permissions in hexadecimal;name". */
static int let_user_search(long keyring)
{
	char text[512], *p = text;
	unsigned long permissions;
	long n;
	int i;

	n = syscall(SYS_keyctl, KEYCTL_DESCRIBE, keyring, text, sizeof text);
	if (n < 0)
		return -errno;
	text[sizeof text - 1] = '\0';
	for (i = 0; i < 3 && p; i++) {
		p = strchr(p, ';');
		if (p)
			p++;
	}
	if (!p)
		return -EBADMSG;
	permissions = strtoul(p, NULL, 16);
	if (syscall(SYS_keyctl, KEYCTL_SETPERM, keyring, permissions | KEY_USER_SEARCH) < 0)
		return -errno;
	return 0;
}

int confine_keyring(const char *name, struct error *err)
{
	long keyring;
	int r;

	if (!name)
		return 0;
	keyring = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);
	/* the name is taken by someone else's keyring: one without a name protects as well */
	if (keyring < 0 && errno == EACCES)
		keyring = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	if (keyring < 0 && (errno == ENOSYS || errno == EDQUOT || errno == EPERM)) {
		trace_debug("no session keyring \"%s\": %s", name, error_errno_text(errno));
		return 0;
	}
	if (keyring < 0)
		return error_errno(err, errno, "join the session keyring \"%s\"", name);
	r = let_user_search(keyring);
	if (r < 0)
		trace_debug("session keyring \"%s\" keeps its permissions: %s", name,
			    error_errno_text(-r));
	return 0;
}
