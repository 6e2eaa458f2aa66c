/* Between the files that plan the root file system: the two lists of operations while they grow. */
#pragma once

#include "plan/build.h"

/* A mount that becomes read-only at the end, by what it is and where it stands in the list. */
struct plan_seal {
	struct plan_op op;
	size_t mount; /* index into the operations */
};

struct plan_root_builder {
	const struct plan_builder *b;
	size_t n_ops;
	struct plan_op *ops;
	size_t n_finish;
	struct plan_op *finish;
	size_t n_seals;
	struct plan_seal *seals;
	size_t n_opened;
};

/* Appends a copy of @op. Fails with ENOMEM. */
int plan_add_op(struct plan_root_builder *root, const struct plan_op *op,
		struct error *err) _must_check_;
int plan_add_finish(struct plan_root_builder *root, const struct plan_op *op,
		    struct error *err) _must_check_;

/* Appends an operation for each of mounts[], in order, and notes the seals. */
int plan_mounts(struct plan_root_builder *root, struct error *err) _must_check_;

/* Appends the bind mount of the service manager's socket, if there is to be one. */
int plan_notify_mount(struct plan_root_builder *root, struct error *err) _must_check_;

/* Appends the devices, links and the console. */
int plan_devices(struct plan_root_builder *root, struct error *err) _must_check_;

/* Appends to the finish: the read-only root and seals, then readonlyPaths, then maskedPaths. */
int plan_masks(struct plan_root_builder *root, struct error *err) _must_check_;

/* Takes lowerdir, upperdir, workdir, lowerdir+ and datadir+ out of the options of the overlay @op and
 * makes them its layers. */
int plan_overlay_layers(const struct plan_builder *b, struct plan_op *op,
			struct error *err) _must_check_;

/* Decides where the finished lists of operations are performed. */
void plan_place(const struct plan_builder *b);

/* Whether @path is @above or below it; both cleaned and absolute. */
bool plan_path_within(const char *path, const char *above);
