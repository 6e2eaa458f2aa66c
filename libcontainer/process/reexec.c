/* The re-execution from a sealed memfd, with errors. Normally the entry point (src/entry.c) has done it before
 * the C library started, and all that is left to do here is to look at the seals; where there is no entry
 * point of ours, or where something failed in there, it is done here, and here alone it is said what failed. */
#include "process/reexec.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "process/sealed-copy.h"

int reexec_sealed(char **argv, struct error *err)
{
	_cleanup_fd_ int self = -1, copy = -1;
	const char *step;

	self = openat(AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (self < 0)
		return error_errno(err, errno, "protect the executable: open /proc/self/exe");
	if (sealed_copy_is(self))
		return 0;
	copy = sealed_copy_make(self, &step);
	if (copy == -EACCES)
		return error_errno(err, EACCES,
				   "protect the executable: %s (sysctl vm.memfd_noexec is 2: "
				   "tare needs 0 or 1)",
				   step);
	if (copy < 0)
		return error_errno(err, -copy, "protect the executable: %s", step);
	return error_errno(err, -sealed_copy_execute(copy, argv, environ),
			   "protect the executable: execute the copy");
}
