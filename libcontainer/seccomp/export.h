/* The finished program out of libseccomp's hands. Inside this folder only. */
#pragma once

#include <linux/filter.h>
#include <seccomp.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

/* @ret_program: in the arena. @ret_length: in instructions. */
int seccomp_export(scmp_filter_ctx context, struct arena *arena,
		   const struct sock_filter **ret_program, size_t *ret_length,
		   struct error *err) _must_check_;
