/* Loading libsystemd and connecting to a service manager. systemd listens on a socket of its own
 * (/run/systemd/private, for users $XDG_RUNTIME_DIR/systemd/private), which systemctl uses as well: it spares
 * the bus daemon's authentication, Hello, AddMatch and two hops for each message. Where that can't be
 * connected to, the bus does. */
#include "helpers/bus.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define LIBRARY "libsystemd.so.0"
#define ADDRESS_MAX 4096

int bus_load(struct bus_functions *ret_functions, struct error *err)
{
	/* never closed: it is used until the end */
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return error_set(err, ENOENT,
				 "%s (the systemd cgroup driver needs it: install libsystemd0, "
				 "elsewhere systemd-libs)",
				 dlerror());
#define BUS_LOOK_UP(name)                                       \
	*(void **)&ret_functions->name = dlsym(library, #name); \
	if (!ret_functions->name)                               \
		return error_set(err, ENOENT, LIBRARY " is too old: it has no " #name);
	BUS_FUNCTIONS(BUS_LOOK_UP)
	return 0;
}

/* "unix:path=" and the path as addresses are written (D-Bus specification, "Server Addresses"). */
static bool write_address(char address[ADDRESS_MAX], const char *directory, const char *name)
{
	int length = snprintf(address, ADDRESS_MAX, "unix:path=");
	const char *parts[] = { directory, name };
	size_t i, at = (size_t)length;
	const char *c;

	for (i = 0; i < ELEMENTS_OF(parts); i++)
		for (c = parts[i]; *c; c++) {
			if (at + 4 > ADDRESS_MAX)
				return false;
			if (strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
				   "XYZ"
				   "-_/.\\",
				   *c))
				address[at++] = *c;
			else
				at += (size_t)snprintf(address + at, 4, "%%%02x",
						       (unsigned char)*c);
		}
	address[at] = '\0';
	return true;
}

static int connect_directly(const struct bus_functions *f, const char *directory,
			    sd_bus **ret_bus)
{
	char address[ADDRESS_MAX];
	sd_bus *bus = NULL;
	int r;

	if (!write_address(address, directory, "/systemd/private"))
		return -ENAMETOOLONG;
	r = f->sd_bus_new(&bus);
	if (r >= 0)
		r = f->sd_bus_set_address(bus, address);
	if (r >= 0)
		r = f->sd_bus_start(bus);
	if (r < 0) {
		f->sd_bus_unref(bus);
		return r;
	}
	*ret_bus = bus;
	return 0;
}

static int connect_user(const struct bus_functions *f, sd_bus **ret_bus, bool *ret_direct,
			struct error *err)
{
	const char *directory = getenv("XDG_RUNTIME_DIR");
	char usual[64];
	int direct, r;

	/* what the login session would have set; sd-bus itself does not guess */
	if (!directory || *directory != '/') {
		snprintf(usual, sizeof usual, "/run/user/%u", (unsigned)geteuid());
		directory = usual;
		if (!getenv("DBUS_SESSION_BUS_ADDRESS"))
			setenv("XDG_RUNTIME_DIR", usual, 1);
	}
	direct = connect_directly(f, directory, ret_bus);
	*ret_direct = direct >= 0;
	if (direct >= 0)
		return 0;
	r = f->sd_bus_open_user(ret_bus);
	if (r >= 0)
		return 0;
	error_errno(err, -r,
		    "connect to the user's service manager by %s/systemd/private (%s) or the "
		    "session's bus",
		    directory, error_errno_text(-direct));
	return error_hint(
		err, " (without privileges the systemd driver needs a user session: log in, "
		     "or `loginctl enable-linger`, and XDG_RUNTIME_DIR set)");
}

int bus_connect(const struct bus_functions *f, bool user, sd_bus **ret_bus, bool *ret_direct,
		struct error *err)
{
	int direct = -ENOENT, r;

	if (user)
		return connect_user(f, ret_bus, ret_direct, err);
	if (!getenv("DBUS_SYSTEM_BUS_ADDRESS"))
		direct = connect_directly(f, "/run", ret_bus);
	*ret_direct = direct >= 0;
	if (direct >= 0)
		return 0;
	r = f->sd_bus_open_system(ret_bus);
	if (r >= 0)
		return 0;
	error_errno(err, -r,
		    "connect to systemd by /run/systemd/private (%s) or the system bus",
		    error_errno_text(-direct));
	return error_hint(err,
			  " (is systemd the init of this machine? without it take the cgroup "
			  "manager cgroupfs)");
}
