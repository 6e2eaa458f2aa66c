/* Capabilities by the kernel's own calls: the usual library, libcap, asks the kernel for its last capability by
 * six calls when a program starts, and again around each change, more than all that is to be done with it.
 * Kernel fact: the sets are a thread's, and there is no call that changes more than one bit of the bounding set. */
#include "kernel/capability.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t join(uint32_t low, uint32_t high)
{
	return low | (uint64_t)high << 32;
}

int capability_get_sets(struct capability_sets *ret_sets)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	ret_sets->effective = join(data[0].effective, data[1].effective);
	ret_sets->permitted = join(data[0].permitted, data[1].permitted);
	ret_sets->inheritable = join(data[0].inheritable, data[1].inheritable);
	return 0;
}

int capability_set_sets(const struct capability_sets *sets)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ (uint32_t)sets->effective, (uint32_t)sets->permitted,
		  (uint32_t)sets->inheritable },
		{ (uint32_t)(sets->effective >> 32), (uint32_t)(sets->permitted >> 32),
		  (uint32_t)(sets->inheritable >> 32) },
	};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

bool capability_is_bounding(int number)
{
	return prctl(PR_CAPBSET_READ, number, 0, 0, 0) > 0;
}

bool capability_is_ambient(int number)
{
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, number, 0, 0) > 0;
}

int capability_drop_bounding(int number)
{
	return prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0 ? -errno : 0;
}

int capability_raise_ambient(int number)
{
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) < 0 ? -errno : 0;
}

int capability_clear_ambient(void)
{
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ? -errno : 0;
}
