/* Executing tare-netdev, the program that src/helpers embeds. The runtime's network namespace goes along as a
 * descriptor, opened through the verified procfs: the helper enters the container's for a moment, and has to find
 * the way back. */
#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "kernel/embedded.h"
#include "process/netdev.h"
#include "process/netdev_message.h"

/* helpers/embed.c */
extern const char tare_netdev_program[], tare_netdev_program_end[];

bool netdev_supported(void)
{
	return true;
}

int netdev_start(int proc, struct netdev_helper *ret_helper, struct error *err)
{
	static const char *const arguments[] = { NETDEV_MESSAGE_VERSION, NULL };
	_cleanup_fd_ int home = openat(proc, "self/ns/net", O_RDONLY | O_CLOEXEC);
	const struct embedded_program program = {
		.name = "tare-netdev",
		.begin = tare_netdev_program,
		.end = tare_netdev_program_end,
		.arguments = arguments,
		.n_fds = 1,
		.fds = &home, /* NETDEV_MESSAGE_HOME */
		.survives = true,
	};
	int r;

	*ret_helper = NETDEV_HELPER_INIT;
	if (home < 0)
		return error_errno(err, errno, "linux.netDevices: open the network namespaces");
	r = embedded_start(&program, &ret_helper->socket, &ret_helper->pidfd, err);
	return r < 0 ? error_at(err, "linux.netDevices") : 0;
}
