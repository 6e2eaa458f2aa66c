/* linux.sysctl: only names whose value belongs to a namespace, and only when that namespace is the
 * container's own; any other would change the host. The kernel does not draw that line for a privileged
 * writer: it takes a write to kernel.core_pattern from anywhere. */
#include "spec/decode.h"

#include <string.h>

#include "base/cleanup.h"

/* Files of /proc/sys that are an ipc namespace's: ipc/ipc_sysctl.c */
static const char *const ipc_files[] = {
	"kernel/msgmax",      "kernel/msgmnb",		"kernel/msgmni",
	"kernel/sem",	      "kernel/shmall",		"kernel/shmmax",
	"kernel/shmmni",      "kernel/shm_rmid_forced", "kernel/auto_msgmni",
	"kernel/msg_next_id", "kernel/sem_next_id",	"kernel/shm_next_id",
};

char *spec_sysctl_path(struct arena *arena, const char *name)
{
	char *path = arena_strdup(arena, name), *at;
	const char *first = strpbrk(name, "./");

	if (!path || !first || *first == '/')
		return path;
	for (at = path; *at; at++) {
		if (*at == '.')
			*at = '/';
		else if (*at == '/')
			*at = '.';
	}
	return path;
}

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* Each component a plain name, at least two: nothing that climbs out of the namespace's files. */
static bool is_clean(const char *path)
{
	size_t length, components = 0;

	for (;; path += length + 1) {
		length = strcspn(path, "/");
		if (length == 0 || (length == 1 && path[0] == '.') ||
		    (length == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		components++;
		if (path[length] == '\0')
			return components > 1;
	}
}

static bool is_ipc(const char *path)
{
	size_t i;

	for (i = 0; i < ELEMENTS_OF(ipc_files); i++)
		if (strcmp(path, ipc_files[i]) == 0)
			return true;
	return starts(path, "fs/mqueue/");
}

static void check_one(const struct place *here, const struct spec *spec, const char *key,
		      const char *path)
{
	const struct spec_linux *lin = spec->linux_;

	if (starts(path, "net/") && is_clean(path)) {
		if (!spec_namespace_find(lin, SPEC_NAMESPACE_NETWORK))
			problem(here, NULL,
				"sysctl \"%.100s\" not allowed in host network namespace", key);
		return;
	}
	if (strcmp(path, "kernel/hostname") == 0) {
		problem(here, NULL,
			"sysctl \"%s\" is not allowed as it conflicts with the OCI "
			"\"hostname\" "
			"field",
			key);
		return;
	}
	if (strcmp(path, "kernel/domainname") == 0 && spec->domainname) {
		problem(here, NULL,
			"sysctl \"%s\" is not allowed as it conflicts with the OCI "
			"\"domainname\" field",
			key);
		return;
	}
	if (is_clean(path) &&
	    ((is_ipc(path) && spec_namespace_find(lin, SPEC_NAMESPACE_IPC)) ||
	     (strcmp(path, "kernel/domainname") == 0 &&
	      spec_namespace_find(lin, SPEC_NAMESPACE_UTS)) ||
	     (starts(path, "user/") && spec_namespace_find(lin, SPEC_NAMESPACE_USER))))
		return;
	problem(here, NULL, "sysctl \"%.100s\" is not in a separate kernel namespace", key);
}

void check_sysctl(const struct place *at, const struct spec *spec)
{
	struct place section = place_member(at, "linux");
	struct place map = place_member(&section, "sysctl");
	size_t i;

	if (!spec->linux_ || !sound(&section, "namespaces") || !sound(&map, NULL))
		return;
	for (i = 0; i < spec->linux_->n_sysctl; i++) {
		const char *key = spec->linux_->sysctl[i].key;
		struct place here = place_member(&map, key);
		const char *path = spec_sysctl_path(at->decoder->arena, key);

		if (!path) {
			at->decoder->out_of_memory = true;
			return;
		}
		check_one(&here, spec, key, path);
	}
}
