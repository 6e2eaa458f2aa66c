/* Annotations that change a container. Those that begin with run.oci. are crun's and mean what its manual page
 * says, so that a configuration written for it does the same here; one that asks for another handler, such
 * as a virtual machine, is refused, because running it natively would be something else. */
#include <errno.h>
#include <linux/filter.h>
#include <string.h>

#include "base/base64.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "plan/build.h"

/* What mount(2) of SELinux takes as the name of the label's option. */
static const char *const context_types[] = { "context", "fscontext", "defcontext",
					     "rootcontext" };

static const char *find(const struct plan_builder *b, const char *name)
{
	return spec_find_pair(b->spec->annotations, b->spec->n_annotations, name);
}

/* crun takes "0" for absent, and whatever else is there for yes. */
static bool is_asked(const struct plan_builder *b, const char *name)
{
	const char *value = find(b, name);

	return value && strcmp(value, "0") != 0;
}

static int context_type(const struct plan_builder *b, const char **ret_type, struct error *err)
{
	const char *wanted = find(b, "run.oci.mount_context_type");
	size_t i;

	*ret_type = context_types[0];
	if (!wanted)
		return 0;
	for (i = 0; i < ELEMENTS_OF(context_types); i++)
		if (strcmp(wanted, context_types[i]) == 0) {
			*ret_type = context_types[i];
			return 0;
		}
	return error_set(err, EINVAL,
			 "annotations[run.oci.mount_context_type]: \"%s\" is none of context, "
			 "fscontext, defcontext and rootcontext",
			 wanted);
}

/* The filter itself. Whether its instructions make sense the kernel says when it is installed. */
static int raw_filter(const struct plan_builder *b, struct error *err)
{
	const char *text = find(b, "run.oci.seccomp_bpf_data");
	struct plan_raw_filter *filter = &b->plan->raw_filter;
	void *program;
	size_t size;
	int r;

	if (!text)
		return 0;
	r = base64_decode(text, b->arena, &program, &size);
	if (r == -ENOMEM)
		return error_oom(err);
	if (r < 0)
		return error_set(err, EINVAL,
				 "annotations[run.oci.seccomp_bpf_data]: invalid seccomp BPF "
				 "data: not base64");
	if (size == 0 || size % sizeof(struct sock_filter) ||
	    size / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return error_set(err, EINVAL,
				 "annotations[run.oci.seccomp_bpf_data]: invalid seccomp BPF "
				 "data: %zu bytes are not 1 to %d instructions of %zu",
				 size, BPF_MAXINSNS, sizeof(struct sock_filter));
	filter->program = program;
	filter->size = size;
	b->plan->seccomp = NULL;
	return 0;
}

/* A cgroup below the container's own, as a clean relative path; empty: none. */
static int sub_cgroup(const struct plan_builder *b, const char *name, const char **ret_path,
		      struct error *err)
{
	const char *path = find(b, name);

	if (!path || !*path)
		return 0;
	if (b->options->cgroup_manager == PLAN_CGROUP_DISABLED)
		return error_set(err, EINVAL,
				 "annotations[%s]: needs a cgroup, and the manager "
				 "\"disabled\" makes none",
				 name);
	if (path_has_dotdot(path))
		return error_set(err, EINVAL, "annotations[%s]: \"%s\" has a \"..\" in it",
				 name, path);
	path = path_clean(b->arena, path);
	if (!path)
		return error_oom(err);
	path += strspn(path, "/");
	if (*path && strcmp(path, ".") != 0)
		*ret_path = path;
	return 0;
}

static int sub_cgroups(const struct plan_builder *b, struct error *err)
{
	struct plan_cgroup *cgroup = &b->plan->cgroup;
	int r = 0;

	/* of a scope alone, as its name says */
	if (b->options->cgroup_manager == PLAN_CGROUP_SYSTEMD)
		r = sub_cgroup(b, "run.oci.systemd.subgroup", &cgroup->subgroup, err);
	return r < 0 ? r : sub_cgroup(b, "run.oci.delegate-cgroup", &cgroup->delegate_to, err);
}

/* Those that mean something here that tare does not do: running without it would be something else. */
static int refused(const struct plan_builder *b, struct error *err)
{
	static const char *const names[][2] = {
		{ "run.oci.seccomp.receiver", "say linux.seccomp.listenerPath" },
		{ "run.oci.seccomp.plugins", "say linux.seccomp.listenerPath" },
		{ "run.oci.systemd.force_cgroup_v1", "tare uses cgroup v2 alone" },
	};
	const char *handler = find(b, "run.oci.handler"), *value;
	size_t i;

	if (handler && *handler)
		return error_set(err, ENOTSUP,
				 "annotations[run.oci.handler]: there is no handler \"%s\"",
				 handler);
	for (i = 0; i < ELEMENTS_OF(names); i++) {
		value = find(b, names[i][0]);
		if (value && *value)
			return error_set(err, ENOTSUP, "annotations[%s]: not supported: %s",
					 names[i][0], names[i][1]);
	}
	return 0;
}

int plan_annotations(const struct plan_builder *b, struct error *err)
{
	struct plan *plan = b->plan;
	int r;

	plan->process.keep_groups = is_asked(b, "run.oci.keep_original_groups");
	plan->fail_unknown_calls = is_asked(b, "run.oci.seccomp_fail_unknown_syscall");
	r = refused(b, err);
	if (r >= 0)
		r = raw_filter(b, err);
	if (r >= 0)
		r = sub_cgroups(b, err);
	return r < 0 ? r : context_type(b, &plan->rootfs.mount_context_type, err);
}
