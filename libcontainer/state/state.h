/* What tare knows of containers between its commands: one directory a container below the state root,
 * with a versioned record that is replaced atomically, the start socket and the lock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "cgroup/resctrl.h"
#include "seccomp/seccomp.h"
#include "spec/spec.h"

#define STATE_RECORD_VERSION 1
#define STATE_START_SOCKET "start.sock"
/* A place where CRIU mounts something, in a mount namespace of its own; there while it is at work. */
#define STATE_CRIU_DIRECTORY "criu"
#define STATE_STREAMS 3

enum state_status {
	STATE_CREATING,
	STATE_CREATED,
	STATE_RUNNING,
	STATE_PAUSED,
	STATE_STOPPED,
};

/* Who a process is, also after its number was used again. */
struct state_identity {
	pid_t pid; /* 0: none yet */
	uint64_t start_time; /* clock ticks since boot */
	bool has_pidfs_id;
	uint64_t pidfs_id;
	/* The pid namespace that @pid counts in: the inode number of /proc/self/ns/pid. 0: not known. */
	uint64_t pid_ns;
};

/* How a container's init ended. What could not be found out is said to be unknown, never made up. */
struct state_exit {
	bool known;
	int status; /* when known: 0 to 255, or 128 + signal */
	int signal; /* that ended it; 0: it exited by itself */
	/* The kernel has killed a process of the container for lack of memory, not necessarily the init. */
	bool oom_known, oom_killed;
	const char *observed; /* when it was seen, RFC 3339; NULL: it is seen only now */
};

/* The record. Strings are borrowed by state_write() and owned by the arena after state_read(). */
struct state_record {
	unsigned version;
	const char *id, *oci_version, *bundle, *rootfs;
	const char *created; /* RFC 3339 with nanoseconds, UTC */
	uint32_t owner; /* uid of the creator */
	enum state_status status; /* what was last written: CREATING, CREATED or RUNNING */
	struct state_identity init;
	struct state_identity
		holder; /* the tare process that is creating or starting it; pid 0: none */
	const char *cgroup; /* absolute path of its cgroup directory, or NULL */
	/* The systemd driver: the unit whose cgroup it is, of PID 1 or of the user's manager; else NULL. */
	const char *unit;
	bool unit_user;
	uint64_t cgroup_id; /* struct cgroup.id; 0: an earlier tare has not recorded it */
	bool cgroup_created; /* tare made the directory, so delete removes it */
	unsigned
		cgroup_above; /* and how many right above it, which go as well when they are empty */
	uint64_t oom_kills_before; /* cgroup.oom_kills */
	struct resctrl_group rdt; /* its class of service, and what of it delete removes */
	bool private_pid_ns; /* a new pid namespace: killing init kills all */
	bool has_process;
	bool notifies; /* it has the socket of the caller's service manager (NOTIFY_SOCKET) */
	/* linux.seccomp.listenerPath and listenerMetadata; NULL: no rule asks an agent; no metadata */
	const char *seccomp_agent, *seccomp_metadata;
	/* The namespaces that were given by path, CLONE_NEW* */
	uint64_t joined;
	/* Why it can't be checkpointed (plan_checkpoint_obstacle()); NULL: nothing is known to be against it */
	const char *no_checkpoint;
	const struct state_exit *exit; /* not stored: filled in by verb_state(), else NULL */
	const char *owner_name; /* not stored: filled in by state_name_owner(), else NULL */
	size_t n_annotations;
	const struct spec_pair *annotations;
	const struct spec_hooks *hooks; /* poststart and poststop; NULL: none */
	bool terminal; /* process.terminal */
	/* The pipes and sockets that it was given as standard input, output and errors, as links in /proc/PID/fd say
	 * them ("pipe:[123]"); NULL: something else. Not known in records of an earlier tare. */
	bool streams_known;
	const char *streams[STATE_STREAMS];
	/* linux.resources as they were asked for, by config.json and each update since; NULL: nothing */
	const struct spec_resources *resources;
};

/* An open state root. */
struct state_store {
	int fd;
	const char *path; /* in the arena */
	/* The verified procfs, borrowed, set by whoever opened the store: to tell what a killed tare left from
	 * what a living one is making. */
	int proc;
};

/* An open container directory. */
struct state_dir {
	int fd; /* the directory; -1: none */
	bool locked; /* by this process, until state_unlock() */
};
#define STATE_DIR_INIT                    \
	(struct state_dir)                \
	{                                 \
		.fd = -1, .locked = false \
	}

/* The default state root: /run/tare for root in the initial user namespace, else
 * $XDG_RUNTIME_DIR/tare. ENOENT when there is none. */
int state_default_root(struct arena *arena, const char **ret_path,
		       struct error *err) _must_check_;

/* Opens the state root @path. @make: create it (0711 for root, 0700 and sticky for others). "/" is refused.
 * Without @make a root that does not exist is ENOENT. */
int state_open(const char *path, bool make, struct arena *arena, struct state_store *ret_store,
	       struct error *err) _must_check_;
void state_store_close(struct state_store *store);

/* Whether @id may name a container: [A-Za-z0-9_+.-]+, not "." or "..", at most 255 characters (contract 7.1). */
int state_check_id(const char *id, struct error *err) _must_check_;

/* Makes the container's directory (0711) and locks it. A directory that a killed tare left behind
 * (its record says creating and the recorded holder is dead, or it has no record and is not locked) is
 * taken over: @ret_stale, when not NULL, receives what it recorded (NULL: nothing), so that the caller
 * can clean up (its init, should it still be on its way out; its cgroup); with @ret_stale NULL recorded
 * remains are EEXIST. What else was in the directory is
 * removed; the old record stays until state_write() replaces it.
 * EEXIST: "container with given ID already exists". */
int state_claim(const struct state_store *store, const char *id, struct arena *arena,
		struct state_dir *ret_dir, struct state_record **ret_stale,
		struct error *err) _must_check_;

/* Opens the directory of an existing container, without its lock. ENOENT: "container does not exist". */
int state_open_dir(const struct state_store *store, const char *id, struct state_dir *ret_dir,
		   struct error *err) _must_check_;

/* Takes the container's lock (flock on the directory, the inode checked again afterwards).
 * @timeout_ms: -1 for ever, 0 not at all (EWOULDBLOCK), else ETIMEDOUT. */
int state_lock(const struct state_store *store, const char *id, struct state_dir *dir,
	       int timeout_ms, struct error *err) _must_check_;
void state_unlock(struct state_dir *dir);

/* Opens a pidfd of the process that holds the container's lock, by the kernel's list of locks.
 * Returns it, or -ESRCH: none that could be told for sure. */
int state_open_holder(const struct state_dir *dir, int proc, pid_t *ret_pid) _must_check_;

/* Adds to @err, which has failed because of the lock, who holds it, where that can be found out. */
int state_hint_holder(const struct state_dir *dir, int proc, struct error *err);
void state_dir_close(struct state_dir *dir);
#define _cleanup_state_dir_ __attribute__((cleanup(state_dir_close)))

/* The two halves of state_write(), for whoever has time for the first before the record may say so: a staged
 * record is seen by nobody. For this the lock has to be held from the one to the other. */
int state_stage(const struct state_dir *dir, const struct state_record *record,
		struct arena *arena, struct error *err) _must_check_;
int state_publish(const struct state_dir *dir, const char *id, struct error *err) _must_check_;
/* Replaces the record atomically (temporary file, rename). */
int state_write(const struct state_dir *dir, const struct state_record *record,
		struct arena *arena, struct error *err) _must_check_;

/* Reads the record. ENODATA: the directory has none (a killed tare left it, or it is being made).
 * A record of a newer version is refused by name (EPROTO). */
int state_read(const struct state_dir *dir, struct arena *arena,
	       struct state_record **ret_record, struct error *err) _must_check_;

/* What exec needs to know of a container besides its record; in files of its own, so that the verbs that do
 * not need it do not read it. */
struct state_exec {
	uint64_t
		namespaces; /* CLONE_NEW*: those that the init does not share with its creator */
	bool foreign_root; /* the init's root is not the root of its mount namespace (chroot) */
	bool deny_setgroups, no_new_keyring;
	bool filter; /* a system call filter was saved */
	/* as in struct plan_cgroup: where processes that are added are born; NULL: in the container's cgroup */
	const char *subgroup, *delegate_to;
	const struct spec *spec; /* spec_write_exec() and spec_read_exec() */
};

/* Writes it, and with @filter the compiled program (mode 0600 both). Before the container's commit, with its
 * lock held. @filter: NULL or empty: none; exec->filter says the same. */
int state_write_exec(const struct state_dir *dir, const struct state_exec *exec,
		     const struct seccomp_program *filter, struct arena *arena,
		     struct error *err) _must_check_;

/* Reads it. @ret_filter: empty when there is none.
 * ENODATA: the container was created by a tare that could not exec. */
int state_read_exec(const struct state_dir *dir, struct arena *arena,
		    struct state_exec *ret_exec, struct seccomp_program *ret_filter,
		    struct error *err) _must_check_;

/* Notes down how the init ended, atomically and without the lock: several that watch the end write the same. */
int state_write_exit(const struct state_dir *dir, const struct state_exit *exit,
		     struct error *err) _must_check_;

/* Reads that. ENODATA: nobody has noted it down. */
int state_read_exit(const struct state_dir *dir, struct arena *arena,
		    struct state_exit *ret_exit, struct error *err) _must_check_;

/* Writes it as one object: status ("exited", "killed" or "unknown"), code or signal, oomKilled and observed where
 * they are known. */
void state_print_exit(const struct state_exit *exit, struct json_writer *writer);

/* Removes the directory of a container whose lock is held. */
int state_remove(const struct state_store *store, const char *id, struct state_dir *dir,
		 struct error *err) _must_check_;

/* Calls @each with the id of every directory below the root that may be a container, in the order of
 * names. A non-zero return of @each ends the walk and is returned. */
int state_list(const struct state_store *store, int (*each)(void *data, const char *id),
	       void *data, struct error *err) _must_check_;

/* Fills the identity of a living process. @pidfd: of it.
 * EXDEV: @proc is the procfs of another pid namespace than the caller's own, where the number is that of
 * another process. */
int state_identify(pid_t pid, int pidfd, int proc, struct state_identity *ret_identity,
		   struct error *err) _must_check_;

/* The same for a further process of a namespace that was found out so: @further has it as pid_ns, and gets the rest. */
int state_identify_further(pid_t pid, int pidfd, int proc, struct state_identity *further,
			   struct error *err) _must_check_;

/* Opens a pidfd of the very process that @identity names.
 * Returns it, or -ESRCH when that process is gone or a zombie, or -EXDEV when it was recorded in another pid
 * namespace than the caller's: there its number says nothing, neither that it lives nor that it is gone. */
int state_open_process(const struct state_identity *identity, int proc) _must_check_;

/* The same, also of a zombie: -ESRCH when it was reaped. */
int state_open_ended(const struct state_identity *identity, int proc) _must_check_;

/* Whether the process that @identity names lives; when that can't be found out (no descriptors left, another
 * pid namespace) it counts as living. */
bool state_alive(const struct state_identity *identity, int proc);

/* EXDEV: the record names processes of another pid namespace than the caller's (a hook inside the container,
 * an engine on the other side of one), so that nothing can be done to them from here, nor is it known whether
 * they live. */
int state_check_reachable(const struct state_record *record, int proc,
			  struct error *err) _must_check_;

/* What the container is doing at this moment: the record together with what the kernel says (init alive
 * or not, the start socket listening or not, the cgroup frozen or not is asked by the caller). Of processes of
 * another pid namespace it is what was last known: whether they have ended cannot be seen. */
enum state_status state_status_now(const struct state_dir *dir,
				   const struct state_record *record, int proc);

/* Whether some command holds the container's lock at this moment. */
bool state_is_locked(const struct state_dir *dir);

/* The word of the runtime specification: "creating", "created", "running", "stopped" (or "paused"). A
 * static string. */
const char *state_status_name(enum state_status status);

/* Connects to the start socket in @dir; through the directory's descriptor, because paths of engines are
 * longer than sun_path. Returns a connected SOCK_SEQPACKET descriptor, or -errno (ECONNREFUSED, ENOENT:
 * nobody waits there any more). */
int state_connect_start(const struct state_dir *dir) _must_check_;

/* Creates the listening start socket in @dir (mode 0600). Returns its descriptor. */
int state_listen_start(const struct state_dir *dir, struct error *err) _must_check_;

/* Writes the OCI state as one object: for the `state` verb and for the stdin of hooks. Members in the order
 * that callers know: ociVersion, id, pid, status, bundle, rootfs, created, annotations (omitted when
 * empty), owner ("" unless owner_name is set).
 * @pid: as its reader sees it. */
void state_print(const struct state_record *record, enum state_status status, pid_t pid,
		 struct json_writer *writer);

/* Writes the container process state of a process with a seccomp listener (config-linux.md,
 * "containerprocessstate"), with that listener as the only descriptor.
 * @process: the process that has the filter; the container's init, or one that was added. */
void state_print_process(const struct state_record *record, enum state_status status,
			 pid_t process, struct json_writer *writer);

/* Looks up the name of record->owner in the host's /etc/passwd, without NSS, which would load whatever the
 * host has configured. Leaves owner_name NULL when there is none. Not to be called by the container's side:
 * its passwd is another one. */
void state_name_owner(struct state_record *record, struct arena *arena);
