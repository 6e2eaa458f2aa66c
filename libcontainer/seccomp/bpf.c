/* A program is written from its end: whatever an instruction jumps to is there already, so each is final when
 * it is written. Kernel facts: jumps go forwards only; the distances of a conditional one have 8 bits, those
 * of BPF_JA 32. What is farther away is reached by a BPF_JA nearby, or, if it only returns, by a copy. */
#include "seccomp/bpf.h"

#include <linux/bpf_common.h>

/* Farthest target of a conditional jump, with room for one instruction that the other target may need. */
#define REACH 254

static size_t put(struct bpf_builder *builder, struct sock_filter instruction)
{
	if (builder->n == builder->size) {
		builder->full = true;
		return 0;
	}
	builder->n++;
	builder->room[builder->size - builder->n] = instruction;
	return builder->n - 1;
}

static const struct sock_filter *at(const struct bpf_builder *builder, size_t position)
{
	return &builder->room[builder->size - 1 - position];
}

/* How many instructions stand between the next one and this. */
static size_t distance(const struct bpf_builder *builder, size_t position)
{
	return builder->n - position - 1;
}

size_t bpf_return(struct bpf_builder *builder, uint32_t value)
{
	size_t i;

	for (i = 0; i < builder->n_returns; i++)
		if (builder->returns[i].value == value)
			break;
	if (i < builder->n_returns && distance(builder, builder->returns[i].at) < REACH)
		return builder->returns[i].at;
	if (i == BPF_RETURNS)
		i = 0; /* any may be forgotten, it is only written once more */
	else if (i == builder->n_returns)
		builder->n_returns++;
	builder->returns[i].value = value;
	builder->returns[i].at = put(builder,
				     (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, value));
	return builder->returns[i].at;
}

static size_t go(struct bpf_builder *builder, size_t target)
{
	return put(builder,
		   (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA,
						(uint32_t)distance(builder, target), 0, 0));
}

/* The target, or what stands in for it near enough for a conditional jump. */
static size_t near(struct bpf_builder *builder, size_t target)
{
	if (builder->full || distance(builder, target) <= REACH)
		return target;
	if (at(builder, target)->code == (BPF_RET | BPF_K))
		return bpf_return(builder, at(builder, target)->k);
	return go(builder, target);
}

size_t bpf_jump(struct bpf_builder *builder, unsigned test, uint32_t k,
		struct bpf_targets targets)
{
	size_t no = near(builder, targets.no), yes = near(builder, targets.yes);

	return put(builder,
		   (struct sock_filter)BPF_JUMP((unsigned short)(BPF_JMP | test | BPF_K), k,
						(uint8_t)distance(builder, yes),
						(uint8_t)distance(builder, no)));
}

void bpf_continue_at(struct bpf_builder *builder, size_t target)
{
	if (builder->full || distance(builder, target) == 0)
		return;
	if (at(builder, target)->code == (BPF_RET | BPF_K))
		put(builder, *at(builder, target));
	else
		go(builder, target);
}

size_t bpf_load(struct bpf_builder *builder, size_t offset)
{
	return put(builder,
		   (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

size_t bpf_and(struct bpf_builder *builder, uint32_t mask)
{
	return put(builder, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
}
