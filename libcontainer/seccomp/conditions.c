/* Conditions on arguments: made plain, compared with each other, written as tests. Kernel fact: a program
 * sees an argument as two words in the machine's byte order, so a comparison of 64 bits is one of the
 * higher halves and, where those decide nothing, one of the lower. Library fact: on an architecture of 32
 * bits libseccomp looks at the lower half alone, also of the value. */
#include "seccomp/conditions.h"

#include <linux/bpf_common.h>
#include <linux/seccomp.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOW_OFFSET 0U
#else
#define LOW_OFFSET 4U
#endif

void conditions_add(struct alternative *alternative, struct spec_seccomp_arg condition,
		    bool narrow)
{
	uint64_t all = narrow ? UINT32_MAX : UINT64_MAX;
	unsigned i;

	condition.value &= all;
	condition.value_two &= condition.value;
	if (condition.op == SPEC_CMP_MASKED_EQ && condition.value == all) {
		condition.op = SPEC_CMP_EQ;
		condition.value = condition.value_two;
	}
	if (condition.op != SPEC_CMP_MASKED_EQ)
		condition.value_two = 0;
	for (i = 0; i < alternative->n; i++)
		if (alternative->conditions[i].index == condition.index)
			break;
	if (i == alternative->n)
		alternative->n++;
	alternative->conditions[i] = condition;
}

struct interval {
	uint64_t least, most;
	bool empty;
};

/* What an order or equality lets through; everything for the others. */
static struct interval interval_of(const struct spec_seccomp_arg *c, bool narrow)
{
	struct interval interval = { 0, narrow ? UINT32_MAX : UINT64_MAX, false };

	switch (c->op) {
	case SPEC_CMP_LT:
		interval.empty = c->value == 0;
		interval.most = c->value - 1;
		break;
	case SPEC_CMP_LE:
		interval.most = c->value;
		break;
	case SPEC_CMP_EQ:
		interval.least = interval.most = c->value;
		break;
	case SPEC_CMP_GE:
		interval.least = c->value;
		break;
	case SPEC_CMP_GT:
		interval.empty = c->value == interval.most;
		interval.least = c->value + 1;
		break;
	default:
		break;
	}
	return interval;
}

static bool excludes_one(const struct spec_seccomp_arg *a, const struct spec_seccomp_arg *b,
			 bool narrow)
{
	struct interval x = interval_of(a, narrow), y = interval_of(b, narrow);

	if (x.empty || y.empty || x.most < y.least || y.most < x.least)
		return true;
	if (a->op == SPEC_CMP_NE)
		return y.least == y.most && y.least == a->value;
	if (b->op == SPEC_CMP_NE)
		return x.least == x.most && x.least == b->value;
	if (a->op == SPEC_CMP_MASKED_EQ && b->op == SPEC_CMP_MASKED_EQ)
		return ((a->value_two ^ b->value_two) & a->value & b->value) != 0;
	if (a->op == SPEC_CMP_MASKED_EQ && y.least == y.most)
		return (y.least & a->value) != a->value_two;
	if (b->op == SPEC_CMP_MASKED_EQ && x.least == x.most)
		return (x.least & b->value) != b->value_two;
	return false;
}

bool conditions_exclude(const struct alternative *a, const struct alternative *b, bool narrow)
{
	unsigned i, j;

	for (i = 0; i < a->n; i++)
		for (j = 0; j < b->n; j++)
			if (a->conditions[i].index == b->conditions[j].index &&
			    excludes_one(&a->conditions[i], &b->conditions[j], narrow))
				return true;
	return false;
}

/* The test of one half. @mask: UINT32_MAX for all bits. */
static size_t write_half(struct bpf_builder *builder, size_t offset, uint32_t mask, size_t jump)
{
	bpf_continue_at(builder, jump);
	if (mask != UINT32_MAX)
		bpf_and(builder, mask);
	return bpf_load(builder, offset);
}

static size_t write_equal(const struct spec_seccomp_arg *c, bool narrow,
			  struct bpf_builder *builder, struct bpf_targets targets)
{
	uint64_t mask = c->op == SPEC_CMP_MASKED_EQ ? c->value : UINT64_MAX;
	uint64_t value = c->op == SPEC_CMP_MASKED_EQ ? c->value_two : c->value;
	size_t offset = offsetof(struct seccomp_data, args) + 8 * c->index, at = targets.yes;

	if ((uint32_t)mask)
		at = write_half(builder, offset + LOW_OFFSET, (uint32_t)mask,
				bpf_jump(builder, BPF_JEQ, (uint32_t)value,
					 (struct bpf_targets){ at, targets.no }));
	if (!narrow && mask >> 32)
		at = write_half(builder, offset + 4 - LOW_OFFSET, (uint32_t)(mask >> 32),
				bpf_jump(builder, BPF_JEQ, (uint32_t)(value >> 32),
					 (struct bpf_targets){ at, targets.no }));
	return at;
}

/* @test: BPF_JGT or BPF_JGE. */
static size_t write_order(const struct spec_seccomp_arg *c, unsigned test, bool narrow,
			  struct bpf_builder *builder, struct bpf_targets targets)
{
	size_t offset = offsetof(struct seccomp_data, args) + 8 * c->index, at;
	uint32_t high = (uint32_t)(c->value >> 32);

	at = write_half(builder, offset + LOW_OFFSET, UINT32_MAX,
			bpf_jump(builder, test, (uint32_t)c->value, targets));
	if (narrow)
		return at;
	at = bpf_jump(builder, BPF_JEQ, high, (struct bpf_targets){ at, targets.no });
	at = bpf_jump(builder, BPF_JGT, high, (struct bpf_targets){ targets.yes, at });
	return write_half(builder, offset + 4 - LOW_OFFSET, UINT32_MAX, at);
}

static size_t write_condition(const struct spec_seccomp_arg *c, bool narrow,
			      struct bpf_builder *builder, struct bpf_targets targets)
{
	const struct bpf_targets turned = { targets.no, targets.yes };

	switch (c->op) {
	case SPEC_CMP_NE:
		return write_equal(c, narrow, builder, turned);
	case SPEC_CMP_LT:
		return write_order(c, BPF_JGE, narrow, builder, turned);
	case SPEC_CMP_LE:
		return write_order(c, BPF_JGT, narrow, builder, turned);
	case SPEC_CMP_GE:
		return write_order(c, BPF_JGE, narrow, builder, targets);
	case SPEC_CMP_GT:
		return write_order(c, BPF_JGT, narrow, builder, targets);
	case SPEC_CMP_EQ:
	case SPEC_CMP_MASKED_EQ:
		break;
	}
	return write_equal(c, narrow, builder, targets);
}

size_t conditions_write(const struct alternative *alternative, bool narrow,
			struct bpf_builder *builder, size_t otherwise)
{
	size_t at = bpf_return(builder, alternative->action);
	unsigned i = alternative->n;

	while (i-- > 0)
		at = write_condition(&alternative->conditions[i], narrow, builder,
				     (struct bpf_targets){ at, otherwise });
	return at;
}
