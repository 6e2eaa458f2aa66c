/* A state root of its own for each test of the state layer. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "state/state.h"

struct fixture {
	char path[256];
	struct arena *arena;
	struct state_store store;
	int proc;
	struct error err;
};

/* For cmocka; *state is the struct fixture. */
int set_up(void **state);
int tear_down(void **state);

/* The least that a record has. */
struct state_record sample(const char *id, enum state_status status);

/* A container directory with a record, its lock given back. */
void make_container(struct fixture *f, const struct state_record *record);
