/* stepper.c and stepper_paths.c, which are one program. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum { NONE = -1, CWD = -2 };

/* A call that takes paths: for each path which argument is the descriptor that it starts from (CWD: the
 * working directory) and which one the string (NONE: no string, the descriptor itself). */
struct call {
	long number;
	const char *name;
	struct {
		int fd, path;
	} at[2];
};

#define MOST 16

struct options {
	const char *prefixes[MOST], *forbidden[MOST], *names;
	dev_t devices[MOST];
	int n_prefixes, n_devices, n_forbidden;
	long step;
	const char *exchange_a, *exchange_b, *command;
	bool back, writes;
	int error;
	FILE *log;
};

extern struct options options;

/* The path that argument @at of a call stands for, in the process's own view. Returns whether it is one
 * of interest. */
bool resolve(pid_t pid, const struct call *call, const uint64_t *args, int at, char *path,
	     size_t size);

/* Where a link of the process's directory in /proc leads; "" when that can't be read. */
void link_of(pid_t pid, const char *what, char *text, size_t size);
