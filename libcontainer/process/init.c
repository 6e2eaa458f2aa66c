/* The init's table of contents. Between the clone and execve this process holds privileges and host
 * descriptors inside the container's namespaces, so it is not dumpable, every descriptor is close-on-exec, it
 * runs from a sealed copy of the executable, and it dies with tare until the container is recorded. The
 * stages run in the order of the table; a failure is sent to the parent with the stage's name. */
#include "process/init.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/trace.h"
#include "confine/confine.h"
#include "kernel/process.h"
#include "process/channel.h"
#include "process/hooks.h"
#include "process/limits.h"
#include "process/stages.h"

void init_guard(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* The guard before the user namespace is entered; stage_become_root() sets up what is put off here. */
static void first_guard(const struct plan_namespaces *plan)
{
	if (plan->guard_after_maps)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	else
		init_guard();
}

/* Waits for one kind of message from the parent; end of file means that the parent is gone. */
static int await(struct init_context *context, enum channel_type type,
		 struct channel_message *message, struct error *err)
{
	int r;

	r = channel_receive(context->channel, message);
	if (r == 0)
		return error_set(err, EPIPE, "the creating process is gone");
	if (r < 0)
		return error_errno(err, -r, "receive from the creating process");
	if (message->type != (uint32_t)type)
		return error_set(err, EBADMSG, "unexpected message %u", message->type);
	return 0;
}

static int tell(struct init_context *context, enum channel_type type, struct error *err)
{
	int r = channel_send(context->channel, type, 0, NULL, -1);

	return r < 0 ? error_errno(err, -r, "send to the creating process") : 0;
}

static int stage_wait_for_ids(struct init_context *context, struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;

	if (!context->plan->namespaces.new_userns && context->plan->n_net_devices == 0)
		return 0;
	return await(context, CHANNEL_GO, &message, err);
}

int stage_keyring(struct init_context *context, struct error *err)
{
	if (!context->plan->process.keyring)
		return 0;
	return confine_keyring(context->plan->process.keyring, err);
}

/* Takes over the tree that the parent has assembled meanwhile. When there is none, because the parent could
 * not do its part, this process does all of it. */
static int take_root(struct init_context *context, struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;
	const struct plan_rootfs *plan = &context->plan->rootfs;
	int r;

	if (plan->entrance == PLAN_ENTER_PIVOT) {
		r = rootfs_prepare_to_take(plan, err);
		if (r < 0)
			return r;
	}
	r = await(context, CHANNEL_GO, &message, err);
	if (r < 0)
		return r;
	if (plan->entrance == PLAN_ENTER_NAMESPACE && message.fd >= 0) {
		context->entered = true;
		return rootfs_enter_namespace(plan, context->sources, message.fd, err);
	}
	if (plan->entrance == PLAN_ENTER_NAMESPACE) {
		r = process_unshare(CLONE_NEWNS);
		if (r < 0)
			return error_errno(err, -r, "unshare the mount namespace");
	}
	if (message.fd < 0)
		return rootfs_assemble(plan, context->sources, err);
	return rootfs_take(plan, context->sources, steal_fd(&message.fd), err);
}

static int stage_root(struct init_context *context, struct error *err)
{
	umask(0);
	if (context->plan->rootfs.place == PLAN_DETACHED) {
		context->root = take_root(context, err);
		return context->root < 0 ? context->root : 0;
	}
	context->root = rootfs_assemble(&context->plan->rootfs, context->sources, err);
	return context->root < 0 ? context->root : 0;
}

/* The state for hooks, from the parent. */
static int await_state(struct init_context *context, enum channel_type type, char **ret_state,
		       struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;
	ssize_t n;
	int r;

	r = await(context, type, &message, err);
	if (r < 0)
		return r;
	n = fd_read_all(message.fd, JSON_SIZE_MAX, "the hooks' state", context->arena,
			ret_state, err);
	return n < 0 ? (int)n : 0;
}

/* prestart and createRuntime run in the parent while this process waits; createContainer runs here, where the
 * host's paths still resolve and the container's namespaces are in force. */
static int stage_hooks(struct init_context *context, struct error *err)
{
	const struct spec_hooks *hooks = context->plan->hooks;
	struct hook_run run = { .kind = "createContainer", .streams = &context->streams };
	char *state;
	int r;

	if (!hooks)
		return 0;
	r = tell(context, CHANNEL_TREE_READY, err);
	if (r < 0)
		return r;
	r = await_state(context, CHANNEL_HOOKS, &state, err);
	if (r < 0)
		return r;
	run.n_hooks = hooks->n_create_container;
	run.hooks = hooks->create_container;
	run.state = state;
	r = hooks_run(&run, err);
	if (r < 0)
		return r;
	return await_state(context, CHANNEL_STATE, &context->hook_state, err);
}

static int stage_finish_root(struct init_context *context, struct error *err)
{
	return rootfs_finish(&context->plan->rootfs, context->sources, context->root, err);
}

static int stage_enter_root(struct init_context *context, struct error *err)
{
	if (context->entered)
		return rootfs_settle(&context->plan->rootfs, context->root, err);
	return rootfs_enter(&context->plan->rootfs, context->root, err);
}

int stage_labels(struct init_context *context, struct error *err)
{
	int r;

	r = confine_apparmor(context->proc, context->plan->process.apparmor_profile, err);
	if (r < 0)
		return r;
	return confine_selinux(context->proc, context->plan->process.selinux_label, err);
}

/* An engine that is bound to some processors does not bind its containers: they have their cpuset. */
int stage_affinity(struct init_context *context, struct error *err)
{
	int r = process_reset_affinity();

	(void)context;
	return r < 0 ? error_errno(err, -r, "sched_setaffinity") : 0;
}

int stage_personality(struct init_context *context, struct error *err)
{
	const struct spec_personality *wanted = context->plan->process.personality;

	if (!wanted)
		return 0;
	if (personality((unsigned long)wanted->domain) < 0)
		return error_errno(err, errno, "linux.personality.domain: personality");
	return 0;
}

int stage_limits(struct init_context *context, struct error *err)
{
	return limits_check(&context->plan->process, err);
}

int stage_no_new_privs(struct init_context *context, struct error *err)
{
	return context->plan->process.no_new_privs ? confine_no_new_privs(err) : 0;
}

static const struct {
	const char *name;
	int (*run)(struct init_context *context, struct error *err);
} stages[] = {
	{ "joining namespaces", stage_join_namespaces },
	{ "setting the time offsets", stage_time_offsets },
	{ "waiting for the id maps and network devices", stage_wait_for_ids },
	{ "becoming root of the user namespace", stage_become_root },
	{ "making late namespaces", stage_late_namespaces },
	{ "making the session", stage_session },
	{ "making the session keyring", stage_keyring },
	{ "bringing the loopback up", stage_loopback },
	{ "assembling the root", stage_root },
	{ "running the hooks", stage_hooks },
	{ "setting the hostname", stage_hostname },
	{ "setting system parameters", stage_sysctl },
	{ "opening the terminal", stage_terminal },
	{ "finishing the root", stage_finish_root },
	{ "setting the labels", stage_labels },
	{ "entering the root", stage_enter_root },
	{ "resetting the CPU affinity", stage_affinity },
	{ "setting the personality", stage_personality },
	{ "setting the scheduling", stage_scheduling },
	{ "giving standard streams to the user", stage_stdio_owner },
	{ "closing descriptors", stage_close_descriptors },
	{ "entering the working directory", stage_working_directory },
	{ "checking the resource limits", stage_limits },
	{ "setting no_new_privs", stage_no_new_privs },
	{ "changing identity", stage_identity },
	{ "entering the working directory as the user", stage_working_directory_as_user },
	{ "finding the program", stage_program },
	{ "starting", standby_run },
};

const char *init_stage_name(int stage)
{
	if (stage < 0 || (size_t)stage >= ELEMENTS_OF(stages))
		return "beginning";
	return stages[stage].name;
}

static void sink(void *data, enum trace_level level, const char *text)
{
	channel_sink(data, level, text);
}

/* A container must not inherit what the caller ignores; CLONE_CLEAR_SIGHAND leaves ignored signals ignored
 * (clone(2)). */
static void default_signals(void)
{
	static const int often_ignored[] = {
		SIGHUP,	 SIGINT,  SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM,
		SIGTERM, SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU, SIGXFSZ,
	};
	sigset_t none;
	size_t i;

	for (i = 0; i < ELEMENTS_OF(often_ignored); i++)
		signal(often_ignored[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Where the failure is reported: to the creator, or once start has come, to start and on the container's own
 * standard error, which is all that a person looking at the container will see. */
static _Noreturn void give_up(struct init_context *context, const struct error *err)
{
	int started = context->connection >= 0, r;
	ssize_t n;

	r = channel_send(started ? context->connection : context->channel, CHANNEL_ERROR,
			 err->code, err->text, -1);
	if (started || r < 0) {
		n = write(2, err->text, strlen(err->text));
		n = write(2, "\n", 1);
		(void)n;
	}
	_exit(1);
}

void init_leave_without_parent(struct init_context *context)
{
	char byte;

	cleanup_fd(&context->parent_end);
	if (recv(context->channel, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		_exit(1);
}

void init_begin(struct init_context *context)
{
	int most = trace_wants(TRACE_DEBUG) ? TRACE_DEBUG : TRACE_WARNING;

	if (context->joins)
		init_guard();
	else
		first_guard(&context->plan->namespaces);
	init_leave_without_parent(context);
	prctl(PR_SET_NAME, context->joins ? "tare:[EXEC]" : "tare:[INIT]");
	default_signals();
	trace_install(sink, &context->channel, (enum trace_level)most);
}

_Static_assert(ELEMENTS_OF(stages) <= PROGRESS_STAGES_MAX, "the stages have to fit");

static void enter_stage(volatile struct init_progress *progress, int stage)
{
	uint64_t now;

	progress->stage = stage;
	if (!progress->timed)
		return;
	now = progress_now();
	progress->spans[stage].begin = now;
	if (stage > 0)
		progress->spans[stage - 1].end = now;
}

_Noreturn void init_run(struct init_context *context)
{
	struct error err = ERROR_INIT;
	int i, r;

	init_begin(context);
	for (i = 0; i < (int)ELEMENTS_OF(stages); i++) {
		enter_stage(context->progress, i);
		r = stages[i].run(context, &err);
		if (r < 0) {
			error_at(&err, "%s", stages[i].name);
			give_up(context, &err);
		}
	}
	_exit(1);
}
