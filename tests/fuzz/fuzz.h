/* What the harnesses share. A harness feeds one parser with whatever libFuzzer made up; the sanitizers see
 * what it reads and writes, and require() is for what must be true of an accepted input beyond that. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"

/* libFuzzer's entry: one input of @size bytes. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define require(condition)                                                           \
	do {                                                                         \
		if (!(condition)) {                                                  \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, \
				#condition);                                         \
			abort();                                                     \
		}                                                                    \
	} while (0)

/* A failure has a code and a text, and returns the code; a success has left no error. */
#define require_result(r, err)                                                        \
	do {                                                                          \
		require(((r) < 0) == ((err)->code != 0));                             \
		require((r) >= 0 || (-(r) == (err)->code && (err)->text[0] != '\0')); \
	} while (0)
