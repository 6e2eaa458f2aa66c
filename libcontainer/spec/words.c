/* The vocabularies of config.json: each fixed word with the number that it stands for. Numbers of the
 * kernel's ABI that the headers of an older C library lack (SCHED_FLAG_*, MPOL_WEIGHTED_INTERLEAVE,
 * IOPRIO_CLASS_*) are written out: they never change. */
#include "spec/spec.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/cleanup.h"

static const struct table_entry namespaces[] = {
	{ "pid", SPEC_NAMESPACE_PID },	     { "network", SPEC_NAMESPACE_NETWORK },
	{ "mount", SPEC_NAMESPACE_MOUNT },   { "ipc", SPEC_NAMESPACE_IPC },
	{ "uts", SPEC_NAMESPACE_UTS },	     { "user", SPEC_NAMESPACE_USER },
	{ "cgroup", SPEC_NAMESPACE_CGROUP }, { "time", SPEC_NAMESPACE_TIME },
};

/* include/uapi/linux/sched.h, and the names of the links in /proc/PID/ns */
static const struct {
	uint64_t flag;
	const char *proc_name;
} namespace_facts[] = {
	[SPEC_NAMESPACE_PID] = { 0x20000000, "pid" },
	[SPEC_NAMESPACE_NETWORK] = { 0x40000000, "net" },
	[SPEC_NAMESPACE_MOUNT] = { 0x00020000, "mnt" },
	[SPEC_NAMESPACE_IPC] = { 0x08000000, "ipc" },
	[SPEC_NAMESPACE_UTS] = { 0x04000000, "uts" },
	[SPEC_NAMESPACE_USER] = { 0x10000000, "user" },
	[SPEC_NAMESPACE_CGROUP] = { 0x02000000, "cgroup" },
	[SPEC_NAMESPACE_TIME] = { 0x00000080, "time" },
};

static const struct table_entry rlimits[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
};

/* SCHED_ISO is reserved in the kernel's header and was never implemented: the kernel refuses it. */
static const struct table_entry scheduler_policies[] = {
	{ "SCHED_OTHER", 0 },	 { "SCHED_FIFO", 1 }, { "SCHED_RR", 2 },
	{ "SCHED_BATCH", 3 },	 { "SCHED_ISO", 4 },  { "SCHED_IDLE", 5 },
	{ "SCHED_DEADLINE", 6 },
};

static const struct table_entry scheduler_flags[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", 0x01 },  { "SCHED_FLAG_RECLAIM", 0x02 },
	{ "SCHED_FLAG_DL_OVERRUN", 0x04 },     { "SCHED_FLAG_KEEP_POLICY", 0x08 },
	{ "SCHED_FLAG_KEEP_PARAMS", 0x10 },    { "SCHED_FLAG_UTIL_CLAMP_MIN", 0x20 },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 },
};

static const struct table_entry io_classes[] = {
	{ "IOPRIO_CLASS_RT", 1 },
	{ "IOPRIO_CLASS_BE", 2 },
	{ "IOPRIO_CLASS_IDLE", 3 },
};

static const struct table_entry device_types[] = {
	{ "c", S_IFCHR },
	{ "b", S_IFBLK },
	{ "u", S_IFCHR },
	{ "p", S_IFIFO },
};

/* The r-forms are not in the specification; engines write them and other runtimes take them. */
static const struct table_entry propagations[] = {
	{ "shared", MS_SHARED },
	{ "slave", MS_SLAVE },
	{ "private", MS_PRIVATE },
	{ "unbindable", MS_UNBINDABLE },
	{ "rshared", MS_SHARED | MS_REC },
	{ "rslave", MS_SLAVE | MS_REC },
	{ "rprivate", MS_PRIVATE | MS_REC },
	{ "runbindable", MS_UNBINDABLE | MS_REC },
};

static const struct table_entry personalities[] = {
	{ "LINUX", 0x0000 },
	{ "LINUX32", 0x0008 },
};

/* include/uapi/linux/mempolicy.h */
static const struct table_entry memory_modes[] = {
	{ "MPOL_DEFAULT", 0 },	  { "MPOL_BIND", 2 },
	{ "MPOL_INTERLEAVE", 3 }, { "MPOL_WEIGHTED_INTERLEAVE", 6 },
	{ "MPOL_PREFERRED", 1 },  { "MPOL_PREFERRED_MANY", 5 },
	{ "MPOL_LOCAL", 4 },
};

static const struct table_entry memory_flags[] = {
	{ "MPOL_F_NUMA_BALANCING", 1 << 13 },
	{ "MPOL_F_RELATIVE_NODES", 1 << 14 },
	{ "MPOL_F_STATIC_NODES", 1 << 15 },
};

/* SCMP_ACT_KILL is libseccomp's old name of KILL_THREAD. */
static const struct table_entry seccomp_actions[] = {
	{ "SCMP_ACT_KILL", SPEC_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SPEC_ACT_KILL_PROCESS },
	{ "SCMP_ACT_KILL_THREAD", SPEC_ACT_KILL_THREAD },
	{ "SCMP_ACT_TRAP", SPEC_ACT_TRAP },
	{ "SCMP_ACT_ERRNO", SPEC_ACT_ERRNO },
	{ "SCMP_ACT_TRACE", SPEC_ACT_TRACE },
	{ "SCMP_ACT_ALLOW", SPEC_ACT_ALLOW },
	{ "SCMP_ACT_LOG", SPEC_ACT_LOG },
	{ "SCMP_ACT_NOTIFY", SPEC_ACT_NOTIFY },
};

static const struct table_entry seccomp_operators[] = {
	{ "SCMP_CMP_NE", SPEC_CMP_NE },
	{ "SCMP_CMP_LT", SPEC_CMP_LT },
	{ "SCMP_CMP_LE", SPEC_CMP_LE },
	{ "SCMP_CMP_EQ", SPEC_CMP_EQ },
	{ "SCMP_CMP_GE", SPEC_CMP_GE },
	{ "SCMP_CMP_GT", SPEC_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SPEC_CMP_MASKED_EQ },
};

/* include/uapi/linux/seccomp.h */
static const struct table_entry seccomp_flags[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", 1 << 0 },
	{ "SECCOMP_FILTER_FLAG_LOG", 1 << 1 },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", 1 << 2 },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 1 << 5 },
};

#define WORDS(array)                        \
	{                                   \
		ELEMENTS_OF(array), (array) \
	}

static const struct spec_words vocabularies[SPEC_VOCABULARIES] = {
	[SPEC_WORDS_NAMESPACE] = WORDS(namespaces),
	[SPEC_WORDS_RLIMIT] = WORDS(rlimits),
	[SPEC_WORDS_SCHEDULER_POLICY] = WORDS(scheduler_policies),
	[SPEC_WORDS_SCHEDULER_FLAG] = WORDS(scheduler_flags),
	[SPEC_WORDS_IO_CLASS] = WORDS(io_classes),
	[SPEC_WORDS_DEVICE_TYPE] = WORDS(device_types),
	[SPEC_WORDS_PROPAGATION] = WORDS(propagations),
	[SPEC_WORDS_PERSONALITY] = WORDS(personalities),
	[SPEC_WORDS_MEMORY_MODE] = WORDS(memory_modes),
	[SPEC_WORDS_MEMORY_FLAG] = WORDS(memory_flags),
	[SPEC_WORDS_SECCOMP_ACTION] = WORDS(seccomp_actions),
	[SPEC_WORDS_SECCOMP_OPERATOR] = WORDS(seccomp_operators),
	[SPEC_WORDS_SECCOMP_FLAG] = WORDS(seccomp_flags),
};

const struct spec_words *spec_words(enum spec_vocabulary vocabulary)
{
	return &vocabularies[vocabulary];
}

const struct spec_namespace *spec_namespace_find(const struct spec_linux *lin,
						 enum spec_namespace_type type)
{
	size_t i;

	for (i = 0; lin && i < lin->n_namespaces; i++)
		if (lin->namespaces[i].type == type)
			return &lin->namespaces[i];
	return NULL;
}

uint64_t spec_namespace_flag(enum spec_namespace_type type)
{
	return namespace_facts[type].flag;
}

const char *spec_namespace_name(enum spec_namespace_type type)
{
	return table_name(namespaces, ELEMENTS_OF(namespaces), type);
}

const char *spec_namespace_proc_name(enum spec_namespace_type type)
{
	return namespace_facts[type].proc_name;
}
