/* Assembling the root of a container from outside: what the child's namespaces are, and the hand-over of
 * the finished tree. The child was cloned into its new namespaces and may not have joined the others yet,
 * so a joined namespace is taken from the descriptor that the child joins it by. Opening /proc/PID/ns of
 * a process that is not dumpable takes CAP_SYS_PTRACE, which a privileged caller may lack all the same:
 * then the child assembles its root itself. */
#include "process/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "kernel/process.h"
#include "process/channel.h"

/* What await_network() works with. */
struct late {
	int channel;
	bool failed; /* the child has said something else, or has ended */
};

/* Whether the child makes it while its root is assembled here. */
static bool is_late(const struct outside *outside, enum spec_namespace_type type)
{
	return outside->plan->namespaces.unshare_flags & spec_namespace_flag(type);
}

static int open_owner(const struct outside *outside, enum spec_namespace_type type,
		      struct rootfs_owners *owners)
{
	const char *name = spec_namespace_proc_name(type);
	char path[64];

	/* a magic link below the verified procfs, of a child of our own */
	snprintf(path, sizeof path, "%d/ns/%s", (int)outside->child->pid, name);
	if (is_late(outside, type))
		owners->theirs[type] = -1;
	else if (outside->plan->namespaces.of[type].mode == PLAN_NS_JOIN)
		owners->theirs[type] = fcntl(outside->join->fds[type], F_DUPFD_CLOEXEC, 3);
	else
		owners->theirs[type] = openat(outside->proc, path, O_RDONLY | O_CLOEXEC);
	/* not by the child's pidfd when they are wanted: it may have stopped being dumpable by then */
	if (owners->theirs[type] < 0 && !is_late(outside, type))
		return -errno;
	if (type == SPEC_NAMESPACE_PID)
		return 0; /* an option of procfs: it is not entered */
	snprintf(path, sizeof path, "self/ns/%s", name);
	owners->ours[type] = openat(outside->proc, path, O_RDONLY | O_CLOEXEC);
	return owners->ours[type] < 0 ? -errno : 0;
}

/* Opens the namespaces that the operations ask for, where they are not tare's own. */
static int open_owners(const struct outside *outside, struct rootfs_owners *owners)
{
	const struct plan_rootfs *rootfs = &outside->plan->rootfs;
	size_t i;
	int type, r;

	for (i = 0; i < rootfs->n_outside; i++) {
		type = plan_owner(&rootfs->ops[i]);
		if (type < 0 || owners->theirs[type] >= 0 || owners->ours[type] >= 0 ||
		    outside->plan->namespaces.of[type].mode == PLAN_NS_INHERIT)
			continue;
		r = open_owner(outside, (enum spec_namespace_type)type, owners);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The child's network namespace comes as a message. Any other word of the child's is its last one and stays for
 * whoever waits for it, as does the end. */
static int await_network(struct rootfs_owners *owners, enum spec_namespace_type type,
			 struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;
	struct late *late = owners->data;
	uint32_t next;
	int r;

	for (;;) {
		r = channel_peek(late->channel, &next);
		if (r <= 0 || (next != CHANNEL_LOG && next != CHANNEL_NETWORK)) {
			late->failed = true;
			return error_set(err, ECHILD, "the child has failed");
		}
		r = channel_receive(late->channel, &message);
		if (r < 0)
			return error_errno(err, -r, "receive from init");
		if (next == CHANNEL_NETWORK)
			break;
		trace_line((enum trace_level)message.value, "%s", message.text);
	}
	if (message.fd < 0)
		return error_set(err, EBADMSG,
				 "the network namespace came without a descriptor");
	owners->theirs[type] = steal_fd(&message.fd);
	return 0;
}

/* @ret_tree: -1 when the child has to do it. @ret_namespace: -1 when it is not to be entered as a namespace. */
static int assemble(const struct outside *outside, struct rootfs_owners *owners, int *ret_tree,
		    int *ret_namespace, struct error *err)
{
	struct late late = { .channel = outside->child->channel };
	const struct plan_rootfs *rootfs = &outside->plan->rootfs;
	int r;

	owners->await = await_network;
	owners->data = &late;
	r = open_owners(outside, owners);
	if (r < 0) {
		trace_debug("the child's namespaces can't be opened: %s", error_errno_text(-r));
		return 0;
	}
	r = rootfs_assemble_outside(rootfs, outside->sources, owners, ret_tree, err);
	if (r == 0 && *ret_tree >= 0 && rootfs->entrance == PLAN_ENTER_NAMESPACE) {
		*ret_namespace = rootfs_make_namespace(*ret_tree, err);
		r = *ret_namespace < 0 ? *ret_namespace : 0;
	}
	if (r < 0 && (late.failed || process_wait_end(outside->child->pidfd, 0) == 0)) {
		error_ignore(err, "the child has failed, and its word is the cause");
		cleanup_fd(ret_tree);
		return 0;
	}
	return r < 0 ? error_at(err, "assembling the root") : 0;
}

int outside_assemble(const struct outside *outside, struct error *err)
{
	const struct plan_rootfs *rootfs = &outside->plan->rootfs;
	/* All of it goes when the init has been told: to dissolve the mounts of a copied tree takes a while. */
	_cleanup_(rootfs_owners_close) struct rootfs_owners owners = ROOTFS_OWNERS_INIT;
	_cleanup_fd_ int tree = -1, namespace = -1;
	int r;

	r = assemble(outside, &owners, &tree, &namespace, err);
	if (r < 0)
		return r;
	if (tree >= 0)
		trace_debug("the root was assembled detached: %zu of %zu operations%s",
			    rootfs->n_outside, rootfs->n_ops,
			    namespace >= 0 ? "; it is entered as a mount namespace" : "");
	r = channel_send(outside->child->channel, CHANNEL_GO, 0, NULL,
			 namespace >= 0 ? namespace : tree);
	/* EPIPE: it died, and has said why */
	return r < 0 && r != -EPIPE ? error_errno(err, -r, "send to init") : 0;
}
