/* Lexical path arithmetic: pure functions of their strings. A cleaned path is for names and messages;
 * it is no substitute for a resolution by descriptor, because a symbolic link may stand behind every
 * component. */
#include "base/path.h"

#include <string.h>

bool path_is_absolute(const char *path)
{
	return path[0] == '/';
}

bool path_is_name(const char *name)
{
	return name[0] != '\0' && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

bool path_has_dotdot(const char *path)
{
	const char *p = path;
	size_t length;

	while (*p) {
		length = strcspn(p, "/");
		if (length == 2 && p[0] == '.' && p[1] == '.')
			return true;
		p += length;
		p += strspn(p, "/");
	}
	return false;
}

/* Removes the last component of the @length characters at @out; returns the new length. */
static size_t drop_last(const char *out, size_t length, size_t root)
{
	while (length > root && out[length - 1] != '/')
		length--;
	if (length > root)
		length--;
	return length;
}

char *path_clean(struct arena *arena, const char *path)
{
	size_t root = path_is_absolute(path), length = root, n;
	const char *p = path;
	char *out;

	out = arena_alloc(arena, strlen(path) + 2);
	if (!out)
		return NULL;
	if (root)
		out[0] = '/';
	for (; *p; p += n) {
		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.'))
			continue;
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			length = drop_last(out, length, root);
			continue;
		}
		if (length > root)
			out[length++] = '/';
		memcpy(out + length, p, n);
		length += n;
	}
	if (length == 0)
		out[length++] = '.';
	out[length] = '\0';
	return out;
}

char *path_join(struct arena *arena, const char *base, const char *path)
{
	size_t length = strlen(base);

	if (path_is_absolute(path))
		return arena_strdup(arena, path);
	while (length > 0 && base[length - 1] == '/')
		length--;
	return arena_printf(arena, "%.*s/%s", (int)length, base, path);
}
