/* The configuration to start from: a shell on a terminal with the namespaces, mounts, masked and read-only
 * paths that users of `runc spec` expect. It gives three capabilities and lets none be inherited: a non-empty
 * inheritable set hands capabilities to whatever a program executes (CVE-2022-24769 and its siblings). */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/spec.h"
#include "verbs/verbs.h"

static void write_strings(struct json_writer *writer, const char *key,
			  const char *const *strings)
{
	json_key(writer, key);
	json_array_begin(writer);
	for (; *strings; strings++)
		json_string(writer, *strings);
	json_array_end(writer);
}

static void write_process(struct json_writer *writer)
{
	static const char *const args[] = { "sh", NULL };
	static const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"TERM=xterm",
		NULL,
	};
	static const char *const capabilities[] = { "CAP_AUDIT_WRITE", "CAP_KILL",
						    "CAP_NET_BIND_SERVICE", NULL };

	json_key(writer, "process");
	json_object_begin(writer);
	json_key_bool(writer, "terminal", true);
	json_key(writer, "user");
	json_object_begin(writer);
	json_key_uint(writer, "uid", 0);
	json_key_uint(writer, "gid", 0);
	json_object_end(writer);
	write_strings(writer, "args", args);
	write_strings(writer, "env", env);
	json_key_string(writer, "cwd", "/");
	json_key(writer, "capabilities");
	json_object_begin(writer);
	write_strings(writer, "bounding", capabilities);
	write_strings(writer, "effective", capabilities);
	write_strings(writer, "permitted", capabilities);
	json_object_end(writer);
	json_key(writer, "rlimits");
	json_array_begin(writer);
	json_object_begin(writer);
	json_key_string(writer, "type", "RLIMIT_NOFILE");
	json_key_uint(writer, "hard", 1024);
	json_key_uint(writer, "soft", 1024);
	json_object_end(writer);
	json_array_end(writer);
	json_key_bool(writer, "noNewPrivileges", true);
	json_object_end(writer);
}

struct mount {
	const char *destination, *type, *source;
	const char *options[7];
	bool privileged; /* cannot be made with the caller's own id alone */
};

/* The group that ptys belong to; without a mapping for it devpts refuses the option. */
#define GROUP_TTY "gid=5"

static const struct mount mounts[] = {
	{ "/proc", "proc", "proc", { NULL }, false },
	{ "/dev",
	  "tmpfs",
	  "tmpfs",
	  { "nosuid", "strictatime", "mode=755", "size=65536k" },
	  false },
	{ "/dev/pts",
	  "devpts",
	  "devpts",
	  { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", GROUP_TTY },
	  false },
	{ "/dev/shm",
	  "tmpfs",
	  "shm",
	  { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k" },
	  false },
	{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" }, false },
	{ "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" }, true },
	{ "/sys/fs/cgroup",
	  "cgroup",
	  "cgroup",
	  { "nosuid", "noexec", "nodev", "relatime", "ro" },
	  true },
};

/* sysfs belongs to a network namespace, and only who owns that may mount it: so it is the host's, with all that
 * is mounted below it. */
static const struct mount host_sys = {
	"/sys", "none", "/sys", { "rbind", "nosuid", "noexec", "nodev", "ro" }, false,
};

static void write_mount(struct json_writer *writer, const struct mount *mount, bool rootless)
{
	size_t i;

	json_object_begin(writer);
	json_key_string(writer, "destination", mount->destination);
	json_key_string(writer, "type", mount->type);
	json_key_string(writer, "source", mount->source);
	if (mount->options[0]) {
		json_key(writer, "options");
		json_array_begin(writer);
		for (i = 0; i < ELEMENTS_OF(mount->options) && mount->options[i]; i++)
			if (!rootless || strcmp(mount->options[i], GROUP_TTY) != 0)
				json_string(writer, mount->options[i]);
		json_array_end(writer);
	}
	json_object_end(writer);
}

static void write_mounts(struct json_writer *writer, bool rootless)
{
	size_t i;

	json_key(writer, "mounts");
	json_array_begin(writer);
	for (i = 0; i < ELEMENTS_OF(mounts); i++)
		if (!rootless || !mounts[i].privileged)
			write_mount(writer, &mounts[i], rootless);
	if (rootless)
		write_mount(writer, &host_sys, rootless);
	json_array_end(writer);
}

/* No device may be used but those that every container gets (spec 165). */
static void write_resources(struct json_writer *writer)
{
	json_key(writer, "resources");
	json_object_begin(writer);
	json_key(writer, "devices");
	json_array_begin(writer);
	json_object_begin(writer);
	json_key_bool(writer, "allow", false);
	json_key_string(writer, "access", "rwm");
	json_object_end(writer);
	json_array_end(writer);
	json_object_end(writer);
}

/* The one id that needs no privilege to be mapped: the caller's own. */
static void write_mapping(struct json_writer *writer, const char *key, uint32_t id)
{
	json_key(writer, key);
	json_array_begin(writer);
	json_object_begin(writer);
	json_key_uint(writer, "containerID", 0);
	json_key_uint(writer, "hostID", id);
	json_key_uint(writer, "size", 1);
	json_object_end(writer);
	json_array_end(writer);
}

static void write_namespaces(struct json_writer *writer, bool rootless)
{
	static const char *const types[] = { "pid",   "network", "ipc", "uts",
					     "mount", "cgroup",	 "user" };
	size_t i;

	json_key(writer, "namespaces");
	json_array_begin(writer);
	for (i = 0; i < ELEMENTS_OF(types); i++) {
		/* without privileges a network namespace could only have a loopback */
		if (strcmp(types[i], rootless ? "network" : "user") == 0)
			continue;
		json_object_begin(writer);
		json_key_string(writer, "type", types[i]);
		json_object_end(writer);
	}
	json_array_end(writer);
}

static void write_linux(struct json_writer *writer, const struct verb_spec_options *options)
{
	static const char *const masked[] = {
		"/proc/acpi",
		"/proc/asound",
		"/proc/kcore",
		"/proc/keys",
		"/proc/latency_stats",
		"/proc/timer_list",
		"/proc/timer_stats",
		"/proc/sched_debug",
		"/sys/firmware",
		"/proc/scsi",
		NULL,
	};
	static const char *const readonly[] = { "/proc/bus",	       "/proc/fs",
						"/proc/irq",	       "/proc/sys",
						"/proc/sysrq-trigger", NULL };

	json_key(writer, "linux");
	json_object_begin(writer);
	if (options->rootless) {
		write_mapping(writer, "uidMappings", options->uid);
		write_mapping(writer, "gidMappings", options->gid);
	} else {
		write_resources(writer);
	}
	write_namespaces(writer, options->rootless);
	write_strings(writer, "maskedPaths", masked);
	write_strings(writer, "readonlyPaths", readonly);
	json_object_end(writer);
}

void verb_spec(const struct verb_spec_options *options, struct json_writer *writer)
{
	json_object_begin(writer);
	json_key_string(writer, "ociVersion", SPEC_VERSION);
	write_process(writer);
	json_key(writer, "root");
	json_object_begin(writer);
	json_key_string(writer, "path", "rootfs");
	json_key_bool(writer, "readonly", true);
	json_object_end(writer);
	json_key_string(writer, "hostname", "tare");
	write_mounts(writer, options->rootless);
	write_linux(writer, options);
	json_object_end(writer);
}
