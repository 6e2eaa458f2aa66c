/* tare's program for a profile against libseccomp's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "spec/spec.h"

/* What became of a profile. */
struct tally {
	size_t compared, left, refused, slow, wrong, contradicted, asked;
};

/* Compares both programs by every number of a system call, with boundary and random arguments; a difference
 * fails the test. @seed: is named then. */
void differential_check(const struct spec_seccomp *spec, size_t seed, struct arena *arena,
			struct tally *tally);

/* Prints what became of the profiles of one kind. */
void differential_report(const char *what, const struct tally *tally);

/* Random numbers that are the same each time. @seed: not 0. */
void random_seed(uint64_t seed);
uint64_t next_random(void);
size_t below(size_t limit);
bool one_in(size_t count);
