/* The layers of an overlay, one fsconfig() each: no page-sized option string limits their number (the
 * kernel's own limit is 500) and no character of a path needs escaping. "lowerdir+" is Linux 6.7; by
 * descriptor it is 6.13, below that by path, which the plan has decided (layers_by_path). */
#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "kernel/mountfd.h"
#include "rootfs/operation.h"

static const char *layer_key(enum plan_layer_kind kind)
{
	switch (kind) {
	case PLAN_LAYER_LOWER:
		return "lowerdir+";
	case PLAN_LAYER_DATA:
		return "datadir+";
	case PLAN_LAYER_UPPER:
		return "upperdir";
	case PLAN_LAYER_WORK:
		return "workdir";
	}
	return "";
}

static int set_layer(int context, const struct plan_layer *layer, bool by_path,
		     struct error *err)
{
	const char *key = layer_key(layer->kind);
	_cleanup_fd_ int fd = -1;
	char log[512];
	int r;

	fd = openat(AT_FDCWD, layer->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return op_failed(err, errno, "open the overlay's %s \"%s\"", key, layer->path);
	r = by_path ? mountfd_set_string(context, key, layer->path)
		    : mountfd_set_fd(context, key, fd);
	if (r == 0)
		return 0;
	mountfd_log(context, log, sizeof log);
	op_failed(err, -r, "set the overlay's %s \"%s\"", key, layer->path);
	return log[0] ? error_hint(err, " (%s)", log) : r;
}

int overlay_set_layers(int context, const struct plan_op *op, struct error *err)
{
	size_t i;
	int r;

	for (i = 0; i < op->n_layers; i++) {
		r = set_layer(context, &op->layers[i], op->layers_by_path, err);
		if (r < 0)
			return r;
	}
	return 0;
}
