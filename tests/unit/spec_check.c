/* Not a test itself but the tests' hand: loads config.json files and says what the decoder thinks.
 *   spec_check [--debug] [--resources | --process] FILE...
 * Prints "FILE: accepted" or the error for each, with --debug also the debug lines in between. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/trace.h"
#include "spec/spec.h"

static void print_line(void *data, enum trace_level level, const char *text)
{
	(void)data;
	(void)level;
	printf("debug: %s\n", text);
}

static int check(const char *path, const char *kind, struct error *err)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	const struct spec_resources *resources;
	const struct spec_process *process;
	const struct spec *spec;
	ssize_t length;
	char *text;

	length = fd_read_file(AT_FDCWD, path, JSON_SIZE_MAX + 1, arena, &text, err);
	if (length < 0)
		return (int)length;
	if (strcmp(kind, "--resources") == 0)
		return spec_load_resources(text, (size_t)length, "resources", arena, &resources,
					   err);
	if (strcmp(kind, "--process") == 0)
		return spec_load_process(text, (size_t)length, "process", arena, &process, err);
	return spec_load(text, (size_t)length, "/bundle", arena, &spec, err);
}

int main(int argc, char **argv)
{
	const char *kind = "";
	int i, refused = 0;

	for (i = 1; i < argc; i++) {
		struct error err = ERROR_INIT;

		if (strcmp(argv[i], "--debug") == 0) {
			trace_install(print_line, NULL, TRACE_DEBUG);
		} else if (strncmp(argv[i], "--", 2) == 0) {
			kind = argv[i];
		} else if (check(argv[i], kind, &err) < 0) {
			printf("%s\n", err.text);
			refused = 1;
		} else {
			printf("%s: accepted\n", argv[i]);
		}
	}
	return refused;
}
