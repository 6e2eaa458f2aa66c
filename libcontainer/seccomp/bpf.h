/* Writing a program of classic BPF from its end to its start. Inside this folder (and its tests) only. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BPF_RETURNS 8

/* Instructions are named by their distance from the end, which does not change while more are written in
 * front of them. */
struct bpf_builder {
	struct sock_filter *room; /* filled from its end */
	size_t size, n;
	bool full; /* there was more than fits: what was written is of no use */
	struct {
		uint32_t value;
		size_t at;
	} returns[BPF_RETURNS]; /* the latest instruction of each value */
	size_t n_returns;
};

/* The instruction that ends the program with this answer: one that is near, or a new one. */
size_t bpf_return(struct bpf_builder *builder, uint32_t value);

/* A jump: compares the accumulator with @k by @test (BPF_JEQ, BPF_JGT, BPF_JGE).
 * @yes, @no: where to go on, however far away. */
struct bpf_targets {
	size_t yes, no;
};
size_t bpf_jump(struct bpf_builder *builder, unsigned test, uint32_t k,
		struct bpf_targets targets);

/* Makes @target the next instruction: of what is written next in front of it. */
void bpf_continue_at(struct bpf_builder *builder, size_t target);

/* Loads a word of seccomp_data. Goes on with what was written last. */
size_t bpf_load(struct bpf_builder *builder, size_t offset);

/* Clears all but the bits of @mask. Goes on with what was written last. */
size_t bpf_and(struct bpf_builder *builder, uint32_t mask);
