/* What exists of a container while it is being made, and the steps of its making that have files of their own.
 * create.c has the story. */
#pragma once

#include "cgroup/cgroup.h"
#include "cgroup/unit.h"
#include "process/channel.h"
#include "process/join.h"
#include "process/netdev.h"
#include "rootfs/rootfs.h"
#include "seccomp/seccomp.h"
#include "verbs/creation.h"
#include "verbs/hook_files.h"

/* What exists of a container while it is being made. */
struct creation {
	struct verb_context *context;
	const struct verb_create_options *options;
	struct prepared prepared;
	struct state_record record;
	struct state_dir dir;
	bool claimed, staged, committed, hooks_ran, starts;
	bool restored; /* its processes come from a checkpoint: there is no init of tare's */
	struct cgroup cgroup;
	const char *cgroup_path;
	struct resctrl_group rdt; /* what exists of it now */
	struct unit_session unit;
	struct seccomp_program filter;
	struct rootfs_sources sources;
	struct join_set join;
	struct netdev_helper devices;
	int listener;
	struct hook_streams streams;
	struct created created;
};

#define CREATION_INIT                                                                         \
	.dir = STATE_DIR_INIT, .cgroup = CGROUP_INIT, .unit = UNIT_SESSION_INIT,              \
	.sources = ROOTFS_SOURCES_INIT, .join = JOIN_SET_INIT, .devices = NETDEV_HELPER_INIT, \
	.listener = -1, .streams = HOOK_STREAMS_INIT, .created = CREATED_INIT

/* create.c: the story, and what restore has in common with it. */

/* Undoes what was made, unless it is committed. */
void create_undo(struct creation *c);
int create_open_unit(struct creation *c, struct error *err) _must_check_;
int create_ask_for_unit(struct creation *c, struct error *err) _must_check_;
int create_compile_filter(struct creation *c, struct error *err) _must_check_;
/* With limits in force, and the device filter where the init makes devices. */
int create_make_cgroup(struct creation *c, struct error *err) _must_check_;
/* Limits that would forbid the init's birth. */
int create_settle(struct creation *c, struct error *err) _must_check_;

/* create_record.c: what the state directory says at each step. */

/* The name is ours from here on; what a killed tare left under it is cleared away first. */
int create_claim_name(struct creation *c, struct error *err) _must_check_;
int create_record_init(struct creation *c, struct error *err) _must_check_;
/* And stages what the commit will make valid, where no hook runs in between. */
int create_record_for_exec(struct creation *c, struct error *err) _must_check_;
/* The only point of no return. */
int create_commit(struct creation *c, struct error *err) _must_check_;

/* create_serve.c: the conversation with the init. */

/* An init that is gone is no error here: what it said last is read next.
 * @fd: a descriptor to go along, or -1; borrowed */
int create_send(struct creation *c, enum channel_type type, int fd,
		struct error *err) _must_check_;
/* Runs the prestart and createRuntime hooks, without the lock. */
int create_run_hooks(struct creation *c, struct error *err) _must_check_;
/* Sends the master of the terminal to the console socket, or keeps it. @number: of its /dev/pts/N. */
int create_take_terminal(struct creation *c, int take_master, unsigned number,
			 struct error *err) _must_check_;
/* Serves the init until it stands; runs the hooks. */
int create_serve(struct creation *c, struct error *err) _must_check_;
/* Why the init is gone without having said so: always an error. */
int create_explain_death(struct creation *c, struct error *err) _must_check_;
