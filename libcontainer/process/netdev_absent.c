/* A build without libmnl's headers: compiled in the place of netdev_start.c. A container with linux.netDevices is then
 * refused before anything of it is made, and `features` says so; one without has lost nothing. What else is in
 * netdev.c does nothing without a helper. */
#include <errno.h>

#include "process/netdev.h"

bool netdev_supported(void)
{
	return false;
}

int netdev_start(int proc, struct netdev_helper *ret_helper, struct error *err)
{
	(void)proc;
	*ret_helper = NETDEV_HELPER_INIT;
	return error_set(err, ENOTSUP,
			 "linux.netDevices: this tare was built without libmnl "
			 "(-Dnetdevices), which moves network devices");
}
