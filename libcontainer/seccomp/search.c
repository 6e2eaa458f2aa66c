/* Which architecture, then a search tree over the numbers of its ranges, whose leaves are answers or tests
 * of arguments. Kernel fact: when a filter is loaded, the kernel runs it for each number of the native and
 * the compatible architecture, to learn which are always allowed, so the fewer steps all numbers together
 * take, the faster is loading: the tree is split where the numbers are halved, not the ranges, and a number
 * with an answer unlike its two neighbours' costs one comparison instead of two. */
#include "seccomp/search.h"

#include <linux/bpf_common.h>
#include <linux/seccomp.h>

/* Numbers of a range that count: the last one has billions that nobody calls. */
#define WEIGHT_MAX 64
/* Exceptions that are asked one by one. */
#define EXCEPTIONS_MAX 3

struct search {
	const struct range *ranges;
	size_t n;
	struct bpf_builder *builder;
};

static size_t weight(const struct search *search, size_t i)
{
	uint32_t width;

	if (i + 1 == search->n || search->ranges[i].first >= NAMES_X32_BIT)
		return 1; /* the kernel does not try these */
	width = search->ranges[i + 1].first - search->ranges[i].first;
	return width < WEIGHT_MAX ? width : WEIGHT_MAX;
}

static size_t write_leaf(const struct search *search, size_t i)
{
	const struct range *range = &search->ranges[i];
	size_t at = bpf_return(search->builder, range->action), j;

	if (!range->choice)
		return at;
	for (j = range->choice->n; j > 0; j--)
		at = conditions_write(&range->choice->alternatives[j - 1],
				      range->choice->narrow, search->builder, at);
	return at;
}

static bool is_exception(const struct search *search, size_t i)
{
	const struct range *range = &search->ranges[i];

	return !range[-1].choice && !range[1].choice && range[-1].action == range[1].action &&
	       range[1].first - range->first == 1;
}

/* Whether these ranges are one answer with a few exceptions. */
static bool is_plain(const struct search *search, size_t begin, size_t end)
{
	size_t i;

	if ((end - begin) % 2 == 0 || (end - begin) / 2 > EXCEPTIONS_MAX)
		return false;
	for (i = begin + 1; i < end; i += 2)
		if (!is_exception(search, i))
			return false;
	return true;
}

static size_t write_plain(const struct search *search, size_t begin, size_t end)
{
	size_t at = write_leaf(search, begin), leaf, i;

	for (i = begin + 1; i < end; i += 2) {
		leaf = write_leaf(search, i);
		at = bpf_jump(search->builder, BPF_JEQ, search->ranges[i].first,
			      (struct bpf_targets){ leaf, at });
	}
	return at;
}

/* Where the numbers of the ranges are halved, as nearly as that can be done. */
static size_t find_middle(const struct search *search, size_t begin, size_t end)
{
	size_t total = 0, left = 0, i;

	for (i = begin; i < end; i++)
		total += weight(search, i);
	for (i = begin; i < end - 1; i++) {
		left += weight(search, i);
		if (2 * left >= total)
			break;
	}
	/* the boundary behind range i, or the one before it */
	if (i > begin && (i == end - 1 || 2 * left - total > weight(search, i)))
		return i;
	return i + 1;
}

static size_t write_tree(const struct search *search, size_t begin, size_t end)
{
	size_t middle, yes, no;

	if (is_plain(search, begin, end))
		return write_plain(search, begin, end);
	middle = find_middle(search, begin, end);
	yes = write_tree(search, middle, end);
	no = write_tree(search, begin, middle);
	return bpf_jump(search->builder, BPF_JGE, search->ranges[middle].first,
			(struct bpf_targets){ yes, no });
}

void search_write(const struct range_list *lists, size_t n_lists, struct bpf_builder *builder)
{
	size_t at = bpf_return(builder, SECCOMP_RET_KILL_THREAD), block, i;

	for (i = n_lists; i > 0; i--) {
		const struct range_list *list = &lists[i - 1];
		const struct search search = { list->ranges, list->n, builder };

		bpf_continue_at(builder, write_tree(&search, 0, list->n));
		block = bpf_load(builder, offsetof(struct seccomp_data, nr));
		at = bpf_jump(builder, BPF_JEQ, list->audit, (struct bpf_targets){ block, at });
	}
	bpf_continue_at(builder, at);
	bpf_load(builder, offsetof(struct seccomp_data, arch));
}
