/* Whether a cgroup that is already there may become a container's (spec 176, 177). Inside this folder
 * only. */
#pragma once

#include "base/error.h"

/* @dir: the cgroup directory. Refuses one with processes (EBUSY), a frozen one (EBUSY) and one that can
 * have no processes of its own (EBUSY, EOPNOTSUPP). */
int cgroup_check_fit(int dir, struct error *err) _must_check_;
