/* What this kernel can do, probed by trying, once, into one record; never by version. The plan is a
 * pure function of it, so each switch can be turned off to run the older path (--kernel-caps=-x,-y). What has
 * no older path, or is used before the options are read, is no switch. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct kernel_caps {
	bool overlay_append; /* fsconfig "lowerdir+" of overlay: Linux 6.7 */
	bool overlay_fd; /* overlay layers by descriptor: Linux 6.13 */
	bool detached; /* mounts can be moved into a detached tree: Linux 6.15 */
	bool pidns_option; /* procfs option "pidns": Linux 6.17 */
	bool open_tree_ns; /* OPEN_TREE_NAMESPACE, and the right to enter what it makes: Linux 7.0 */
	bool pidfs_id; /* file handles of pidfds: Linux 6.14 */
};

/* Which of the probes that cost more than an argument check are wanted. */
enum probe_wish {
	PROBE_OVERLAY =
		1 << 0, /* overlay_append, overlay_fd: the configuration has an overlay mount */
	/* detached, pidns_option, open_tree_ns: the root may be assembled outside */
	PROBE_DETACHED = 1 << 1,
	PROBE_ALL = ~0,
};

/* Tries what there is to try. @wishes: PROBE_*; what is not wished stays false. What a sandbox or a lack
 * of rights keeps from being tried counts as missing; nothing is an error so far. */
int probe_kernel(unsigned wishes, struct kernel_caps *ret_caps, struct error *err) _must_check_;

/* Whether a process can be cloned into a cgroup (CLONE_INTO_CGROUP, Linux 5.7), without which there are no
 * containers; a sandbox may forbid clone3(2). */
bool probe_into_cgroup(void) _must_check_;

/* Turns switches off as the option --kernel-caps says: "-name,-name".
 * Fails with EINVAL naming an unknown switch, EPERM when the process is setuid. */
int probe_switch_off(struct kernel_caps *caps, const char *list,
		     struct error *err) _must_check_;

/* For the plan's printing and for messages: calls @each with every switch's name and value. */
void probe_each(const struct kernel_caps *caps,
		void (*each)(void *data, const char *name, bool value), void *data);
