/* Rules of different action that meet on one call. Inside this folder (and its tests) only. */
#pragma once

#include <stdbool.h>

#include "seccomp/rules.h"

/* Puts the alternatives into an order in which the first that applies gives libseccomp's answer.
 * Returns false when that is not certain. */
bool overlap_settle(struct choice *choice);
