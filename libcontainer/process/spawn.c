/* Cloning the init. The child has fork semantics: it sees the plan, the compiled filter and the opened sources
 * as its own memory and descriptors. An intermediate process enters namespaces by path and clones the init
 * with CLONE_PARENT, so that the init is tare's own child in every case. Privileged settings that the child
 * could not make itself inside a user namespace (oom_score_adj, id maps) are the parent's. */
#include "process/spawn.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/trace.h"
#include "kernel/process.h"
#include "kernel/procfs.h"
#include "kernel/uapi.h"
#include "process/channel.h"
#include "process/limits.h"
#include "process/map_helper.h"
#include "process/stages.h"
#include "process/userns.h"

static uint64_t init_clone_flags(const struct plan_namespaces *plan, int cgroup)
{
	return plan->clone_flags | TARE_CLONE_CLEAR_SIGHAND |
	       (cgroup >= 0 ? TARE_CLONE_INTO_CGROUP : 0);
}

int spawn_hint(uint64_t flags, int proc, struct error *err)
{
	if ((flags & CLONE_NEWUSER) &&
	    (err->code == EPERM || err->code == ENOSPC || err->code == EUSERS))
		userns_hint(proc, err);
	else if (err->code == EPERM)
		error_hint(err, " (creating namespaces takes CAP_SYS_ADMIN or a user "
				"namespace of one's own)");
	else if (err->code == ENOSPC)
		error_hint(err, " (a limit of /proc/sys/user/max_*_namespaces or the "
				"nesting depth is reached)");
	/* the rule of cgroup-v2.rst, "Delegation Containment" */
	if (err->code == EACCES)
		error_hint(err, " (whoever puts a process into a cgroup has to be allowed to "
				"write the cgroup.procs of the nearest cgroup above both: call "
				"it from within the delegated one, for instance by "
				"`systemd-run --user --scope -p Delegate=yes tare ...`)");
	return -err->code;
}

/* The intermediate process: gets into the cgroup when the init can't be cloned into it, joins, clones the init beside
 * itself, leaves its number in the shared page and ends. Not by a message: the init would share the channel
 * and may speak first. */
static _Noreturn void run_intermediate(struct init_context *context, const struct entry *entry,
				       enum entry_hold hold)
{
	int cgroup = hold == ENTRY_BORN ? entry->cgroup : -1, r = 0;
	struct error err = ERROR_INIT;
	pid_t pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!context->plan->namespaces.guard_after_maps)
		prctl(PR_SET_DUMPABLE, 0);
	init_leave_without_parent(context);
	if (hold != ENTRY_BORN)
		r = entry_await(context->channel, &err);
	if (r >= 0)
		r = join_before_clone(context->join, &err);
	if (r >= 0) {
		pid = process_clone(init_clone_flags(&context->plan->namespaces, cgroup) |
					    CLONE_PARENT,
				    cgroup, 0, NULL);
		if (pid == 0)
			init_run(context);
		if (pid > 0) {
			context->progress->pid = pid;
			_exit(0);
		}
		error_errno(&err, -pid, "clone3");
		spawn_hint(context->plan->namespaces.clone_flags, context->proc, &err);
	}
	r = channel_send(context->channel, CHANNEL_ERROR, err.code, err.text, -1);
	_exit(r < 0 ? 2 : 1);
}

/* Why the intermediate process has cloned nothing. */
static int explain_intermediate(struct child *child, int status, struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;
	int r;

	if (status > 128)
		return error_set(err, ECHILD,
				 "the intermediate process was killed by signal %d",
				 status - 128);
	if (status != 1)
		return error_set(err, ECHILD,
				 "the intermediate process ended without a word (status %d)",
				 status);
	r = channel_receive(child->channel, &message);
	if (r < 0)
		return error_errno(err, -r, "receive from the intermediate process");
	if (r == 0 || message.type != CHANNEL_ERROR)
		return error_set(err, EBADMSG,
				 "unexpected message %u from the intermediate process",
				 message.type);
	return error_set(err, message.value, "%s", message.text);
}

static int spawn_by_intermediate(struct init_context *context, const struct entry *entry,
				 enum entry_hold hold, struct child *child, struct error *err)
{
	_cleanup_fd_ int pidfd = -1;
	int r = 0, ended, status;
	pid_t pid;

	pid = process_clone(TARE_CLONE_CLEAR_SIGHAND, -1, SIGCHLD, &pidfd);
	if (pid < 0)
		return error_errno(err, -pid, "clone3");
	if (pid == 0)
		run_intermediate(context, entry, hold);
	if (hold != ENTRY_BORN)
		r = entry_move(entry, hold, pid, child->channel, err);
	if (r < 0 && process_pidfd_signal(pidfd, SIGKILL) < 0)
		trace_debug("the intermediate process is gone already");
	ended = process_wait(pidfd, &status);
	if (r < 0)
		return r;
	r = ended;
	if (r < 0)
		return error_errno(err, -r, "wait for the intermediate process");
	child->pid = child->progress->pid;
	if (child->pid == 0)
		return explain_intermediate(child, status, err);
	/* our own child, which nobody else reaps: the number cannot be another's by now */
	r = process_pidfd_open(child->pid);
	if (r < 0)
		return error_errno(err, -r, "pidfd_open");
	child->pidfd = r;
	return 0;
}

static int clone_init(struct init_context *context, const struct entry *entry,
		      struct child *child, struct error *err)
{
	const struct plan_namespaces *plan = &context->plan->namespaces;
	pid_t pid;

	if (plan->intermediate)
		return spawn_by_intermediate(context, entry, ENTRY_BORN, child, err);
	pid = process_clone(init_clone_flags(plan, entry->cgroup), entry->cgroup, SIGCHLD,
			    &child->pidfd);
	if (pid == 0)
		init_run(context);
	if (pid < 0) {
		error_errno(err, -pid, "clone3");
		return spawn_hint(plan->clone_flags, context->proc, err);
	}
	child->pid = pid;
	return 0;
}

/* Born in its cgroup, or of a process that was moved there. */
static int clone_or_move(struct init_context *context, const struct entry *entry,
			 struct child *child, struct error *err)
{
	int r = clone_init(context, entry, child, err);
	enum entry_hold hold = entry_failed(entry, r, child->pidfd,
					    child->progress->stage == 0);

	if (hold == ENTRY_BORN)
		return r;
	if (r < 0)
		error_ignore(err, "it is moved there instead");
	cleanup_fd(&child->pidfd);
	child->pid = child->progress->pid = 0;
	return spawn_by_intermediate(context, entry, hold, child, err);
}

int spawn_init(struct init_context *context, const struct entry *entry, struct child *ret_child,
	       struct error *err)
{
	_cleanup_fd_ int theirs = -1;
	int ends[2], r;
	void *page;

	page = mmap(NULL, sizeof(struct init_progress), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return error_errno(err, errno, "mmap");
	context->progress = ret_child->progress = page;
	context->progress->timed = context->timed;
	r = channel_pair(ends, err);
	if (r < 0)
		return r;
	ret_child->channel = context->parent_end = ends[0];
	context->channel = theirs = ends[1];
	limits_raise(&context->plan->process);
	return clone_or_move(context, entry, ret_child, err);
}

/* The kernel takes a map in one write of less than a page, however few its ranges are. */
static int write_map(const struct child *child, int proc, const char *file, const char *text,
		     struct error *err)
{
	size_t most = (size_t)sysconf(_SC_PAGESIZE) - 1, length = strlen(text);
	char path[64];

	if (length > most)
		return error_set(err, E2BIG,
				 "the ranges make a text of %zu bytes, the kernel "
				 "takes %zu",
				 length, most);
	snprintf(path, sizeof path, "%d/%s", (int)child->pid, file);
	return procfs_write(proc, path, text, err);
}

int spawn_map_ids(const struct plan_namespaces *plan, const struct child *child, int proc,
		  struct error *err)
{
	int r;

	if (!plan->new_userns)
		return 0;
	if (plan->map_by_helper) {
		r = map_by_helper("newgidmap", child->pid, plan->gid_map, err);
		if (r < 0)
			return error_at(err, "linux.gidMappings");
		r = map_by_helper("newuidmap", child->pid, plan->uid_map, err);
		return r < 0 ? error_at(err, "linux.uidMappings") : 0;
	}
	if (plan->deny_setgroups) {
		r = write_map(child, proc, "setgroups", "deny", err);
		if (r < 0)
			return r;
	}
	if (plan->gid_map) {
		r = write_map(child, proc, "gid_map", plan->gid_map, err);
		if (r < 0)
			return error_at(err, "linux.gidMappings");
	}
	if (plan->uid_map) {
		r = write_map(child, proc, "uid_map", plan->uid_map, err);
		if (r < 0)
			return error_at(err, "linux.uidMappings");
	}
	return 0;
}

int spawn_settle(const struct plan_process *plan, const struct child *child, int proc,
		 struct error *err)
{
	char path[64], text[16];
	int r;

	if (plan->has_oom_score_adj) {
		snprintf(path, sizeof path, "%d/oom_score_adj", (int)child->pid);
		snprintf(text, sizeof text, "%" PRId32, plan->oom_score_adj);
		r = procfs_write(proc, path, text, err);
		if (r == -EACCES || r == -EPERM)
			error_hint(err, " (lowering it takes CAP_SYS_RESOURCE)");
		if (r < 0)
			return error_at(err, "process.oomScoreAdj");
	}
	return 0;
}

int spawn_inner_pid(const struct plan_namespaces *plan, const struct child *child, int proc,
		    pid_t *ret_pid, struct error *err)
{
	_cleanup_arena_ struct arena *arena = NULL;
	char path[64], *text, *line, *last;
	ssize_t n;

	if (plan->of[SPEC_NAMESPACE_PID].mode == PLAN_NS_NEW) {
		*ret_pid = 1;
		return 0;
	}
	*ret_pid = child->pid;
	if (plan->of[SPEC_NAMESPACE_PID].mode == PLAN_NS_INHERIT)
		return 0;
	arena = arena_new();
	if (!arena)
		return error_oom(err);
	snprintf(path, sizeof path, "%d/status", (int)child->pid);
	n = fd_read_file(proc, path, 65536, arena, &text, err);
	if (n < 0)
		return (int)n;
	line = strstr(text, "\nNSpid:");
	if (!line)
		return 0; /* a kernel without the line has no nested pid namespaces either */
	line += 7;
	line[strcspn(line, "\n")] = '\0';
	last = strrchr(line, '\t');
	if (last)
		*ret_pid = (pid_t)strtol(last + 1, NULL, 10);
	return 0;
}

void spawn_kill(struct child *child)
{
	int status;

	if (child->pidfd < 0)
		return;
	if (process_pidfd_signal(child->pidfd, SIGKILL) < 0)
		trace_debug("init %d is gone already", (int)child->pid);
	if (process_wait(child->pidfd, &status) < 0)
		trace_debug("init %d was reaped by someone else", (int)child->pid);
}

void child_release(struct child *child)
{
	cleanup_fd(&child->pidfd);
	cleanup_fd(&child->channel);
	if (child->progress)
		munmap((void *)(uintptr_t)child->progress, sizeof *child->progress);
	child->progress = NULL;
}

int child_explain_end(const struct child *child, int status, struct error *err)
{
	const char *stage = init_stage_name(child->progress->stage);

	if (status <= 128)
		return error_set(err, ECHILD, "init ended with status %d while %s", status,
				 stage);
	error_set(err, ECHILD, "init was killed by signal %d while %s", status - 128, stage);
	/* see process/entry.c: what is left is a kernel that does not let tare see it in time */
	if (status == 128 + SIGKILL && child->progress->stage == 0)
		error_hint(err,
			   " (was cgroup.kill written in the cgroup of tare's caller, or in "
			   "the container's? Then the kernel may kill what is cloned from "
			   "the one into the other: use a new cgroup)");
	return -ECHILD;
}
