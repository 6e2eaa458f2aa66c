/* features: what this build can do, decided when it is compiled and not by the host (spec:258). What is
 * refused as "not supported yet" is false here; a list holds what is recognised, so words of the decoder's own
 * tables are taken from there. */
#include "base/cleanup.h"
#include "cgroup/unit.h"
#include "config.h"
#include "plan/plan.h"
#include "process/netdev.h"
#include "seccomp/seccomp.h"
#include "spec/spec.h"
#include "verbs/verbs.h"

#define OCI_VERSION_MIN "1.0.0"

static const char *const hooks[] = { "prestart",       "createRuntime", "createContainer",
				     "startContainer", "poststart",	"poststop" };

/* include/uapi/linux/capability.h, in the kernel's order */
static const char *const capabilities[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

static void write_strings(struct json_writer *writer, const char *key,
			  const char *const *strings, size_t count)
{
	size_t i;

	json_key(writer, key);
	json_array_begin(writer);
	for (i = 0; i < count; i++)
		json_string(writer, strings[i]);
	json_array_end(writer);
}

static void write_words(struct json_writer *writer, const char *key,
			enum spec_vocabulary vocabulary)
{
	const struct spec_words *words = spec_words(vocabulary);
	size_t i;

	json_key(writer, key);
	json_array_begin(writer);
	for (i = 0; i < words->count; i++)
		json_string(writer, words->entries[i].name);
	json_array_end(writer);
}

/* An object with the one member that says whether a section has a mechanism. */
static void write_enabled(struct json_writer *writer, const char *key, bool enabled)
{
	json_key(writer, key);
	json_object_begin(writer);
	json_key_bool(writer, "enabled", enabled);
	json_object_end(writer);
}

static void write_mount_options(struct json_writer *writer)
{
	const char *name;
	size_t i;

	json_key(writer, "mountOptions");
	json_array_begin(writer);
	for (i = 0; (name = plan_mount_option_name(i)) != NULL; i++)
		json_string(writer, name);
	json_array_end(writer);
}

static void write_cgroup(struct json_writer *writer)
{
	json_key(writer, "cgroup");
	json_object_begin(writer);
	json_key_bool(writer, "v1", false);
	json_key_bool(writer, "v2", true);
	json_key_bool(writer, "systemd", unit_supported());
	json_key_bool(writer, "systemdUser", unit_supported());
	json_key_bool(writer, "rdma", true);
	json_object_end(writer);
}

static void write_linux(struct json_writer *writer, const char *version)
{
	json_key(writer, "linux");
	json_object_begin(writer);
	write_words(writer, "namespaces", SPEC_WORDS_NAMESPACE);
	write_strings(writer, "capabilities", capabilities, ELEMENTS_OF(capabilities));
	write_cgroup(writer);
	json_key(writer, "seccomp");
	json_object_begin(writer);
	json_key_bool(writer, "enabled", *version != '\0');
	seccomp_features(writer);
	json_object_end(writer);
	write_enabled(writer, "apparmor", true);
	write_enabled(writer, "selinux", true);
	json_key(writer, "intelRdt");
	json_object_begin(writer);
	json_key_bool(writer, "enabled", true);
	json_key_bool(writer, "schemata", true);
	json_key_bool(writer, "monitoring", true);
	json_object_end(writer);
	json_key(writer, "mountExtensions");
	json_object_begin(writer);
	write_enabled(writer, "idmap", true);
	json_object_end(writer);
	write_enabled(writer, "netDevices", netdev_supported());
	json_key(writer, "memoryPolicy");
	json_object_begin(writer);
	write_words(writer, "modes", SPEC_WORDS_MEMORY_MODE);
	write_words(writer, "flags", SPEC_WORDS_MEMORY_FLAG);
	json_object_end(writer);
	json_object_end(writer);
}

/* Names that callers know from runc and look for. */
static void write_annotations(struct json_writer *writer, const char *version)
{
	json_key(writer, "annotations");
	json_object_begin(writer);
	if (*version)
		json_key_string(writer, "io.github.seccomp.libseccomp.version", version);
	json_key_string(writer, "org.opencontainers.runc.checkpoint.enabled",
			verb_can_checkpoint() ? "true" : "false");
	json_key_string(writer, "org.opencontainers.runc.commit", TARE_COMMIT);
	json_key_string(writer, "org.opencontainers.runc.version", TARE_VERSION);
	json_object_end(writer);
}

void verb_features(struct json_writer *writer)
{
	/* Said also while some have no effect yet: a caller that keeps them from strangers is right to. */
	static const char *const unsafe[] = { "bundle", "org.systemd.property.",
					      "org.criu.config", "io.tare.root.", "run.oci." };
	char version[32]; /* of libseccomp; empty: this build has none */

	seccomp_library_version(version, sizeof version);
	json_object_begin(writer);
	json_key_string(writer, "ociVersionMin", OCI_VERSION_MIN);
	json_key_string(writer, "ociVersionMax", SPEC_VERSION);
	write_strings(writer, "hooks", hooks, ELEMENTS_OF(hooks));
	write_mount_options(writer);
	write_linux(writer, version);
	write_annotations(writer, version);
	write_strings(writer, "potentiallyUnsafeConfigAnnotations", unsafe,
		      ELEMENTS_OF(unsafe));
	json_object_end(writer);
}
