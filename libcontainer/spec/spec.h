/* config.json as an immutable tree of structs, in config.json's own order and with its own names
 * (snake_case of the JSON name). Every Linux property of runtime-spec 1.3.0 is here; what no mechanism
 * can do yet is refused later, by plan_build(), never dropped.
 *
 * Conventions:
 * - Strings are `const char *`, NULL when absent. They never contain a NUL of their own.
 * - Arrays are `size_t n_x; const T *x;`. Absent and empty are the same: n_x is 0.
 * - Arrays of strings that end up in execve are also NULL-terminated when n_x > 0.
 * - Objects that are optional are pointers, NULL when absent.
 * - Numbers and booleans that are required, or whose absence means 0 or false, are plain. Others are
 *   `struct spec_opt_int`, `spec_opt_uint` or `spec_opt_bool` with a member `set`.
 * - An empty string counts as an absent one where it is optional.
 * - A JSON null counts as an absent property (Go programs write it for an empty slice or pointer).
 * - Words with a fixed vocabulary are numbers: the kernel's where the kernel has one (MS_*, RLIMIT_*,
 *   SCHED_*), else an enum of this header. spec_words() has the vocabularies.
 *
 * After spec_load() all values hold what the struct's comments promise: nobody behind it has to check
 * again what can be checked without a system call. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "base/table.h"

#define SPEC_VERSION "1.3.0" /* the runtime specification that all of this is about */

struct spec_opt_int {
	bool set;
	int64_t value;
};

struct spec_opt_uint {
	bool set;
	uint64_t value;
};

struct spec_opt_bool {
	bool set;
	bool value;
};

/* One member of a map from string to string: annotations, sysctl, unified. */
struct spec_pair {
	const char *key, *value; /* the key is not empty */
};

/* ---- root and mounts (config.md) ---- */

struct spec_root {
	const char *path; /* not empty; absolute, or relative to the bundle */
	bool readonly;
};

/* A range of user or group ids; container_id + size and host_id + size do not exceed 2^32 - 1,
 * because the last number stands for "no id". */
struct spec_id_mapping {
	uint32_t container_id, host_id;
	uint32_t size; /* at least 1 */
};

/* The options are as in the file: the plan parses them. */
struct spec_mount {
	const char *destination; /* not empty; a relative one counts from "/" */
	const char *source, *type;
	size_t n_options;
	const char *const *options;
	/* both or none; ranges do not overlap within a list */
	size_t n_uid_mappings;
	const struct spec_id_mapping *uid_mappings;
	size_t n_gid_mappings;
	const struct spec_id_mapping *gid_mappings;
};

/* ---- process (config.md) ---- */

struct spec_console_size {
	uint16_t height, width; /* in characters; the kernel's winsize has 16 bits */
};

struct spec_user {
	uint32_t uid, gid; /* in the container's user namespace; never 2^32 - 1 */
	struct spec_opt_uint umask; /* at most 0777 */
	size_t n_additional_gids;
	const uint32_t *additional_gids;
};

/* Names as in the file ("CAP_CHOWN"): an unknown one only warns (spec 112). */
struct spec_capabilities {
	size_t n_bounding;
	const char *const *bounding;
	size_t n_effective;
	const char *const *effective;
	size_t n_inheritable;
	const char *const *inheritable;
	size_t n_permitted;
	const char *const *permitted;
	size_t n_ambient;
	const char *const *ambient;
};

struct spec_rlimit {
	int resource; /* RLIMIT_* */
	const char *type; /* its name, "RLIMIT_NOFILE" */
	uint64_t soft, hard; /* soft <= hard; 2^64 - 1 is RLIM_INFINITY */
};

struct spec_scheduler {
	int policy; /* SCHED_* */
	int32_t nice; /* -20 to 19 */
	int32_t priority;
	uint64_t flags; /* SCHED_FLAG_* */
	uint64_t runtime, deadline, period; /* nanoseconds */
};

struct spec_io_priority {
	int class; /* IOPRIO_CLASS_*: 1 real-time, 2 best-effort, 3 idle */
	int32_t priority; /* 0 (highest) to 7 */
};

/* CPU lists such as "0-3,7"; NULL or empty: leave the affinity alone. */
struct spec_exec_cpu_affinity {
	const char *initial, *final;
};

struct spec_process {
	bool terminal;
	const struct spec_console_size *console_size;
	const char *cwd; /* absolute */
	size_t n_env;
	const char *const *env;
	size_t n_args; /* at least 1 */
	const char *const *args;
	size_t n_rlimits;
	const struct spec_rlimit *rlimits; /* no resource twice */
	const char *apparmor_profile;
	const struct spec_capabilities *capabilities;
	bool no_new_privileges;
	struct spec_opt_int oom_score_adj; /* -1000 to 1000 */
	const struct spec_scheduler *scheduler;
	const char *selinux_label;
	const struct spec_io_priority *io_priority;
	const struct spec_exec_cpu_affinity *exec_cpu_affinity;
	struct spec_user user;
};

/* ---- hooks (config.md) ---- */

struct spec_hook {
	const char *path; /* absolute */
	size_t n_args;
	const char *const *args;
	size_t n_env;
	const char *const *env;
	/* An absent env (false) and an empty one differ: with none the hook gets the runtime's environment
	 * (contract 7.18), with [] it gets none. */
	bool env_given;
	struct spec_opt_int timeout; /* seconds, at least 1 */
};

struct spec_hooks {
	size_t n_prestart;
	const struct spec_hook *prestart;
	size_t n_create_runtime;
	const struct spec_hook *create_runtime;
	size_t n_create_container;
	const struct spec_hook *create_container;
	size_t n_start_container;
	const struct spec_hook *start_container;
	size_t n_poststart;
	const struct spec_hook *poststart;
	size_t n_poststop;
	const struct spec_hook *poststop;
};

/* ---- linux (config-linux.md) ---- */

enum spec_namespace_type {
	SPEC_NAMESPACE_PID,
	SPEC_NAMESPACE_NETWORK,
	SPEC_NAMESPACE_MOUNT,
	SPEC_NAMESPACE_IPC,
	SPEC_NAMESPACE_UTS,
	SPEC_NAMESPACE_USER,
	SPEC_NAMESPACE_CGROUP,
	SPEC_NAMESPACE_TIME,
	SPEC_NAMESPACE_TYPES, /* how many */
};

struct spec_namespace {
	enum spec_namespace_type type; /* each type at most once */
	const char *path; /* absolute; NULL: a new namespace */
};

struct spec_time_offset {
	int64_t secs;
	uint32_t nanosecs; /* below 10^9 */
};

struct spec_time_offsets {
	const struct spec_time_offset *boottime, *monotonic;
};

struct spec_device {
	uint32_t type; /* S_IFCHR (also for "u"), S_IFBLK or S_IFIFO */
	const char *path; /* absolute */
	uint32_t major,
		minor; /* 0 for a fifo; at most 2^12 - 1 and 2^20 - 1, the kernel's dev_t */
	/* As in the file: engines write the S_IFMT bits of the host's node too (but only those of stat(2):
	 * at most 0177777). Mask with 07777. */
	struct spec_opt_uint file_mode;
	struct spec_opt_uint uid, gid; /* 32 bits */
};

struct spec_net_device {
	const char *host_name; /* the key: the device's name in the host */
	const char *
		name; /* its name in the container ("eth%d" is a template), or NULL: the same */
};

/* linux.resources.devices: one rule of the device filter. */
struct spec_device_rule {
	bool allow;
	char type; /* 'a' (also when absent), 'c' or 'b' */
	int64_t major, minor; /* -1 (also when absent): all */
	const char *access; /* of "rwm"; NULL: all three */
};

struct spec_memory {
	/* bytes, -1: unlimited; swap is memory plus swap */
	struct spec_opt_int limit, reservation, swap, kernel, kernel_tcp;
	struct spec_opt_uint swappiness; /* 0 to 100 */
	struct spec_opt_bool disable_oom_killer, use_hierarchy, check_before_update;
};

struct spec_cpu {
	struct spec_opt_uint shares; /* relative */
	struct spec_opt_int quota; /* microseconds in a period; <= 0: none */
	struct spec_opt_uint burst; /* microseconds; at most a positive quota */
	struct spec_opt_uint period; /* microseconds */
	struct spec_opt_int realtime_runtime; /* microseconds */
	struct spec_opt_uint realtime_period; /* microseconds */
	const char *cpus, *mems; /* lists such as "0-3,7" */
	struct spec_opt_int idle; /* 0 or 1 */
};

struct spec_pids {
	/* -1: unlimited; 0 is a valid limit (spec 211) */
	struct spec_opt_int limit;
};

struct spec_weight_device {
	int64_t major, minor; /* >= 0 */
	struct spec_opt_uint weight, leaf_weight; /* 16 bits, at least one is set */
};

struct spec_throttle_device {
	int64_t major, minor; /* >= 0 */
	uint64_t rate; /* bytes or operations a second */
};

struct spec_block_io {
	struct spec_opt_uint weight, leaf_weight; /* 16 bits */
	size_t n_weight_device;
	const struct spec_weight_device *weight_device;
	size_t n_throttle_read_bps_device;
	const struct spec_throttle_device *throttle_read_bps_device;
	size_t n_throttle_write_bps_device;
	const struct spec_throttle_device *throttle_write_bps_device;
	size_t n_throttle_read_iops_device;
	const struct spec_throttle_device *throttle_read_iops_device;
	size_t n_throttle_write_iops_device;
	const struct spec_throttle_device *throttle_write_iops_device;
};

struct spec_hugepage_limit {
	const char *page_size; /* "2MB": digits, then KB, MB or GB */
	uint64_t limit; /* bytes */
};

struct spec_net_priority {
	const char *name; /* of a network interface: not empty, without '/' and white space */
	uint32_t priority;
};

struct spec_network {
	struct spec_opt_uint class_id; /* 32 bits */
	size_t n_priorities;
	const struct spec_net_priority *priorities;
};

struct spec_rdma {
	const char *device; /* the key: "mlx5_1" */
	struct spec_opt_uint hca_handles, hca_objects; /* 32 bits, at least one is set */
};

struct spec_resources {
	size_t n_devices;
	const struct spec_device_rule *devices;
	const struct spec_memory *memory;
	const struct spec_cpu *cpu;
	const struct spec_block_io *block_io;
	size_t n_hugepage_limits;
	const struct spec_hugepage_limit *hugepage_limits;
	const struct spec_network *network;
	const struct spec_pids *pids;
	size_t n_rdma;
	const struct spec_rdma *rdma;
	/* keys are plain file names of a cgroup directory ("memory.high") */
	size_t n_unified;
	const struct spec_pair *unified;
};

/* No string of it contains a newline. */
struct spec_intel_rdt {
	const char *clos_id; /* one plain name, or "/" for the default class */
	size_t n_schemata;
	const char *const *schemata;
	const char *l3_cache_schema;
	const char *mem_bw_schema; /* starts with "MB:" */
	bool enable_monitoring;
};

struct spec_memory_policy {
	int mode; /* the kernel's MPOL_* */
	const char *nodes; /* a list such as "0-3,7"; NULL: none */
	unsigned flags; /* the kernel's MPOL_F_* */
};

enum spec_seccomp_action {
	SPEC_ACT_KILL_THREAD, /* also SCMP_ACT_KILL, the older name */
	SPEC_ACT_KILL_PROCESS,
	SPEC_ACT_TRAP,
	SPEC_ACT_ERRNO,
	SPEC_ACT_TRACE,
	SPEC_ACT_ALLOW,
	SPEC_ACT_LOG,
	SPEC_ACT_NOTIFY,
};

enum spec_seccomp_operator {
	SPEC_CMP_NE,
	SPEC_CMP_LT,
	SPEC_CMP_LE,
	SPEC_CMP_EQ,
	SPEC_CMP_GE,
	SPEC_CMP_GT,
	SPEC_CMP_MASKED_EQ,
};

struct spec_seccomp_arg {
	uint32_t index; /* 0 to 5 */
	uint64_t value; /* the mask, with SPEC_CMP_MASKED_EQ */
	uint64_t value_two; /* what is compared with, with SPEC_CMP_MASKED_EQ */
	enum spec_seccomp_operator op;
};

struct spec_syscall {
	size_t n_names; /* at least 1 */
	const char *const *names; /* unknown ones are the compiler's business */
	enum spec_seccomp_action action;
	/* set only with SPEC_ACT_ERRNO and SPEC_ACT_TRACE (there: the tracer's message, at most 65535); an errno is at most 4095 */
	struct spec_opt_uint errno_ret;
	size_t n_args;
	const struct spec_seccomp_arg *args;
};

struct spec_seccomp {
	enum spec_seccomp_action default_action; /* never SPEC_ACT_NOTIFY */
	struct spec_opt_uint default_errno_ret; /* as errno_ret */
	size_t n_architectures;
	const char *const *architectures; /* names as in the file: "SCMP_ARCH_X86_64" */
	bool flags_given; /* absent and [] differ: absent means SPEC_ALLOW (contract 7.16) */
	uint32_t
		flags; /* SECCOMP_FILTER_FLAG_*: TSYNC 1, LOG 2, SPEC_ALLOW 4, WAIT_KILLABLE_RECV 32 */
	const char *listener_path; /* not NULL when an action is SPEC_ACT_NOTIFY */
	const char *listener_metadata; /* only together with listener_path */
	size_t n_syscalls;
	const struct spec_syscall *syscalls;
};

struct spec_personality {
	unsigned long domain; /* PER_LINUX or PER_LINUX32; the specification has no flags */
};

struct spec_linux {
	/* in order, each type at most once; ask spec_namespace_find() for one */
	size_t n_namespaces;
	const struct spec_namespace *namespaces;
	/* Only with a user namespace: a new one has both lists. Engines also give them with one that is
	 * joined by path: then they only say what its maps are. Ranges do not overlap within a list. */
	size_t n_uid_mappings;
	const struct spec_id_mapping *uid_mappings;
	size_t n_gid_mappings;
	const struct spec_id_mapping *gid_mappings;
	const struct spec_time_offsets *time_offsets; /* only with a new time namespace */
	size_t n_devices;
	const struct spec_device *devices;
	size_t n_net_devices; /* only with a network namespace */
	const struct spec_net_device *net_devices;
	const char *cgroups_path;
	const struct spec_resources *resources;
	const struct spec_intel_rdt *intel_rdt;
	const struct spec_memory_policy *memory_policy;
	size_t n_sysctl;
	const struct spec_pair
		*sysctl; /* names with dots or slashes, each in a namespace of its own */
	const struct spec_seccomp *seccomp;
	/* MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, with MS_REC for the r-forms; 0: absent */
	unsigned long rootfs_propagation;
	size_t n_masked_paths;
	const char *const *masked_paths; /* absolute */
	size_t n_readonly_paths;
	const char *const *readonly_paths; /* absolute */
	const char *mount_label;
	const struct spec_personality *personality;
};

/* ---- the whole ---- */

struct spec {
	const char *bundle; /* absolute path of the bundle directory, as given to spec_load() */
	const char *oci_version; /* SemVer with major 1 */
	const struct spec_root *root; /* never NULL */
	size_t n_mounts;
	const struct spec_mount *mounts; /* in order */
	const struct spec_process *process; /* NULL: create works, start is refused */
	const char *hostname, *domainname; /* only with a UTS namespace */
	const struct spec_hooks *hooks;
	size_t n_annotations;
	const struct spec_pair *annotations;
	const struct spec_linux *linux_; /* gnu17 predefines `linux` */
	const struct json_value *source; /* the file as it was parsed: for spec_write_exec() */
};

/* Decodes and checks a config.json.
 * @text: @length bytes, need not be NUL-terminated; not needed afterwards.
 * @bundle: absolute path of the bundle directory; copied.
 * @ret_spec: owned by the arena.
 * Errors: EINVAL (EFBIG beyond base/json.h's limits). All problems of the file are in the one-line text:
 * "config.json: 3 problems: A; B; C". Unknown properties, other platforms' sections among them, are
 * ignored and logged at debug level: `config.json: ignoring unknown property "linux.foo"`. */
int spec_load(const char *text, size_t length, const char *bundle, struct arena *arena,
	      const struct spec **ret_spec, struct error *err) _must_check_;

/* Mounts for a container that runs already. */
struct spec_mount_list {
	size_t n_mounts;
	const struct spec_mount *mounts;
};

/* The same for a file that holds only the list of mounts; @name is its name in errors. */
int spec_load_mounts(const char *text, size_t length, const char *name, struct arena *arena,
		     const struct spec_mount_list **ret_list, struct error *err) _must_check_;

/* The same when only each mount's destination is to be looked at. */
int spec_load_mount_places(const char *text, size_t length, const char *name,
			   struct arena *arena, const struct spec_mount_list **ret_list,
			   struct error *err) _must_check_;

/* The same for a file that holds only a process object (exec --process); @name is its name in errors. */
int spec_load_process(const char *text, size_t length, const char *name, struct arena *arena,
		      const struct spec_process **ret_process, struct error *err) _must_check_;

/* The same for a file that holds only a resources object (update --resources). */
int spec_load_resources(const char *text, size_t length, const char *name, struct arena *arena,
			const struct spec_resources **ret_resources,
			struct error *err) _must_check_;

/* The hooks object of a document that was parsed before (the state record, whose hooks have
 * config.json's form). @value: may be NULL: *ret_hooks is NULL then. Strings are shared with @value. */
int spec_read_hooks(const struct json_value *value, const char *name, struct arena *arena,
		    const struct spec_hooks **ret_hooks, struct error *err) _must_check_;

/* Writes the hooks back as an object that spec_read_hooks() reads. NULL writes an empty object. */
void spec_write_hooks(const struct spec_hooks *hooks, struct json_writer *writer);

/* The resources object of a document that was parsed before (the state record), as spec_read_hooks(). */
int spec_read_resources(const struct json_value *value, const char *name, struct arena *arena,
			const struct spec_resources **ret_resources,
			struct error *err) _must_check_;

/* Writes the resources back as an object that spec_read_resources() reads. NULL writes an empty object. */
void spec_write_resources(const struct spec_resources *resources, struct json_writer *writer);

/* What holds after @asked has been applied to what @recorded says: a property that is set in @asked replaces
 * the recorded one, the others stay. Entries of lists replace the one of the same device, page size or key;
 * only the device rules are replaced as a whole, because their order counts. A 0 counts as not set where
 * callers say so with it: memory.*, cpu.shares, cpu.quota, cpu.period and blockIO.weight (contract 7.15).
 * Both may be NULL. @ret_resources: never NULL; shares strings and lists with both. */
int spec_merge_resources(const struct spec_resources *recorded,
			 const struct spec_resources *asked, struct arena *arena,
			 const struct spec_resources **ret_resources,
			 struct error *err) _must_check_;

/* Whether two sets of device rules are the same, in the same order. */
bool spec_same_device_rules(const struct spec_resources *a, const struct spec_resources *b);

/* Writes what exec needs of a configuration later, as one object that spec_read_exec() reads: process,
 * linux.personality and linux.memoryPolicy, as they stood in config.json. @spec: of spec_load(). */
void spec_write_exec(const struct spec *spec, struct json_writer *writer);

/* Reads that object back: a spec that has nothing but these parts (process is NULL when config.json had
 * none). @value: a document that was parsed before; strings are shared with it. @name: of it, for errors. */
int spec_read_exec(const struct json_value *value, const char *name, struct arena *arena,
		   const struct spec **ret_spec, struct error *err) _must_check_;

/* ---- namespaces ---- */

/* The entry of that type, or NULL (also when @lin is NULL): the container inherits the caller's. */
const struct spec_namespace *spec_namespace_find(const struct spec_linux *lin,
						 enum spec_namespace_type type);

/* CLONE_NEW* of the type. */
uint64_t spec_namespace_flag(enum spec_namespace_type type);

/* The value of @key, or NULL. */
const char *spec_find_pair(const struct spec_pair *pairs, size_t count, const char *key);

/* config.json's name of the type: "network". */
const char *spec_namespace_name(enum spec_namespace_type type);

/* The name below /proc/PID/ns: "net". */
const char *spec_namespace_proc_name(enum spec_namespace_type type);

/* ---- sysctl ---- */

/* The file of a sysctl below /proc/sys, by sysctl(8)'s rule: the first separator of the name, '.' or '/',
 * separates directories, the other one is swapped: "net.ipv4.conf.eth0/1.forwarding" is
 * "net/ipv4/conf/eth0.1/forwarding". In the arena; NULL when there is no memory. */
char *spec_sysctl_path(struct arena *arena, const char *name);

/* ---- vocabularies: also for `features` ---- */

enum spec_vocabulary {
	SPEC_WORDS_NAMESPACE, /* enum spec_namespace_type */
	SPEC_WORDS_RLIMIT, /* RLIMIT_* */
	SPEC_WORDS_SCHEDULER_POLICY, /* SCHED_* */
	SPEC_WORDS_SCHEDULER_FLAG, /* SCHED_FLAG_* */
	SPEC_WORDS_IO_CLASS, /* IOPRIO_CLASS_* */
	SPEC_WORDS_DEVICE_TYPE, /* S_IF* */
	SPEC_WORDS_PROPAGATION, /* MS_* */
	SPEC_WORDS_PERSONALITY, /* PER_* */
	SPEC_WORDS_MEMORY_MODE, /* MPOL_* */
	SPEC_WORDS_MEMORY_FLAG, /* MPOL_F_* */
	SPEC_WORDS_SECCOMP_ACTION, /* enum spec_seccomp_action */
	SPEC_WORDS_SECCOMP_OPERATOR, /* enum spec_seccomp_operator */
	SPEC_WORDS_SECCOMP_FLAG, /* SECCOMP_FILTER_FLAG_* */
	SPEC_VOCABULARIES,
};

struct spec_words {
	size_t count;
	const struct table_entry *entries;
};

/* The words of one vocabulary, in the specification's order. */
const struct spec_words *spec_words(enum spec_vocabulary vocabulary);
