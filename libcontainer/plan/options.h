/* mounts[].options, read: what each word means, independent of the kind of mount. */
#pragma once

#include "plan/plan.h"

/* Options that every file system has, as flags of its superblock. */
enum plan_super_flag {
	PLAN_SUPER_SYNC,
	PLAN_SUPER_DIRSYNC,
	PLAN_SUPER_LAZYTIME,
	PLAN_SUPER_MAND,
	PLAN_SUPER_FLAGS,
};

struct plan_mount_options {
	bool bind, bind_recursive; /* bind or rbind was given */
	bool remount;
	bool copy_up; /* tmpcopyup */
	bool iversion;
	bool idmap, idmap_recursive; /* idmap or ridmap was given; the later one decides */
	struct plan_attributes attributes;
	unsigned super_set, super_cleared; /* bits 1 << PLAN_SUPER_* */
	size_t n_fs_options; /* what is left for the file system, in order */
	struct plan_fs_option *fs_options;
};

/* Reads the options of @mount. Later ones override earlier ones. An option string may hold several,
 * separated by commas outside double quotes. Unknown ones are the file system's (spec 99), except those
 * that mount(8) keeps for itself (noauto, _netdev, x-*, ...; spec 98).
 * @ret_options: its array is in the arena. Fails with ENOMEM. */
int plan_read_options(struct arena *arena, const struct spec_mount *mount,
		      struct plan_mount_options *ret_options, struct error *err) _must_check_;

/* The words for fsconfig(2) that set and clear a flag; NULL for one that cannot be cleared by a word. */
const char *plan_super_flag_word(enum plan_super_flag flag, bool set);
