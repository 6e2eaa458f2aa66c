/* The init's stages that enter and fill namespaces. Kernel facts: a process may set the offsets of a time
 * namespace only before anyone is in it, so the init unshares one for its children, writes the offsets and
 * enters it itself; after setresuid() to the mapped root the process is not dumpable and its /proc files
 * belong to nobody it could be, so what needs them comes before. */
#include "process/stages.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "kernel/process.h"
#include "kernel/procfs.h"
#include "kernel/uapi.h"
#include "process/channel.h"
#include "process/spawn.h"

int stage_join_namespaces(struct init_context *context, struct error *err)
{
	if (context->plan->namespaces.intermediate)
		return join_after_clone(context->join, err);
	return join_all(context->join, err);
}

int stage_time_offsets(struct init_context *context, struct error *err)
{
	const struct plan_namespaces *plan = &context->plan->namespaces;
	_cleanup_fd_ int fd = -1;
	int r;

	if (plan->of[SPEC_NAMESPACE_TIME].mode != PLAN_NS_NEW)
		return 0;
	r = process_unshare(TARE_CLONE_NEWTIME);
	if (r < 0)
		return error_errno(err, -r, "unshare the time namespace");
	if (plan->timens_offsets) {
		r = procfs_write(context->proc, "self/timens_offsets", plan->timens_offsets,
				 err);
		if (r < 0)
			return error_at(err, "linux.timeOffsets");
	}
	/* a magic link, of this process itself and below the verified procfs */
	fd = openat(context->proc, "self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "open /proc/self/ns/time_for_children");
	r = process_setns(fd, TARE_CLONE_NEWTIME);
	return r < 0 ? error_errno(err, -r, "enter the time namespace: setns") : 0;
}

int stage_become_root(struct init_context *context, struct error *err)
{
	const struct plan_namespaces *plan = &context->plan->namespaces;
	int r;

	if (!plan->in_userns)
		return 0;
	r = process_set_group(0);
	if (r < 0)
		return error_errno(err, -r, "setresgid (is group 0 mapped?)");
	if (!plan->deny_setgroups && !context->plan->process.keep_groups)
		r = process_set_groups(0, NULL);
	if (r < 0) {
		if (r != -EPERM)
			return error_errno(err, -r, "setgroups");
		/* a joined user namespace, or a new one in one of that kind: "deny" is inherited
		 * (user_namespaces(7)) */
		trace_debug("setgroups is denied in the user namespace");
		context->setgroups_denied = true;
	}
	r = process_set_user(0);
	if (r < 0)
		return error_errno(err, -r, "setresuid (is user 0 mapped?)");
	init_guard();
	return 0;
}

/* To the parent, which makes the file systems that show it. */
static int send_network(struct init_context *context, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	int r;

	fd = openat(context->proc, "self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "open /proc/self/ns/net");
	r = channel_send(context->channel, CHANNEL_NETWORK, 0, NULL, fd);
	return r < 0 ? error_errno(err, -r, "send the network namespace") : 0;
}

int stage_late_namespaces(struct init_context *context, struct error *err)
{
	const struct plan_namespaces *plan = &context->plan->namespaces;
	int r;

	if (!plan->unshare_flags)
		return 0;
	r = process_unshare((int)plan->unshare_flags);
	if (r < 0) {
		error_errno(err, -r, "unshare namespaces");
		return spawn_hint(plan->unshare_flags, context->proc, err);
	}
	if (context->plan->rootfs.place == PLAN_DETACHED &&
	    (plan->unshare_flags & CLONE_NEWNET))
		return send_network(context, err);
	return 0;
}

int stage_loopback(struct init_context *context, struct error *err)
{
	struct ifreq request = { .ifr_name = "lo" };
	_cleanup_fd_ int fd = -1;

	if (!context->plan->namespaces.loopback_up)
		return 0;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 && errno == EAFNOSUPPORT)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(err, errno, "socket");
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_errno(err, errno, "ioctl(SIOCSIFFLAGS)");
	return 0;
}

int stage_hostname(struct init_context *context, struct error *err)
{
	const struct plan_process *plan = &context->plan->process;

	if (plan->hostname && sethostname(plan->hostname, strlen(plan->hostname)) < 0)
		return error_errno(err, errno, "hostname: sethostname");
	if (plan->domainname && setdomainname(plan->domainname, strlen(plan->domainname)) < 0)
		return error_errno(err, errno, "domainname: setdomainname");
	return 0;
}

/* The file of a parameter below /proc/sys. As sysctl(8): of '.' and '/', whichever comes first is the
 * separator; with dots, a '/' stands for a dot inside a name ("net.ipv4.conf.eth0/1.forwarding"). */
static char *parameter_path(struct arena *arena, const char *name)
{
	bool dots = name[strcspn(name, "./")] == '.';
	char *path, *p;

	path = arena_printf(arena, "sys/%s", name);
	if (!path || !dots)
		return path;
	for (p = path + 4; *p; p++) {
		if (*p == '.')
			*p = '/';
		else if (*p == '/')
			*p = '.';
	}
	return path;
}

int stage_sysctl(struct init_context *context, struct error *err)
{
	const struct plan_process *plan = &context->plan->process;
	const char *path;
	size_t i;
	int r;

	/* Which namespace a file of /proc/sys speaks of is decided by the writer, not by the mount. */
	for (i = 0; i < plan->n_sysctls; i++) {
		path = parameter_path(context->arena, plan->sysctls[i].key);
		if (!path)
			return error_oom(err);
		r = procfs_write(context->proc, path, plan->sysctls[i].value, err);
		if (r < 0)
			return error_at(err, "linux.sysctl[\"%s\"]", plan->sysctls[i].key);
	}
	return 0;
}
