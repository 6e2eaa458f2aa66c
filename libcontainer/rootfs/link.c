/* The symbolic links of /dev. Their directory is resolved inside the root and the link is made in it by
 * name, so that a /dev which is a link itself leads nowhere but into the root. A link's contents are
 * only text here; whether they lead somewhere is asked below the root, too. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/mountfd.h"
#include "rootfs/operation.h"
#include "rootfs/target.h"

#define PTMX_CONTENTS "pts/ptmx"

int symlink_perform(struct assembly *assembly, const struct plan_op *op, struct error *err)
{
	_cleanup_fd_ int source = -1;
	const char *name;
	int parent;

	source = target_lookup(assembly->root, op->source, O_NOFOLLOW);
	if (source == -ENOENT || source == -ENOTDIR)
		return 0; /* spec-checklist: only "if the source exists" */
	if (source < 0)
		return op_failed(err, -source, "open \"%s\" below the root", op->source);
	parent = assembly_open_parent(assembly, op->target, &name, err);
	if (parent < 0)
		return parent;
	if (symlinkat(op->source, parent, name) < 0 && errno != EEXIST)
		return op_failed(err, errno, "create the link to \"%s\"", op->source);
	return 0;
}

int ptmx_perform(struct assembly *assembly, const struct plan_op *op, struct error *err)
{
	char contents[sizeof PTMX_CONTENTS + 1];
	const char *name;
	int parent;
	ssize_t n;

	parent = assembly_open_parent(assembly, op->target, &name, err);
	if (parent < 0)
		return parent;
	n = readlinkat(parent, name, contents, sizeof contents);
	if (n == (ssize_t)strlen(PTMX_CONTENTS) &&
	    memcmp(contents, PTMX_CONTENTS, (size_t)n) == 0)
		return 0;
	if (unlinkat(parent, name, 0) < 0 && errno != ENOENT)
		return op_failed(err, errno, "remove what is there");
	if (symlinkat(PTMX_CONTENTS, parent, name) < 0)
		return op_failed(err, errno, "create the link to \"%s\"", PTMX_CONTENTS);
	return 0;
}
