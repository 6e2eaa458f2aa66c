/* The words of the errors of this layer. Engines look for them: podman and the Kubernetes tests match
 * `error mounting "SRC" to rootfs at "DST": ...: no such file or directory`, with the kernel's word in
 * small letters as Go programs print it. */
#include "rootfs/operation.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int op_failed(struct error *err, int code, const char *format, ...)
{
	const char *word = error_errno_text(code);
	char text[ERROR_TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	if (vsnprintf(text, sizeof text, format, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	return error_set(err, code, "%s: %c%s", text, tolower((unsigned char)word[0]),
			 word[0] ? word + 1 : "");
}

int op_hint_search(const char *path, struct error *err)
{
	char prefix[PATH_MAX];
	size_t at = 0, parent = 0;
	int fd;

	if (err->code != EACCES || strlen(path) >= sizeof prefix)
		return -err->code;
	while (path[at]) {
		at += strspn(path + at, "/");
		at += strcspn(path + at, "/");
		memcpy(prefix, path, at);
		prefix[at] = '\0';
		fd = openat(AT_FDCWD, prefix, O_PATH | O_CLOEXEC);
		if (fd >= 0) {
			close(fd);
			parent = at;
			continue;
		}
		if (errno == EACCES)
			error_hint(err,
				   " (the container's root user has no search permission on "
				   "\"%.*s\": give it with chmod or setfacl, or move what is "
				   "below)",
				   parent ? (int)parent : 1, parent ? path : "/");
		break;
	}
	return -err->code;
}

int op_at(struct error *err, const struct plan_op *op)
{
	const char *source = op->source ? op->source : op->type ? op->type : "";

	switch (op->kind) {
	case PLAN_OP_MOUNT:
	case PLAN_OP_BIND:
	case PLAN_OP_CGROUP:
		error_at(err, "error mounting \"%s\" to rootfs at \"%s\"", source, op->target);
		break;
	case PLAN_OP_REMOUNT:
	case PLAN_OP_SEAL:
		error_at(err, "error remounting \"%s\"", op->target);
		break;
	case PLAN_OP_DEVICE:
		error_at(err, "error creating device \"%s\"", op->target);
		break;
	case PLAN_OP_SYMLINK:
	case PLAN_OP_PTMX:
	case PLAN_OP_CONSOLE:
		error_at(err, "error creating \"%s\"", op->target);
		break;
	case PLAN_OP_READONLY_PATH:
		error_at(err, "error making \"%s\" read-only", op->target);
		break;
	case PLAN_OP_MASKED_PATH:
		error_at(err, "error masking \"%s\"", op->target);
		break;
	case PLAN_OP_ROOT_READONLY:
		error_at(err, "error making the root read-only");
		break;
	}
	return op->where ? error_at(err, "%s", op->where) : -err->code;
}
