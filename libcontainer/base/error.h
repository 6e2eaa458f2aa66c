/* The error model: struct error is plain data, so that an error of the container side crosses the
 * start channel whole. The text is made where the errno is born (error_set); every caller on the
 * way up only adds *where* it happened (error_at), never *what*. Each function that can fail takes
 * a never-NULL `struct error *err` last and returns 0 (or a value >= 0), or -errno. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#define ERROR_TEXT_MAX 2048

#define _must_check_ __attribute__((warn_unused_result))
#define _printf_(text, first) __attribute__((format(printf, text, first)))

struct error {
	int code; /* a positive errno, or 0 while nothing has failed */
	char text[ERROR_TEXT_MAX]; /* NUL-terminated UTF-8 without a newline at its end */
};

/* Starts as "nothing failed"; the text array is deliberately not cleared as a whole. */
#define ERROR_INIT                    \
	(struct error)                \
	{                             \
		.code = 0, .text = "" \
	}

/* Records a failure whose text is complete without the kernel's word for the errno (a bad value in
 * config.json, a refused request).
 * @code: positive errno; 0 counts as EINVAL.
 * Returns -code, so that a caller can `return error_set(...)`. A longer text is cut. */
int error_set(struct error *err, int code, const char *format, ...) _printf_(3, 4);

/* The same for a failed system call: ": " and the kernel's word for @code are appended, beginning in lower
 * case: engines tell errors apart by "no such file or directory" (contract 12), with its case. */
int error_errno(struct error *err, int code, const char *format, ...) _printf_(3, 4);

/* Puts "<format>: " in front of the text: where it happened. Does nothing when err->code is 0.
 * Returns -err->code. */
int error_at(struct error *err, const char *format, ...) _printf_(2, 3);

/* Appends to the text (advice to the reader: what to do about it). Returns -err->code. */
int error_hint(struct error *err, const char *format, ...) _printf_(2, 3);

/* The only way to drop an error: logs it at debug level with the reason, then clears it.
 * @reason: why it is right to go on, for the reader of the log and of the code. */
void error_ignore(struct error *err, const char *reason);

/* The kernel's word for an errno ("No such file or directory"), without the locale; engines match
 * on these in lower case as well, see error_errno_text().
 * @code: positive errno. Returns a static string. */
const char *error_errno_text(int code);
