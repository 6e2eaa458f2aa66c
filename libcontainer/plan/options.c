/* The table of mount options (runtime-spec, config.md, "Linux mount options") and its reading. Later
 * options override earlier ones, a recursive one also what was said of the mount itself. The atime mode
 * is one field of the kernel with three values, not three flags: clearing one means the default, relatime
 * (mount_setattr(2)). Words that no file system and no kernel knows, because mount(8) handles them, are
 * passed over. */
#include "plan/options.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "kernel/uapi.h"

enum effect {
	NOTHING, /* known, without effect on the new mount system calls */
	SET, /* value: TARE_MOUNT_ATTR_* */
	CLEAR,
	ATIME, /* value: a mode of TARE_MOUNT_ATTR__ATIME */
	NOT_ATIME,
	SUPER_SET, /* value: enum plan_super_flag */
	SUPER_CLEAR,
	PROPAGATION, /* value: MS_* */
	BIND,
	REMOUNT,
	COPY_UP,
	IVERSION, /* value: on or off */
	IDMAP,
};

struct option {
	const char *name;
	enum effect effect;
	bool recursive;
	uint64_t value;
};

/* Sorted by name. */
static const struct option known_options[] = {
	{ "async", SUPER_CLEAR, false, PLAN_SUPER_SYNC },
	{ "atime", NOT_ATIME, false, TARE_MOUNT_ATTR_NOATIME },
	{ "bind", BIND, false, 0 },
	{ "defaults", NOTHING, false, 0 },
	{ "dev", CLEAR, false, TARE_MOUNT_ATTR_NODEV },
	{ "diratime", CLEAR, false, TARE_MOUNT_ATTR_NODIRATIME },
	{ "dirsync", SUPER_SET, false, PLAN_SUPER_DIRSYNC },
	{ "exec", CLEAR, false, TARE_MOUNT_ATTR_NOEXEC },
	{ "idmap", IDMAP, false, 0 },
	{ "iversion", IVERSION, false, 1 },
	{ "lazytime", SUPER_SET, false, PLAN_SUPER_LAZYTIME },
	{ "loud", NOTHING, false, 0 },
	{ "mand", SUPER_SET, false, PLAN_SUPER_MAND },
	{ "noatime", ATIME, false, TARE_MOUNT_ATTR_NOATIME },
	{ "nodev", SET, false, TARE_MOUNT_ATTR_NODEV },
	{ "nodiratime", SET, false, TARE_MOUNT_ATTR_NODIRATIME },
	{ "noexec", SET, false, TARE_MOUNT_ATTR_NOEXEC },
	{ "noiversion", IVERSION, false, 0 },
	{ "nolazytime", SUPER_CLEAR, false, PLAN_SUPER_LAZYTIME },
	{ "nomand", SUPER_CLEAR, false, PLAN_SUPER_MAND },
	{ "norelatime", NOT_ATIME, false, TARE_MOUNT_ATTR_RELATIME },
	{ "nostrictatime", NOT_ATIME, false, TARE_MOUNT_ATTR_STRICTATIME },
	{ "nosuid", SET, false, TARE_MOUNT_ATTR_NOSUID },
	{ "nosymfollow", SET, false, TARE_MOUNT_ATTR_NOSYMFOLLOW },
	{ "private", PROPAGATION, false, MS_PRIVATE },
	{ "ratime", NOT_ATIME, true, TARE_MOUNT_ATTR_NOATIME },
	{ "rbind", BIND, true, 0 },
	{ "rdev", CLEAR, true, TARE_MOUNT_ATTR_NODEV },
	{ "rdiratime", CLEAR, true, TARE_MOUNT_ATTR_NODIRATIME },
	{ "relatime", ATIME, false, TARE_MOUNT_ATTR_RELATIME },
	{ "remount", REMOUNT, false, 0 },
	{ "rexec", CLEAR, true, TARE_MOUNT_ATTR_NOEXEC },
	{ "ridmap", IDMAP, true, 0 },
	{ "rnoatime", ATIME, true, TARE_MOUNT_ATTR_NOATIME },
	{ "rnodev", SET, true, TARE_MOUNT_ATTR_NODEV },
	{ "rnodiratime", SET, true, TARE_MOUNT_ATTR_NODIRATIME },
	{ "rnoexec", SET, true, TARE_MOUNT_ATTR_NOEXEC },
	{ "rnorelatime", NOT_ATIME, true, TARE_MOUNT_ATTR_RELATIME },
	{ "rnostrictatime", NOT_ATIME, true, TARE_MOUNT_ATTR_STRICTATIME },
	{ "rnosuid", SET, true, TARE_MOUNT_ATTR_NOSUID },
	{ "rnosymfollow", SET, true, TARE_MOUNT_ATTR_NOSYMFOLLOW },
	{ "ro", SET, false, TARE_MOUNT_ATTR_RDONLY },
	{ "rprivate", PROPAGATION, true, MS_PRIVATE },
	{ "rrelatime", ATIME, true, TARE_MOUNT_ATTR_RELATIME },
	{ "rro", SET, true, TARE_MOUNT_ATTR_RDONLY },
	{ "rrw", CLEAR, true, TARE_MOUNT_ATTR_RDONLY },
	{ "rshared", PROPAGATION, true, MS_SHARED },
	{ "rslave", PROPAGATION, true, MS_SLAVE },
	{ "rstrictatime", ATIME, true, TARE_MOUNT_ATTR_STRICTATIME },
	{ "rsuid", CLEAR, true, TARE_MOUNT_ATTR_NOSUID },
	{ "rsymfollow", CLEAR, true, TARE_MOUNT_ATTR_NOSYMFOLLOW },
	{ "runbindable", PROPAGATION, true, MS_UNBINDABLE },
	{ "rw", CLEAR, false, TARE_MOUNT_ATTR_RDONLY },
	{ "shared", PROPAGATION, false, MS_SHARED },
	{ "silent", NOTHING, false, 0 },
	{ "slave", PROPAGATION, false, MS_SLAVE },
	{ "strictatime", ATIME, false, TARE_MOUNT_ATTR_STRICTATIME },
	{ "suid", CLEAR, false, TARE_MOUNT_ATTR_NOSUID },
	{ "symfollow", CLEAR, false, TARE_MOUNT_ATTR_NOSYMFOLLOW },
	{ "sync", SUPER_SET, false, PLAN_SUPER_SYNC },
	{ "tmpcopyup", COPY_UP, false, 0 },
	{ "unbindable", PROPAGATION, false, MS_UNBINDABLE },
};

/* mount(8), "FILESYSTEM-INDEPENDENT MOUNT OPTIONS": handled before the kernel is asked. */
static const char *const userspace_options[] = {
	"_netdev", "auto",   "group",	"noauto", "nofail", "nogroup",
	"noowner", "nouser", "nousers", "owner",  "user",   "users",
};

const char *plan_mount_option_name(size_t index)
{
	return index < ELEMENTS_OF(known_options) ? known_options[index].name : NULL;
}

const char *plan_super_flag_word(enum plan_super_flag flag, bool set)
{
	static const char *const words[PLAN_SUPER_FLAGS][2] = {
		[PLAN_SUPER_SYNC] = { "async", "sync" },
		[PLAN_SUPER_DIRSYNC] = { NULL, "dirsync" },
		[PLAN_SUPER_LAZYTIME] = { "nolazytime", "lazytime" },
		[PLAN_SUPER_MAND] = { "nomand", "mand" },
	};

	return words[flag][set];
}

static bool is_userspace(const char *word)
{
	size_t i;

	if (strncmp(word, "x-", 2) == 0 || strncmp(word, "X-", 2) == 0 ||
	    strncmp(word, "comment=", 8) == 0)
		return true;
	for (i = 0; i < ELEMENTS_OF(userspace_options); i++)
		if (strcmp(word, userspace_options[i]) == 0)
			return true;
	return false;
}

/* One of the two pairs of sets in struct plan_attributes. */
struct attribute_sets {
	uint64_t *set, *clear;
};

/* A recursive option also overrides what was said earlier of the mount itself. */
static struct attribute_sets sets_for(struct plan_attributes *a, bool recursive, uint64_t bits)
{
	if (!recursive)
		return (struct attribute_sets){ &a->set, &a->clear };
	a->set &= ~bits;
	a->clear &= ~bits;
	return (struct attribute_sets){ &a->recursive_set, &a->recursive_clear };
}

static void apply_attribute(struct plan_attributes *a, const struct option *option)
{
	struct attribute_sets sets = sets_for(a, option->recursive, option->value);

	*sets.set &= ~option->value;
	*sets.clear &= ~option->value;
	if (option->effect == SET)
		*sets.set |= option->value;
	else
		*sets.clear |= option->value;
}

static void apply_atime(struct plan_attributes *a, const struct option *option)
{
	struct attribute_sets sets;
	uint64_t mode;
	bool given;

	if (option->effect == ATIME) {
		sets = sets_for(a, option->recursive, TARE_MOUNT_ATTR__ATIME);
		*sets.set = (*sets.set & ~(uint64_t)TARE_MOUNT_ATTR__ATIME) | option->value;
		*sets.clear |= TARE_MOUNT_ATTR__ATIME;
		return;
	}
	/* "not that mode": the default instead, unless another mode was asked for */
	sets = sets_for(a, option->recursive, 0);
	mode = *sets.set & TARE_MOUNT_ATTR__ATIME;
	given = (*sets.clear & TARE_MOUNT_ATTR__ATIME) != 0;
	if (option->value == TARE_MOUNT_ATTR_RELATIME || (given && mode != option->value))
		return;
	sets = sets_for(a, option->recursive, TARE_MOUNT_ATTR__ATIME);
	*sets.set &= ~(uint64_t)TARE_MOUNT_ATTR__ATIME;
	*sets.clear |= TARE_MOUNT_ATTR__ATIME;
}

static void apply(struct plan_mount_options *o, const struct option *option)
{
	unsigned bit = option->value < 32 ? 1U << option->value : 0;

	switch (option->effect) {
	case NOTHING:
		break;
	case SET:
	case CLEAR:
		apply_attribute(&o->attributes, option);
		break;
	case ATIME:
	case NOT_ATIME:
		apply_atime(&o->attributes, option);
		break;
	case SUPER_SET:
		o->super_set |= bit;
		o->super_cleared &= ~bit;
		break;
	case SUPER_CLEAR:
		o->super_set &= ~bit;
		o->super_cleared |= bit;
		break;
	case PROPAGATION:
		o->attributes.propagation = option->value;
		o->attributes.propagation_recursive = option->recursive;
		break;
	case BIND:
		o->bind = true;
		o->bind_recursive |= option->recursive;
		break;
	case REMOUNT:
		o->remount = true;
		break;
	case COPY_UP:
		o->copy_up = true;
		break;
	case IVERSION:
		o->iversion = option->value != 0;
		break;
	case IDMAP:
		o->idmap = true;
		o->idmap_recursive = option->recursive;
		break;
	}
}

/* The file system's own option; double quotes around a value only protect commas (mount(8)). */
static int add_fs_option(struct arena *arena, struct plan_mount_options *o, char *word,
			 struct error *err)
{
	struct plan_fs_option *grown;
	char *value = strchr(word, '=');
	size_t length;

	if (value) {
		*value++ = '\0';
		length = strlen(value);
		if (length >= 2 && value[0] == '"' && value[length - 1] == '"') {
			value[length - 1] = '\0';
			value++;
		}
	}
	grown = arena_grow(arena, o->fs_options, o->n_fs_options, sizeof *grown);
	if (!grown)
		return error_oom(err);
	o->fs_options = grown;
	o->fs_options[o->n_fs_options++] = (struct plan_fs_option){ word, value };
	return 0;
}

static int read_word(struct arena *arena, struct plan_mount_options *o, char *word,
		     struct error *err)
{
	size_t i;

	if (word[0] == '\0')
		return 0;
	for (i = 0; i < ELEMENTS_OF(known_options); i++) {
		if (strcmp(word, known_options[i].name) != 0)
			continue;
		apply(o, &known_options[i]);
		return 0;
	}
	if (is_userspace(word)) {
		trace_debug("mount option %s is mount(8)'s own: passed over", word);
		return 0;
	}
	return add_fs_option(arena, o, word, err);
}

/* The length of the first option in @text. In an overlay's options a backslash protects a comma in a
 * path (the kernel's ovl_next_opt()). */
static size_t word_length(const char *text, bool escapes)
{
	bool quoted = false;
	size_t i;

	for (i = 0; text[i]; i++) {
		if (escapes && text[i] == '\\' && text[i + 1])
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (text[i] == ',' && !quoted)
			break;
	}
	return i;
}

int plan_read_options(struct arena *arena, const struct spec_mount *mount,
		      struct plan_mount_options *ret_options, struct error *err)
{
	bool escapes = mount->type && strcmp(mount->type, "overlay") == 0;
	const char *text;
	size_t i, length;
	char *word;
	int r;

	*ret_options = (struct plan_mount_options){ 0 };
	for (i = 0; i < mount->n_options; i++) {
		for (text = mount->options[i]; text[0]; text += length) {
			length = word_length(text, escapes);
			word = arena_strndup(arena, text, length);
			if (!word)
				return error_oom(err);
			r = read_word(arena, ret_options, word, err);
			if (r < 0)
				return r;
			if (text[length] == ',')
				length++;
		}
	}
	return 0;
}
