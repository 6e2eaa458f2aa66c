/* Finding the program and the environment inside the container. Runs with the container's root and user, so
 * that the answer is the one execve(2) will give. The container's passwd is untrusted: it is read by
 * descriptor, only if it is a regular file, and only for HOME; ids are never looked up in it. */
#include "process/execute.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define PASSWD_MAX ((size_t)1 << 20)
#define DEFAULT_PATH "/bin:/usr/bin"

static const char *environment_value(const struct plan_process *plan, const char *name)
{
	size_t length = strlen(name), i;

	for (i = 0; i < plan->n_env; i++)
		if (strncmp(plan->env[i], name, length) == 0 && plan->env[i][length] == '=')
			return plan->env[i] + length + 1;
	return NULL;
}

/* Whether @path can be executed. Returns 0, or -errno with EISDIR for a directory. */
static int check_program(const char *path)
{
	struct stat own, st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return -errno;
	/* this very executable: the sealed copy that the init runs from */
	if (stat("/proc/self/exe", &own) == 0 && own.st_dev == st.st_dev &&
	    own.st_ino == st.st_ino)
		return -ETXTBSY;
	return 0;
}

static int refuse(const char *name, const char *path, int code, struct error *err)
{
	struct statvfs fs;

	if (code == ETXTBSY)
		return error_set(
			err, EACCES,
			"exec: \"%s\": permission denied: it leads to the runtime's own "
			"executable",
			name);
	if (code == EISDIR || code == EACCES) {
		error_errno(err, code, "exec: \"%s\"", name);
		return code == EACCES && statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOEXEC)
			       ? error_hint(err, " (its file system is mounted noexec)")
			       : -code;
	}
	return error_errno(err, code, "exec: \"%s\": stat %s", name, path);
}

static int search_path(const char *name, const char *path, struct arena *arena,
		       const char **ret_program, struct error *err)
{
	int worst = -ENOENT, r;
	const char *p, *end;
	char *candidate;

	for (p = path;; p = end + 1) {
		end = strchrnul(p, ':');
		if (end == p)
			candidate = arena_printf(arena, "./%s", name);
		else
			candidate = arena_printf(arena, "%.*s/%s", (int)(end - p), p, name);
		if (!candidate)
			return error_oom(err);
		r = check_program(candidate);
		if (r == 0) {
			*ret_program = candidate;
			return 0;
		}
		if (r == -EACCES || r == -ETXTBSY)
			worst = r;
		if (*end == '\0')
			break;
	}
	if (worst != -ENOENT)
		return refuse(name, name, -worst, err);
	return error_set(err, ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
}

int execute_find(const struct plan_process *plan, struct arena *arena, const char **ret_program,
		 struct error *err)
{
	const char *name = plan->args[0], *path;
	int r;

	if (!strchr(name, '/')) {
		path = environment_value(plan, "PATH");
		return search_path(name, path ? path : DEFAULT_PATH, arena, ret_program, err);
	}
	r = check_program(name);
	if (r < 0)
		return refuse(name, name, -r, err);
	*ret_program = name;
	return 0;
}

const char *execute_find_home(char *text, uint32_t uid)
{
	char *line, *rest = text, *field[7], *end;
	int n;

	while ((line = strsep(&rest, "\n"))) {
		for (n = 0; n < 7 && line; n++)
			field[n] = strsep(&line, ":");
		if (n < 6 || field[2][0] == '\0')
			continue;
		if (strtoul(field[2], &end, 10) == uid && *end == '\0' && field[5][0] == '/')
			return field[5];
	}
	return NULL;
}

static const char *home_of(uint32_t uid, struct arena *arena)
{
	struct error ignored = ERROR_INIT;
	_cleanup_fd_ int fd = -1;
	const char *home;
	struct stat st;
	char *text;

	fd = openat(AT_FDCWD, "/etc/passwd", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return "/";
	if (fd_read_all(fd, PASSWD_MAX, "/etc/passwd", arena, &text, &ignored) < 0) {
		error_ignore(&ignored, "HOME falls back to /");
		return "/";
	}
	home = execute_find_home(text, uid);
	return home ? home : "/";
}

int execute_environment(const struct plan_process *plan, struct arena *arena,
			char *const **ret_environment, struct error *err)
{
	/* process 1 of a pid namespace of its own, which the plan counts with */
	bool other_pid = plan->listens && getpid() != 1;
	const char **environment;
	size_t i, n = 0;

	if (!plan->home_missing && !other_pid) {
		*ret_environment = (char *const *)(uintptr_t)plan->env;
		return 0;
	}
	environment = arena_array(arena, plan->n_env + 2, sizeof *environment);
	if (!environment)
		return error_oom(err);
	for (i = 0; i < plan->n_env; i++)
		if (other_pid && strncmp(plan->env[i], "LISTEN_PID=", 11) == 0)
			environment[n++] = arena_printf(arena, "LISTEN_PID=%d", (int)getpid());
		else if (strcmp(plan->env[i], "HOME=") != 0)
			environment[n++] = plan->env[i];
	if (plan->home_missing)
		environment[n++] = arena_printf(arena, "HOME=%s", home_of(plan->uid, arena));
	for (i = 0; i < n; i++)
		if (!environment[i])
			return error_oom(err);
	environment[n] = NULL;
	*ret_environment = (char *const *)(uintptr_t)environment;
	return 0;
}
