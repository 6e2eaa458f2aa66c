/* The service manager's socket, which the caller names in NOTIFY_SOCKET (sd_notify(3)). The container gets the
 * socket itself: its file is bound into the container, so that messages, descriptors and barriers go straight
 * to the manager and nobody has to stay to pass them on. A socket in a file is found by its inode, whatever
 * the network namespace (unix(7)); an abstract one belongs to a network namespace and cannot be bound. */
#include <errno.h>
#include <string.h>

#include "kernel/uapi.h"
#include "plan/root.h"

#define INSIDE "/run/notify/notify.sock" /* where runc has it as well */

static bool is_arranged(const struct spec_process *process)
{
	size_t i;

	for (i = 0; i < process->n_env; i++)
		if (strncmp(process->env[i], "NOTIFY_SOCKET=", 14) == 0)
			return true;
	return false;
}

static bool is_bound(const struct plan_builder *b)
{
	return *b->options->notify_socket == '/' &&
	       b->plan->namespaces.of[SPEC_NAMESPACE_MOUNT].mode == PLAN_NS_NEW;
}

int plan_notify(const struct plan_builder *b, struct error *err)
{
	const char *address = b->options->notify_socket;

	/* an engine that says it in config.json has made its own arrangements */
	if (!address || *address == '\0' || !b->spec->process || is_arranged(b->spec->process))
		return 0;
	if (*address == '@' &&
	    b->plan->namespaces.of[SPEC_NAMESPACE_NETWORK].mode != PLAN_NS_INHERIT)
		return error_set(
			err, ENOTSUP,
			"NOTIFY_SOCKET=%s: an abstract socket cannot be reached from "
			"another network namespace (unset NOTIFY_SOCKET to do without)",
			address);
	b->plan->process.notify_socket = is_bound(b) ? INSIDE : address;
	return 0;
}

int plan_notify_mount(struct plan_root_builder *root, struct error *err)
{
	const struct plan_builder *b = root->b;
	struct plan_op op = {
		.kind = PLAN_OP_BIND,
		.target = INSIDE,
		.source = b->options->notify_socket,
		.attributes.set = TARE_MOUNT_ATTR_NOSUID | TARE_MOUNT_ATTR_NODEV |
				  TARE_MOUNT_ATTR_NOEXEC,
	};

	if (!b->plan->process.notify_socket || !is_bound(b))
		return 0;
	op.where = arena_printf(b->arena, "NOTIFY_SOCKET (%s -> %s)", op.source, op.target);
	if (!op.where)
		return error_oom(err);
	op.opened = (int)root->n_opened++;
	return plan_add_op(root, &op, err);
}
