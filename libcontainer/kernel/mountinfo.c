/* Lines of mountinfo: a number of fields, then optional ones up to a hyphen, then the type. Fields have their
 * blanks escaped, so that a mount point which was named to look like the rest of a line can't pass for it:
 * " - " stands in a line once. */
#include "kernel/mountinfo.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/uapi.h"

/* Undoes mountinfo's octal escapes (\040 is a space), in place. */
static void unescape(char *text)
{
	char *in = text, *out = text;

	while (*in) {
		if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' &&
		    in[2] <= '7' && in[3] >= '0' && in[3] <= '7') {
			*out++ = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 |
					(in[3] - '0'));
			in += 4;
		} else {
			*out++ = *in++;
		}
	}
	*out = '\0';
}

/* The first fields, by their places. */
enum { FIELD_ID, FIELD_PARENT, FIELD_DEVICE, FIELD_ROOT, FIELD_POINT, FIELD_OPTIONS, FIELDS };

bool mountinfo_parse(char *line, struct mountinfo *ret_mount)
{
	char *end = strstr(line, " - "), *rest = NULL, *fields[FIELDS], *number;
	int i;

	if (!end)
		return false;
	*end = '\0';
	for (i = 0; i < FIELDS; i++) {
		fields[i] = strtok_r(i == 0 ? line : NULL, " ", &rest);
		if (!fields[i])
			return false;
	}
	ret_mount->id = strtoull(fields[FIELD_ID], &number, 10);
	ret_mount->type = strtok_r(end + 3, " ", &rest);
	if (*number != '\0' || !ret_mount->type)
		return false;
	unescape(fields[FIELD_ROOT]);
	unescape(fields[FIELD_POINT]);
	ret_mount->device = fields[FIELD_DEVICE];
	ret_mount->root = fields[FIELD_ROOT];
	ret_mount->point = fields[FIELD_POINT];
	ret_mount->options = fields[FIELD_OPTIONS];
	return true;
}

static bool has_word(const char *words, const char *word)
{
	size_t length = strlen(word);

	for (; words; words = strchr(words, ',')) {
		words += *words == ',';
		if (strncmp(words, word, length) == 0 &&
		    (words[length] == ',' || words[length] == '\0'))
			return true;
	}
	return false;
}

uint64_t mountinfo_attributes(const char *options)
{
	static const struct {
		const char *word;
		uint64_t attribute;
	} known[] = {
		{ "ro", TARE_MOUNT_ATTR_RDONLY },
		{ "nosuid", TARE_MOUNT_ATTR_NOSUID },
		{ "nodev", TARE_MOUNT_ATTR_NODEV },
		{ "noexec", TARE_MOUNT_ATTR_NOEXEC },
		{ "noatime", TARE_MOUNT_ATTR_NOATIME },
		{ "nodiratime", TARE_MOUNT_ATTR_NODIRATIME },
		{ "nosymfollow", TARE_MOUNT_ATTR_NOSYMFOLLOW },
	};
	uint64_t attributes = 0;
	size_t i;

	for (i = 0; i < ELEMENTS_OF(known); i++)
		if (has_word(options, known[i].word))
			attributes |= known[i].attribute;
	/* neither word: strictatime, which is not shown */
	if (!has_word(options, "noatime") && !has_word(options, "relatime"))
		attributes |= TARE_MOUNT_ATTR_STRICTATIME;
	return attributes;
}
