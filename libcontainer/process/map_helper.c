/* Running newuidmap(1) and newgidmap(1), which check the wanted ranges against /etc/subuid and /etc/subgid. They
 * take every range as arguments of its own, find the process by its number (it is a child of the caller's
 * and not reaped yet, so the number can't be another's) and ask that its /proc files belong to the caller,
 * which is why the init stays dumpable until its ids are mapped. What they say on standard error goes into
 * the error, with where the allowed ranges are to be found. */
#include "process/map_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/fd.h"

/* More than one line is never said. */
#define SAID_MAX 512

/* The map's numbers as arguments behind the program's name and the pid. */
static char **arguments(const char *program, pid_t pid, const char *map, struct arena *arena)
{
	size_t length = strlen(map), count = 0;
	char *text = arena_strdup(arena, map), *place = NULL, *word;
	char **args;

	args = arena_alloc(arena, (length / 2 + 4) * sizeof *args);
	if (!args || !text)
		return NULL;
	args[count++] = arena_strdup(arena, program);
	args[count++] = arena_printf(arena, "%d", (int)pid);
	if (!args[0] || !args[1])
		return NULL;
	for (word = strtok_r(text, " \n", &place); word; word = strtok_r(NULL, " \n", &place))
		args[count++] = word;
	args[count] = NULL;
	return args;
}

static int spawn(const char *program, char *const *args, int said, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int r;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, said, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, said, STDERR_FILENO);
	if (r == 0)
		r = posix_spawnp(ret_pid, program, &actions, &attributes, args, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return -r;
}

/* Reads to the end, keeping the beginning as one line. */
static void listen_to(int fd, char said[SAID_MAX])
{
	char rest[SAID_MAX], *newline;
	size_t length = 0;
	ssize_t n;

	for (;;) {
		if (length < SAID_MAX - 1)
			n = read(fd, said + length, SAID_MAX - 1 - length);
		else
			n = read(fd, rest, sizeof rest);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (length < SAID_MAX - 1)
			length += (size_t)n;
	}
	said[length] = '\0';
	while (length > 0 && said[length - 1] == '\n')
		said[--length] = '\0';
	while ((newline = strchr(said, '\n')))
		*newline = ';';
}

int map_by_helper(const char *program, pid_t pid, const char *map, struct error *err)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	_cleanup_fd_ int reading = -1, writing = -1;
	const char *file = strcmp(program, "newuidmap") == 0 ? "/etc/subuid" : "/etc/subgid";
	char said[SAID_MAX];
	int ends[2], r, status;
	char **args;
	pid_t helper;

	args = arena ? arguments(program, pid, map, arena) : NULL;
	if (!args)
		return error_oom(err);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "pipe2");
	reading = ends[0];
	writing = ends[1];
	r = spawn(program, args, writing, &helper);
	cleanup_fd(&writing);
	if (r == -ENOENT)
		return error_set(err, ENOENT,
				 "%s is not installed (Debian's package uidmap, elsewhere "
				 "shadow-utils), and without privileges more than the own id "
				 "can be mapped by it alone",
				 program);
	if (r < 0)
		return error_errno(err, -r, "execute %s", program);
	listen_to(reading, said);
	do
		r = waitpid(helper, &status, 0);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return error_errno(err, errno, "wait for %s", program);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return error_set(err, EPERM,
			 "%s refused it: %s (user %u: the ranges that %s gives may be mapped, "
			 "and the own id)",
			 program, said[0] ? said : "it said nothing", (unsigned)getuid(), file);
}
