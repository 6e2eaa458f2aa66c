/* Lines of mountinfo: a number of fields, then optional ones up to a hyphen, then the type. Fields have their
 * blanks escaped, so that a mount point which was named to look like the rest of a line can't pass for it:
 * " - " stands in a line once. */
#include "cgroup/mountinfo.h"

#include <string.h>

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

bool mountinfo_parse(char *line, const char *type, char **ret_root, char **ret_point)
{
	char *end = strstr(line, " - "), *rest = NULL, *field;
	size_t length = strlen(type);
	int i;

	if (!end || strncmp(end + 3, type, length) != 0 || end[3 + length] != ' ')
		return false;
	*end = '\0';
	field = strtok_r(line, " ", &rest);
	for (i = 0; i < 3 && field; i++)
		field = strtok_r(NULL, " ", &rest);
	*ret_root = field;
	*ret_point = field ? strtok_r(NULL, " ", &rest) : NULL;
	if (!*ret_point)
		return false;
	unescape(*ret_root);
	unescape(*ret_point);
	return true;
}
