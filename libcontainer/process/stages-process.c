/* The init's stages that make the process what its program will find: session, terminal, working directory,
 * identity. The identity changes before start, so that hooks of the container and the search for the program
 * see the container's user; only the capability that loading a filter takes stays permitted until then. */
#include "process/stages.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "confine/confine.h"
#include "kernel/mountfd.h"
#include "kernel/process.h"
#include "kernel/uapi.h"
#include "process/channel.h"
#include "process/execute.h"
#include "process/scheduling.h"

int stage_session(struct init_context *context, struct error *err)
{
	(void)context;
	/* EPERM: it leads its process group already, which a fresh clone never does */
	if (setsid() < 0 && errno != EPERM)
		return error_errno(err, errno, "setsid");
	return 0;
}

static int set_size(int master, const struct plan_process *plan, struct error *err)
{
	struct winsize size = { .ws_row = plan->rows, .ws_col = plan->columns };

	if (plan->rows == 0 && plan->columns == 0)
		return 0;
	if (ioctl(master, TIOCSWINSZ, &size) < 0)
		return error_errno(err, errno, "process.consoleSize: ioctl(TIOCSWINSZ)");
	return 0;
}

int init_take_terminal(struct init_context *context, int root, struct error *err)
{
	_cleanup_fd_ int master = -1, peer = -1;
	unsigned number;
	int r, fd;

	r = rootfs_open_pty(root, &master, &peer, &number, err);
	if (r < 0)
		return r;
	r = set_size(master, &context->plan->process, err);
	if (r < 0)
		return r;
	if (!context->joins) {
		r = rootfs_bind_console(root, peer, err);
		if (r < 0)
			return r;
	}
	r = channel_send(context->channel, CHANNEL_TERMINAL, (int32_t)number, NULL, master);
	if (r < 0)
		return error_errno(err, -r, "send the terminal");
	if (ioctl(peer, TIOCSCTTY, 0) < 0)
		return error_errno(err, errno, "ioctl(TIOCSCTTY)");
	for (fd = 0; fd < 3; fd++)
		if (dup2(peer, fd) < 0)
			return error_errno(err, errno, "dup2");
	return 0;
}

/* The kernel asks for privileges of the host: what this process lacks, the creator may have. */
static int schedule(struct init_context *context, enum scheduling_part part, struct error *err)
{
	int r;

	r = scheduling_apply(&context->plan->process, part, 0, err);
	if (r != -EPERM || !context->plan->namespaces.in_userns)
		return r;
	error_ignore(err, "the creator, who may have the privilege, is asked");
	r = channel_send(context->channel, CHANNEL_SCHEDULE, (int32_t)part, NULL, -1);
	return r < 0 ? error_errno(err, -r, "send to the creating process") : 0;
}

int stage_scheduling(struct init_context *context, struct error *err)
{
	int r;

	r = schedule(context, SCHEDULING_POLICY, err);
	if (r < 0)
		return r;
	r = schedule(context, SCHEDULING_IO, err);
	if (r < 0)
		return r;
	return scheduling_set_memory(context->plan->process.memory_policy, err);
}

int stage_terminal(struct init_context *context, struct error *err)
{
	if (!context->plan->process.terminal)
		return 0;
	return init_take_terminal(context, context->root, err);
}

/* Gives a pipe or pty on a standard stream to the container's user, who could not open /proc/self/fd/1 again
 * otherwise. Files, devices and sockets of the host keep their owners. */
int stage_stdio_owner(struct init_context *context, struct error *err)
{
	const struct plan_process *plan = &context->plan->process;
	struct stat st;
	bool pty;
	int fd;

	for (fd = 0; fd < 3; fd++) {
		if (fstat(fd, &st) < 0)
			return error_errno(err, errno, "fstat of descriptor %d", fd);
		pty = S_ISCHR(st.st_mode) && major(st.st_rdev) >= 136 &&
		      major(st.st_rdev) <= 143;
		if (!(S_ISFIFO(st.st_mode) || pty) || st.st_uid == plan->uid)
			continue;
		if (fchown(fd, plan->uid, (gid_t)-1) < 0)
			trace_debug("descriptor %d stays with user %u: %s", fd,
				    (unsigned)st.st_uid, error_errno_text(errno));
	}
	return 0;
}

/* Closes all that refers to the host: the process that waits for start keeps the standard streams, what
 * --preserve-fds asks for, the channel and the start socket (R-CLOEXEC, CVE-2024-21626). */
int stage_close_descriptors(struct init_context *context, struct error *err)
{
	const int keep[] = { context->channel, context->listener, context->streams.out,
			     context->streams.errors };
	int r;

	r = process_close_except(3 + context->plan->process.preserve_fds, keep,
				 ELEMENTS_OF(keep));
	if (r < 0)
		return error_errno(err, -r, "close_range");
	context->root = context->proc = -1;
	return 0;
}

/* Enters process.cwd, without magic links on the way, and makes sure that it is below the root (R-CWD). */
static int enter_directory(const char *path, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	char where[4096];

	fd = mountfd_openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0,
			     TARE_RESOLVE_NO_MAGICLINKS);
	if (fd < 0)
		return error_errno(err, -fd, "process.cwd: open %s", path);
	if (fchdir(fd) < 0)
		return error_errno(err, errno, "process.cwd: chdir to %s", path);
	if (!getcwd(where, sizeof where) || where[0] != '/')
		return error_set(
			err, ENOENT,
			"process.cwd: current working directory is outside of container "
			"mount namespace root");
	return 0;
}

/* Makes what is missing of the path, with mode 0755; below the container's root, which is this process's. */
static int make_directory(const char *path, struct error *err)
{
	char partial[4096];
	size_t length = strlen(path), i;

	if (length >= sizeof partial)
		return error_set(err, ENAMETOOLONG, "process.cwd: longer than a path may be");
	memcpy(partial, path, length + 1);
	for (i = 1; i <= length; i++) {
		if (partial[i] != '/' && partial[i] != '\0')
			continue;
		partial[i] = '\0';
		if (mkdir(partial, 0755) < 0 && errno != EEXIST)
			return error_errno(err, errno, "process.cwd: make %s", partial);
		partial[i] = path[i];
	}
	return 0;
}

int stage_working_directory(struct init_context *context, struct error *err)
{
	const struct plan_process *plan = &context->plan->process;
	int r;

	umask(022);
	if (plan->given) {
		r = enter_directory(plan->cwd, err);
		/* in a container that runs it is its business what directories there are */
		if (r == -ENOENT && !context->joins) {
			error_ignore(err, "the working directory is made");
			r = make_directory(plan->cwd, err);
			if (r < 0)
				return r;
			r = enter_directory(plan->cwd, err);
		}
		if (r < 0 && r != -EACCES)
			return r;
		context->in_cwd = r >= 0;
		if (r < 0)
			error_ignore(err, "tried again as the container's user");
	}
	if (plan->umask != 022)
		umask(plan->umask);
	return 0;
}

int stage_working_directory_as_user(struct init_context *context, struct error *err)
{
	if (!context->plan->process.given || context->in_cwd)
		return 0;
	return enter_directory(context->plan->process.cwd, err);
}

int stage_identity(struct init_context *context, struct error *err)
{
	const struct plan_process *plan = &context->plan->process;
	struct plan_capabilities until_start = plan->capabilities;
	int r;

	r = confine_identity(
		plan, !context->plan->namespaces.deny_setgroups && !context->setgroups_denied,
		err);
	if (r < 0)
		return r;
	if (context->seccomp && !plan->no_new_privs)
		until_start.set[PLAN_CAP_PERMITTED] |= UINT64_C(1) << CAP_SYS_ADMIN;
	r = confine_capabilities(&until_start, err);
	if (r < 0)
		return r;
	init_guard();
	return 0;
}

int stage_program(struct init_context *context, struct error *err)
{
	const struct plan_process *plan = &context->plan->process;
	int r;

	if (!plan->given)
		return 0;
	r = execute_find(plan, context->arena, &context->program, err);
	if (r < 0)
		return r;
	return execute_environment(plan, context->arena, &context->environment, err);
}
