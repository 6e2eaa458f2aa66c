/* Ranges of numbers as a program that searches them. Inside this folder (and its tests) only. */
#pragma once

#include <stddef.h>

#include "seccomp/bpf.h"
#include "seccomp/rules.h"

/* Writes a filter.
 * @lists: one a value of seccomp_data.arch, the native one first; any other value is killed, as libseccomp
 * does. The builder says whether there was room. */
void search_write(const struct range_list *lists, size_t n_lists, struct bpf_builder *builder);
