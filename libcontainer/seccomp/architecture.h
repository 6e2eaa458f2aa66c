/* The architectures of this build's libseccomp. Inside this folder (and its tests) only. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/table.h"

/* SECCOMP_FILTER_FLAG_* of linux/seccomp.h, which <seccomp.h> of some versions defines too. */
#define SECCOMP_FLAG_SPEC_ALLOW (1U << 2)
#define SECCOMP_FLAG_WAIT_KILLABLE_RECV (1U << 5) /* Linux 5.19 */

/* config.json's names with libseccomp's tokens, in the specification's order.
 * @ret_count: how many. */
const struct table_entry *seccomp_architectures(size_t *ret_count);
