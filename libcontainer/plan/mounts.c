/* mounts[] as operations. What a mount is, its options decide, not its type: bind or rbind makes a bind
 * mount (spec 78). A tmpfs that is to be read-only is made writable and sealed at the end, because mount
 * points, device nodes and copied-up files have to be made in it first. The flag "ro" of a mount concerns
 * that mount alone; a file system with a store of its own is also asked not to write to it. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/trace.h"
#include "kernel/uapi.h"
#include "plan/options.h"
#include "plan/root.h"

/* File systems without a store. Of many there is but one instance, the host's: an option for the file
 * system itself, such as ro, would change it for the host. */
static const char *const virtual_types[] = {
	"binfmt_misc", "bpf",	    "cgroup",	"cgroup2", "configfs",	"debugfs",
	"devpts",      "devtmpfs",  "efivarfs", "fusectl", "hugetlbfs", "mqueue",
	"nfsd",	       "proc",	    "pstore",	"ramfs",   "resctrl",	"rpc_pipefs",
	"securityfs",  "selinuxfs", "sysfs",	"tmpfs",   "tracefs",
};

static bool is_type(const char *type, const char *name)
{
	return type && strcmp(type, name) == 0;
}

static bool is_virtual(const char *type)
{
	size_t i;

	for (i = 0; i < ELEMENTS_OF(virtual_types); i++)
		if (is_type(type, virtual_types[i]))
			return true;
	return false;
}

/* A new file system is a tree of one mount: what is meant for the tree is meant for it. */
static void fold_recursive(struct plan_attributes *a)
{
	a->set |= a->recursive_set & ~a->clear;
	a->clear |= a->recursive_clear & ~a->set;
	if (a->recursive_clear & TARE_MOUNT_ATTR__ATIME)
		a->clear |= TARE_MOUNT_ATTR__ATIME;
	a->recursive_set = a->recursive_clear = 0;
}

static bool wants_readonly(const struct plan_attributes *a)
{
	return (a->set & TARE_MOUNT_ATTR_RDONLY) != 0;
}

/* Spec 93, 94, 97: the mount's own mappings, also without an option; else the container's. */
static int plan_idmap_of(const struct plan_builder *b, const struct spec_mount *mount,
			 const struct plan_mount_options *o, struct plan_idmap *ret_idmap,
			 struct error *err)
{
	*ret_idmap = (struct plan_idmap){ .recursive = o->idmap && o->idmap_recursive };
	if (!o->idmap && mount->n_uid_mappings == 0)
		return 0;
	if (!o->bind || o->remount)
		return error_set(err, ENOTSUP,
				 "id-mapped mounts are only supported for bind mounts");
	if (mount->n_uid_mappings > 0) {
		ret_idmap->kind = PLAN_IDMAP_OWN;
		ret_idmap->uid_map = plan_id_map_text(b->arena, mount->uid_mappings,
						      mount->n_uid_mappings);
		ret_idmap->gid_map = plan_id_map_text(b->arena, mount->gid_mappings,
						      mount->n_gid_mappings);
		if (!ret_idmap->uid_map || !ret_idmap->gid_map)
			return error_oom(err);
		return 0;
	}
	if (!b->plan->namespaces.in_userns)
		return error_set(err, EINVAL,
				 "option %s needs uidMappings and gidMappings, or a container "
				 "with a user namespace",
				 o->idmap_recursive ? "ridmap" : "idmap");
	ret_idmap->kind = PLAN_IDMAP_CONTAINER;
	return 0;
}

/* Options that mean nothing for this kind of mount, as with mount(2): said at debug level. */
static void drop_fs_options(const struct plan_mount_options *o, const char *where)
{
	size_t i;

	for (i = 0; i < o->n_fs_options; i++)
		trace_debug("%s: option %s is for a file system and means nothing here", where,
			    o->fs_options[i].key);
	for (i = 0; i < PLAN_SUPER_FLAGS; i++)
		if (o->super_set & (1U << i))
			trace_debug("%s: option %s is for a file system and means nothing here",
				    where, plan_super_flag_word((enum plan_super_flag)i, true));
}

static int add_option(struct arena *arena, struct plan_op *op, struct plan_fs_option *options,
		      struct plan_fs_option option, struct error *err)
{
	options = arena_grow(arena, options, op->n_fs_options, sizeof *options);
	if (!options)
		return error_oom(err);
	options[op->n_fs_options++] = option;
	op->fs_options = options;
	return 0;
}

/* The options for the file system: its own in their order, then the flags that all have. A flag that was
 * cleared needs a word only when the file system is there already (@change). */
static int fs_options(const struct plan_builder *b, const struct plan_mount_options *o,
		      bool change, struct plan_op *op, struct error *err)
{
	struct plan_fs_option *options = o->fs_options;
	const char *word;
	unsigned i;
	int r = 0;

	op->n_fs_options = o->n_fs_options;
	op->fs_options = options;
	for (i = 0; i < PLAN_SUPER_FLAGS && r >= 0; i++) {
		word = NULL;
		if (o->super_set & (1U << i))
			word = plan_super_flag_word((enum plan_super_flag)i, true);
		else if (change && (o->super_cleared & (1U << i)))
			word = plan_super_flag_word((enum plan_super_flag)i, false);
		if (word)
			r = add_option(b->arena, op, (struct plan_fs_option *)op->fs_options,
				       (struct plan_fs_option){ word, NULL }, err);
	}
	return r;
}

static int plan_bind(struct plan_root_builder *root, const struct spec_mount *mount,
		     const struct plan_mount_options *o, struct plan_op *op, struct error *err)
{
	op->kind = PLAN_OP_BIND;
	op->recursive = o->bind_recursive;
	op->source = path_join(root->b->arena, root->b->options->bundle, mount->source);
	if (!op->source)
		return error_oom(err);
	op->opened = (int)root->n_opened++;
	/* no file system to give it to: refused, as runc does; mount(8) would drop it in silence */
	if (o->n_fs_options > 0)
		return error_set(
			err, EINVAL,
			"unknown option \"%s%s%s\" (a bind mount takes no options of a "
			"file system)",
			o->fs_options[0].key, o->fs_options[0].value ? "=" : "",
			o->fs_options[0].value ? o->fs_options[0].value : "");
	drop_fs_options(o, op->where);
	return 0;
}

/* Without a cgroup namespace, or in the host's, a cgroup2 mount would show the host's whole hierarchy, so the container
 * gets its own cgroup, which may never be writable then (CVE-2023-25809). Kernel fact: a mount that is made in the
 * initial cgroup namespace also takes from the host's own what it was mounted with, such as nsdelegate
 * (apply_cgroup_root_flags() in kernel/cgroup/cgroup.c). */
static void plan_cgroup_mount(struct plan_root_builder *root,
			      const struct plan_mount_options *o, struct plan_op *op)
{
	op->kind = PLAN_OP_CGROUP;
	op->type = "cgroup2";
	drop_fs_options(o, op->where);
	if (root->b->plan->namespaces.of[SPEC_NAMESPACE_CGROUP].mode != PLAN_NS_INHERIT &&
	    !root->b->options->initial_cgroup_namespace)
		return;
	op->attributes.set |= TARE_MOUNT_ATTR_RDONLY;
	op->attributes.clear &= ~(uint64_t)TARE_MOUNT_ATTR_RDONLY;
	op->opened = (int)root->n_opened++;
}

/* Notes that the mount which is about to be appended becomes read-only at the end. */
static int add_seal(struct plan_root_builder *root, struct plan_op *op, struct error *err)
{
	struct plan_seal *grown = arena_grow(root->b->arena, root->seals, root->n_seals,
					     sizeof *grown);

	if (!grown)
		return error_oom(err);
	root->seals = grown;
	grown[root->n_seals++] = (struct plan_seal){
		.op = {
			.kind = PLAN_OP_SEAL,
			.where = op->where,
			.target = op->target,
			.opened = -1,
			.attributes.set = TARE_MOUNT_ATTR_RDONLY,
		},
		.mount = root->n_ops,
	};
	op->attributes.set &= ~(uint64_t)TARE_MOUNT_ATTR_RDONLY;
	return 0;
}

static int plan_new_mount(struct plan_root_builder *root, const struct spec_mount *mount,
			  const struct plan_mount_options *o, struct plan_op *op,
			  struct error *err)
{
	const struct plan_builder *b = root->b;
	bool readonly = wants_readonly(&op->attributes);
	int r;

	if (is_type(mount->type, "bind"))
		return error_set(err, EINVAL,
				 "type \"bind\" needs the option bind or rbind as well");
	op->kind = PLAN_OP_MOUNT;
	op->source = mount->source;
	op->iversion = o->iversion;
	op->copy_up = o->copy_up;
	op->no_follow_target = is_type(mount->type, "proc") || is_type(mount->type, "sysfs");
	r = fs_options(b, o, false, op, err);
	if (r < 0)
		return r;
	if (readonly && !is_virtual(mount->type)) {
		r = add_option(b->arena, op, (struct plan_fs_option *)op->fs_options,
			       (struct plan_fs_option){ "ro", NULL }, err);
		if (r < 0)
			return r;
	}
	if (is_type(mount->type, "overlay") && b->caps->overlay_append)
		return plan_overlay_layers(b, op, err);
	if (readonly && is_type(mount->type, "tmpfs"))
		return add_seal(root, op, err);
	return 0;
}

static int plan_mount(struct plan_root_builder *root, const struct spec_mount *mount,
		      struct plan_op *op, struct error *err)
{
	const struct plan_builder *b = root->b;
	struct plan_mount_options o;
	char *target;
	int r;

	target = arena_printf(b->arena, "/%s", mount->destination);
	if (target)
		target = path_clean(b->arena, target);
	if (!target)
		return error_oom(err);
	op->target = target;
	op->type = mount->type;
	op->opened = -1;
	r = plan_read_options(b->arena, mount, &o, err);
	if (r < 0)
		return r;
	op->attributes = o.attributes;
	r = plan_idmap_of(b, mount, &o, &op->idmap, err);
	if (r < 0)
		return r;
	if (o.copy_up && (o.bind || o.remount || !is_type(mount->type, "tmpfs")))
		return error_set(err, EINVAL, "option tmpcopyup is for a tmpfs only");
	if (o.remount) {
		op->kind = PLAN_OP_REMOUNT;
		if (!o.bind)
			return fs_options(b, &o, true, op, err);
		drop_fs_options(&o, op->where);
		return 0;
	}
	if (o.bind)
		return plan_bind(root, mount, &o, op, err);
	fold_recursive(&op->attributes);
	if (is_type(mount->type, "cgroup") || is_type(mount->type, "cgroup2")) {
		plan_cgroup_mount(root, &o, op);
		return 0;
	}
	return plan_new_mount(root, mount, &o, op, err);
}

int plan_mounts(struct plan_root_builder *root, struct error *err)
{
	const struct spec *spec = root->b->spec;
	const struct spec_mount *mount;
	struct plan_op op;
	size_t i;
	int r;

	for (i = 0; i < spec->n_mounts; i++) {
		mount = &spec->mounts[i];
		op = (struct plan_op){
			.where = arena_printf(root->b->arena, "mounts[%zu] (%s -> %s)", i,
					      mount->source ? mount->source
					      : mount->type ? mount->type
							    : "none",
					      mount->destination),
		};
		if (!op.where)
			return error_oom(err);
		r = plan_mount(root, mount, &op, err);
		if (r < 0)
			return error_at(err, "%s", op.where);
		r = plan_add_op(root, &op, err);
		if (r < 0)
			return r;
	}
	return 0;
}
