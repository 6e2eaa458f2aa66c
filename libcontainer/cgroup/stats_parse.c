/* The texts in which the kernel gives its figures (Documentation/admin-guide/cgroup-v2.rst): flat keyed
 * ("key value" a line), nested keyed ("259:0 rbytes=1 ..." a line), pressure, and lists of processors.
 * Newer kernels add keys and lines to all of them, so what is not known is passed over, never an error. Nothing
 * here reads a file. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/stats.h"

#define LIST_MAX 65536

/* ---- pressure ---- */

/* Copies a number of the form "12.34" from behind @key. */
static bool take_percent(const char *line, size_t length, const char *key, char value[16])
{
	const char *at = memmem(line, length, key, strlen(key)), *end = line + length;
	size_t n = 0;

	if (!at)
		return false;
	for (at += strlen(key); at < end && n < 15; at++) {
		bool inner_dot = *at == '.' && n > 0 && !memchr(value, '.', n);

		if (!isdigit((unsigned char)*at) && !inner_dot)
			break;
		value[n++] = *at;
	}
	value[n] = '\0';
	/* "007" and "1." are no numbers of JSON */
	return n > 0 && value[n - 1] != '.' && (value[0] != '0' || n == 1 || value[1] == '.');
}

static bool take_line(const char *line, size_t length, struct cgroup_pressure_line *ret_line)
{
	const char *total = memmem(line, length, " total=", 7);

	if (!total || !take_percent(line, length, " avg10=", ret_line->avg10) ||
	    !take_percent(line, length, " avg60=", ret_line->avg60) ||
	    !take_percent(line, length, " avg300=", ret_line->avg300))
		return false;
	ret_line->total = strtoull(total + 7, NULL, 10);
	return true;
}

void cgroup_parse_pressure(const char *text, struct cgroup_pressure *ret_pressure)
{
	size_t length;

	*ret_pressure = (struct cgroup_pressure){ 0 };
	for (; *text; text += length + (text[length] == '\n')) {
		length = strcspn(text, "\n");
		if (strncmp(text, "some ", 5) == 0)
			ret_pressure->some.set = take_line(text, length, &ret_pressure->some);
		else if (strncmp(text, "full ", 5) == 0)
			ret_pressure->full.set = take_line(text, length, &ret_pressure->full);
	}
}

/* ---- keys and values ---- */

int cgroup_parse_flat(const char *text, struct arena *arena,
		      const struct cgroup_entry **ret_entries, size_t *ret_count)
{
	struct cgroup_entry *entries = NULL, *grown;
	size_t length, key, count = 0;

	*ret_entries = NULL;
	*ret_count = 0;
	for (; *text; text += length + (text[length] == '\n')) {
		length = strcspn(text, "\n");
		key = strcspn(text, " \n");
		if (key == 0 || key + 1 >= length || !isdigit((unsigned char)text[key + 1]))
			continue;
		grown = arena_grow(arena, entries, count, sizeof *entries);
		if (!grown)
			return -ENOMEM;
		entries = grown;
		entries[count].key = arena_strndup(arena, text, key);
		entries[count].value = strtoull(text + key + 1, NULL, 10);
		if (!entries[count++].key)
			return -ENOMEM;
	}
	*ret_entries = entries;
	*ret_count = count;
	return 0;
}

/* The number behind " KEY=" in a line; 0 when it is not there. */
static uint64_t keyed(const char *line, size_t length, const char *key)
{
	const char *at = memmem(line, length, key, strlen(key));

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* The device that a line is about. Of several at its beginning it is the last: up to Linux 6.1 a device without
 * figures left its name there without an end of line. */
static bool take_device(const char *line, struct cgroup_device_stats *device)
{
	char *end;

	for (;; line = end + 1) {
		if (!isdigit((unsigned char)*line))
			return false;
		device->major = (uint32_t)strtoul(line, &end, 10);
		if (*end != ':' || !isdigit((unsigned char)end[1]))
			return false;
		device->minor = (uint32_t)strtoul(end + 1, &end, 10);
		if (*end != ' ')
			return false;
		if (!isdigit((unsigned char)end[1]))
			return true;
	}
}

int cgroup_parse_io(const char *text, struct arena *arena,
		    const struct cgroup_device_stats **ret_devices, size_t *ret_count)
{
	struct cgroup_device_stats *devices = NULL, *grown;
	size_t length, count = 0;

	*ret_devices = NULL;
	*ret_count = 0;
	for (; *text; text += length + (text[length] == '\n')) {
		struct cgroup_device_stats device = { 0 };

		length = strcspn(text, "\n");
		if (!take_device(text, &device))
			continue;
		device.read_bytes = keyed(text, length, " rbytes=");
		device.written_bytes = keyed(text, length, " wbytes=");
		device.discarded_bytes = keyed(text, length, " dbytes=");
		device.reads = keyed(text, length, " rios=");
		device.writes = keyed(text, length, " wios=");
		device.discards = keyed(text, length, " dios=");
		grown = arena_grow(arena, devices, count, sizeof *devices);
		if (!grown)
			return -ENOMEM;
		devices = grown;
		devices[count++] = device;
	}
	*ret_devices = devices;
	*ret_count = count;
	return 0;
}

/* ---- lists ---- */

/* A decimal number below LIST_MAX at *text, which moves behind it; -1: none. */
static long take_number(const char **text)
{
	char *end;
	unsigned long number;

	if (!isdigit((unsigned char)**text))
		return -1;
	number = strtoul(*text, &end, 10);
	*text = end;
	return number < LIST_MAX ? (long)number : -1;
}

int cgroup_parse_list(const char *text, struct arena *arena, uint32_t **ret_ids,
		      size_t *ret_count)
{
	uint32_t *ids = NULL, *grown;
	size_t count = 0;
	long first, last;

	while (*text) {
		first = last = take_number(&text);
		if (first >= 0 && *text == '-') {
			text++;
			last = take_number(&text);
		}
		if (first < 0 || last < first || (*text && *text != ','))
			return -EINVAL;
		if (*text && *++text == '\0')
			return -EINVAL;
		if (count > 0 && (uint32_t)first <= ids[count - 1])
			return -EINVAL;
		for (; first <= last; first++) {
			grown = arena_grow(arena, ids, count, sizeof *ids);
			if (!grown)
				return -ENOMEM;
			ids = grown;
			ids[count++] = (uint32_t)first;
		}
	}
	*ret_ids = ids;
	*ret_count = count;
	return 0;
}
