/* System call filters: compiled by tare from tables that libseccomp gave, or by libseccomp itself; loaded by
 * seccomp(2), so that flags do not depend on the library's version. Compiling happens in the parent, before
 * the clone; loading is one system call in the container's side. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "spec/spec.h"

struct seccomp_program {
	unsigned short length; /* in instructions; 0: no filter */
	struct sock_filter *instructions;
	unsigned flags; /* SECCOMP_FILTER_FLAG_* */
};

/* Who compiles. */
enum seccomp_compiler {
	SECCOMP_BY_TARE, /* and libseccomp what is left to it */
	SECCOMP_BY_LIBSECCOMP, /* the reference */
};

/* Compiles linux.seccomp.
 * @spec: NULL gives an empty program. @ret_program: in the arena. Unknown names of system calls are skipped
 * with a debug line; an architecture that the linked libseccomp does not know is ENOTSUP and names the
 * version. */
int seccomp_compile(const struct spec_seccomp *spec, struct arena *arena,
		    struct seccomp_program *ret_program, struct error *err) _must_check_;

/* As seccomp_compile(), by the compiler of choice. */
int seccomp_compile_by(enum seccomp_compiler which, const struct spec_seccomp *spec,
		       struct arena *arena, struct seccomp_program *ret_program,
		       struct error *err) _must_check_;

/* A program that is given as it is, in place of a profile. @program, @size: whole struct sock_filter, borrowed.
 * It is loaded as a profile without flags would be. */
void seccomp_take(const void *program, size_t size, struct seccomp_program *ret_program);

/* Whether all names of system calls are known; the first that is not is EINVAL, by its place. */
int seccomp_check_names(const struct spec_seccomp *spec, struct error *err) _must_check_;

/* Whether a rule asks a listener (SCMP_ACT_NOTIFY). Its program has SECCOMP_FILTER_FLAG_NEW_LISTENER among
 * its flags. @spec: may be NULL. */
bool seccomp_notifies(const struct spec_seccomp *spec);

/* Installs the program for the calling process, for good. Needs no_new_privs or CAP_SYS_ADMIN. An empty
 * program does nothing. (libseccomp has taken the name seccomp_load.)
 * @ret_listener: where the notifications are received, O_CLOEXEC; -1 for a program that makes none. */
int seccomp_install(const struct seccomp_program *program, int *ret_listener,
		    struct error *err) _must_check_;

/* The members of features.linux.seccomp: actions, operators, archs, knownFlags, supportedFlags. */
void seccomp_features(struct json_writer *writer);

/* "2.5.4": of the linked library. @text gets at most @size bytes; empty in a build without it. */
void seccomp_library_version(char *text, size_t size);
