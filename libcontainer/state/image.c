/* tare's part of a checkpoint: version, mounts [{destination, attributes}], network, pid, joined, noCgroups, streams.
 * What comes from where is not in it: config.json says that when the container is restored. The images are trusted as
 * CRIU's are, whose contents become processes; still each value is checked. */
#include "state/image.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/trace.h"

#define DESCRIPTORS_FILE "descriptors.json"

static void remove_file(int directory, const char *name)
{
	if (unlinkat(directory, name, 0) < 0)
		trace_debug("%s: %s", name, error_errno_text(errno));
}

static int write_file(int directory, const char *name, struct json_writer *writer,
		      struct error *err)
{
	_cleanup_fd_ int fd = -1;
	const char *text;
	size_t length;
	int r;

	r = json_writer_text(writer, &text, &length, err);
	if (r < 0)
		return r;
	fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return error_errno(err, errno, "write %s into the image directory", name);
	r = fd_write_all(fd, text, length, name, err);
	if (r < 0)
		remove_file(directory, name);
	return r;
}

static void write_texts(const char *const texts[IMAGE_STREAMS], struct json_writer *writer)
{
	size_t i;

	json_array_begin(writer);
	for (i = 0; i < IMAGE_STREAMS; i++)
		json_string(writer, texts[i] ? texts[i] : "");
	json_array_end(writer);
}

int image_write(int directory, const struct image *image, struct error *err)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	_cleanup_json_writer_ struct json_writer *descriptors = json_writer_new(NULL);
	size_t i;
	int r;

	if (!writer || !descriptors)
		return error_oom(err);
	json_object_begin(writer);
	json_key_uint(writer, "version", IMAGE_VERSION);
	json_key(writer, "mounts");
	json_array_begin(writer);
	for (i = 0; i < image->mounts.n; i++) {
		json_object_begin(writer);
		json_key_string(writer, "destination", image->mounts.mounts[i].point);
		json_key_uint(writer, "attributes", image->mounts.mounts[i].attributes);
		json_object_end(writer);
	}
	json_array_end(writer);
	json_key_bool(writer, "network", image->joined & CLONE_NEWNET);
	json_key_bool(writer, "pid", image->joined & CLONE_NEWPID);
	json_key_uint(writer, "joined", image->joined);
	json_key_bool(writer, "noCgroups", image->no_cgroups);
	json_key(writer, "streams");
	write_texts(image->streams, writer);
	json_object_end(writer);
	r = write_file(directory, IMAGE_FILE, writer, err);
	if (r < 0)
		return r;
	write_texts(image->descriptors, descriptors);
	r = write_file(directory, DESCRIPTORS_FILE, descriptors, err);
	if (r < 0)
		remove_file(directory, IMAGE_FILE);
	return r;
}

void image_remove(int directory)
{
	remove_file(directory, IMAGE_FILE);
	remove_file(directory, DESCRIPTORS_FILE);
}

static int read_mounts(const struct json_value *list, struct arena *arena, struct image *image,
		       struct error *err)
{
	const struct json_value *point, *attributes;
	struct external_mount *mounts;
	size_t i;

	if (!list || list->type != JSON_ARRAY)
		return error_set(err, EINVAL, "mounts: expected an array");
	mounts = arena_array(arena, list->count, sizeof *mounts);
	if (!mounts)
		return error_oom(err);
	for (i = 0; i < list->count; i++) {
		point = json_member(&list->elements[i], "destination");
		attributes = json_member(&list->elements[i], "attributes");
		if (!point || point->type != JSON_STRING || !path_is_absolute(point->text) ||
		    path_has_dotdot(point->text) || !attributes ||
		    json_uint64(attributes, &mounts[i].attributes) < 0 ||
		    mounts[i].attributes > UINT32_MAX)
			return error_set(err, EINVAL, "mounts[%zu] is no mount", i);
		mounts[i].point = point->text;
	}
	image->mounts.n = list->count;
	image->mounts.mounts = mounts;
	return 0;
}

static bool read_flag(const struct json_value *object, const char *name)
{
	const struct json_value *value = json_member(object, name);

	return value && value->type == JSON_BOOL && value->boolean;
}

/* A checkpoint of an earlier tare says it of two namespaces alone. */
static int read_joined(const struct json_value *object, struct image *image, struct error *err)
{
	const struct json_value *joined = json_member(object, "joined");

	if (joined && json_uint64(joined, &image->joined) < 0)
		return error_set(err, EINVAL, IMAGE_FILE ": joined is no number");
	image->joined_known = UINT64_MAX;
	if (joined)
		return 0;
	image->joined_known = CLONE_NEWNET | CLONE_NEWPID;
	image->joined = (read_flag(object, "network") ? CLONE_NEWNET : 0) |
			(read_flag(object, "pid") ? CLONE_NEWPID : 0);
	return 0;
}

int image_parse(const char *text, size_t length, struct arena *arena, struct image *ret_image,
		struct error *err)
{
	const struct json_value *value, *version, *streams;
	struct image image = { 0 };
	uint64_t number;
	size_t i;
	int r;

	r = json_parse(text, length, IMAGE_FILE, arena, &value, err);
	if (r < 0)
		return r;
	version = json_member(value, "version");
	if (!version || json_uint64(version, &number) < 0 || number == 0)
		return error_set(err, EINVAL, IMAGE_FILE ": version is missing");
	if (number > IMAGE_VERSION)
		return error_set(err, EPROTO,
				 IMAGE_FILE
				 ": it was written by a newer tare (version %ju, this "
				 "one knows %d): use that one",
				 (uintmax_t)number, IMAGE_VERSION);
	r = read_mounts(json_member(value, "mounts"), arena, &image, err);
	if (r < 0)
		return error_at(err, IMAGE_FILE);
	r = read_joined(value, &image, err);
	if (r < 0)
		return r;
	image.no_cgroups = read_flag(value, "noCgroups");
	streams = json_member(value, "streams");
	if (!streams || streams->type != JSON_ARRAY || streams->count != IMAGE_STREAMS)
		return error_set(err, EINVAL, IMAGE_FILE ": streams: expected three");
	for (i = 0; i < IMAGE_STREAMS; i++) {
		if (streams->elements[i].type != JSON_STRING)
			return error_set(err, EINVAL, IMAGE_FILE ": streams[%zu] is no string",
					 i);
		if (*streams->elements[i].text)
			image.streams[i] = streams->elements[i].text;
	}
	*ret_image = image;
	return 0;
}

int image_read(int directory, struct arena *arena, struct image *ret_image, struct error *err)
{
	char *text;
	ssize_t n;

	n = fd_read_file(directory, IMAGE_FILE, JSON_SIZE_MAX, arena, &text, err);
	if (n == -ENOENT)
		return error_set(err, ENOENT,
				 "there is no checkpoint of tare's (no " IMAGE_FILE ")");
	if (n < 0)
		return (int)n;
	return image_parse(text, (size_t)n, arena, ret_image, err);
}
