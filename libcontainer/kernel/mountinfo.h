/* Lines of /proc/PID/mountinfo (proc(5)). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mountinfo {
	uint64_t id; /* as in /proc/PID/fdinfo */
	const char *device; /* "MAJOR:MINOR" of the superblock */
	const char *root,
		*point; /* what of the file system is mounted, and where; no escapes */
	const char *options; /* of the mount: "rw,nosuid,relatime" */
	const char *type;
};

/* Splits one line, which is changed; what is found points into it. Returns whether it is one. */
bool mountinfo_parse(char *line, struct mountinfo *ret_mount);

/* The mount's flags (TARE_MOUNT_ATTR_*, the mode of atime among them) as @options name them. */
uint64_t mountinfo_attributes(const char *options);
