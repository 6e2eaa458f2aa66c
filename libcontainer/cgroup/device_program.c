/* The device filter's program. The rules are applied in order (spec 192), for each kind of access on its own: the
 * last rule that matches the device and names the access decides on it; a request needs all that it asks for, and
 * what no rule decides is denied. (On cgroup v1 a deny could take nothing from an allow with a wildcard.)
 * That is decided here: the numbers that the rules name divide all devices into cases, each with a fixed set of
 * allowed accesses, and the program only finds the case. Rule after rule in the kernel would make the verifier's
 * work grow with their square, and it gives up at some hundred. Kernel facts: such a program gets struct
 * bpf_cgroup_dev_ctx; a jump leads over 32767 instructions at most; what no jump leads to is refused. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cgroup/device_filter.h"

#define ALL_ACCESS (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)
#define OTHER UINT64_MAX /* as a number: every one that has no case of its own */
#define JUMP_MAX 30000 /* below what an offset can say */
#define PROLOGUE 6 /* instructions in front of the cases */
#define CASE_MAX 8 /* instructions of one case at most, its tests included */
#define EPILOGUE 2 /* instructions behind them */

/* ---- the cases ---- */

struct device_case {
	uint64_t major, minor; /* or OTHER, which is sorted last */
	uint8_t type; /* BPF_DEVCG_DEV_* */
	uint8_t allowed; /* BPF_DEVCG_ACC_* */
};

struct cases {
	struct device_case *list;
	size_t n, room;
};

static void cleanup_cases(struct cases *cases)
{
	free(cases->list);
}

static int compare_cases(const void *a, const void *b)
{
	const struct device_case *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	if (x->major != y->major)
		return x->major < y->major ? -1 : 1;
	if (x->minor != y->minor)
		return x->minor < y->minor ? -1 : 1;
	return 0;
}

static int add_case(struct cases *cases, uint8_t type, uint64_t major, uint64_t minor)
{
	struct device_case *grown;
	size_t room;

	if (cases->n == cases->room) {
		room = cases->room ? 2 * cases->room : 64;
		grown = reallocarray(cases->list, room, sizeof *grown);
		if (!grown)
			return -ENOMEM;
		cases->list = grown;
		cases->room = room;
	}
	cases->list[cases->n++] = (struct device_case){
		.major = major,
		.minor = minor,
		.type = type,
	};
	return 0;
}

static void sort_cases(struct cases *cases)
{
	size_t i, n = 0;

	qsort(cases->list, cases->n, sizeof *cases->list, compare_cases);
	for (i = 0; i < cases->n; i++)
		if (n == 0 || compare_cases(&cases->list[n - 1], &cases->list[i]) != 0)
			cases->list[n++] = cases->list[i];
	cases->n = n;
}

static bool has_type(const struct plan_device_rule *rule, uint8_t type)
{
	return rule->type == 'a' || rule->type == (type == BPF_DEVCG_DEV_BLOCK ? 'b' : 'c');
}

/* -1 is any number. */
static uint64_t number_of(int64_t number)
{
	return number < 0 ? OTHER : (uint64_t)number;
}

/* A minor number of every major one is a case of each major that has cases of its own. */
static int spread_minor(struct cases *cases, uint8_t type, uint64_t minor)
{
	size_t i, n = cases->n;
	int r = 0;

	for (i = 0; i < n && r >= 0; i++)
		if (cases->list[i].type == type && cases->list[i].minor == OTHER)
			r = add_case(cases, type, cases->list[i].major, minor);
	if (r >= 0 && cases->n > DEVICE_FILTER_CASES_MAX)
		return -E2BIG;
	return r;
}

static int find_cases(const struct plan_device_rule *rules, size_t n_rules, uint8_t type,
		      struct cases *cases)
{
	bool spread = false;
	size_t i;
	int r;

	r = add_case(cases, type, OTHER, OTHER);
	for (i = 0; i < n_rules && r >= 0; i++) {
		if (!has_type(&rules[i], type))
			continue;
		if (rules[i].major < 0) {
			spread |= rules[i].minor >= 0;
			continue;
		}
		r = add_case(cases, type, number_of(rules[i].major), OTHER);
		if (r >= 0 && rules[i].minor >= 0)
			r = add_case(cases, type, number_of(rules[i].major),
				     number_of(rules[i].minor));
	}
	if (!spread || r < 0)
		return r;
	sort_cases(cases);
	for (i = 0; i < n_rules && r >= 0; i++)
		if (has_type(&rules[i], type) && rules[i].major < 0 && rules[i].minor >= 0)
			r = spread_minor(cases, type, number_of(rules[i].minor));
	return r;
}

/* The kernel's bits for the plan's. */
static uint8_t kernel_access(uint8_t access)
{
	return (uint8_t)((access & PLAN_ACCESS_MKNOD ? BPF_DEVCG_ACC_MKNOD : 0) |
			 (access & PLAN_ACCESS_READ ? BPF_DEVCG_ACC_READ : 0) |
			 (access & PLAN_ACCESS_WRITE ? BPF_DEVCG_ACC_WRITE : 0));
}

static void decide(struct device_case *one, const struct plan_device_rule *rule)
{
	uint8_t access = kernel_access(rule->access);

	one->allowed = (uint8_t)(rule->allow ? one->allowed | access : one->allowed & ~access);
}

/* Applies one rule to all cases of the type that it matches. */
static void apply_rule(struct cases *cases, const struct plan_device_rule *rule, uint8_t type)
{
	const struct device_case key = { number_of(rule->major), number_of(rule->minor), type,
					 0 };
	struct device_case *list = cases->list, *found;
	size_t i;

	if (rule->major >= 0) {
		found = bsearch(&key, list, cases->n, sizeof key, compare_cases);
		if (!found)
			return;
		decide(found, rule);
		/* that for any other minor number stands last of its major number: all before it as well */
		for (i = (size_t)(found - list); rule->minor < 0 && i > 0; i--) {
			if (list[i - 1].type != type || list[i - 1].major != key.major)
				break;
			decide(&list[i - 1], rule);
		}
		return;
	}
	for (i = 0; i < cases->n; i++)
		if (list[i].type == type && (rule->minor < 0 || list[i].minor == key.minor))
			decide(&list[i], rule);
}

static bool is_catch_all(const struct plan_device_rule *rule, uint8_t type)
{
	return has_type(rule, type) && rule->major < 0 && rule->minor < 0 &&
	       kernel_access(rule->access) == ALL_ACCESS;
}

static void apply_rules(struct cases *cases, const struct plan_device_rule *rules,
			size_t n_rules, uint8_t type)
{
	size_t i, first = n_rules;

	/* what stands in front of the last catch-all is lost */
	while (first > 0 && !is_catch_all(&rules[first - 1], type))
		first--;
	for (i = first > 0 ? first - 1 : 0; i < n_rules; i++)
		if (has_type(&rules[i], type))
			apply_rule(cases, &rules[i], type);
}

static int make_cases(const struct plan_device_rule *rules, size_t n_rules, struct cases *cases)
{
	int r;

	r = find_cases(rules, n_rules, BPF_DEVCG_DEV_BLOCK, cases);
	if (r >= 0)
		r = find_cases(rules, n_rules, BPF_DEVCG_DEV_CHAR, cases);
	if (r < 0)
		return r;
	sort_cases(cases);
	apply_rules(cases, rules, n_rules, BPF_DEVCG_DEV_BLOCK);
	apply_rules(cases, rules, n_rules, BPF_DEVCG_DEV_CHAR);
	return 0;
}

/* ---- the program ---- */

/* The registers: 0 is the result, 1 the context. */
enum { RESULT, CONTEXT, ASKED, TYPE, MAJOR, MINOR };

#define OP(opcode, destination, origin, offset, immediate) \
	((struct bpf_insn){ .code = (opcode),              \
			    .dst_reg = (destination),      \
			    .src_reg = (origin),           \
			    .off = (short)(offset),        \
			    .imm = (int)(immediate) })
#define LOAD(destination, field)                            \
	OP(BPF_LDX | BPF_MEM | BPF_W, destination, CONTEXT, \
	   offsetof(struct bpf_cgroup_dev_ctx, field), 0)
#define MOVE(destination, value) OP(BPF_ALU64 | BPF_MOV | BPF_K, destination, 0, 0, value)
#define COPY(destination, origin) OP(BPF_ALU64 | BPF_MOV | BPF_X, destination, origin, 0, 0)
#define AND(destination, value) OP(BPF_ALU64 | BPF_AND | BPF_K, destination, 0, 0, value)
#define SHIFT_RIGHT(destination, value) \
	OP(BPF_ALU64 | BPF_RSH | BPF_K, destination, 0, 0, value)
#define JUMP_UNEQUAL(destination, value, offset) \
	OP(BPF_JMP32 | BPF_JNE | BPF_K, destination, 0, offset, value)
#define JUMP_EQUAL(destination, value, offset) \
	OP(BPF_JMP32 | BPF_JEQ | BPF_K, destination, 0, offset, value)
#define EXIT() OP(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* A test in front of several cases that leads behind the last of them. */
struct test {
	bool open;
	size_t at;
	uint64_t value;
};

struct program {
	struct bpf_insn *list;
	size_t n;
	struct test type, major;
};

static void emit(struct program *program, struct bpf_insn instruction)
{
	program->list[program->n++] = instruction;
}

static void close_test(struct program *program, struct test *test)
{
	if (test->open)
		program->list[test->at].off = (short)(program->n - test->at - 1);
	test->open = false;
}

static void open_test(struct program *program, struct test *test, uint8_t reg, uint64_t value)
{
	if (test->open && test->value == value)
		return;
	close_test(program, test);
	*test = (struct test){ .open = true, .at = program->n, .value = value };
	emit(program, JUMP_UNEQUAL(reg, value, 0));
}

/* The end of a path: the result for what was asked for. */
static void emit_result(struct program *program, uint8_t allowed)
{
	if (allowed == 0 || allowed == ALL_ACCESS) {
		emit(program, MOVE(RESULT, allowed != 0));
	} else {
		emit(program, AND(ASKED, ~allowed));
		emit(program, MOVE(RESULT, 1));
		emit(program, JUMP_EQUAL(ASKED, 0, 1));
		emit(program, MOVE(RESULT, 0));
	}
	emit(program, EXIT());
}

static void emit_case(struct program *program, const struct device_case *one)
{
	/* what an offset can't lead over is tested in parts */
	if (program->type.open && program->n - program->type.at > JUMP_MAX) {
		close_test(program, &program->major);
		close_test(program, &program->type);
	}
	if (program->type.open && program->type.value != one->type)
		close_test(program, &program->major);
	open_test(program, &program->type, TYPE, one->type);
	if (one->major != OTHER)
		open_test(program, &program->major, MAJOR, one->major);
	if (one->minor != OTHER)
		emit(program,
		     JUMP_UNEQUAL(MINOR, one->minor,
				  one->allowed == 0 || one->allowed == ALL_ACCESS ? 2 : 5));
	emit_result(program, one->allowed);
	if (one->minor == OTHER)
		close_test(program, &program->major);
}

/* The cases of one type and major number that stand together end with the one for every other minor number. */
static size_t group_end(const struct cases *cases, size_t start)
{
	while (cases->list[start].minor != OTHER)
		start++;
	return start;
}

/* The last case of the type that @at is one of. */
static size_t type_end(const struct cases *cases, size_t at)
{
	while (at + 1 < cases->n && cases->list[at + 1].type == cases->list[at].type)
		at++;
	return at;
}

/* A case that comes out as the one behind it that would be found without it needs no test. */
static void emit_group(struct program *program, const struct cases *cases, size_t start,
		       size_t end)
{
	size_t i;

	for (i = start; i < end; i++)
		if (cases->list[i].allowed != cases->list[end].allowed)
			emit_case(program, &cases->list[i]);
	emit_case(program, &cases->list[end]);
}

static bool group_differs(const struct cases *cases, size_t start, size_t end, uint8_t allowed)
{
	size_t i;

	for (i = start; i <= end; i++)
		if (cases->list[i].allowed != allowed)
			return true;
	return false;
}

static void emit_cases(struct program *program, const struct cases *cases)
{
	size_t start = 0, last = 0, end;
	bool spread = false;

	for (; start < cases->n; start = end + 1) {
		end = group_end(cases, start);
		if (start == 0 || start > last) {
			last = type_end(cases, start);
			/* the devices of no named major number are not all one case */
			spread = last > 0 &&
				 cases->list[last - 1].type == cases->list[last].type &&
				 cases->list[last - 1].major == OTHER;
		}
		if (end == last || spread ||
		    group_differs(cases, start, end, cases->list[last].allowed))
			emit_group(program, cases, start, end);
		if (end == last)
			close_test(program, &program->type);
	}
}

ssize_t device_filter_compile(const struct plan_device_rule *rules, size_t n_rules,
			      struct bpf_insn **ret_program)
{
	_cleanup_(cleanup_cases) struct cases cases = { 0 };
	struct program program = { 0 };
	int r;

	r = make_cases(rules, n_rules, &cases);
	if (r < 0)
		return r;
	program.list = calloc(PROLOGUE + cases.n * CASE_MAX + EPILOGUE, sizeof *program.list);
	if (!program.list)
		return -ENOMEM;
	/* access_type: the accesses in its upper half, the type of device in the lower */
	emit(&program, LOAD(ASKED, access_type));
	emit(&program, COPY(TYPE, ASKED));
	emit(&program, AND(TYPE, 0xffff));
	emit(&program, SHIFT_RIGHT(ASKED, 16));
	emit(&program, LOAD(MAJOR, major));
	emit(&program, LOAD(MINOR, minor));
	emit_cases(&program, &cases);
	/* a type that there is none of */
	emit(&program, MOVE(RESULT, 0));
	emit(&program, EXIT());
	*ret_program = program.list;
	return (ssize_t)program.n;
}
