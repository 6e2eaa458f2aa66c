/* doctor: what this host and this caller can run, each line with its reason and with the command that would
 * change it. Nothing is taken from a version or from a list of distributions: what a container needs is tried
 * in a child, and only the reason for a failure is then looked up in the settings that are known to cause it.
 * A line blocks when containers would not run at all. */
#include "verbs/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "cgroup/cgroup.h"
#include "kernel/probe.h"
#include "kernel/procfs.h"
#include "kernel/uapi.h"
#include "process/userns.h"
#include "seccomp/seccomp.h"
#include "verbs/verbs.h"

#define RAMFS_SUPER_MAGIC 0x858458f6
#define PASSWD_SIZE_MAX (16 << 20)

struct examination {
	struct verb_context *context;
	struct doctor_report *report;
	bool privileged; /* root of the initial user namespace */
	uint64_t userns; /* CLONE_NEWUSER for whoever needs one to get anywhere */
};

static struct doctor_finding *add(struct examination *x, const char *check)
{
	struct doctor_report *report = x->report;
	struct doctor_finding *grown;

	grown = arena_grow(x->context->arena, report->findings, report->n, sizeof *grown);
	if (!grown)
		return NULL;
	report->findings = grown;
	grown += report->n++;
	*grown = (struct doctor_finding){ .check = check, .verdict = DOCTOR_YES };
	return grown;
}

/* The number in a file of /proc/sys, or -1. */
static long setting(const struct examination *x, const char *path)
{
	struct error err = ERROR_INIT;
	char *text;

	if (fd_read_file(x->context->proc, path, 64, x->context->arena, &text, &err) < 0) {
		error_ignore(&err, "a setting that this kernel does not have");
		return -1;
	}
	return strtol(text, NULL, 10);
}

static void list_caps(void *data, const char *name, bool value)
{
	char *text = data;
	size_t length = strlen(text);

	if (value)
		snprintf(text + length, 256 - length, "%s%s", length ? ", " : "", name);
}

static int check_kernel(struct examination *x, struct error *err)
{
	struct doctor_finding *finding = add(x, "kernel");
	struct kernel_caps caps;
	char features[256] = "";
	struct utsname name;
	int r;

	if (!finding)
		return error_oom(err);
	r = probe_kernel(PROBE_ALL, &caps, err);
	if (r < 0)
		return r;
	uname(&name);
	probe_each(&caps, list_caps, features);
	finding->reason = arena_printf(x->context->arena, "%s %s; of what newer ones have: %s",
				       name.sysname, name.release,
				       *features ? features : "nothing");
	if (!probe_into_cgroup()) {
		finding->verdict = DOCTOR_NO;
		finding->blocks = true;
		finding->reason = arena_printf(
			x->context->arena,
			"%s %s has no clone3(2) with CLONE_INTO_CGROUP, or a "
			"sandbox forbids it",
			name.sysname, name.release);
		finding->remedy = "boot Linux 5.14 or newer";
	}
	return finding->reason ? 0 : error_oom(err);
}

static void refuse_userns(const struct examination *x, int code, struct doctor_finding *finding)
{
	struct userns_refusal refusal = userns_explain(x->context->proc, code);

	finding->verdict = DOCTOR_NO;
	finding->blocks = x->userns != 0;
	finding->reason = refusal.reason;
	finding->remedy = refusal.remedy;
}

static int check_user_namespace(struct examination *x, struct error *err)
{
	struct doctor_finding *finding = add(x, "user namespaces");
	int r;

	if (!finding)
		return error_oom(err);
	r = doctor_try(CLONE_NEWUSER | CLONE_NEWNS, DOCTOR_TRY_PRIVATE, x->context->proc);
	if (r < 0)
		refuse_userns(x, -r, finding);
	else
		finding->reason = x->userns ? "containers get one, in which the caller is root"
					    : "containers may have one of their own";
	return 0;
}

/* What else a container usually has. */
static const struct {
	const char *check;
	uint64_t flags;
	enum doctor_try what;
	bool blocks; /* hardly any container does without */
	const char *reason; /* when it works */
	const char *why; /* when it does not */
	const char *remedy;
} trials[] = {
	{ "namespaces",
	  CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET |
		  CLONE_NEWCGROUP,
	  DOCTOR_TRY_PRIVATE, true, "mount, pid, ipc, uts, network and cgroup",
	  "the caller may not make them", NULL },
	{ "proc", CLONE_NEWNS | CLONE_NEWPID, DOCTOR_TRY_PROC, true, "can be mounted",
	  "something is mounted over parts of the caller's /proc, which a user namespace must "
	  "not uncover",
	  "run it where /proc is whole (docker: --security-opt systempaths=unconfined)" },
	{ "tmpfs", CLONE_NEWNS, DOCTOR_TRY_TMPFS, true, "can be mounted",
	  "the caller may not mount it", NULL },
	{ "devpts", CLONE_NEWNS, DOCTOR_TRY_DEVPTS, false, "can be mounted",
	  "the caller may not mount it", NULL },
	{ "mqueue", CLONE_NEWNS | CLONE_NEWIPC, DOCTOR_TRY_MQUEUE, false, "can be mounted",
	  "the caller may not mount it", NULL },
	{ "sysfs", CLONE_NEWNS | CLONE_NEWNET, DOCTOR_TRY_SYSFS, false,
	  "can be mounted with a network namespace", "a bind of /sys takes its place",
	  "add \"network\" to linux.namespaces, or bind /sys as `tare spec --rootless` does" },
	{ "cgroup2", CLONE_NEWNS | CLONE_NEWCGROUP, DOCTOR_TRY_CGROUP, false, "can be mounted",
	  "a read-only bind of the own cgroup takes its place", NULL },
	{ "overlay", CLONE_NEWNS, DOCTOR_TRY_OVERLAY, false,
	  "roots and mounts can be made of layers (--layers)",
	  "the kernel has none, or refuses it here", "sudo modprobe overlay" },
	{ "device nodes", CLONE_NEWNS, DOCTOR_TRY_DEVICE_NODE, false, "can be made",
	  "binds of the host's nodes take their place", NULL },
};

static int check_trials(struct examination *x, struct error *err)
{
	struct doctor_finding *finding;
	size_t i;
	int r;

	for (i = 0; i < ELEMENTS_OF(trials); i++) {
		finding = add(x, trials[i].check);
		if (!finding)
			return error_oom(err);
		finding->reason = trials[i].reason;
		r = doctor_try(trials[i].flags | x->userns, trials[i].what, x->context->proc);
		if (r == 0)
			continue;
		finding->verdict = trials[i].blocks ? DOCTOR_NO : DOCTOR_LIMITED;
		finding->blocks = trials[i].blocks;
		finding->remedy = trials[i].remedy;
		finding->reason = arena_printf(x->context->arena, "%s: %s", trials[i].why,
					       error_errno_text(-r));
		if (!finding->reason)
			return error_oom(err);
	}
	return 0;
}

/* Whether @name is in PATH and can act with more privileges than its caller. */
static bool has_helper(const struct examination *x, const char *name)
{
	const char *path = getenv("PATH"), *end;
	struct stat st;
	char *file;

	for (; path && *path; path = *end ? end + 1 : end) {
		end = strchrnul(path, ':');
		file = arena_printf(x->context->arena, "%.*s/%s", (int)(end - path), path,
				    name);
		if (file && stat(file, &st) == 0 && S_ISREG(st.st_mode))
			return (st.st_mode & S_ISUID) ||
			       getxattr(file, "security.capability", NULL, 0) > 0;
	}
	return false;
}

/* The caller's name, without NSS; the number when it has none in /etc/passwd. */
static const char *caller_name(const struct examination *x)
{
	struct state_record record = { .owner = geteuid() };

	state_name_owner(&record, x->context->arena);
	return record.owner_name ? record.owner_name
				 : arena_printf(x->context->arena, "%u", (unsigned)geteuid());
}

/* How many ids /etc/subuid or /etc/subgid gives the caller, by name or by number (subuid(5)). */
static unsigned long given_ids(const struct examination *x, const char *path, const char *name)
{
	struct error err = ERROR_INIT;
	unsigned long sum = 0;
	char number[16], *text, *line, *rest = NULL, *count;
	size_t length;

	snprintf(number, sizeof number, "%u", (unsigned)geteuid());
	if (fd_read_file(AT_FDCWD, path, PASSWD_SIZE_MAX, x->context->arena, &text, &err) < 0) {
		error_ignore(&err, "without the file nobody was given ids");
		return 0;
	}
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		length = strcspn(line, ":");
		if (strncmp(line, name, length) != 0 && strncmp(line, number, length) != 0)
			continue;
		if ((strlen(name) != length && strlen(number) != length) || !line[length])
			continue;
		count = strchr(line + length + 1, ':');
		if (count)
			sum += strtoul(count + 1, NULL, 10);
	}
	return sum;
}

static int check_ids(struct examination *x, struct error *err)
{
	struct doctor_finding *finding;
	const char *name = caller_name(x);
	unsigned long uids, gids;

	if (x->privileged || geteuid() == 0)
		return 0; /* root maps what it likes, or what its own namespace has */
	finding = add(x, "ids");
	if (!finding || !name)
		return error_oom(err);
	finding->verdict = DOCTOR_LIMITED;
	uids = given_ids(x, "/etc/subuid", name);
	gids = given_ids(x, "/etc/subgid", name);
	if (!has_helper(x, "newuidmap") || !has_helper(x, "newgidmap")) {
		finding->reason = "only the own user and group can be mapped: newuidmap and "
				  "newgidmap are not installed, or not set-user-id";
		finding->remedy = "sudo apt install uidmap  # or shadow-utils";
	} else if (uids == 0 || gids == 0) {
		finding->reason = arena_printf(x->context->arena,
					       "only the own user and group can be mapped: %s "
					       "gives %s no range",
					       uids == 0 ? "/etc/subuid" : "/etc/subgid", name);
		finding->remedy = arena_printf(x->context->arena,
					       "sudo usermod --add-subuids 100000-165535 "
					       "--add-subgids 100000-165535 %s",
					       name);
	} else {
		finding->verdict = DOCTOR_YES;
		finding->reason = arena_printf(x->context->arena,
					       "%lu users and %lu groups beside the own can be "
					       "mapped by newuidmap and newgidmap",
					       uids, gids);
	}
	return finding->reason ? 0 : error_oom(err);
}

/* Which of the controllers that limits usually ask for are missing. */
static const char *missing_controllers(const struct examination *x, const char *controllers)
{
	static const char *const wanted[] = { "cpu", "cpuset", "io", "memory", "pids" };
	const char *missing = "";
	const char *found;
	size_t i, length;
	bool there;

	for (i = 0; missing && i < ELEMENTS_OF(wanted); i++) {
		length = strlen(wanted[i]);
		there = false;
		for (found = controllers; !there && (found = strstr(found, wanted[i])); found++)
			there = (found == controllers || found[-1] == ' ') &&
				(found[length] == ' ' || found[length] == '\0');
		if (!there)
			missing = arena_printf(x->context->arena, "%s%s%s", missing,
					       *missing ? ", " : "", wanted[i]);
	}
	return missing;
}

static int check_limits(struct examination *x, struct error *err)
{
	struct doctor_finding *finding = add(x, "limits");
	struct error why = ERROR_INIT;
	struct cgroup_survey survey;
	const char *missing;
	int r;

	if (!finding)
		return error_oom(err);
	r = cgroup_survey(x->context->proc, x->context->arena, &survey, &why);
	finding->verdict = DOCTOR_LIMITED;
	if (!survey.path) {
		finding->reason = arena_printf(x->context->arena,
					       "containers run without a cgroup of their own, "
					       "and limits are refused: %s",
					       why.text);
		error_ignore(&why, "it is the reason of the finding");
		finding->remedy =
			survey.mount_point && !x->privileged
				? "systemd-run --user --scope -p Delegate=yes -- tare ..., "
				  "or log in with systemd's user manager"
			: !survey.mount_point ? "sudo mount -t cgroup2 cgroup2 /sys/fs/cgroup"
					      : NULL;
		return finding->reason ? 0 : error_oom(err);
	}
	if (r < 0)
		error_ignore(&why, "what was found out until then is told");
	missing = missing_controllers(x, survey.controllers);
	if (!missing)
		return error_oom(err);
	if (!*missing) {
		finding->verdict = DOCTOR_YES;
		finding->reason = arena_printf(x->context->arena, "%s, below %s",
					       survey.controllers, survey.mount_point);
		return finding->reason ? 0 : error_oom(err);
	}
	finding->reason = arena_printf(x->context->arena,
				       "at %s there is no controller for: %s", survey.path,
				       missing);
	if (x->privileged)
		finding->remedy = "boot with systemd.unified_cgroup_hierarchy=1 (or "
				  "cgroup_no_v1=all)";
	else
		finding->remedy = "as root, in a drop-in of user@.service: [Service] "
				  "Delegate=cpu cpuset io memory pids";
	return finding->reason ? 0 : error_oom(err);
}

static int check_device_filter(struct examination *x, struct error *err)
{
	struct doctor_finding *finding = add(x, "device filter");
	struct error why = ERROR_INIT;

	if (!finding)
		return error_oom(err);
	finding->reason = "linux.resources.devices is enforced";
	if (cgroup_survey_devices(&why) >= 0)
		return 0;
	finding->verdict = DOCTOR_LIMITED;
	finding->reason = arena_printf(
		x->context->arena, "containers open what the caller may open: %s", why.text);
	error_ignore(&why, "it is the reason of the finding");
	return finding->reason ? 0 : error_oom(err);
}

static int check_seccomp(struct examination *x, struct error *err)
{
	struct doctor_finding *finding = add(x, "seccomp");
	char version[32];

	if (!finding)
		return error_oom(err);
	seccomp_library_version(version, sizeof version);
	finding->reason = "system call filters are loaded";
	if (*version && setting(x, "sys/kernel/seccomp/actions_logged") != -1)
		return 0;
	finding->verdict = DOCTOR_LIMITED;
	finding->reason = *version ? "this kernel has no system call filters"
				   : "this build has no system call filters";
	return 0;
}

/* The copy of itself that the container's side runs from. */
static int check_copy(struct examination *x, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	struct doctor_finding *finding;

	fd = (int)syscall(__NR_memfd_create, "doctor", MFD_CLOEXEC | TARE_MFD_EXEC);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("doctor", MFD_CLOEXEC);
	if (fd >= 0)
		return 0;
	finding = add(x, "own executable");
	if (!finding)
		return error_oom(err);
	finding->verdict = DOCTOR_NO;
	finding->blocks = true;
	finding->reason = "no program may be run from memory (vm.memfd_noexec)";
	finding->remedy = "sudo sysctl -w vm.memfd_noexec=1";
	return 0;
}

static int check_state(struct examination *x, struct error *err)
{
	struct doctor_finding *finding = add(x, "state");
	const char *root = x->context->settings->root;
	struct error why = ERROR_INIT;
	char *path, *slash;

	if (!finding)
		return error_oom(err);
	if (!root && state_default_root(x->context->arena, &root, &why) < 0) {
		finding->verdict = DOCTOR_NO;
		finding->blocks = true;
		finding->reason = arena_strdup(x->context->arena, why.text);
		finding->remedy = arena_printf(x->context->arena,
					       "export XDG_RUNTIME_DIR=/run/user/%u",
					       (unsigned)geteuid());
		error_ignore(&why, "it is the reason of the finding");
		return finding->reason && finding->remedy ? 0 : error_oom(err);
	}
	path = arena_strdup(x->context->arena, root);
	if (!path)
		return error_oom(err);
	while (access(path, F_OK) < 0 && (slash = strrchr(path, '/')) && slash != path)
		*slash = '\0';
	finding->reason = root;
	if (access(path, W_OK | X_OK) == 0)
		return 0;
	finding->verdict = DOCTOR_NO;
	finding->blocks = true;
	finding->reason = arena_printf(x->context->arena, "%s: %s", path,
				       error_errno_text(errno));
	finding->remedy = "say with --root where the state may be";
	return finding->reason ? 0 : error_oom(err);
}

static int check_host_root(struct examination *x, struct error *err)
{
	struct doctor_finding *finding;
	struct statfs fs;

	if (statfs("/", &fs) < 0 || (unsigned long)fs.f_type != RAMFS_SUPER_MAGIC)
		return 0;
	finding = add(x, "root of the host");
	if (!finding)
		return error_oom(err);
	finding->verdict = DOCTOR_LIMITED;
	finding->reason = "it is an initramfs, which pivot_root(2) refuses to leave";
	finding->remedy = "tare run --no-pivot ...";
	return 0;
}

int verb_doctor(struct verb_context *context, struct doctor_report *ret_report,
		struct error *err)
{
	static int (*const checks[])(struct examination * x, struct error * err) = {
		check_kernel,  check_state,	check_copy,   check_user_namespace,
		check_ids,     check_trials,	check_limits, check_device_filter,
		check_seccomp, check_host_root,
	};
	struct examination x = { .context = context, .report = ret_report };
	size_t i;
	int r;

	*ret_report = (struct doctor_report){ .runs = true };
	r = procfs_in_initial_userns(context->proc);
	if (r < 0)
		return error_errno(err, -r, "examine the user namespace");
	x.privileged = r > 0 && geteuid() == 0;
	x.userns = geteuid() == 0 ? 0 : CLONE_NEWUSER;
	for (i = 0; i < ELEMENTS_OF(checks); i++) {
		r = checks[i](&x, err);
		if (r < 0)
			return r;
	}
	for (i = 0; i < ret_report->n; i++)
		ret_report->runs &= !ret_report->findings[i].blocks;
	return 0;
}
