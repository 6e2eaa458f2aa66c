/* Moving network devices. tare does it from outside, with the host's privileges, while the init waits; the
 * kernel moves by RTM_NEWLINK with IFLA_NET_NS_FD, closes the device on the way and renames it only after it
 * has arrived, so a failure can come when the device is there already. Then it is given back. The number it
 * gets is chosen here (IFLA_NEW_IFINDEX, Linux 5.13): by what else would a device be known whose name the
 * kernel makes of a template? */
#include "process/netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "kernel/process.h"
#include "process/netdev-settings.h"

struct netdev {
	const struct spec_net_device *plan;
	const char *wanted; /* its name in the container, or a template */
	int index; /* here */
	int new_index; /* there */
	uint32_t master; /* the bridge or bond that it belongs to; 0: none */
	bool up;
	struct netdev_settings settings;
};

struct link_facts {
	bool found;
	int index;
	unsigned flags; /* IFF_* */
	uint32_t master;
	char name[IFNAMSIZ];
};

static int each_link(void *data, const struct nlmsghdr *message, struct error *err)
{
	struct link_facts *facts = data;
	const struct rtattr *name;
	struct ifinfomsg body;

	(void)err;
	if (message->nlmsg_type != RTM_NEWLINK ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof body))
		return 0;
	memcpy(&body, NLMSG_DATA(message), sizeof body);
	name = netlink_find(message, sizeof body, IFLA_IFNAME, 1);
	facts->found = true;
	facts->index = body.ifi_index;
	facts->flags = body.ifi_flags;
	facts->master = netlink_u32(message, sizeof body, IFLA_MASTER);
	if (name && RTA_PAYLOAD(name) <= sizeof facts->name)
		memcpy(facts->name, RTA_DATA(name), RTA_PAYLOAD(name));
	facts->name[sizeof facts->name - 1] = '\0';
	return 0;
}

/* Looks for a device. @index: 0 to look by name. ret_facts->found says whether there is one. */
static int look(int netlink, int index, const char *name, struct link_facts *ret_facts,
		struct error *err)
{
	struct ifinfomsg body = { .ifi_index = index };
	struct netlink_message message;
	int r = 0;

	*ret_facts = (struct link_facts){ .found = false };
	netlink_begin(&message, RTM_GETLINK, 0, &body, sizeof body);
	if (name)
		r = netlink_add_text(&message, IFLA_IFNAME, name);
	if (r == 0)
		r = netlink_add_u32(&message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (r < 0)
		return error_errno(err, -r, "a message");
	r = netlink_call(netlink, &message, each_link, ret_facts, err);
	if (r == -ENODEV) {
		error_ignore(err, "there is no such device");
		return 0;
	}
	return r;
}

/* Sets what @message says about one device. */
static int set_link(int netlink, struct netlink_message *message, struct error *err)
{
	return netlink_call(netlink, message, NULL, NULL, err);
}

static int set_up(int netlink, int index, struct error *err)
{
	struct ifinfomsg body = { .ifi_index = index,
				  .ifi_flags = IFF_UP,
				  .ifi_change = IFF_UP };
	struct netlink_message message;

	netlink_begin(&message, RTM_NEWLINK, 0, &body, sizeof body);
	return set_link(netlink, &message, err);
}

/* Moves a device and renames it: @from, @index are where it is, the others where it will be. */
static int send_over(int from, int index, int namespace, const char *name, int new_index,
		     struct error *err)
{
	struct ifinfomsg body = { .ifi_index = index };
	struct netlink_message message;
	int r;

	netlink_begin(&message, RTM_NEWLINK, 0, &body, sizeof body);
	r = netlink_add_u32(&message, IFLA_NET_NS_FD, (uint32_t) namespace);
	if (r == 0)
		r = netlink_add_text(&message, IFLA_IFNAME, name);
	if (r == 0)
		r = netlink_add_u32(&message, IFLA_NEW_IFINDEX, (uint32_t)new_index);
	return r < 0 ? error_errno(err, -r, "a message") : set_link(from, &message, err);
}

/* spec:170 */
static int check(const struct netdev_set *set, struct netdev *device, struct error *err)
{
	struct link_facts facts;
	int r;

	r = look(set->here, 0, device->plan->host_name, &facts, err);
	if (r < 0)
		return r;
	if (!facts.found)
		return error_set(err, ENODEV,
				 "the runtime's network namespace has no such device");
	if (facts.flags & IFF_LOOPBACK)
		return error_set(err, EINVAL, "a loopback device can't be moved");
	device->index = facts.index;
	device->up = facts.flags & IFF_UP;
	device->master = facts.master;
	if (strchr(device->wanted, '%'))
		return 0; /* spec:171 */
	r = look(set->there, 0, device->wanted, &facts, err);
	if (r < 0)
		return r;
	if (facts.found)
		return error_set(
			err, EEXIST,
			"the container's network namespace has a device \"%s\" already",
			device->wanted);
	return 0;
}

/* The device's own number, or the next one that is free in the other namespace. */
static int free_index(int netlink, int wanted, int *ret_index, struct error *err)
{
	struct link_facts facts;
	int r;

	for (;; wanted++) {
		r = look(netlink, wanted, NULL, &facts, err);
		if (r < 0)
			return r;
		if (!facts.found)
			break;
		if (wanted == INT32_MAX)
			return error_set(err, EMFILE, "no number is left for a network device");
	}
	*ret_index = wanted;
	return 0;
}

static int move_one(struct netdev_set *set, struct netdev *device, int target,
		    struct error *err)
{
	struct link_facts facts;
	int r;

	r = netdev_settings_read(set->here, device->index, set->arena, &device->settings, err);
	if (r < 0)
		return r;
	r = free_index(set->there, device->index, &device->new_index, err);
	if (r < 0)
		return r;
	set->n_moved++; /* it may have arrived also when the call fails */
	r = send_over(set->here, device->index, target, device->wanted, device->new_index, err);
	if (r < 0)
		return error_at(err, "move it to the container");
	r = look(set->there, device->new_index, NULL, &facts, err);
	if (r < 0)
		return r;
	if (!facts.found)
		return error_set(err, ENODEV, "it did not arrive in the container");
	r = set_up(set->there, device->new_index, err);
	if (r < 0)
		return error_at(err, "set it up in the container");
	return netdev_add_addresses(set->there, &device->settings, device->new_index,
				    facts.name, true, err);
}

/* Opens the two sockets; the process is in the container's network namespace for a moment. */
static int open_both(struct netdev_set *set, int proc, int target, struct error *err)
{
	struct stat ours, theirs;
	int r;

	set->home = openat(proc, "self/ns/net", O_RDONLY | O_CLOEXEC);
	if (set->home < 0 || fstat(set->home, &ours) < 0 || fstat(target, &theirs) < 0)
		return error_errno(err, errno, "open the network namespaces");
	if (ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev)
		return error_set(err, EINVAL,
				 "unable to move network devices: the container's network "
				 "namespace is the runtime's own");
	set->here = netlink_open();
	if (set->here < 0)
		return error_errno(err, -set->here, "open an rtnetlink socket");
	r = process_setns(target, CLONE_NEWNET);
	if (r < 0)
		return error_errno(err, -r, "enter the container's network namespace: setns");
	set->there = netlink_open();
	r = process_setns(set->home, CLONE_NEWNET);
	if (r < 0)
		return error_errno(err, -r, "leave the container's network namespace: setns");
	return set->there < 0 ? error_errno(err, -set->there, "open an rtnetlink socket") : 0;
}

static int move_all(const struct plan *plan, int target, struct netdev_set *set,
		    struct error *err)
{
	struct netdev *devices = set->devices;
	size_t i;
	int r;

	for (i = 0; i < plan->n_net_devices; i++) {
		devices[i].plan = &plan->net_devices[i];
		devices[i].wanted = devices[i].plan->name ? devices[i].plan->name
							  : devices[i].plan->host_name;
		r = check(set, &devices[i], err);
		if (r < 0)
			return error_at(err, "linux.netDevices.%s", devices[i].plan->host_name);
	}
	for (i = 0; i < plan->n_net_devices; i++) {
		r = move_one(set, &devices[i], target, err);
		if (r < 0)
			return error_at(err, "linux.netDevices.%s", devices[i].plan->host_name);
	}
	return 0;
}

int netdev_open_namespace(const struct plan_namespaces *plan, const struct join_set *join,
			  const struct child *child, int proc)
{
	char path[64];
	int fd;

	if (plan->of[SPEC_NAMESPACE_NETWORK].mode == PLAN_NS_JOIN)
		fd = fcntl(join->fds[SPEC_NAMESPACE_NETWORK], F_DUPFD_CLOEXEC, 3);
	else {
		snprintf(path, sizeof path, "%d/ns/net", (int)child->pid);
		fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

int netdev_move(const struct plan *plan, int proc, int take_target, struct arena *arena,
		struct netdev_set *ret_set, struct error *err)
{
	_cleanup_fd_ int target = take_target;
	int r;

	ret_set->arena = arena;
	ret_set->devices = arena_array(arena, plan->n_net_devices, sizeof *ret_set->devices);
	if (!ret_set->devices)
		return error_oom(err);
	r = open_both(ret_set, proc, target, err);
	if (r < 0)
		return error_at(err, "linux.netDevices");
	return move_all(plan, target, ret_set, err);
}

static int set_master(int netlink, int index, uint32_t master, struct error *err)
{
	struct ifinfomsg body = { .ifi_index = index };
	struct netlink_message message;
	int r;

	netlink_begin(&message, RTM_NEWLINK, 0, &body, sizeof body);
	r = netlink_add_u32(&message, IFLA_MASTER, master);
	return r < 0 ? error_errno(err, -r, "a message") : set_link(netlink, &message, err);
}

static int give_back_one(const struct netdev_set *set, const struct netdev *device,
			 struct error *err)
{
	const char *name = device->plan->host_name;
	struct link_facts facts;
	int r;

	r = look(set->there, device->new_index, NULL, &facts, err);
	if (r < 0 || !facts.found)
		return r; /* it never left */
	r = send_over(set->there, device->new_index, set->home, name, device->index, err);
	if (r < 0)
		return r;
	if (device->master) {
		r = set_master(set->here, device->index, device->master, err);
		if (r < 0)
			return error_at(err, "its master");
	}
	if (device->up) {
		r = set_up(set->here, device->index, err);
		if (r < 0)
			return r;
	}
	r = netdev_add_addresses(set->here, &device->settings, device->index, name, false, err);
	if (r < 0 || !device->up)
		return r;
	return netdev_add_routes(set->here, &device->settings, err);
}

void netdev_give_back(struct netdev_set *set)
{
	struct error err = ERROR_INIT;

	/* in reverse order: the first may have got the name that the second had */
	for (; set->n_moved > 0; set->n_moved--) {
		const struct netdev *device = &set->devices[set->n_moved - 1];

		if (give_back_one(set, device, &err) < 0) {
			trace_warning("network device %s could not be given back: %s",
				      device->plan->host_name, err.text);
			error_ignore(&err, "the others are given back all the same");
		}
	}
}

void netdev_close(struct netdev_set *set)
{
	cleanup_fd(&set->here);
	cleanup_fd(&set->there);
	cleanup_fd(&set->home);
}
