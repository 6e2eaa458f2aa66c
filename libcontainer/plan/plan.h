/* The plan: what will be done to create a container, as data. plan_build() is a pure function of the
 * configuration, the kernel's capabilities and the caller's options; nothing has been done yet when it
 * returns, and it makes no system call. Each mechanism (rootfs, cgroup, seccomp, confine, process) is
 * given only its part. Everything lives in one arena and is immutable afterwards. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "kernel/probe.h"
#include "spec/spec.h"

/* ---- what the caller of the plan brings along ---- */

enum plan_cgroup_manager {
	PLAN_CGROUP_CGROUPFS,
	PLAN_CGROUP_SYSTEMD, /* a transient scope of systemd's; the limits in the files as well */
	PLAN_CGROUP_DISABLED, /* no cgroup is made, the container stays in the caller's */
};

struct plan_options {
	const char *id; /* the container's name */
	const char *bundle; /* absolute path of the bundle directory */
	enum plan_cgroup_manager cgroup_manager;
	/* --rootless=true: a device filter alone is no reason to fail where no cgroup can be made, although the
	 * caller is root: as for callers without privileges, who can't have one. */
	bool rootless;
	uint32_t euid; /* of the caller */
	bool initial_userns; /* the caller is in the initial user namespace */
	/* The cgroup namespace that config.json gives by path is the caller's own, which is as if there were no such entry;
	 * or the initial one. */
	bool own_cgroup_namespace, initial_cgroup_namespace;
	bool no_pivot; /* --no-pivot */
	bool no_new_keyring; /* --no-new-keyring */
	bool detached; /* create, or run --detach: no one stays to serve a terminal */
	const char *console_socket; /* --console-socket, or NULL */
	unsigned preserve_fds; /* --preserve-fds: how many descriptors from 3 on are kept */
	/* Sockets that systemd passed to the caller (sd_listen_fds(3)): they come first and are kept as well,
	 * and the container's environment speaks of them. */
	unsigned listen_fds;
	const char *listen_fdnames; /* LISTEN_FDNAMES, or NULL */
	const char *notify_socket; /* NOTIFY_SOCKET of the caller (sd_notify(3)), or NULL */
	const char *resctrl; /* where a test has its resctrl (TARE_RESCTRL), or NULL */
	/* --layers and --upper, relative to @working_directory; NULL: the annotations of the same meaning
	 * count, relative to the bundle */
	const char *layers, *upper;
	const char *working_directory; /* absolute; needed with layers or upper alone */
};

/* ---- namespaces ---- */

enum plan_ns_mode {
	PLAN_NS_INHERIT, /* the caller's */
	PLAN_NS_NEW,
	PLAN_NS_JOIN, /* by path */
};

struct plan_namespace {
	enum plan_ns_mode mode;
	const char *path; /* with PLAN_NS_JOIN: absolute, in the caller's mount namespace */
};

struct plan_namespaces {
	/* indexed by enum spec_namespace_type */
	struct plan_namespace of[SPEC_NAMESPACE_TYPES];
	/* The clone3() flags of the new ones; time is not among them: the child unshares it, because its
	 * offsets can only be written before a process is in it. */
	uint64_t clone_flags;
	/* Those that the init unshares itself, after it became root of its user namespace: a new ipc
	 * namespace's message queue file system belongs to whoever makes it (ipc/mqueue.c takes the
	 * maker's fsuid), and at the clone that is still a user that is not mapped. And with PLAN_DETACHED
	 * what takes long, while tare assembles the tree: the network namespace, whose making is half of
	 * what such a clone costs, and the mount namespace with its copy of the host's mounts. */
	uint64_t unshare_flags;
	/* An intermediate process joins namespaces and then clones the init with CLONE_PARENT: when a user
	 * namespace is joined, which must be entered before the others are made, so that they belong to it;
	 * when a pid namespace is joined, because setns(2) into one moves only children; and when a new user
	 * namespace goes with joined others, which take the caller's privileges to enter. */
	bool intermediate;
	bool new_userns; /* of[SPEC_NAMESPACE_USER].mode == PLAN_NS_NEW */
	bool in_userns; /* new or joined */
	bool map_by_helper; /* unprivileged with more than the own id: newuidmap and newgidmap */
	const char *uid_map; /* text for /proc/PID/uid_map, or NULL */
	const char *gid_map; /* text for /proc/PID/gid_map, or NULL */
	bool deny_setgroups; /* write "deny" to /proc/PID/setgroups first (unprivileged single map) */
	/* Whoever is not root of the initial user namespace can write the maps only of a process that is
	 * dumpable (the /proc files of another belong to that root, proc(5)): the init stays so
	 * until its ids are mapped. Not with a joined pid namespace, whose processes could reach it. */
	bool guard_after_maps;
	const char *timens_offsets; /* text for /proc/self/timens_offsets, or NULL */
	bool loopback_up; /* a new network namespace */
};

/* ---- the root ---- */

enum plan_op_kind {
	PLAN_OP_MOUNT, /* a new file system */
	PLAN_OP_BIND, /* a bind mount */
	PLAN_OP_REMOUNT, /* change what is mounted at the target (option "remount") */
	PLAN_OP_CGROUP, /* cgroup2, or without a cgroup namespace a read-only bind of the own cgroup */
	PLAN_OP_DEVICE, /* a device node or fifo: mknod, or a bind of the host's node */
	PLAN_OP_SYMLINK, /* a symbolic link, if its source exists and nothing is there yet */
	PLAN_OP_PTMX, /* /dev/ptmx -> pts/ptmx, replacing what is there */
	PLAN_OP_CONSOLE, /* /dev/console: bind of the pty (placed by the tty part) */
	PLAN_OP_SEAL, /* make a mount read-only that had to be written to first */
	PLAN_OP_READONLY_PATH, /* linux.readonlyPaths */
	PLAN_OP_MASKED_PATH, /* linux.maskedPaths */
	PLAN_OP_ROOT_READONLY, /* root.readonly */
};

/* An option for a file system: fsconfig(2) with a string, or as a flag when value is NULL. */
struct plan_fs_option {
	const char *key, *value;
};

enum plan_layer_kind {
	PLAN_LAYER_LOWER,
	PLAN_LAYER_DATA, /* data-only lower layer (after "::") */
	PLAN_LAYER_UPPER,
	PLAN_LAYER_WORK,
};

struct plan_layer {
	enum plan_layer_kind kind;
	const char *path; /* absolute, in the caller's mount namespace */
};

/* How the flags of a mount change: mount_setattr(2)'s two sets, once for the mount itself and once for
 * the whole tree of mounts from it on (the recursive options rro, rnosuid, ...). The recursive change is
 * made first: "rro, rw" leaves the mount itself writable. A bit of the recursive sets that a later
 * option of the mount itself overrides is in both. A new atime mode has TARE_MOUNT_ATTR__ATIME in the
 * clear set and its value in the set. */
struct plan_attributes {
	uint64_t set, clear; /* TARE_MOUNT_ATTR_* */
	uint64_t recursive_set, recursive_clear; /* TARE_MOUNT_ATTR_* */
	uint64_t propagation; /* MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE or 0 */
	bool propagation_recursive;
};

enum plan_idmap_kind {
	PLAN_IDMAP_NONE,
	PLAN_IDMAP_OWN, /* the mount's own uid_map and gid_map */
	PLAN_IDMAP_CONTAINER, /* the container's user namespace */
};

struct plan_idmap {
	enum plan_idmap_kind kind;
	bool recursive; /* ridmap */
	const char *uid_map, *gid_map; /* texts as for /proc/PID/uid_map, with PLAN_IDMAP_OWN */
};

struct plan_device {
	uint32_t type; /* S_IFCHR, S_IFBLK or S_IFIFO */
	uint32_t major, minor;
	uint32_t mode; /* permission bits only */
	uint32_t uid, gid; /* in the container's user namespace */
	bool bind; /* no mknod here (user namespace): bind the host's node of the same path */
};

struct plan_op {
	enum plan_op_kind kind;
	const char
		*where; /* the place in config.json: "mounts[3] (proc -> /proc)"; for errors */
	const char *target; /* absolute path below the root, cleaned lexically */
	const char *type; /* of the file system */
	/* MOUNT: the source string; BIND, DEVICE with bind: absolute host path; SYMLINK: contents */
	const char *source;
	bool recursive; /* BIND: rbind */
	bool copy_up; /* MOUNT of a tmpfs: tmpcopyup */
	bool no_follow_target; /* proc and sysfs: the target must be a real directory, no link on its way */
	bool iversion; /* MOUNT: i_version, which only mount(2) can set */
	/* BIND, DEVICE with bind, and CGROUP without a cgroup namespace, which is a read-only bind of the
	 * container's own cgroup: index into the opened sources. Else -1; so also for CGROUP as cgroup2. */
	int opened;
	size_t n_fs_options;
	const struct plan_fs_option *fs_options;
	size_t n_layers; /* overlay */
	const struct plan_layer *layers;
	bool layers_by_path; /* compat: below Linux 6.13: not by descriptor */
	struct plan_attributes attributes;
	struct plan_idmap idmap;
	struct plan_device device;
};

/* Where the operations are performed. */
enum plan_place {
	/* In the container's side, in its own mount namespace, with the root attached: the reference. */
	PLAN_ATTACHED,
	/* In the caller, on a tree that is attached nowhere, while the container's side prepares itself. */
	PLAN_DETACHED,
};

/* How the finished tree is entered. */
enum plan_entrance {
	PLAN_ENTER_PIVOT, /* attached in a copy of the host's mount namespace, pivot_root(2) */
	PLAN_ENTER_NAMESPACE, /* made a mount namespace by tare, which the init enters (Linux 7.0) */
};

struct plan_rootfs {
	const char *path; /* absolute: the bundle's root.path */
	bool readonly;
	/* The root is an overlay of these layers, and of an empty one above them that vanishes with it when
	 * none is PLAN_LAYER_UPPER. 0: the root is what is at @path. */
	size_t n_layers;
	const struct plan_layer *layers;
	const char *bundle; /* where the overlay is attached when @path does not exist */
	bool layers_by_path; /* compat: below Linux 6.13: each by its path, not by descriptor */
	bool layers_by_name; /* compat: below Linux 6.7: all in one string, by mount(2) */
	/* in a user namespace, the container's or the caller's, overlay's attributes trusted.* can't be written, and are
	 * user.* (overlayfs.rst) */
	bool layers_userxattr;
	enum plan_ns_mode mount_ns;
	bool no_pivot;
	bool hooks_see_host_tree; /* a prestart, createRuntime or createContainer hook exists */
	/* Propagation for "/" of the new mount namespace, and all below it, before anything is mounted
	 * (MS_SLAVE unless linux.rootfsPropagation says otherwise), and for the container's root at the
	 * end (0: leave). Neither has MS_REC, which mount_setattr(2) does not know. */
	uint64_t host_propagation, root_propagation;
	bool root_propagation_recursive; /* the r-forms of linux.rootfsPropagation */
	bool in_userns; /* the mount namespace belongs to the container's user namespace */
	const char *mount_label; /* linux.mountLabel */
	const char *mount_context_type; /* the mount option that takes it: "context", ... */
	enum plan_place place;
	enum plan_entrance entrance;
	/* With PLAN_DETACHED: how many of the operations, from the first on, are performed outside. The
	 * others need the container's side (its pid namespace, mount(2), its memory limit). */
	size_t n_outside;
	size_t n_ops; /* mounts, devices and links, in order: before the hooks */
	const struct plan_op *ops;
	size_t n_finish; /* seals, masks, read-only paths: after the hooks, before the root is entered */
	const struct plan_op *finish;
	/* how many sources the caller opens before the clone (plan_op.opened counts from 0) */
	size_t n_opened;
};

/* ---- cgroup ---- */

struct plan_cgroup_write {
	const char *controller; /* "memory"; NULL for core files (cgroup.*) */
	const char *file; /* "memory.max" */
	const char *value;
	const char *where; /* the place in config.json */
	/* A kernel without this file, or without the feature behind it (EOPNOTSUPP), is no error (said at debug
	 * level). */
	bool optional;
	/* It or the next write has to succeed: the two are ways to say the same thing, of which a kernel or a disk
	 * may know only one. */
	bool or_next;
};

struct plan_device_rule {
	bool allow;
	char type; /* 'a', 'c' or 'b' */
	int64_t major, minor; /* -1: all */
	uint8_t access; /* PLAN_ACCESS_* */
};
#define PLAN_ACCESS_READ 1
#define PLAN_ACCESS_WRITE 2
#define PLAN_ACCESS_MKNOD 4

/* A value that D-Bus can carry, as a list of words, each a type letter and what belongs to it:
 *   "b0" "b1" "y255" "n-1" "q1" "i-1" "u1" "x-1" "t1" "d1.5" "sTEXT" "oPATH" "gSIGNATURE"
 *   "aELEMENT" ... "]"   "(MEMBERS" ... ")"   "{KEYVALUE" ... "}"   "vSIGNATURE" ... ">" */
struct gvariant {
	const char *signature;
	size_t n_words;
	const char *const *words;
};

struct plan_unit_property {
	const char *name; /* as on the bus (org.freedesktop.systemd1(5)) */
	struct gvariant value;
	const char *where; /* the place in config.json; NULL: set by the runtime */
	bool optional; /* an older systemd that does not know it can do without */
	bool late; /* when the init is born: a limit that would forbid its birth */
};

/* The container as a transient unit of systemd. */
struct plan_unit {
	const char *name; /* "prefix-name.scope" */
	const char *slice; /* "a-b.slice" */
	const char *path; /* where its cgroup will be: "/a.slice/a-b.slice/prefix-name.scope" */
	bool user; /* of the user's manager, below whose own cgroup @path is then; else of PID 1 */
	size_t n_properties;
	const struct plan_unit_property *properties;
};

struct plan_cgroup {
	enum plan_cgroup_manager manager;
	const struct plan_unit *unit; /* with PLAN_CGROUP_SYSTEMD, else NULL */
	/* linux.cgroupsPath: absolute below the hierarchy's root, or relative; NULL: the default, which the
	 * cgroup layer derives from the caller's own cgroup and the id. */
	const char *path;
	const char *id;
	size_t n_writes; /* before the init is born */
	const struct plan_cgroup_write *writes;
	size_t n_late_writes; /* after it (pids.max 0 would forbid its birth) */
	const struct plan_cgroup_write *late_writes;
	bool filter_devices; /* linux.resources.devices is given, or the default rules apply */
	size_t n_device_rules; /* in order; the last match decides; nothing matches: deny */
	const struct plan_device_rule *device_rules;
	/* Relative to the container's cgroup, NULL: none. The init is born in the first, which is then the root of
	 * its cgroup namespace (run.oci.systemd.subgroup), and moved to the second, below the first, when it
	 * has that namespace (run.oci.delegate-cgroup). Limits are those of the container's cgroup. */
	const char *subgroup, *delegate_to;
	bool delegate; /* chown to the container's root (spec-checklist 185-191) */
	uint32_t owner_uid, owner_gid; /* host ids, with delegate */
	bool required; /* limits were asked for: failing to make the cgroup is an error */
	/* memory.checkBeforeUpdate (spec 198): limits in bytes that must be above what is used already,
	 * memory alone, and memory and swap together. 0: not checked. */
	uint64_t usage_below, usage_with_swap_below;
};

/* What an update asks of a live container. */
struct plan_update_request {
	const struct spec_resources *recorded; /* what holds now; NULL: nothing was recorded */
	const struct spec_resources *asked;
	bool privileged; /* root in the initial user namespace: there is a device filter */
	bool terminal; /* process.terminal: the filter has a rule for the console */
};

/* What comes of it. */
struct plan_update {
	/* For cgroup_update(): the writes in an order in which no step contradicts what holds meanwhile;
	 * filter_devices: the device filter is to be replaced, because other rules were asked for. */
	struct plan_cgroup cgroup;
	const struct spec_resources *resources; /* for the record: recorded and asked, merged */
};

/* ---- classes of service ---- */

/* linux.intelRdt */
struct plan_rdt {
	const char *root; /* of resctrl; NULL: looked for among the mounts */
	const char *id;
	const char *clos; /* the class: a plain name, or "/" for the default one */
	bool make; /* it is made when it does not exist */
	bool remove; /* if it was made, delete removes it: closID is not given */
	size_t n_lines;
	const char *const *lines; /* for the schemata file, one after the other */
	bool monitoring; /* a monitoring group of its own */
};

/* For an update: the properties that say the same as the writes of @cgroup. Fills the properties of @ret_unit
 * alone. */
int plan_unit_limits(const struct plan_cgroup *cgroup, struct arena *arena,
		     struct plan_unit *ret_unit, struct error *err) _must_check_;

/* ---- the process ---- */

enum plan_capability_set {
	PLAN_CAP_BOUNDING,
	PLAN_CAP_EFFECTIVE,
	PLAN_CAP_INHERITABLE,
	PLAN_CAP_PERMITTED,
	PLAN_CAP_AMBIENT,
	PLAN_CAP_SETS,
};

struct plan_capabilities {
	bool given; /* process.capabilities is there; absent means: all empty */
	uint64_t set[PLAN_CAP_SETS]; /* bit n is capability n */
	size_t n_unknown; /* names that this build does not know: warned about */
	const char *const *unknown;
};

struct plan_process {
	bool given; /* config.json has a process: else start is refused */
	const char *cwd;
	size_t n_args;
	const char *const *args; /* NULL-terminated */
	size_t n_env;
	const char *const
		*env; /* NULL-terminated, duplicates removed (the last wins), HOME as given */
	/* The service manager's socket as the program finds it in NOTIFY_SOCKET; NULL: none, or config.json
	 * speaks of one itself. */
	const char *notify_socket;
	bool listens; /* LISTEN_PID in env is the init's, whatever its number will be */
	bool home_missing; /* HOME is absent or empty: added from the container's passwd */
	uint32_t uid, gid;
	size_t n_groups;
	const uint32_t *groups;
	bool keep_groups; /* run.oci.keep_original_groups: the caller's groups stay */
	uint32_t umask;
	bool no_new_privs;
	bool terminal;
	uint16_t rows, columns; /* 0: not given */
	bool has_oom_score_adj;
	int32_t oom_score_adj;
	size_t n_rlimits;
	const struct spec_rlimit *rlimits;
	struct plan_capabilities capabilities;
	const char *apparmor_profile, *selinux_label;
	unsigned preserve_fds;
	const char *keyring; /* name of the session keyring to make, "_ses.ID"; NULL: none */
	const char *hostname, *domainname;
	size_t n_sysctls;
	const struct spec_pair *sysctls; /* name with dots or slashes, as given */
	const struct spec_personality *personality;
	const struct spec_scheduler
		*scheduler; /* these, as in config.json; NULL: the caller's */
	const struct spec_io_priority *io_priority;
	const struct spec_memory_policy *memory_policy;
	const struct spec_exec_cpu_affinity *exec_cpu_affinity; /* for exec alone */
};

/* ---- the whole ---- */

/* A system call filter as the kernel takes it (run.oci.seccomp_bpf_data). */
struct plan_raw_filter {
	const void *program; /* struct sock_filter */
	size_t size; /* in bytes; 0: none */
};

struct plan {
	const struct plan_options *options;
	const struct spec *spec;
	const struct kernel_caps *caps;
	struct plan_namespaces namespaces;
	struct plan_rootfs rootfs;
	struct plan_cgroup cgroup;
	struct plan_process process;
	const struct spec_seccomp *seccomp; /* NULL: none */
	struct plan_raw_filter raw_filter; /* in its place */
	bool fail_unknown_calls; /* run.oci.seccomp_fail_unknown_syscall */
	const struct plan_rdt *rdt; /* NULL: none */
	/* moved into the container's network namespace while the init waits */
	size_t n_net_devices;
	const struct spec_net_device *net_devices;
	const struct spec_hooks *hooks; /* NULL: none */
};

/* Builds the plan.
 * @spec, @caps, @options: borrowed for the plan's life. @arena: receives everything.
 * Errors: EINVAL for a contradiction. */
int plan_build(const struct spec *spec, const struct kernel_caps *caps,
	       const struct plan_options *options, struct arena *arena,
	       const struct plan **ret_plan, struct error *err) _must_check_;

/* Why the container can't be checkpointed; NULL: nothing is known to be against it. A static text. */
const char *plan_checkpoint_obstacle(const struct plan *plan);

/* Plans an update: only what is set in request->asked changes; what depends on a recorded property (swap on
 * memory; quota, period and burst on each other; the weight on idle) is computed from both. Device rules that
 * are the recorded ones leave the filter as it is: callers send all that config.json has, and others may have
 * added devices to the filter meanwhile (contract 7.12).
 * @ret_update: borrows from the request and the arena.
 * Errors: EINVAL for a contradiction, ENOTSUP for what cgroup v2 does not have; both say which property. */
int plan_update(const struct plan_update_request *request, struct arena *arena,
		struct plan_update *ret_update, struct error *err) _must_check_;

/* What is to be mounted into a container that runs already. */
struct plan_mounts_request {
	const struct spec_mount_list *list;
	const struct kernel_caps *caps;
	const char *bundle; /* what relative sources count from */
	uint64_t
		namespaces; /* CLONE_NEW*: those that the init does not share with its creator */
};

/* Plans mounts that are added: the operations of a root that is there already. What would wait for other
 * operations is done at once, and what cannot be done to a tree in which others work is ENOTSUP.
 * Errors: EINVAL as plan_build(). */
int plan_added_mounts(const struct plan_mounts_request *request, struct arena *arena,
		      const struct plan_rootfs **ret_rootfs, struct error *err) _must_check_;

/* What a process that is added to a container is made from. */
struct plan_exec {
	const char *id; /* of the container */
	const struct spec
		*recorded; /* spec_read_exec(): config.json's process and what goes with it */
	const struct spec_process
		*given; /* --process; NULL: the recorded one, with what follows */
	size_t n_args; /* the command line, in place of process.args */
	const char *const *args;
	const char *cwd; /* --cwd, or NULL */
	size_t n_env; /* --env: behind the recorded environment */
	const char *const *env;
	bool has_uid, has_gid; /* --user */
	uint32_t uid, gid;
	size_t n_groups; /* --additional-gids: besides the recorded ones */
	const uint32_t *groups;
	size_t n_capabilities; /* --cap: bounding, effective and permitted, never inheritable */
	const char *const *capabilities;
	const char *apparmor_profile, *selinux_label; /* --apparmor, --process-label, or NULL */
	bool no_new_privs; /* --no-new-privs */
	bool terminal; /* --tty */
	bool detached; /* --detach */
	const char *console_socket; /* --console-socket, or NULL */
	unsigned preserve_fds; /* --preserve-fds */
	/* of the container, as it was created */
	uint64_t
		namespaces; /* CLONE_NEW*: those that its init does not share with its creator */
	bool deny_setgroups, no_new_keyring;
};

/* Plans a process that is added to a container: a plan whose process is filled in, and of namespaces what says
 * how ids can be changed (in_userns, deny_setgroups). With @exec->given nothing is taken from the command line
 * but where the terminal goes; what it leaves open of the container's confinement (capabilities,
 * apparmorProfile, selinuxLabel, oomScoreAdj, umask) stays the recorded one. A pure function, as plan_build().
 * Errors: EINVAL with the texts that callers know. */
int plan_exec_build(const struct plan_exec *exec, struct arena *arena,
		    const struct plan **ret_plan, struct error *err) _must_check_;

/* The namespace that the new file system of @op shows, which is that of whoever opens its context (procfs:
 * the option pidns): an enum spec_namespace_type, or -1 when it shows none. */
int plan_owner(const struct plan_op *op);

/* Whether the own cgroup is bound outside. Where not, the container's side attaches the clone that it was given,
 * which it could not clone: that is no part of its mount namespace. */
bool plan_binds_cgroup_outside(const struct plan_rootfs *rootfs);

/* Writes the plan as one JSON object, for `tare plan` and the golden tests. */
void plan_print(const struct plan *plan, struct json_writer *writer);

/* The names of the mount options that have a meaning of their own, sorted: for features.mountOptions.
 * @index: from 0 on. Returns NULL behind the last. */
const char *plan_mount_option_name(size_t index);
