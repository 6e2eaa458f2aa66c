/* What tare itself keeps of a checkpoint, beside CRIU's images in their directory. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "rootfs/external.h"

#define IMAGE_VERSION 1
#define IMAGE_FILE "tare-checkpoint.json"
#define IMAGE_STREAMS 3

struct image {
	struct external_mounts mounts;
	/* CLONE_NEW*: the namespaces that were given by path, and have to be given again; and those of which the
	 * checkpoint says whether they were */
	uint64_t joined, joined_known;
	bool no_cgroups; /* CRIU has saved nothing of cgroups, so it moves nobody into one */
	/* Standard input, output and errors as CRIU calls them ("pipe:[123]"), if they were the host's; else NULL. */
	const char *streams[IMAGE_STREAMS];
	/* The same as links in /proc/PID/fd say it, for descriptors.json, which callers of other runtimes know. */
	const char *descriptors[IMAGE_STREAMS];
};

/* Writes both files into the directory, or leaves neither. */
int image_write(int directory, const struct image *image, struct error *err) _must_check_;

/* Takes away what image_write() has written. */
void image_remove(int directory);

/* Reads the first of them. ENOENT: there is no checkpoint of tare's in the directory. */
int image_read(int directory, struct arena *arena, struct image *ret_image,
	       struct error *err) _must_check_;

/* The same from its text, of @length bytes. */
int image_parse(const char *text, size_t length, struct arena *arena, struct image *ret_image,
		struct error *err) _must_check_;
