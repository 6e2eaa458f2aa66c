/* The executable's protection (security rule R-EXE; CVE-2019-5736): whatever forks the container's side
 * runs from a sealed copy of the executable in memory, which shares no page with the host's file. */
#pragma once

#include "base/error.h"

/* Makes sure that this process runs from a sealed memfd: if it already does, returns 0; else it copies the
 * own executable into a memfd, seals it and executes it with the same arguments and environment, which
 * does not return. The seals are asked of the kernel, so no variable of the environment can pretend.
 * @argv: of main(). Errors: EACCES where the kernel refuses executable memfds (sysctl vm.memfd_noexec). */
int reexec_sealed(char **argv, struct error *err) _must_check_;
