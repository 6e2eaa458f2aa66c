/* The error record: filled once where the errno is born, prefixed on the way up. The texts are
 * bounded and never allocate, because an error must be reportable when memory is what is missing.
 * Texts for an errno come from strerrordesc-like tables of the libc without a locale: setlocale()
 * is never called, so strerror() is stable. */
#include "base/error.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/trace.h"

const char *error_errno_text(int code)
{
	return strerror(code);
}

_printf_(3, 0) static int error_vset(struct error *err, int code, const char *format,
				     va_list ap)
{
	err->code = code > 0 ? code : EINVAL;
	vsnprintf(err->text, sizeof err->text, format, ap);
	return -err->code;
}

int error_set(struct error *err, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	error_vset(err, code, format, ap);
	va_end(ap);
	return -err->code;
}

int error_errno(struct error *err, int code, const char *format, ...)
{
	size_t length;
	va_list ap;

	va_start(ap, format);
	error_vset(err, code, format, ap);
	va_end(ap);
	length = strnlen(err->text, sizeof err->text - 1);
	error_hint(err, ": %s", error_errno_text(err->code));
	length += 2;
	/* "No such file" becomes "no such file", but a word of capitals stays as it is */
	if (length + 1 < sizeof err->text && islower((unsigned char)err->text[length + 1]))
		err->text[length] = (char)tolower((unsigned char)err->text[length]);
	return -err->code;
}

int error_at(struct error *err, const char *format, ...)
{
	char where[ERROR_TEXT_MAX];
	size_t length, rest;
	va_list ap;
	int n;

	if (err->code == 0)
		return 0;
	va_start(ap, format);
	n = vsnprintf(where, sizeof where, format, ap);
	va_end(ap);
	if (n < 0)
		return -err->code;
	length = (size_t)n < sizeof where ? (size_t)n : sizeof where - 1;
	if (length + 2 >= sizeof err->text)
		return -err->code;
	rest = strnlen(err->text, sizeof err->text - 1);
	if (length + 2 + rest >= sizeof err->text)
		rest = sizeof err->text - 1 - length - 2;
	memmove(err->text + length + 2, err->text, rest);
	memcpy(err->text, where, length);
	memcpy(err->text + length, ": ", 2);
	err->text[length + 2 + rest] = '\0';
	return -err->code;
}

int error_hint(struct error *err, const char *format, ...)
{
	size_t length;
	va_list ap;

	if (err->code == 0)
		return 0;
	length = strnlen(err->text, sizeof err->text - 1);
	va_start(ap, format);
	vsnprintf(err->text + length, sizeof err->text - length, format, ap);
	va_end(ap);
	return -err->code;
}

void error_ignore(struct error *err, const char *reason)
{
	if (err->code != 0)
		trace_debug("ignored (%s): %s", reason, err->text);
	err->code = 0;
	err->text[0] = '\0';
}
