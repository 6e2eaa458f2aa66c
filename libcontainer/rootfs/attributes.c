/* Mount attributes. Two facts shape this: to set one access-time mode, mount_setattr() wants the whole
 * field cleared in the same call; and in a user namespace the flags of mounts that came from outside
 * are locked: clearing one is EPERM, which is an error if the configuration asked for it. */
#include "rootfs/attributes.h"

#include <errno.h>
#include <sys/mount.h>

#include "base/trace.h"
#include "kernel/mountfd.h"
#include "kernel/uapi.h"
#include "rootfs/operation.h"

#define ATIME_FLAGS (TARE_MOUNT_ATTR__ATIME | TARE_MOUNT_ATTR_NODIRATIME)
#define BIRTH_FLAGS                                                                \
	(TARE_MOUNT_ATTR_RDONLY | TARE_MOUNT_ATTR_NOSUID | TARE_MOUNT_ATTR_NODEV | \
	 TARE_MOUNT_ATTR_NOEXEC | ATIME_FLAGS | TARE_MOUNT_ATTR_NOSYMFOLLOW)

unsigned attributes_at_birth(const struct plan_attributes *attributes)
{
	return (unsigned)(attributes->set & BIRTH_FLAGS);
}

struct plan_attributes attributes_after_birth(const struct plan_attributes *attributes)
{
	struct plan_attributes rest = *attributes;

	rest.set &= ~(uint64_t)attributes_at_birth(attributes);
	rest.clear = 0;
	return rest;
}

static int change(int mount, int recursive, uint64_t set, uint64_t clear, struct error *err)
{
	int r;

	if (!set && !clear)
		return 0;
	/* the kernel refuses one access-time mode without the whole field in clear */
	if ((set | clear) & TARE_MOUNT_ATTR__ATIME)
		clear |= TARE_MOUNT_ATTR__ATIME;
	r = mountfd_setattr(mount, recursive, set, clear, 0, -1);
	if (r == -EPERM && ((set | clear) & ATIME_FLAGS)) {
		trace_debug("the access-time flags of a mount are locked and stay as they are");
		r = mountfd_setattr(mount, recursive, set & ~(uint64_t)ATIME_FLAGS,
				    clear & ~(uint64_t)ATIME_FLAGS, 0, -1);
	}
	if (r == -EPERM && clear) {
		op_failed(err, EPERM, "change the mount's flags");
		return error_hint(err,
				  " (a flag that the mount has outside of the user namespace "
				  "is locked and can't be cleared)");
	}
	if (r < 0)
		return op_failed(err, -r, "change the mount's flags");
	return 0;
}

static int propagate(int mount, int recursive, uint64_t propagation, struct error *err)
{
	int r;

	if (!propagation)
		return 0;
	r = mountfd_setattr(mount, recursive, 0, 0, propagation, -1);
	if (r < 0)
		return op_failed(err, -r, "change the mount's propagation");
	return 0;
}

int attributes_apply(int mount, const struct plan_attributes *attributes,
		     uint64_t default_propagation, struct error *err)
{
	int r;

	r = change(mount, 1, attributes->recursive_set, attributes->recursive_clear, err);
	if (r == 0)
		r = change(mount, 0, attributes->set, attributes->clear, err);
	/* "shared" means to stay a peer of the source's mount: the default must not cut that first */
	if (r == 0 && attributes->propagation != MS_SHARED)
		r = propagate(mount, 1, default_propagation, err);
	if (r == 0)
		r = propagate(mount, attributes->propagation_recursive, attributes->propagation,
			      err);
	return r;
}
