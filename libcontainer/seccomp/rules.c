/* From rules by name to ranges of numbers. What libseccomp does with rules that meet on one call is kept:
 * - a rule without conditions settles the call, the first one if there are several;
 * - conditional rules stand side by side, and if two of different action could both apply, its answer
 *   depends on the order of insertion: that is left to it;
 * - where socketcall(2) and ipc(2) exist, a rule for a part of them is one for the direct call, and one for
 *   the multiplexer with the selector in the place of a condition on the first argument;
 * - numbers of x32 without that architecture are killed, but -1 (a tracer's way to skip a call) is not.
 * Where it departs: libseccomp also compares with the negative numbers it makes up for calls that an
 * architecture lacks. No program makes such a call, so there is no test for it here. */
#include "seccomp/rules.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#include "base/trace.h"
#include "seccomp/overlap.h"

struct use {
	struct use *next;
	const struct spec_syscall *rule;
	uint32_t action;
};

/* What the rules say of one name. */
struct call {
	bool named, always;
	bool clashes; /* a later rule without conditions has a different action */
	uint32_t action; /* of the first rule without conditions, if always */
	size_t order; /* of that rule */
	struct use *uses, *last; /* rules with conditions */
};

struct rule_set {
	struct arena *arena;
	bool want_enosys;
	uint32_t default_action;
	struct call *calls; /* by the index of the name */
	size_t n_parts;
	uint16_t parts[64]; /* names with a rule that may be parts of a multiplexer */
};

uint32_t rules_action(enum spec_seccomp_action action, const struct spec_opt_uint *value)
{
	uint32_t data = value->set ? (uint32_t)value->value : EPERM;

	switch (action) {
	case SPEC_ACT_KILL_PROCESS:
		return SECCOMP_RET_KILL_PROCESS;
	case SPEC_ACT_TRAP:
		return SECCOMP_RET_TRAP;
	case SPEC_ACT_ERRNO:
		return SECCOMP_RET_ERRNO | (data & SECCOMP_RET_DATA);
	case SPEC_ACT_TRACE:
		return SECCOMP_RET_TRACE | (data & SECCOMP_RET_DATA);
	case SPEC_ACT_ALLOW:
		return SECCOMP_RET_ALLOW;
	case SPEC_ACT_LOG:
		return SECCOMP_RET_LOG;
	case SPEC_ACT_NOTIFY:
		return SECCOMP_RET_USER_NOTIF;
	case SPEC_ACT_KILL_THREAD:
		break;
	}
	return SECCOMP_RET_KILL_THREAD;
}

bool rules_want_enosys(const struct spec_seccomp *spec)
{
	switch (spec->default_action) {
	case SPEC_ACT_ALLOW:
	case SPEC_ACT_LOG:
	case SPEC_ACT_TRACE:
	case SPEC_ACT_NOTIFY:
		return false;
	case SPEC_ACT_ERRNO:
		return !spec->default_errno_ret.set || spec->default_errno_ret.value != ENOSYS;
	default:
		return true;
	}
}

static void note_part(struct rule_set *rules, size_t name)
{
	unsigned selector;
	size_t i;

	if (names_part(name, &selector) == NAMES_DIRECT)
		return;
	for (i = 0; i < rules->n_parts; i++)
		if (rules->parts[i] == name)
			return;
	/* the numbers of parts leave no more than 20 and 24 */
	if (i < sizeof rules->parts / sizeof rules->parts[0])
		rules->parts[rules->n_parts++] = (uint16_t)name;
}

static int add_use(struct rule_set *rules, struct call *call, const struct spec_syscall *rule,
		   uint32_t action)
{
	struct use *use = arena_alloc(rules->arena, sizeof *use);

	if (!use)
		return -ENOMEM;
	*use = (struct use){ .rule = rule, .action = action };
	if (call->last)
		call->last->next = use;
	else
		call->uses = use;
	call->last = use;
	return 0;
}

static void settle(struct call *call, uint32_t action, size_t order)
{
	if (call->always) {
		call->clashes |= action != call->action;
		return;
	}
	call->always = true;
	call->action = action;
	call->order = order;
}

static int read_rule(struct rule_set *rules, const struct spec_syscall *rule, size_t order)
{
	uint32_t action = rules_action(rule->action, &rule->errno_ret);
	struct call *call;
	size_t i;
	int name;

	for (i = 0; i < rule->n_names; i++) {
		name = names_find(rule->names[i]);
		if (name < 0) {
			trace_debug("linux.seccomp: skipping system call %s, which libseccomp "
				    "does not know",
				    rule->names[i]);
			continue;
		}
		call = &rules->calls[name];
		call->named = true;
		if (action == rules->default_action)
			continue;
		note_part(rules, (size_t)name);
		if (rule->n_args == 0)
			settle(call, action, order);
		else if (add_use(rules, call, rule, action) < 0)
			return -ENOMEM;
	}
	return 0;
}

int rules_read(const struct spec_seccomp *spec, struct arena *arena,
	       struct rule_set **ret_rules, struct error *err)
{
	struct rule_set *rules = arena_alloc(arena, sizeof *rules);
	size_t i;

	if (!rules)
		return error_oom(err);
	rules->arena = arena;
	rules->want_enosys = rules_want_enosys(spec);
	rules->default_action = rules_action(spec->default_action, &spec->default_errno_ret);
	rules->calls = arena_array(arena, names_count(), sizeof *rules->calls);
	if (!rules->calls)
		return error_oom(err);
	for (i = 0; i < spec->n_syscalls; i++)
		if (read_rule(rules, &spec->syscalls[i], i) < 0)
			return error_oom(err);
	*ret_rules = rules;
	return 0;
}

/* One architecture's answers while they are listed. */
struct lister {
	const struct rule_set *rules;
	const struct names_architecture *architecture;
	struct range_list *list;
	int64_t highest; /* number that a rule names, -1: none */
};

/* From @first on this is the answer. What was said of @first and above is forgotten. */
static int add_range(const struct lister *lister, uint32_t first, uint32_t action,
		     const struct choice *choice)
{
	struct range_list *list = lister->list;
	const struct range *last;
	struct range *grown;

	while (list->n && list->ranges[list->n - 1].first >= first)
		list->n--;
	last = list->n ? &list->ranges[list->n - 1] : NULL;
	if (last && last->action == action && !last->choice && !choice)
		return 1;
	grown = arena_grow(lister->rules->arena, list->ranges, list->n, sizeof *grown);
	if (!grown)
		return -ENOMEM;
	list->ranges = grown;
	list->ranges[list->n++] = (struct range){ first, action, choice };
	return 1;
}

static int add_default(const struct lister *lister, uint32_t first)
{
	return add_range(lister, first, lister->rules->default_action, NULL);
}

/* Whether two conditions look at the same argument: then each of them is a rule of its own. */
static bool has_alternatives(const struct spec_syscall *rule)
{
	unsigned seen = 0;
	size_t i;

	for (i = 0; i < rule->n_args; i++) {
		if (seen & 1U << rule->args[i].index)
			return true;
		seen |= 1U << rule->args[i].index;
	}
	return false;
}

static struct alternative *new_alternative(struct arena *arena, struct choice *choice,
					   uint32_t action)
{
	struct alternative *grown = arena_grow(arena, choice->alternatives, choice->n,
					       sizeof *grown);

	if (!grown)
		return NULL;
	choice->alternatives = grown;
	grown[choice->n] = (struct alternative){ .action = action };
	return &grown[choice->n++];
}

static void add_selector(struct alternative *alternative, int selector, bool narrow)
{
	const struct spec_seccomp_arg condition = { .value = (uint64_t)selector,
						    .op = SPEC_CMP_EQ };

	if (selector >= 0)
		conditions_add(alternative, condition, narrow);
}

/* @selector: of the multiplexer, or -1. */
static int join_rule(struct arena *arena, struct choice *choice, const struct use *use,
		     int selector)
{
	const struct spec_syscall *rule = use->rule;
	struct alternative *alternative = NULL;
	bool each = has_alternatives(rule);
	size_t i;

	for (i = 0; i < rule->n_args; i++) {
		if (each || i == 0)
			alternative = new_alternative(arena, choice, use->action);
		if (!alternative)
			return -ENOMEM;
		conditions_add(alternative, rule->args[i], choice->narrow);
		add_selector(alternative, selector, choice->narrow);
	}
	return 0;
}

static int join_call(struct arena *arena, struct choice *choice, const struct call *call,
		     int selector)
{
	struct alternative *alternative;
	const struct use *use;

	if (call->always) {
		alternative = new_alternative(arena, choice, call->action);
		if (!alternative)
			return -ENOMEM;
		add_selector(alternative, selector, choice->narrow);
	}
	for (use = call->uses; use; use = use->next)
		if (join_rule(arena, choice, use, selector) < 0)
			return -ENOMEM;
	return 0;
}

/* Returns 0 when a part has two rules without conditions, which libseccomp refuses. */
static int join_parts(const struct rule_set *rules, struct choice *choice,
		      enum names_multiplexer kind)
{
	const struct call *call;
	unsigned selector;
	size_t i;

	for (i = 0; i < rules->n_parts; i++) {
		call = &rules->calls[rules->parts[i]];
		if (names_part(rules->parts[i], &selector) != kind)
			continue;
		if (call->clashes)
			return 0;
		if (join_call(rules->arena, choice, call, (int)selector) < 0)
			return -ENOMEM;
	}
	return 1;
}

/* @calls: the @n names that have one number. Returns as rules_answer(). */
static int join_names(const struct lister *lister, const struct names_call *calls, size_t n,
		      struct choice *choice)
{
	const struct names_architecture *architecture = lister->architecture;
	const struct rule_set *rules = lister->rules;
	int r = 1;
	size_t i;

	for (i = 0; i < n; i++)
		if (join_call(rules->arena, choice, &rules->calls[calls[i].name], -1) < 0)
			return -ENOMEM;
	if (architecture->socketcall && calls->number == architecture->socketcall)
		r = join_parts(rules, choice, NAMES_SOCKETCALL);
	if (r > 0 && architecture->ipc && calls->number == architecture->ipc)
		r = join_parts(rules, choice, NAMES_IPC);
	return r > 0 ? overlap_settle(choice) : r;
}

static int list_number(const struct lister *lister, const struct names_call *calls, size_t n)
{
	uint32_t number = names_number(lister->architecture, calls);
	const struct call *call, *first = NULL;
	struct choice choice = { .narrow = lister->architecture->narrow }, *kept;
	size_t i;
	int r;

	for (i = 0; i < n; i++) {
		call = &lister->rules->calls[calls[i].name];
		if (call->always && (!first || call->order < first->order))
			first = call;
	}
	if (first)
		return add_range(lister, number, first->action, NULL);
	r = join_names(lister, calls, n, &choice);
	if (r <= 0 || choice.n == 0)
		return r;
	kept = arena_alloc(lister->rules->arena, sizeof *kept);
	if (!kept)
		return -ENOMEM;
	*kept = choice;
	return add_range(lister, number, lister->rules->default_action, kept);
}

/* Numbers above the highest that is named are newer than the profile. */
static int end_numbers(struct lister *lister)
{
	int64_t highest = lister->highest;

	lister->highest = -1;
	if (!lister->rules->want_enosys || highest < 0)
		return 1;
	return add_range(lister, (uint32_t)highest + 1, SECCOMP_RET_ERRNO | ENOSYS, NULL);
}

/* The private calls of ARM are no newer ones. */
static int begin_private(struct lister *lister)
{
	int r = end_numbers(lister);

	return r < 0 ? r : add_default(lister, NAMES_ARM_PRIVATE);
}

static void note_highest(struct lister *lister, const struct names_call *call)
{
	if (lister->rules->calls[call->name].named &&
	    !(call->number & (NAMES_SECOND | NAMES_PRIVATE)))
		lister->highest = names_number(lister->architecture, call);
}

static int list_numbers(struct lister *lister)
{
	const struct names_architecture *architecture = lister->architecture;
	const struct names_call *calls = names_calls(architecture);
	bool private = false;
	size_t i, n;
	int r = 1;

	for (i = 0; r > 0 && i < architecture->n_calls; i += n) {
		if (calls[i].number & NAMES_PRIVATE && !private) {
			private = true;
			r = begin_private(lister);
		}
		note_highest(lister, &calls[i]);
		for (n = 1; i + n < architecture->n_calls; n++) {
			if (((calls[i].number ^ calls[i + n].number) & ~NAMES_SECOND) != 0)
				break;
			note_highest(lister, &calls[i + n]);
		}
		if (r > 0)
			r = list_number(lister, &calls[i], n);
		if (r > 0)
			r = add_default(lister, names_number(architecture, &calls[i]) + 1);
	}
	return r > 0 ? end_numbers(lister) : r;
}

/* Without x32 among the architectures. */
static int kill_x32(const struct lister *lister)
{
	int r = add_range(lister, NAMES_X32_BIT, SECCOMP_RET_KILL_THREAD, NULL);

	return r < 0 ? r : add_default(lister, UINT32_MAX);
}

int rules_answer(const struct rule_set *rules,
		 const struct names_architecture *const *architectures, size_t n_architectures,
		 struct range_list *ret_list, struct error *err)
{
	struct lister lister = { .rules = rules, .list = ret_list };
	size_t i;
	int r = 1;

	*ret_list = (struct range_list){ .audit = architectures[0]->audit };
	for (i = 0; r > 0 && i < n_architectures; i++) {
		lister.architecture = architectures[i];
		lister.highest = -1;
		r = add_default(&lister, architectures[i]->base);
		if (r > 0)
			r = list_numbers(&lister);
	}
	if (r > 0 && n_architectures == 1 && architectures[0]->token == AUDIT_ARCH_X86_64)
		r = kill_x32(&lister);
	return r < 0 ? error_oom(err) : r;
}
