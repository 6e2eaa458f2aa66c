/* A service manager that has no systemd behind it: it takes the calls that tare makes of one, writes them down, and
 * does in the simplest way what a caller can see of a scope (a cgroup, with the processes that were named in it). So
 * the systemd driver is tested where systemd does not run. It answers as a bus does (Hello, matches) and as
 * systemd's own socket.
 *
 * fakemanager DIRECTORY: listens on DIRECTORY/systemd/private, and writes a line a call to DIRECTORY/calls. The file
 * DIRECTORY/cgroup has the cgroup that scopes are made in, and DIRECTORY/script how it goes: "hang" (the job of a
 * start does not end), "late" (an empty scope goes after a second, and after three more there is one of that name again),
 * "deserted" (a scope that is there already, with or without processes, stays until it is stopped), or nothing. */
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#define NAME "org.freedesktop.systemd1"
#define PATH "/org/freedesktop/systemd1"

static const char *directory;

static void check(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "fakemanager: %s: %s\n", what, strerror(-r));
	exit(1);
}

static FILE *file(const char *name, const char *mode)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return fopen(path, mode);
}

/* The first line of a file; empty without one. */
static void line_of(const char *name, char *line, int size)
{
	FILE *in = file(name, "r");

	if (!in || !fgets(line, size, in))
		line[0] = '\0';
	if (in)
		fclose(in);
	line[strcspn(line, "\n")] = '\0';
}

static void note(const char *call, const char *unit)
{
	FILE *out = file("calls", "a");

	if (!out)
		abort();
	fprintf(out, "%s %s\n", call, unit);
	fclose(out);
}

static void end_job(sd_bus *bus, unsigned id, const char *unit)
{
	sd_bus_message *m = NULL;
	char job[64];

	snprintf(job, sizeof job, PATH "/job/%u", id);
	check(sd_bus_message_new_signal(bus, &m, PATH, NAME ".Manager", "JobRemoved"),
	      "signal");
	check(sd_bus_message_set_sender(m, NAME), "signal");
	check(sd_bus_message_append(m, "uoss", id, job, unit, "done"), "signal");
	check(sd_bus_send(bus, m, NULL), "signal");
	sd_bus_message_unref(m);
}

static void reply_job(sd_bus_message *m, unsigned id)
{
	char job[64];

	snprintf(job, sizeof job, PATH "/job/%u", id);
	check(sd_bus_reply_method_return(m, "o", job), "reply");
}

static void path_of(const char *unit, char *path, int size)
{
	char above[2048];

	line_of("cgroup", above, sizeof above);
	snprintf(path, size, "%s/%s", above, unit);
}

/* As systemd does: a scope without processes is gone. */
static void remove_when_empty(const char *path)
{
	struct pollfd wait = { .events = POLLPRI };
	char events[8192], text[256] = "", how[64];

	if (fork() != 0)
		return;
	snprintf(events, sizeof events, "%s/cgroup.events", path);
	wait.fd = open(events, O_RDONLY);
	while (wait.fd >= 0 && pread(wait.fd, text, sizeof text - 1, 0) > 0 &&
	       strstr(text, "populated 1"))
		poll(&wait, 1, -1);
	line_of("script", how, sizeof how);
	if (strcmp(how, "late") == 0)
		sleep(1);
	rmdir(path);
	if (strcmp(how, "late") == 0) {
		sleep(3);
		mkdir(path, 0755);
	}
	_exit(0);
}

/* Makes the cgroup if it is not there, and moves a process into it. */
static void seat(const char *unit, unsigned pid)
{
	char path[4096], procs[8192];
	FILE *out;

	path_of(unit, path, sizeof path);
	mkdir(path, 0755);
	snprintf(procs, sizeof procs, "%s/cgroup.procs", path);
	out = fopen(procs, "w");
	if (!out || fprintf(out, "%u", pid) < 0 || fclose(out) != 0)
		perror(procs);
	remove_when_empty(path);
}

static bool is_deserted(void)
{
	char how[64];

	line_of("script", how, sizeof how);
	return strcmp(how, "deserted") == 0;
}

/* The state of one unit. */
static void list(sd_bus_message *m)
{
	sd_bus_message *reply = NULL;
	char path[4096];
	const char *unit;

	check(sd_bus_message_enter_container(m, 'a', "s"), "read names");
	check(sd_bus_message_read(m, "s", &unit), "read names");
	note("ListUnitsByNames", unit);
	path_of(unit, path, sizeof path);
	check(sd_bus_message_new_method_return(m, &reply), "reply");
	check(sd_bus_message_append(reply, "a(ssssssouso)", 1, unit, "", "loaded",
				    access(path, F_OK) == 0 ? "active" : "inactive", "", "",
				    "/", 0, "", "/"),
	      "reply");
	check(sd_bus_send(NULL, reply, NULL), "reply");
	sd_bus_message_unref(reply);
}

static void list_processes(sd_bus_message *m)
{
	sd_bus_message *reply = NULL;
	char path[4096], procs[8192];
	const char *unit;
	unsigned pid;
	FILE *in;

	check(sd_bus_message_read(m, "s", &unit), "read a name");
	note("GetUnitProcesses", unit);
	path_of(unit, path, sizeof path);
	snprintf(procs, sizeof procs, "%s/cgroup.procs", path);
	check(sd_bus_message_new_method_return(m, &reply), "reply");
	check(sd_bus_message_open_container(reply, 'a', "(sus)"), "reply");
	in = fopen(procs, "r");
	while (in && fscanf(in, "%u", &pid) == 1)
		check(sd_bus_message_append(reply, "(sus)", path, pid, ""), "reply");
	if (in)
		fclose(in);
	check(sd_bus_message_close_container(reply), "reply");
	check(sd_bus_send(NULL, reply, NULL), "reply");
	sd_bus_message_unref(reply);
}

static void start(sd_bus_message *m, unsigned id)
{
	char path[4096];
	const char *unit, *mode, *property;
	char how[64];
	unsigned pid;

	check(sd_bus_message_read(m, "ss", &unit, &mode), "read a start");
	note("StartTransientUnit", unit);
	path_of(unit, path, sizeof path);
	if (is_deserted() && access(path, F_OK) == 0) {
		check(sd_bus_reply_method_errorf(m, NAME ".UnitExists", "it is loaded"),
		      "reply");
		return;
	}
	check(sd_bus_message_enter_container(m, 'a', "(sv)"), "read a start");
	while (sd_bus_message_enter_container(m, 'r', "sv") > 0) {
		check(sd_bus_message_read(m, "s", &property), "read a property");
		if (strcmp(property, "PIDs") != 0) {
			check(sd_bus_message_skip(m, "v"), "skip a property");
		} else {
			check(sd_bus_message_read(m, "v", "au", 1, &pid), "read PIDs");
			seat(unit, pid);
		}
		check(sd_bus_message_exit_container(m), "read a property");
	}
	reply_job(m, id);
	line_of("script", how, sizeof how);
	if (strcmp(how, "hang") != 0)
		end_job(sd_bus_message_get_bus(m), id, unit);
}

static int take(sd_bus_message *m, void *data, sd_bus_error *error)
{
	static unsigned id;
	const char *member = sd_bus_message_get_member(m), *unit = "";
	char path[4096];
	uint8_t type;

	(void)data;
	(void)error;
	if (sd_bus_message_get_type(m, &type) < 0 || type != SD_BUS_MESSAGE_METHOD_CALL)
		return 0;
	if (strcmp(member, "Hello") == 0) {
		check(sd_bus_reply_method_return(m, "s", ":1.1"), "reply");
	} else if (strcmp(member, "StartTransientUnit") == 0) {
		start(m, ++id);
	} else if (strcmp(member, "ListUnitsByNames") == 0) {
		list(m);
	} else if (strcmp(member, "GetUnitProcesses") == 0) {
		list_processes(m);
	} else if (strcmp(member, "StopUnit") == 0) {
		check(sd_bus_message_read(m, "s", &unit), "read a stop");
		note(member, unit);
		path_of(unit, path, sizeof path);
		if (is_deserted())
			rmdir(path);
		reply_job(m, ++id);
		end_job(sd_bus_message_get_bus(m), id, unit);
	} else {
		if (sd_bus_message_has_signature(m, "s"))
			check(sd_bus_message_read(m, "s", &unit), "read a call");
		note(member, unit);
		if (sd_bus_message_get_expect_reply(m))
			check(sd_bus_reply_method_return(m, NULL), "reply");
	}
	return 1;
}

static void serve(int connection)
{
	sd_id128_t guid;
	sd_bus *bus;
	int r;

	check(sd_id128_randomize(&guid), "randomize");
	check(sd_bus_new(&bus), "new");
	check(sd_bus_set_fd(bus, connection, connection), "set_fd");
	check(sd_bus_set_server(bus, 1, guid), "set_server");
	check(sd_bus_start(bus), "start");
	check(sd_bus_add_filter(bus, NULL, take, NULL), "add_filter");
	do {
		r = sd_bus_process(bus, NULL);
		if (r == 0)
			r = sd_bus_wait(bus, UINT64_MAX);
	} while (r >= 0);
	exit(0);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), connection;

	if (argc != 2)
		return 1;
	directory = argv[1];
	snprintf(address.sun_path, sizeof address.sun_path, "%s/systemd/private", directory);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(listener, 16) < 0) {
		perror(address.sun_path);
		return 1;
	}
	/* its connections are few, and none waits for another: a process each */
	for (;;) {
		connection = accept(listener, NULL, NULL);
		if (connection < 0)
			return 1;
		if (fork() == 0)
			serve(connection);
		close(connection);
	}
}
