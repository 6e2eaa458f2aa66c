/* Base64 (RFC 4648), as annotations carry binary data. */
#pragma once

#include <stddef.h>

#include "base/arena.h"

/* Decodes @text: the standard alphabet, padded; white space between is passed over.
 * @ret_data: in the arena, aligned for any type. Returns 0, -EINVAL or -ENOMEM. */
int base64_decode(const char *text, struct arena *arena, void **ret_data,
		  size_t *ret_size) _must_check_;
