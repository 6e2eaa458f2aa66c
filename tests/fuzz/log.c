/* Log lines. Whatever a message repeats of a hostile image, it stays one line, and with JSON one object whose
 * message can be read back: engines take the last line of the file as the reason of a failure. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "log.h"

/* What was logged; the file is empty again afterwards. */
static char *read_back(int fd, struct arena *arena)
{
	off_t length = lseek(fd, 0, SEEK_CUR);
	char *text = arena_alloc(arena, (size_t)length + 1);

	require(text && pread(fd, text, (size_t)length, 0) == length);
	require(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	require((size_t)length == strlen(text));
	return text;
}

static void check_json(char *line, const char *message, struct arena *arena)
{
	struct error err = ERROR_INIT;
	const struct json_value *value, *read;

	require(json_parse(line, strlen(line), "line", arena, &value, &err) == 0);
	read = json_member(value, "msg");
	require(read && read->type == JSON_STRING && value->count == 3);
	/* bytes that are no UTF-8 were replaced */
	require(strlen(read->text) >= strlen(message));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	static struct log log = LOG_INIT;
	const char *message;
	char *line;
	int json;

	if (log.fd < 0)
		log.fd = memfd_create("log", MFD_CLOEXEC);
	require(log.fd >= 0);
	if (size >= ERROR_TEXT_MAX)
		size = ERROR_TEXT_MAX - 1;
	message = arena_strndup(arena, (const char *)data, size);
	require(message);
	for (json = 0; json < 2; json++) {
		log.json = json;
		log_sink(&log, TRACE_ERROR, message);
		line = read_back(log.fd, arena);
		require(*line && strchr(line, '\n') == line + strlen(line) - 1);
		if (json)
			check_json(line, message, arena);
	}
	return 0;
}
