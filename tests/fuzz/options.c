/* Mount options. The first line is the type of the file system, each other one an option string of the
 * mount. What comes out contradicts itself in nothing, and goes through the plan of a whole mount. */
#include <string.h>

#include "fuzz.h"
#include "kernel/uapi.h"
#include "plan/options.h"

#define LINES_MAX 64

static void check(const struct plan_mount_options *o)
{
	const struct plan_attributes *a = &o->attributes;
	uint64_t plain = ~(uint64_t)TARE_MOUNT_ATTR__ATIME;
	size_t i;

	require((a->set & a->clear & plain) == 0);
	require((a->recursive_set & a->recursive_clear & plain) == 0);
	require((o->super_set & o->super_cleared) == 0);
	for (i = 0; i < o->n_fs_options; i++)
		require(o->fs_options[i].key);
}

static void plan(const struct spec_mount *mount, struct arena *arena)
{
	static const struct spec_namespace ns = { .type = SPEC_NAMESPACE_MOUNT };
	static const struct spec_linux lin = { .n_namespaces = 1, .namespaces = &ns };
	static const struct spec_root root = { .path = "rootfs" };
	const struct plan_options options = { .id = "c1",
					      .bundle = "/bundle",
					      .initial_userns = true };
	const struct spec spec = { .bundle = "/bundle",
				   .root = &root,
				   .n_mounts = 1,
				   .mounts = mount,
				   .linux_ = &lin };
	const struct kernel_caps caps = { .overlay_append = true };
	struct error err = ERROR_INIT;
	const struct plan *plan;
	int r;

	r = plan_build(&spec, &caps, &options, arena, &plan, &err);
	require_result(r, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	const char *lines[LINES_MAX];
	struct spec_mount mount = { .destination = "/target",
				    .source = "/source",
				    .options = lines };
	struct plan_mount_options options;
	struct error err = ERROR_INIT;
	char *text = arena_strndup(arena, (const char *)data, size), *next = NULL;
	int r;

	require(text);
	mount.type = strsep(&text, "\n");
	while (text && mount.n_options < LINES_MAX) {
		next = strsep(&text, "\n");
		lines[mount.n_options++] = next;
	}
	r = plan_read_options(arena, &mount, &options, &err);
	require(r == 0);
	check(&options);
	plan(&mount, arena);
	return 0;
}
