/* The operations on the root as JSON. Each operation shows only what its kind has; the flags of a mount
 * are printed by the names that mount options have, because these are what its reader knows. The atime
 * mode is one field of three values, so it is a member of its own. */
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "kernel/uapi.h"
#include "plan/print.h"

static const char *const op_kinds[] = {
	[PLAN_OP_MOUNT] = "mount",
	[PLAN_OP_BIND] = "bind",
	[PLAN_OP_REMOUNT] = "remount",
	[PLAN_OP_CGROUP] = "cgroup",
	[PLAN_OP_DEVICE] = "device",
	[PLAN_OP_SYMLINK] = "symlink",
	[PLAN_OP_PTMX] = "ptmx",
	[PLAN_OP_CONSOLE] = "console",
	[PLAN_OP_SEAL] = "seal",
	[PLAN_OP_READONLY_PATH] = "readonlyPath",
	[PLAN_OP_MASKED_PATH] = "maskedPath",
	[PLAN_OP_ROOT_READONLY] = "rootReadonly",
};

static const struct table_entry attribute_names[] = {
	{ "rdonly", TARE_MOUNT_ATTR_RDONLY },
	{ "nosuid", TARE_MOUNT_ATTR_NOSUID },
	{ "nodev", TARE_MOUNT_ATTR_NODEV },
	{ "noexec", TARE_MOUNT_ATTR_NOEXEC },
	{ "nodiratime", TARE_MOUNT_ATTR_NODIRATIME },
	{ "nosymfollow", TARE_MOUNT_ATTR_NOSYMFOLLOW },
};

static const struct table_entry atime_names[] = {
	{ "relatime", TARE_MOUNT_ATTR_RELATIME },
	{ "noatime", TARE_MOUNT_ATTR_NOATIME },
	{ "strictatime", TARE_MOUNT_ATTR_STRICTATIME },
};

static const struct table_entry propagation_names[] = {
	{ "shared", MS_SHARED },
	{ "slave", MS_SLAVE },
	{ "private", MS_PRIVATE },
	{ "unbindable", MS_UNBINDABLE },
};

static void print_propagation(struct json_writer *writer, const char *key, uint64_t value)
{
	if (value)
		json_key_string(
			writer, key,
			table_name(propagation_names, ELEMENTS_OF(propagation_names), value));
}

static void print_flags(struct json_writer *writer, const char *key, uint64_t flags)
{
	size_t i;

	flags &= ~(uint64_t)TARE_MOUNT_ATTR__ATIME;
	if (!flags)
		return;
	json_key(writer, key);
	json_array_begin(writer);
	for (i = 0; i < ELEMENTS_OF(attribute_names); i++)
		if (flags & attribute_names[i].value)
			json_string(writer, attribute_names[i].name);
	json_array_end(writer);
}

static void print_atime(struct json_writer *writer, const char *key, uint64_t set,
			uint64_t clear)
{
	if (clear & TARE_MOUNT_ATTR__ATIME)
		json_key_string(writer, key,
				table_name(atime_names, ELEMENTS_OF(atime_names),
					   set & TARE_MOUNT_ATTR__ATIME));
}

static void print_attributes(const struct plan_attributes *a, struct json_writer *writer)
{
	if (!(a->set | a->clear | a->recursive_set | a->recursive_clear | a->propagation))
		return;
	json_key(writer, "attributes");
	json_object_begin(writer);
	print_flags(writer, "set", a->set);
	print_flags(writer, "clear", a->clear);
	print_atime(writer, "atime", a->set, a->clear);
	print_flags(writer, "recursiveSet", a->recursive_set);
	print_flags(writer, "recursiveClear", a->recursive_clear);
	print_atime(writer, "recursiveAtime", a->recursive_set, a->recursive_clear);
	print_propagation(writer, "propagation", a->propagation);
	plan_print_true(writer, "propagationRecursive", a->propagation_recursive);
	json_object_end(writer);
}

static void print_fs_options(const struct plan_op *op, struct json_writer *writer)
{
	size_t i;

	if (op->n_fs_options == 0)
		return;
	json_key(writer, "fsOptions");
	json_array_begin(writer);
	for (i = 0; i < op->n_fs_options; i++) {
		json_object_begin(writer);
		json_key_string(writer, "key", op->fs_options[i].key);
		plan_print_text(writer, "value", op->fs_options[i].value);
		json_object_end(writer);
	}
	json_array_end(writer);
}

static void print_layers(size_t n, const struct plan_layer *layers, struct json_writer *writer)
{
	static const char *const kinds[] = {
		[PLAN_LAYER_LOWER] = "lower",
		[PLAN_LAYER_DATA] = "data",
		[PLAN_LAYER_UPPER] = "upper",
		[PLAN_LAYER_WORK] = "work",
	};
	size_t i;

	if (n == 0)
		return;
	json_key(writer, "layers");
	json_array_begin(writer);
	for (i = 0; i < n; i++) {
		json_object_begin(writer);
		json_key_string(writer, kinds[layers[i].kind], layers[i].path);
		json_object_end(writer);
	}
	json_array_end(writer);
}

static void print_idmap(const struct plan_idmap *idmap, struct json_writer *writer)
{
	if (idmap->kind == PLAN_IDMAP_NONE)
		return;
	json_key(writer, "idmap");
	json_object_begin(writer);
	json_key_string(writer, "of", idmap->kind == PLAN_IDMAP_OWN ? "mount" : "container");
	plan_print_true(writer, "recursive", idmap->recursive);
	plan_print_text(writer, "uidMap", idmap->uid_map);
	plan_print_text(writer, "gidMap", idmap->gid_map);
	json_object_end(writer);
}

static void print_device(const struct plan_device *device, struct json_writer *writer)
{
	char mode[16];

	json_key(writer, "device");
	json_object_begin(writer);
	json_key_string(writer, "type",
			device->type == S_IFCHR	  ? "c"
			: device->type == S_IFBLK ? "b"
						  : "p");
	json_key_uint(writer, "major", device->major);
	json_key_uint(writer, "minor", device->minor);
	snprintf(mode, sizeof mode, "%04o", device->mode);
	json_key_string(writer, "mode", mode);
	json_key_uint(writer, "uid", device->uid);
	json_key_uint(writer, "gid", device->gid);
	plan_print_true(writer, "bind", device->bind);
	json_object_end(writer);
}

static void print_op(const struct plan_op *op, struct json_writer *writer)
{
	json_object_begin(writer);
	json_key_string(writer, "op", op_kinds[op->kind]);
	json_key_string(writer, "where", op->where);
	json_key_string(writer, "target", op->target);
	plan_print_text(writer, "type", op->type);
	plan_print_text(writer, "source", op->source);
	plan_print_true(writer, "recursive", op->recursive);
	plan_print_true(writer, "copyUp", op->copy_up);
	plan_print_true(writer, "noFollowTarget", op->no_follow_target);
	plan_print_true(writer, "iversion", op->iversion);
	if (op->opened >= 0)
		json_key_int(writer, "opened", op->opened);
	print_fs_options(op, writer);
	print_layers(op->n_layers, op->layers, writer);
	plan_print_true(writer, "layersByPath", op->layers_by_path);
	print_attributes(&op->attributes, writer);
	print_idmap(&op->idmap, writer);
	if (op->kind == PLAN_OP_DEVICE)
		print_device(&op->device, writer);
	json_object_end(writer);
}

static void print_ops(const char *key, size_t n, const struct plan_op *ops,
		      struct json_writer *writer)
{
	size_t i;

	json_key(writer, key);
	json_array_begin(writer);
	for (i = 0; i < n; i++)
		print_op(&ops[i], writer);
	json_array_end(writer);
}

static const char *mode_name(enum plan_ns_mode mode)
{
	return mode == PLAN_NS_NEW ? "new" : mode == PLAN_NS_JOIN ? "join" : "inherit";
}

void plan_print_rootfs(const struct plan_rootfs *rootfs, struct json_writer *writer)
{
	json_object_begin(writer);
	json_key_string(writer, "path", rootfs->path);
	plan_print_true(writer, "readonly", rootfs->readonly);
	print_layers(rootfs->n_layers, rootfs->layers, writer);
	plan_print_true(writer, "layersByPath", rootfs->layers_by_path);
	plan_print_true(writer, "layersByName", rootfs->layers_by_name);
	plan_print_true(writer, "layersUserXattr", rootfs->layers_userxattr);
	json_key_string(writer, "mountNamespace", mode_name(rootfs->mount_ns));
	json_key_string(writer, "place",
			rootfs->place == PLAN_DETACHED ? "detached" : "attached");
	if (rootfs->place == PLAN_DETACHED)
		json_key_uint(writer, "opsOutside", rootfs->n_outside);
	plan_print_true(writer, "entersNamespace", rootfs->entrance == PLAN_ENTER_NAMESPACE);
	plan_print_true(writer, "noPivot", rootfs->no_pivot);
	plan_print_true(writer, "hooksSeeHostTree", rootfs->hooks_see_host_tree);
	print_propagation(writer, "hostPropagation", rootfs->host_propagation);
	print_propagation(writer, "rootPropagation", rootfs->root_propagation);
	plan_print_true(writer, "rootPropagationRecursive", rootfs->root_propagation_recursive);
	plan_print_true(writer, "inUserNamespace", rootfs->in_userns);
	plan_print_text(writer, "mountLabel", rootfs->mount_label);
	if (rootfs->mount_label)
		plan_print_text(writer, "mountContextType", rootfs->mount_context_type);
	json_key_uint(writer, "openedSources", rootfs->n_opened);
	print_ops("ops", rootfs->n_ops, rootfs->ops, writer);
	print_ops("finish", rootfs->n_finish, rootfs->finish, writer);
	json_object_end(writer);
}
