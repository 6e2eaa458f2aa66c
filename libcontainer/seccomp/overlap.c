/* Rules for one call whose actions differ: mostly no arguments satisfy two of them, and then their order is
 * of no importance. Library facts, seen in what libseccomp 2.5 answers and tested against it: it keeps a
 * list of nodes "is the argument this value?", the greatest value first; a rule for "equal" hangs on a
 * node's one side, a rule for "not equal" on its other. So "equal to 40" comes before "not equal to 16", and
 * behind "not equal to 50", whatever the order of the rules; that is how the profiles of podman use it
 * (socket(2): AF_VSOCK, 40, is refused, all but AF_NETLINK, 16, is allowed). */
#include "seccomp/overlap.h"

/* More than the longest program could test. */
#define ALTERNATIVES_MAX 2048

/* The condition on the argument that libseccomp looks at first. */
static const struct spec_seccomp_arg *leading(const struct alternative *alternative)
{
	const struct spec_seccomp_arg *first = NULL;
	unsigned i;

	for (i = 0; i < alternative->n; i++)
		if (!first || alternative->conditions[i].index < first->index)
			first = &alternative->conditions[i];
	return first;
}

/* Whether all that leads are comparisons of one argument with values of 32 bits. */
static bool has_nodes(const struct choice *choice)
{
	const struct spec_seccomp_arg *first = leading(&choice->alternatives[0]), *other;
	size_t i;

	for (i = 0; i < choice->n; i++) {
		other = leading(&choice->alternatives[i]);
		if (!other || other->index != first->index || other->value > UINT32_MAX ||
		    (other->op != SPEC_CMP_EQ && other->op != SPEC_CMP_NE))
			return false;
	}
	return true;
}

static bool is_plain_pair(const struct alternative *a, const struct alternative *b)
{
	return a->n == 1 && b->n == 1 && a->conditions[0].op != b->conditions[0].op;
}

/* Sorts by node, and keeps the order within one. Alternatives that exclude each other or have one action may
 * stand in any order, so that is no harm. */
static void sort(struct choice *choice)
{
	struct alternative *all = choice->alternatives, moved;
	size_t i, j;

	for (i = 1; i < choice->n; i++) {
		moved = all[i];
		for (j = i; j > 0 && leading(&all[j - 1])->value < leading(&moved)->value; j--)
			all[j] = all[j - 1];
		all[j] = moved;
	}
}

bool overlap_settle(struct choice *choice)
{
	const struct alternative *all = choice->alternatives;
	bool overlap = false;
	size_t i, j;

	if (choice->n > ALTERNATIVES_MAX)
		return false;
	for (i = 0; i < choice->n; i++) {
		for (j = 0; j < i; j++) {
			if (all[i].action == all[j].action ||
			    conditions_exclude(&all[i], &all[j], choice->narrow))
				continue;
			overlap = true;
			if (!is_plain_pair(&all[i], &all[j]))
				return false;
		}
	}
	if (!overlap)
		return true;
	if (!has_nodes(choice))
		return false;
	sort(choice);
	return true;
}
