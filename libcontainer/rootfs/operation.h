/* What the parts of this layer share: the state of one assembly, and one function for each kind of
 * operation. Each performs @op below assembly->root and returns 0 or -errno with a text that says what
 * failed; the dispatcher (assemble.c) adds the operation's target and its place in config.json. */
#pragma once

#include "rootfs/rootfs.h"

struct assembly {
	const struct plan_rootfs *plan;
	const struct rootfs_sources *sources;
	struct rootfs_owners *owners; /* outside; NULL in the container's side */
	int root; /* O_PATH, the root of the container's tree */
	/* The first mask of each kind that was attached; later ones are clones of it. Borrowed from
	 * sources, or owned (owned_null), or -1 while there is none. */
	int null_mask, owned_null, directory_mask;
	/* What the last mask or read-only path lies below, and that mount; NULL and -1. */
	const struct plan_op *above;
	int above_fd;
	/* The directory that the last nodes and links were made in, by the target of the first of them, and its descriptor;
	 * NULL and -1. Looked up once for all that follow in it, until something else is done to the tree. */
	const char *nodes_path;
	int nodes;
	/* In a container that runs: what was attached, so that it can be taken away again; else NULL. */
	struct attached *attached;
	bool cgroup_attached; /* sources->cgroup is in the tree: a further one is a clone of it */
	/* The index of the operation in plan->ops, for sources->userns. */
	size_t index;
};
#define ASSEMBLY_INIT(the_plan, the_sources)                                           \
	(struct assembly)                                                              \
	{                                                                              \
		.plan = the_plan, .sources = the_sources, .root = -1, .null_mask = -1, \
		.owned_null = -1, .directory_mask = -1, .above_fd = -1, .nodes = -1,   \
	}

/* The roots of mounts. */
struct attached {
	size_t n, size;
	int *fds; /* room for @size */
};

/* add.c: attaches @mount at @at by descriptor, and notes it down in a container that runs. Returns 0 or -errno. */
int assembly_attach(struct assembly *assembly, int mount, int at) _must_check_;

/* device.c: the directory that holds @path, as by target_open_parent(); the descriptor stays the assembly's. */
int assembly_open_parent(struct assembly *assembly, const char *path, const char **ret_name,
			 struct error *err) _must_check_;

/* assemble.c: the operations @from up to @to (not included) of @ops, in order. The umask has to be 0, so that
 * nodes and directories get the modes that they are given. */
int assembly_perform(struct assembly *assembly, const struct plan_op *ops, size_t from,
		     size_t to, struct error *err) _must_check_;
/* In a new mount namespace: what is mounted in it from here on does not reach the host. */
int assembly_part_from_host(const struct plan_rootfs *plan, struct error *err) _must_check_;
/* Opens root.path, O_PATH; with layers, the bundle when root.path does not exist. */
int assembly_open_root(const struct plan_rootfs *plan, struct error *err) _must_check_;
/* A detached clone of all that is mounted at root.path and below, or a new overlay of the plan's
 * layers. @ret_at: what was cloned, O_PATH.
 * Returns the clone's descriptor. */
int assembly_clone_root(const struct plan_rootfs *plan, int *ret_at,
			struct error *err) _must_check_;

/* outside.c: enters and leaves the namespace that the new file system of @op is to show, where that is not
 * this process's own anyway. */
int owner_enter(const struct assembly *assembly, const struct plan_op *op,
		struct error *err) _must_check_;
int owner_leave(const struct assembly *assembly, const struct plan_op *op,
		struct error *err) _must_check_;

/* Records a failed system call like error_errno(), with the kernel's word in the form that engines
 * match: its first letter is small ("no such file or directory"). Returns -code. */
int op_failed(struct error *err, int code, const char *format, ...) _printf_(3, 4);

/* Adds what the operation was (`error mounting "SRC" to rootfs at "DST"`) and where config.json asks
 * for it. Returns -err->code. */
int op_at(struct error *err, const struct plan_op *op);

/* After EACCES for @path, which is the host's: names the directory on the way to it that the caller, which is the
 * container's root user by now, may not search. Returns -err->code. */
int op_hint_search(const char *path, struct error *err);

/* Makes the file system of @op and its detached mount, which is returned.
 * @covered: the directory whose mode a tmpfs takes, or -1. @attributes: for fsmount(2).
 * -EOPNOTSUPP or -ENOSYS without a text: mount(2) has to be used. */
int filesystem_make(const struct assembly *assembly, const struct plan_op *op, int covered,
		    unsigned attributes, struct error *err) _must_check_;

/* The root as an overlay of the plan's layers.
 * @place: in the container's side what root.path names, where the overlay is attached; outside -1, and it stays
 * detached. Returns the mount. */
int layers_make_root(const struct plan_rootfs *plan, int place, struct error *err) _must_check_;

/* A new file system, by fsopen(2). */
int filesystem_perform(struct assembly *assembly, const struct plan_op *op,
		       struct error *err) _must_check_;
/* The same by mount(2), for what fsconfig(2) can't say. @target: descriptor of the place. */
int filesystem_mount2(const struct assembly *assembly, const struct plan_op *op, int target,
		      struct error *err) _must_check_;

/* linux.mountLabel: only where SELinux is active, and only on file systems that take a context. */
bool filesystem_takes_label(const struct assembly *assembly, const struct plan_op *op);

/* A bind mount of a source that was opened before. */
int bind_perform(struct assembly *assembly, const struct plan_op *op,
		 struct error *err) _must_check_;
/* Changes what is mounted at the target: flags, then the file system's own options. */
int remount_perform(struct assembly *assembly, const struct plan_op *op,
		    struct error *err) _must_check_;
/* cgroup2, or the own cgroup read-only, or an empty tmpfs. */
int cgroup_perform(struct assembly *assembly, const struct plan_op *op,
		   struct error *err) _must_check_;
/* A device node or fifo; one that is there already must be the same (spec-checklist 160). */
int device_perform(struct assembly *assembly, const struct plan_op *op,
		   struct error *err) _must_check_;
/* A link, if its source exists below the root and nothing stands there. */
int symlink_perform(struct assembly *assembly, const struct plan_op *op,
		    struct error *err) _must_check_;
/* /dev/ptmx -> pts/ptmx, in place of what is there. */
int ptmx_perform(struct assembly *assembly, const struct plan_op *op,
		 struct error *err) _must_check_;
/* Flags for a mount that had to be written to first. */
int seal_perform(struct assembly *assembly, const struct plan_op *op,
		 struct error *err) _must_check_;
/* linux.readonlyPaths: binds the path onto itself; a missing one is fine. */
int readonly_path_perform(struct assembly *assembly, const struct plan_op *op,
			  struct error *err) _must_check_;
/* linux.maskedPaths: covers the path; a missing one is fine. */
int masked_path_perform(struct assembly *assembly, const struct plan_op *op,
			struct error *err) _must_check_;
/* root.readonly: the root's own mount, none below it. */
int root_readonly_perform(struct assembly *assembly, const struct plan_op *op,
			  struct error *err) _must_check_;

/* Adds the layers of an overlay to its file system context. */
int overlay_set_layers(int context, const struct plan_op *op, struct error *err) _must_check_;

/* Copies what the directory @source holds into the new tmpfs @mount: owners, modes, times, extended
 * attributes, links, devices; never beyond the file system of @source. */
int copy_up(int source, int mount, struct error *err) _must_check_;

/* Opens the source of a bind in this process's own mount namespace: a detached clone of op->source.
 * Used by the caller, and by the container's side when the caller had not the right. */
int source_open(const struct plan_op *op, struct error *err) _must_check_;

/* A detached clone of the host's /dev/null, verified to be character device 1:3, read-only and private, so
 * that no one can change the host's node through it (security rule R-NULL). */
int source_open_null(struct error *err) _must_check_;

/* Makes a user namespace with these maps and returns its descriptor; no process stays in it.
 * @uid_map, @gid_map: texts as for /proc/PID/uid_map. */
int idmap_open_userns(const char *uid_map, const char *gid_map, struct error *err) _must_check_;

/* Id-maps the detached mount @mount. @userns: whose maps are taken. */
int idmap_apply(int mount, int userns, const struct plan_idmap *idmap,
		struct error *err) _must_check_;
