/* What of a container can't be saved and made anew by CRIU. It is decided when the container is created, so that a
 * checkpoint says it at once and by name, and not CRIU in the middle of its work; restore asks the same of the
 * configuration that it is given. */
#include <stddef.h>

#include "plan/plan.h"

static bool asks_agent(const struct spec_seccomp *seccomp)
{
	return seccomp && seccomp->listener_path;
}

const char *plan_checkpoint_obstacle(const struct plan *plan)
{
	if (plan->rootfs.mount_ns != PLAN_NS_NEW)
		return "it has no mount namespace of its own (linux.namespaces)";
	if (plan->namespaces.of[SPEC_NAMESPACE_CGROUP].mode == PLAN_NS_JOIN)
		return "its cgroup namespace was given by a path (linux.namespaces)";
	if (plan->rootfs.n_layers > 0)
		return "its root is an overlay that was made for it (--layers, or the "
		       "annotation io.tare.root.layers)";
	if (plan->n_net_devices > 0)
		return "it has network devices of the host (linux.netDevices)";
	if (asks_agent(plan->seccomp))
		return "its system calls are decided by an agent (linux.seccomp.listenerPath)";
	return NULL;
}
