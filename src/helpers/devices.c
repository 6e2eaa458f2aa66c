/* Moving network devices, with the privileges of the tare that has executed this program, while the container's init
 * waits; the kernel moves by RTM_NEWLINK with IFLA_NET_NS_FD, closes the device on the way and renames it only after it
 * has arrived, so a failure can come when the device is there already. Then it is given back. The number it
 * gets is chosen here (IFLA_NEW_IFINDEX, Linux 5.13): by what else would a device be known whose name the
 * kernel makes of a template? */
#include "helpers/devices.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "helpers/settings.h"

struct device {
	const char *place; /* in config.json */
	const char *name; /* here */
	const char *wanted; /* its name in the container, or a template */
	int index; /* here */
	int new_index; /* there */
	uint32_t master; /* the bridge or bond that it belongs to; 0: none */
	bool up;
	struct settings settings;
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
	const struct ifinfomsg *body = rtnl_body(message, RTM_NEWLINK, sizeof *body);
	const char *name;
	size_t length;

	(void)err;
	if (!body)
		return 0;
	name = rtnl_find(message, sizeof *body, IFLA_IFNAME, 1, &length);
	facts->found = true;
	facts->index = body->ifi_index;
	facts->flags = body->ifi_flags;
	facts->master = rtnl_u32(message, sizeof *body, IFLA_MASTER);
	if (name && length <= sizeof facts->name)
		memcpy(facts->name, name, length);
	facts->name[sizeof facts->name - 1] = '\0';
	return 0;
}

/* Looks for a device. @index: 0 to look by name. ret_facts->found says whether there is one. */
static int look(struct mnl_socket *socket, int index, const char *name,
		struct link_facts *ret_facts, struct error *err)
{
	struct ifinfomsg body = { .ifi_index = index };
	struct rtnl_request request;
	int r;

	*ret_facts = (struct link_facts){ .found = false };
	rtnl_begin(&request, RTM_GETLINK, 0, &body, sizeof body);
	if (name)
		rtnl_add_text(&request, IFLA_IFNAME, name);
	rtnl_add_u32(&request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = rtnl_call(socket, &request, each_link, ret_facts, err);
	if (r == -ENODEV) {
		error_ignore(err, "there is no such device");
		return 0;
	}
	return r;
}

static int set_up(struct mnl_socket *socket, int index, struct error *err)
{
	struct ifinfomsg body = { .ifi_index = index,
				  .ifi_flags = IFF_UP,
				  .ifi_change = IFF_UP };
	struct rtnl_request request;

	rtnl_begin(&request, RTM_NEWLINK, 0, &body, sizeof body);
	return rtnl_call(socket, &request, NULL, NULL, err);
}

/* Where a device is to go, and as what. */
struct destination {
	int namespace;
	const char *name;
	int index;
};

/* Moves a device and renames it. @from, @index: where it is. */
static int send_over(struct mnl_socket *from, int index, const struct destination *to,
		     struct error *err)
{
	struct ifinfomsg body = { .ifi_index = index };
	struct rtnl_request request;

	rtnl_begin(&request, RTM_NEWLINK, 0, &body, sizeof body);
	rtnl_add_u32(&request, IFLA_NET_NS_FD, (uint32_t)to->namespace);
	rtnl_add_text(&request, IFLA_IFNAME, to->name);
	rtnl_add_u32(&request, IFLA_NEW_IFINDEX, (uint32_t)to->index);
	return rtnl_call(from, &request, NULL, NULL, err);
}

/* spec:170 */
static int check(const struct devices *devices, struct device *device, struct error *err)
{
	struct link_facts facts;
	int r;

	r = look(devices->here, 0, device->name, &facts, err);
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
	r = look(devices->there, 0, device->wanted, &facts, err);
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
static int free_index(struct mnl_socket *socket, int wanted, int *ret_index, struct error *err)
{
	struct link_facts facts;
	int r;

	for (;; wanted++) {
		r = look(socket, wanted, NULL, &facts, err);
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

static int move_one(struct devices *devices, struct device *device, int target,
		    struct error *err)
{
	struct destination to = { .namespace = target, .name = device->wanted };
	struct link_facts facts;
	int r;

	r = settings_read(devices->here, device->index, devices->arena, &device->settings, err);
	if (r < 0)
		return r;
	r = free_index(devices->there, device->index, &device->new_index, err);
	if (r < 0)
		return r;
	to.index = device->new_index;
	devices->n_moved++; /* it may have arrived also when the call fails */
	r = send_over(devices->here, device->index, &to, err);
	if (r < 0)
		return error_at(err, "move it to the container");
	r = look(devices->there, device->new_index, NULL, &facts, err);
	if (r < 0)
		return r;
	if (!facts.found)
		return error_set(err, ENODEV, "it did not arrive in the container");
	r = set_up(devices->there, device->new_index, err);
	if (r < 0)
		return error_at(err, "set it up in the container");
	return settings_add_addresses(devices->there, &device->settings, device->new_index,
				      facts.name, true, err);
}

static int open_there(struct devices *devices, int target, struct error *err)
{
	struct stat ours, theirs;

	if (fstat(devices->home, &ours) < 0 || fstat(target, &theirs) < 0)
		return error_errno(err, errno, "open the network namespaces");
	if (ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev)
		return error_set(err, EINVAL,
				 "unable to move network devices: the container's network "
				 "namespace is the runtime's own");
	return rtnl_open_in(target, devices->home, &devices->there, err);
}

/* Takes the list apart: three words a device. */
static int take_list(struct devices *devices, struct packet_words *words, struct error *err)
{
	struct packet_words counted = *words;
	size_t n = 0, i;

	while (packet_next(&counted))
		n++;
	if (n == 0 || n % 3 != 0)
		return error_set(err, EBADMSG, "tare-netdev: malformed request");
	devices->list = arena_array(devices->arena, n / 3, sizeof *devices->list);
	if (!devices->list)
		return error_oom(err);
	devices->n = n / 3;
	for (i = 0; i < devices->n; i++) {
		devices->list[i].place = packet_next(words);
		devices->list[i].name = packet_next(words);
		devices->list[i].wanted = packet_next(words);
	}
	return 0;
}

int devices_move(struct devices *devices, int there, struct packet_words *words,
		 struct error *err)
{
	const char *place = packet_next(words);
	struct device *device;
	size_t i;
	int r;

	r = take_list(devices, words, err);
	if (r < 0)
		return r;
	r = open_there(devices, there, err);
	if (r < 0)
		return error_at(err, "%s", place);
	for (i = 0; i < devices->n; i++) {
		device = &devices->list[i];
		r = check(devices, device, err);
		if (r < 0)
			return error_at(err, "%s", device->place);
	}
	for (i = 0; i < devices->n; i++) {
		device = &devices->list[i];
		r = move_one(devices, device, there, err);
		if (r < 0)
			return error_at(err, "%s", device->place);
	}
	return 0;
}

static int set_master(struct mnl_socket *socket, int index, uint32_t master, struct error *err)
{
	struct ifinfomsg body = { .ifi_index = index };
	struct rtnl_request request;

	rtnl_begin(&request, RTM_NEWLINK, 0, &body, sizeof body);
	rtnl_add_u32(&request, IFLA_MASTER, master);
	return rtnl_call(socket, &request, NULL, NULL, err);
}

static int give_back_one(const struct devices *devices, const struct device *device,
			 struct error *err)
{
	const struct destination home = { devices->home, device->name, device->index };
	struct link_facts facts;
	int r;

	r = look(devices->there, device->new_index, NULL, &facts, err);
	if (r < 0 || !facts.found)
		return r; /* it never left */
	r = send_over(devices->there, device->new_index, &home, err);
	if (r < 0)
		return r;
	if (device->master) {
		r = set_master(devices->here, device->index, device->master, err);
		if (r < 0)
			return error_at(err, "its master");
	}
	if (device->up) {
		r = set_up(devices->here, device->index, err);
		if (r < 0)
			return r;
	}
	r = settings_add_addresses(devices->here, &device->settings, device->index,
				   device->name, false, err);
	if (r < 0 || !device->up)
		return r;
	return settings_add_routes(devices->here, &device->settings, err);
}

void devices_give_back(struct devices *devices, struct packet *report)
{
	struct error err = ERROR_INIT;

	/* in reverse order: the first may have got the name that the second had */
	for (; devices->n_moved > 0; devices->n_moved--) {
		const struct device *device = &devices->list[devices->n_moved - 1];

		if (give_back_one(devices, device, &err) < 0) {
			error_at(&err, "network device %s could not be given back",
				 device->name);
			packet_add(report, 0, err.text);
			error_ignore(&err, "the others are given back all the same");
		}
	}
}

void devices_close(struct devices *devices)
{
	rtnl_close(&devices->here);
	rtnl_close(&devices->there);
}
