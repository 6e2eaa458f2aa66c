/* The layers of an overlay mount, one by one. As one string they would be limited to a page and
 * need escapes; fsconfig(2) takes each on its own ("lowerdir+", "datadir+": Linux 6.7). In the string
 * ':' separates lower layers, "::" begins those that only hold data, and a backslash takes the meaning
 * from the next character (Documentation/filesystems/overlayfs.rst). */
#include <errno.h>
#include <string.h>

#include "base/path.h"
#include "plan/root.h"

struct layers {
	struct arena *arena;
	const char *bundle; /* relative paths count from here */
	size_t n;
	struct plan_layer *list;
};

/* Appends the layer whose path is the @length characters at @text, escapes undone. */
static int add_layer(struct layers *l, enum plan_layer_kind kind, const char *text,
		     size_t length, struct error *err)
{
	struct plan_layer *grown = arena_grow(l->arena, l->list, l->n, sizeof *grown);
	char *path = arena_alloc(l->arena, length + 1);
	size_t i, n = 0;

	if (!grown || !path)
		return error_oom(err);
	l->list = grown;
	for (i = 0; i < length; i++) {
		if (text[i] == '\\' && i + 1 < length)
			i++;
		path[n++] = text[i];
	}
	if (n == 0)
		return error_set(err, EINVAL, "an overlay layer has an empty path");
	path = path_join(l->arena, l->bundle, path);
	if (!path)
		return error_oom(err);
	l->list[l->n++] = (struct plan_layer){ kind, path };
	return 0;
}

/* Later options override earlier ones: forgets the layers of these kinds. */
static void forget(struct layers *l, enum plan_layer_kind from, enum plan_layer_kind to)
{
	size_t i, n = 0;

	for (i = 0; i < l->n; i++)
		if (l->list[i].kind < from || l->list[i].kind > to)
			l->list[n++] = l->list[i];
	l->n = n;
}

static size_t layer_length(const char *text)
{
	size_t i;

	for (i = 0; text[i] && text[i] != ':'; i++)
		if (text[i] == '\\' && text[i + 1])
			i++;
	return i;
}

static int lower_layers(struct layers *l, const char *text, struct error *err)
{
	enum plan_layer_kind kind = PLAN_LAYER_LOWER;
	size_t length;
	int r;

	forget(l, PLAN_LAYER_LOWER, PLAN_LAYER_DATA);
	while (text[0]) {
		length = layer_length(text);
		r = add_layer(l, kind, text, length, err);
		if (r < 0)
			return r;
		text += length;
		if (text[0] != ':')
			break;
		text++;
		if (text[0] == ':') {
			kind = PLAN_LAYER_DATA;
			text++;
		}
	}
	return 0;
}

static int one_layer(struct layers *l, enum plan_layer_kind kind, bool replace,
		     const char *value, struct error *err)
{
	if (replace)
		forget(l, kind, kind);
	return add_layer(l, kind, value, strlen(value), err);
}

/* Returns 1 when @option names layers, 0 when it is another option. */
static int read_option(struct layers *l, const struct plan_fs_option *option, struct error *err)
{
	int r;

	if (!option->value)
		return 0;
	if (strcmp(option->key, "lowerdir") == 0)
		r = lower_layers(l, option->value, err);
	else if (strcmp(option->key, "lowerdir+") == 0)
		r = one_layer(l, PLAN_LAYER_LOWER, false, option->value, err);
	else if (strcmp(option->key, "datadir+") == 0)
		r = one_layer(l, PLAN_LAYER_DATA, false, option->value, err);
	else if (strcmp(option->key, "upperdir") == 0)
		r = one_layer(l, PLAN_LAYER_UPPER, true, option->value, err);
	else if (strcmp(option->key, "workdir") == 0)
		r = one_layer(l, PLAN_LAYER_WORK, true, option->value, err);
	else
		return 0;
	return r < 0 ? r : 1;
}

/* The kernel wants lower layers before data layers, and all in their order. */
static struct plan_layer *in_order(const struct layers *l)
{
	struct plan_layer *sorted = arena_array(l->arena, l->n, sizeof *sorted);
	size_t i, n = 0;
	int kind;

	for (kind = PLAN_LAYER_LOWER; sorted && kind <= PLAN_LAYER_WORK; kind++)
		for (i = 0; i < l->n; i++)
			if ((int)l->list[i].kind == kind)
				sorted[n++] = l->list[i];
	return sorted;
}

/* The writable layer, and the directory beside it that overlay asks for (of the same file system, and not
 * below it). */
static int writable_layer(struct layers *l, const char *path, struct error *err)
{
	struct plan_layer *upper;
	const char *work;
	int r;

	r = add_layer(l, PLAN_LAYER_UPPER, path, strlen(path), err);
	if (r < 0)
		return r;
	upper = &l->list[l->n - 1];
	upper->path = path_clean(l->arena, upper->path);
	if (!upper->path)
		return error_oom(err);
	if (strcmp(upper->path, "/") == 0)
		return error_set(err, EINVAL, "\"/\" can't be the writable layer");
	work = arena_printf(l->arena, "%s.work", upper->path);
	if (!work)
		return error_oom(err);
	return add_layer(l, PLAN_LAYER_WORK, work, strlen(work), err);
}

static int root_layers(const struct plan_builder *b, const char *lower, const char *upper,
		       struct layers *l, struct error *err)
{
	int r;

	if (!lower && upper)
		return error_set(err, EINVAL, "a writable layer without layers below it");
	r = lower_layers(l, lower, err);
	if (r >= 0 && l->n == 0)
		r = error_set(err, EINVAL, "there is no layer in \"%s\"", lower);
	if (r >= 0 && upper)
		r = writable_layer(l, upper, err);
	if (r < 0)
		return r;
	if (b->plan->namespaces.of[SPEC_NAMESPACE_MOUNT].mode != PLAN_NS_NEW)
		return error_set(err, EINVAL,
				 "takes a new mount namespace in linux.namespaces");
	return 0;
}

int plan_layers(const struct plan_builder *b, struct error *err)
{
	struct layers l = { .arena = b->arena, .bundle = b->options->bundle };
	struct plan_rootfs *rootfs = &b->plan->rootfs;
	const struct spec *spec = b->spec;
	const char *lower = spec_find_pair(spec->annotations, spec->n_annotations,
					   "io.tare.root.layers");
	const char *upper = spec_find_pair(spec->annotations, spec->n_annotations,
					   "io.tare.root.upper");
	const char *where = "annotations[io.tare.root.layers]";
	int r;

	if (b->options->layers || b->options->upper) {
		l.bundle = b->options->working_directory;
		lower = b->options->layers;
		upper = b->options->upper;
		where = "--layers";
	}
	if (!lower && !upper)
		return 0;
	r = root_layers(b, lower, upper, &l, err);
	if (r < 0)
		return error_at(err, "%s", where);
	rootfs->n_layers = l.n;
	rootfs->layers = in_order(&l);
	rootfs->bundle = b->options->bundle;
	rootfs->layers_by_name = !b->caps->overlay_append;
	rootfs->layers_by_path = !rootfs->layers_by_name && !b->caps->overlay_fd;
	rootfs->layers_userxattr = b->plan->namespaces.in_userns || !b->options->initial_userns;
	return rootfs->layers ? 0 : error_oom(err);
}

int plan_overlay_layers(const struct plan_builder *b, struct plan_op *op, struct error *err)
{
	struct layers l = { .arena = b->arena, .bundle = b->options->bundle };
	struct plan_fs_option *left;
	size_t i, n = 0;
	int r;

	left = arena_array(b->arena, op->n_fs_options, sizeof *left);
	if (!left)
		return error_oom(err);
	for (i = 0; i < op->n_fs_options; i++) {
		r = read_option(&l, &op->fs_options[i], err);
		if (r < 0)
			return r;
		if (r == 0)
			left[n++] = op->fs_options[i];
	}
	op->n_fs_options = n;
	op->fs_options = left;
	op->n_layers = l.n;
	op->layers = in_order(&l);
	op->layers_by_path = !b->caps->overlay_fd;
	if (!op->layers)
		return error_oom(err);
	return 0;
}
