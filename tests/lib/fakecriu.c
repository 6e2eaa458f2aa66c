/* A libcriu.so.2 that has no CRIU behind it: it writes down what it is asked for, and does in the simplest way what a
 * caller can see of a dump (the process ends) and of a restore (a process appears, after notifications). So the way
 * from the command line to libcriu, and what is done when CRIU fails, is tested where CRIU does not run.
 *
 * FAKE_CRIU names a directory: "calls" in it gets a line a call, "script" says how it goes: "fail" (with a log),
 * "die" (no answer), "hang" (no end), "end" (the process has ended when it is to be dumped), or the seconds that the restored process
 * lives for, its exit status, and what else: "stray" (it stays in the cgroup that it is in), "orphan" (it leaves one,
 * whose parent is written into "parent"). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct options {
	int pid, work;
	int cgroups; /* the mode */
	char yard[2048], below[2048];
	bool leave_running;
	int (*notify)(char *action, void *argument);
};

static int first_process;

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *format, ...)
{
	char path[4096], line[4096];
	va_list list;
	FILE *file;

	snprintf(path, sizeof path, "%s/calls", getenv("FAKE_CRIU"));
	file = fopen(path, "a");
	if (!file)
		abort();
	va_start(list, format);
	vsnprintf(line, sizeof line, format, list);
	va_end(list);
	fprintf(file, "%s\n", line);
	fclose(file);
}

static void script(char text[64])
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof path, "%s/script", getenv("FAKE_CRIU"));
	file = fopen(path, "r");
	if (!file || !fgets(text, 64, file))
		*text = '\0';
	if (file)
		fclose(file);
}

#define FLAG(name)                                                \
	void criu_local_set_##name(struct options *o, bool value) \
	{                                                         \
		(void)o;                                          \
		note(#name " %d", value);                         \
	}
#define NUMBER(name)                                             \
	void criu_local_set_##name(struct options *o, int value) \
	{                                                        \
		(void)o;                                         \
		note(#name " %d", value);                        \
	}
#define TEXT(function)                                                  \
	int criu_local_##function(struct options *o, const char *value) \
	{                                                               \
		(void)o;                                                \
		note(#function " %s", value);                           \
		return 0;                                               \
	}

FLAG(track_mem)
FLAG(tcp_established)
FLAG(tcp_skip_in_flight)
FLAG(tcp_close)
FLAG(ext_unix_sk)
FLAG(shell_job)
FLAG(file_locks)
FLAG(link_remap)
FLAG(auto_dedup)
FLAG(orphan_pts_master)
FLAG(manage_cgroups)
NUMBER(images_dir_fd)
NUMBER(log_level)
NUMBER(empty_ns)
NUMBER(network_lock)
TEXT(set_service_binary)
TEXT(set_parent_images)
TEXT(set_log_file)
TEXT(set_root)
TEXT(set_freeze_cgroup)
TEXT(add_external)
TEXT(set_lsm_profile)
#ifndef OLD
TEXT(set_lsm_mount_context)
#endif

int criu_local_init_opts(struct options **ret)
{
	*ret = calloc(1, sizeof **ret);
	return *ret ? 0 : -1;
}

void criu_local_set_pid(struct options *o, int pid)
{
	o->pid = first_process = pid;
	note("pid %d", pid);
}

void criu_local_set_work_dir_fd(struct options *o, int fd)
{
	o->work = fd;
}

void criu_local_set_leave_running(struct options *o, bool value)
{
	o->leave_running = value;
	note("leave_running %d", value);
}

int criu_local_add_cg_root(struct options *o, const char *controller, const char *path)
{
	note("add_cg_root '%s' %s", controller, path);
	snprintf(o->below, sizeof o->below, "%s", path);
	return 0;
}

int criu_local_add_cg_yard(struct options *o, const char *path)
{
	note("add_cg_yard %s", path);
	snprintf(o->yard, sizeof o->yard, "%s", path);
	return 0;
}

void criu_local_set_manage_cgroups_mode(struct options *o, int value)
{
	note("manage_cgroups_mode %d", value);
	o->cgroups = value;
}

int criu_local_add_inherit_fd(struct options *o, int fd, const char *key)
{
	(void)o;
	note("add_inherit_fd %s %s", fcntl(fd, F_GETFD) == 0 ? "open" : "closed", key);
	return 0;
}

int criu_local_join_ns_add(struct options *o, const char *ns, const char *file,
			   const char *extra)
{
	(void)o;
	(void)extra;
	note("join_ns_add %s %s", ns, file);
	return 0;
}

int criu_local_set_page_server_address_port(struct options *o, const char *address, int port)
{
	(void)o;
	note("page_server %s %d", address, port);
	return 0;
}

int criu_local_set_config_file(struct options *o, const char *path)
{
	char text[256];
	FILE *file = fopen(path, "r");

	(void)o;
	while (file && fgets(text, sizeof text, file)) {
		text[strcspn(text, "\n")] = '\0';
		note("config %s", text);
	}
	if (file)
		fclose(file);
	return 0;
}

void criu_local_set_notify_cb(struct options *o, int (*callback)(char *action, void *argument))
{
	o->notify = callback;
}

int criu_notify_pid(void *argument)
{
	return *(int *)argument;
}

int criu_get_orphan_pts_master_fd(void)
{
	return -1;
}

int criu_local_get_version(struct options *o)
{
	(void)o;
	return 40000;
}

static int notify(struct options *o, const char *action)
{
	return o->notify((char *)action, &first_process);
}

/* -EBADE, with what CRIU would have written into its log; 0: it goes well. */
static int fail(struct options *o, const char *log)
{
	static const char text[] = "(00.000001) Version: 4.2\n"
				   "(00.000002) Error (criu/one.c:1): the first\n"
				   "(00.000003)     17: Error (criu/two.c:2): the cause\n"
				   "(00.000004) and more\n";
	char how[64];
	int fd;

	script(how);
	if (strncmp(how, "die", 3) == 0)
		_exit(9);
	if (strncmp(how, "fail", 4) != 0)
		return 0;
	fd = openat(o->work, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, text, sizeof text - 1) < 0)
		abort();
	close(fd);
	errno = 0;
	return -EBADE;
}

int criu_local_dump(struct options *o)
{
	char how[64];
	int r;

	note("dump");
	r = fail(o, "dump.log");
	if (r < 0)
		return r;
	script(how);
	if (strncmp(how, "end", 3) == 0) {
		kill(o->pid, SIGKILL);
		usleep(300000);
	}
	while (strncmp(how, "hang", 4) == 0)
		pause();
	if (notify(o, "pre-dump") != 0 || notify(o, "status-ready") != 0)
		return -EBADE;
	note("dumped");
	if (!o->leave_running)
		kill(o->pid, SIGKILL);
	return 0;
}

int criu_local_pre_dump(struct options *o)
{
	note("pre_dump");
	return fail(o, "dump.log");
}

/* Into the cgroup that the caller has named, as CRIU does unless it is told to leave them alone. */
static void move(const struct options *o)
{
	char path[4200];
	FILE *file;

	if (o->cgroups == 0 || !*o->yard || !*o->below)
		return;
	snprintf(path, sizeof path, "%s/unified%s/cgroup.procs", o->yard, o->below);
	file = fopen(path, "w");
	if (!file || fprintf(file, "%d\n", first_process) < 0 || fclose(file) != 0)
		abort();
}

/* In the restored process. */
static void leave_orphan(void)
{
	char path[4096];
	FILE *file;

	usleep(500000);
	if (fork() != 0)
		return;
	if (fork() != 0)
		_exit(0);
	usleep(300000);
	snprintf(path, sizeof path, "%s/parent", getenv("FAKE_CRIU"));
	file = fopen(path, "w");
	if (file)
		fprintf(file, "%d\n", getppid());
	if (file)
		fclose(file);
	_exit(0);
}

/* As CRIU's: a child of the caller's. */
int criu_local_restore_child(struct options *o)
{
	int seconds = 0, status = 0, go[2], r;
	char how[64], byte;

	note("restore");
	r = fail(o, "restore.log");
	if (r < 0)
		return r;
	script(how);
	if (sscanf(how, "%d %d", &seconds, &status) < 1 || pipe(go) < 0)
		abort();
	first_process = fork();
	if (first_process == 0) {
		close(go[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		for (r = 3; r < 64; r++)
			close(r);
		if (strstr(how, "orphan"))
			leave_orphan();
		sleep((unsigned)seconds);
		_exit(status);
	}
	close(go[0]);
	r = notify(o, "setup-namespaces");
	if (r == 0 && !strstr(how, "stray"))
		move(o);
	if (r != 0 || notify(o, "post-restore") != 0) {
		kill(first_process, SIGKILL);
		waitpid(first_process, NULL, 0);
		return -ECANCELED;
	}
	if (write(go[1], "", 1) != 1)
		abort();
	close(go[1]);
	return first_process;
}
