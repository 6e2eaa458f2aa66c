/* The two compilers, each alone. Inside this folder (and its tests) only. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "seccomp/seccomp.h"
#include "spec/spec.h"

/* By libseccomp: as seccomp_compile(); @spec is not NULL. An architecture that the library does not know is ENOTSUP and
 * names its version. */
int seccomp_reference(const struct spec_seccomp *spec, struct arena *arena,
		      struct seccomp_program *ret_program, struct error *err) _must_check_;

/* The flags for loading: SPEC_ALLOW without any in config.json, as the other runtimes do (contract 7.16). */
unsigned seccomp_flags(const struct spec_seccomp *spec);

/* As seccomp_compile() without libseccomp's help; @spec is not NULL.
 * Returns 1; 0 when the profile is left to the library. */
int seccomp_compile_alone(const struct spec_seccomp *spec, struct arena *arena,
			  struct seccomp_program *ret_program, struct error *err) _must_check_;
