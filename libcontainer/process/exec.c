/* Adding a process to a container in which untrusted processes run already. Two processes do it. The first, the
 * entrant, is born in the container's cgroup and enters its namespaces; it is still in the caller's pid namespace
 * (setns(2) into one moves only children), so nothing in the container can see it, whatever capabilities it
 * has. It closes all that is the host's, and only then clones the second, which is born with everything joined:
 * no process of the container ever sees one that holds a descriptor, a directory or a mount of the host
 * (CVE-2016-9962, CVE-2024-21626). A child shares its parent's cgroup, so the descriptor of that never gets
 * across, and the cgroup namespace can be entered before (a clone into a cgroup from there is ENOENT). */
#include "process/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "confine/confine.h"
#include "kernel/process.h"
#include "kernel/procfs.h"
#include "kernel/uapi.h"
#include "process/channel.h"
#include "process/limits.h"
#include "process/scheduling.h"
#include "process/stages.h"

/* Of a process that could not be set up; callers see it when nobody else reports (contract 6). */
#define EXIT_SETUP 255

/* ---- the added process ---- */

static int stage_open_terminal(struct init_context *context, struct error *err)
{
	_cleanup_fd_ int root = -1;

	if (!context->plan->process.terminal)
		return 0;
	root = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return error_errno(err, errno, "open the container's root");
	return init_take_terminal(context, root, err);
}

/* The caller attends to the process before its program runs. */
static int await_go(struct init_context *context, struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;
	int r;

	r = channel_send(context->channel, CHANNEL_STANDING, 0, NULL, -1);
	if (r < 0)
		return error_errno(err, -r, "send to the calling process");
	r = channel_receive(context->channel, &message);
	if (r <= 0 || message.type != CHANNEL_GO)
		return error_set(err, EPIPE, "the calling process is gone");
	return 0;
}

static int stage_execute(struct init_context *context, struct error *err)
{
	const struct plan_process *plan = &context->plan->process;
	int r;

	if (context->barrier) {
		r = await_go(context, err);
		if (r < 0)
			return r;
	}
	r = process_cloexec_from(3 + plan->preserve_fds);
	if (r < 0)
		return error_errno(err, -r, "close_range");
	r = limits_set(plan, err);
	if (r < 0)
		return r;
	/* the program may outlive the caller */
	prctl(PR_SET_PDEATHSIG, 0);
	r = channel_send(context->channel, CHANNEL_EXECUTING, 0, NULL, -1);
	if (r < 0)
		return error_errno(err, -r, "send to the calling process");
	r = init_confine(context, err);
	if (r < 0)
		return r;
	execve(context->program, (char *const *)(uintptr_t)plan->args, context->environment);
	return error_errno(err, errno, "exec %s", plan->args[0]);
}

static int (*const stages[])(struct init_context *context, struct error *err) = {
	stage_become_root,   stage_session,	      stage_keyring,
	stage_open_terminal, stage_personality,	      stage_scheduling,
	stage_stdio_owner,   stage_working_directory, stage_limits,
	stage_no_new_privs,  stage_identity,	      stage_working_directory_as_user,
	stage_program,	     stage_execute,
};

/* Told on standard error where nobody attends any more (a detached exec, once the program's turn has come); that the
 * caller is gone is no news to anybody: whoever ended it, or it itself, has said why. */
static _Noreturn void give_up(struct init_context *context, const struct error *err)
{
	ssize_t n;
	int r;

	r = channel_send(context->channel, CHANNEL_ERROR, err->code, err->text, -1);
	if (r < 0 && err->code != EPIPE) {
		n = write(2, err->text, strlen(err->text));
		n = write(2, "\n", 1);
		(void)n;
	}
	_exit(EXIT_SETUP);
}

static _Noreturn void run_process(struct init_context *context)
{
	struct error err = ERROR_INIT;
	size_t i;
	int r;

	init_begin(context);
	for (i = 0; i < ELEMENTS_OF(stages); i++) {
		r = stages[i](context, &err);
		if (r < 0)
			give_up(context, &err);
	}
	_exit(EXIT_SETUP);
}

/* ---- the entrant ---- */

/* The answer of the entrant. A page that the added process does not get: the container could reach into its
 * memory, if it may trace anybody in there, and make the caller take another process for its child. */
struct answer {
	pid_t pid; /* of the added process; 0: none */
};

static bool is_given(const char *list)
{
	return list && list[0] != '\0';
}

/* In the container's cgroup by now: spec:123. An affinity that is not spoken of at all is not the caller's
 * either, as with the container's first process. */
static int settle_affinity(struct init_context *context, struct error *err)
{
	const struct spec_exec_cpu_affinity *affinity =
		context->plan->process.exec_cpu_affinity;

	if (affinity && is_given(affinity->final))
		return scheduling_set_processors(0, affinity->final, "final", err);
	if (affinity && is_given(affinity->initial))
		return 0;
	return stage_affinity(context, err);
}

/* First of all: afterwards the entrant is guarded, and the files in /proc of a process that is not dumpable are
 * root's (proc(5)), so that a user could not write them. Until then it shows what the caller, whose copy it is,
 * shows as well. A value that the kernel refuses is a warning here, as other runtimes take it. */
static int settle_oom_score(const struct init_context *context, struct error *err)
{
	const struct plan_process *plan = &context->plan->process;
	char text[16];
	int r;

	if (!plan->has_oom_score_adj)
		return 0;
	snprintf(text, sizeof text, "%" PRId32, plan->oom_score_adj);
	r = procfs_write(context->proc, "self/oom_score_adj", text, err);
	if (r == -EACCES || r == -EPERM) {
		/* podman as a user's service, whose value systemd has raised, sends that of `podman run` */
		trace_warning("process.oomScoreAdj: %s (lowering it takes CAP_SYS_RESOURCE), "
			      "so the caller's stays",
			      err->text);
		error_ignore(err, "a probe would fail, and run with the caller's elsewhere");
		return 0;
	}
	return r < 0 ? error_at(err, "process.oomScoreAdj") : 0;
}

/* Where the process is bound to what, before it comes under the container's rules: what is of the host here
 * (its procfs, the privilege to raise limits) is gone afterwards. All of it is inherited over the clone. */
static int settle(struct init_context *context, struct error *err)
{
	int r;

	r = stage_labels(context, err);
	if (r < 0)
		return r;
	limits_raise(&context->plan->process);
	return settle_affinity(context, err);
}

static int explain_setns(int code, struct error *err)
{
	/* the text is the one that callers know (contract 7.9); an init that waits for processes of its pid
	 * namespace which nobody reaps is there all the while */
	if (code == ESRCH)
		return error_errno(
			err, code,
			"cannot exec in a stopped container: enter its namespaces: setns");
	error_errno(err, code, "enter the container's namespaces: setns");
	if (code == EPERM)
		error_hint(err,
			   " (it takes the privileges of whoever created the container, and "
			   "CAP_SYS_PTRACE where its first process can't be looked into)");
	return -err->code;
}

static int enter(const struct exec_entrance *entrance, struct error *err)
{
	int r;

	if (entrance->namespaces) {
		r = process_setns(entrance->container, (int)entrance->namespaces);
		if (r < 0)
			return explain_setns(-r, err);
	}
	if (entrance->root < 0)
		return 0;
	if (fchdir(entrance->root) < 0 || chroot(".") < 0)
		return error_errno(err, errno, "enter the container's root");
	return 0;
}

static int leave_host(struct init_context *context, const struct exec_entrance *entrance,
		      struct error *err)
{
	const int keep[] = { context->channel, entrance->container, entrance->root };
	int r;

	r = process_close_except(3 + context->plan->process.preserve_fds, keep,
				 ELEMENTS_OF(keep));
	if (r < 0)
		return error_errno(err, -r, "close_range");
	context->proc = -1;
	return 0;
}

static int become_entrant(struct init_context *context, const struct exec_entrance *entrance,
			  struct error *err)
{
	int r;

	r = settle(context, err);
	if (r >= 0)
		r = leave_host(context, entrance, err);
	if (r >= 0)
		r = enter(entrance, err);
	if (r < 0)
		return r;
	close(entrance->container);
	if (entrance->root >= 0)
		close(entrance->root);
	return 0;
}

static _Noreturn void run_entrant(struct init_context *context,
				  const struct exec_entrance *entrance, bool held,
				  volatile struct answer *answer)
{
	struct error err = ERROR_INIT;
	pid_t pid;
	int r;

	r = settle_oom_score(context, &err);
	init_guard();
	init_leave_without_parent(context);
	if (r >= 0 && held)
		r = entry_await(context->channel, &err);
	if (r >= 0)
		r = become_entrant(context, entrance, &err);
	if (r >= 0 && madvise((void *)(uintptr_t)answer, sizeof *answer, MADV_DONTFORK) < 0)
		r = error_errno(&err, errno, "madvise");
	if (r >= 0) {
		/* entering a user namespace may have made it dumpable (fs.suid_dumpable) */
		init_guard();
		pid = process_clone(TARE_CLONE_CLEAR_SIGHAND | CLONE_PARENT, -1, 0, NULL);
		if (pid == 0)
			run_process(context);
		if (pid > 0) {
			answer->pid = pid;
			_exit(0);
		}
		error_errno(&err, -pid, "clone3");
		if (pid == -EAGAIN)
			error_hint(&err, " (a limit of processes, such as the container's "
					 "pids.max; exec needs two for a moment)");
	}
	r = channel_send(context->channel, CHANNEL_ERROR, err.code, err.text, -1);
	_exit(r < 0 ? 2 : 1);
}

/* ---- the caller ---- */

/* Why the entrant has cloned nothing. */
static int explain_entrant(int channel, int status, struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;
	int r;

	r = status == 1 ? channel_receive(channel, &message) : 0;
	if (r > 0 && message.type == CHANNEL_ERROR)
		return error_set(err, message.value, "%s", message.text);
	if (status > 128)
		return error_set(
			err, ECHILD,
			"the process that enters the container was killed by signal %d",
			status - 128);
	return error_set(err, ECHILD,
			 "the process that enters the container ended without a word (status "
			 "%d)",
			 status);
}

static int explain_clone(int code, struct error *err)
{
	error_errno(err, code, "clone3 into the container's cgroup");
	if (code == EACCES)
		error_hint(
			err,
			" (a process may be put into a cgroup by who may write cgroup.procs of "
			"the nearest cgroup above both: call tare from inside the subtree that "
			"is delegated to this user, as systemd-run --user --scope does)");
	return -err->code;
}

static int wait_for_entrant(int pidfd, const volatile struct answer *answer,
			    struct child *child, struct error *err)
{
	int r, status;

	r = process_wait(pidfd, &status);
	if (r < 0)
		return error_errno(err, -r, "wait for the process that enters the container");
	if (status != 0 || answer->pid == 0)
		return explain_entrant(child->channel, status, err);
	/* our own child, which nobody else reaps: the number cannot be another's by now */
	child->pid = answer->pid;
	child->pidfd = process_pidfd_open(child->pid);
	if (child->pidfd < 0)
		return error_errno(err, -child->pidfd, "pidfd_open");
	return 0;
}

/* An entrant that is cloned where the caller is, and moved into the container's cgroup. */
static int spawn_held(struct init_context *context, const struct exec_entrance *entrance,
		      enum entry_hold hold, volatile struct answer *answer, struct child *child,
		      struct error *err)
{
	_cleanup_fd_ int pidfd = -1;
	int r, status;
	pid_t pid;

	pid = process_clone(TARE_CLONE_CLEAR_SIGHAND, -1, SIGCHLD, &pidfd);
	if (pid == 0)
		run_entrant(context, entrance, true, answer);
	if (pid < 0)
		return error_errno(err, -pid, "clone3");
	r = entry_move(&entrance->entry, hold, pid, child->channel, err);
	if (r >= 0)
		return wait_for_entrant(pidfd, answer, child, err);
	if (process_pidfd_signal(pidfd, SIGKILL) < 0 || process_wait(pidfd, &status) < 0)
		trace_debug("the process that was to enter the container is gone already");
	return r;
}

static int spawn(struct init_context *context, const struct exec_entrance *entrance,
		 volatile struct answer *answer, struct child *child, struct error *err)
{
	const struct entry *entry = &entrance->entry;
	uint64_t flags = TARE_CLONE_CLEAR_SIGHAND |
			 (entry->cgroup >= 0 ? TARE_CLONE_INTO_CGROUP : 0);
	_cleanup_fd_ int theirs = -1, pidfd = -1;
	enum entry_hold hold;
	int ends[2], r;
	pid_t pid;

	r = channel_pair(ends, err);
	if (r < 0)
		return r;
	child->channel = context->parent_end = ends[0];
	context->channel = theirs = ends[1];
	pid = process_clone(flags, entry->cgroup, SIGCHLD, &pidfd);
	if (pid == 0)
		run_entrant(context, entrance, false, answer);
	hold = entry_failed(entry, pid < 0 ? (int)pid : 0, pidfd, answer->pid == 0);
	if (hold != ENTRY_BORN)
		return spawn_held(context, entrance, hold, answer, child, err);
	if (pid < 0)
		return explain_clone((int)-pid, err);
	return wait_for_entrant(pidfd, answer, child, err);
}

int exec_spawn(struct init_context *context, const struct exec_entrance *entrance,
	       struct child *ret_child, struct error *err)
{
	void *page;
	int r;

	context->barrier = entrance->barrier;
	context->joins = true;
	page = mmap(NULL, sizeof(struct answer), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return error_errno(err, errno, "mmap");
	r = spawn(context, entrance, page, ret_child, err);
	munmap(page, sizeof(struct answer));
	return r;
}
