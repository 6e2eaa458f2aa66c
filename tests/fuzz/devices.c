/* The device filter. 4 bytes are a rule; for every device that the rules can name and every set of accesses,
 * the compiled program must say what the rules say: the last rule that names the device and the access
 * decides on it, and nothing is allowed that no rule allows. */
#include <stdlib.h>
#include <string.h>

#include "cgroup/device_filter.h"
#include "fuzz.h"

#define RULE_SIZE 4
#define RULES_MAX 32
#define NUMBERS 3 /* majors and minors: -1 (all), 0, 1, 2 */

struct request {
	char type;
	unsigned major, minor;
	uint8_t access; /* PLAN_ACCESS_* */
};

static uint64_t operate(const struct bpf_insn *i, const uint64_t *reg)
{
	uint64_t operand = BPF_SRC(i->code) == BPF_X ? reg[i->src_reg] : (uint64_t)i->imm;

	switch (BPF_OP(i->code)) {
	case BPF_MOV:
		return operand;
	case BPF_AND:
		return reg[i->dst_reg] & operand;
	case BPF_RSH:
		return reg[i->dst_reg] >> operand;
	default:
		require(!"an operation that the filter is made of");
		return 0;
	}
}

static bool interpret(const struct bpf_insn *program, size_t length,
		      const struct bpf_cgroup_dev_ctx *device)
{
	uint64_t reg[11] = { 0 };
	const struct bpf_insn *i;
	uint32_t word;
	size_t at;

	for (at = 0; at < length; at++) {
		i = &program[at];
		if (i->code == (BPF_JMP | BPF_EXIT))
			return reg[0];
		if (BPF_CLASS(i->code) == BPF_LDX) {
			memcpy(&word, (const char *)device + i->off, sizeof word);
			reg[i->dst_reg] = word;
		} else if (BPF_CLASS(i->code) == BPF_ALU64) {
			reg[i->dst_reg] = operate(i, reg);
		} else {
			require(BPF_CLASS(i->code) == BPF_JMP32 && i->off >= 0);
			if (((uint32_t)reg[i->dst_reg] == (uint32_t)i->imm) ==
			    (BPF_OP(i->code) == BPF_JEQ))
				at += (size_t)i->off;
		}
	}
	require(!"the program ends");
	return false;
}

static bool names(const struct plan_device_rule *rule, const struct request *request,
		  uint8_t access)
{
	return (rule->type == 'a' || rule->type == request->type) &&
	       (rule->major < 0 || rule->major == request->major) &&
	       (rule->minor < 0 || rule->minor == request->minor) && (rule->access & access);
}

static bool allowed(const struct plan_device_rule *rules, size_t n,
		    const struct request *request)
{
	uint8_t access;
	size_t i;

	for (access = 1; access <= PLAN_ACCESS_MKNOD; access <<= 1) {
		if (!(request->access & access))
			continue;
		for (i = n; i > 0 && !names(&rules[i - 1], request, access);)
			i--;
		if (i == 0 || !rules[i - 1].allow)
			return false;
	}
	return true;
}

static struct bpf_cgroup_dev_ctx context_of(const struct request *request)
{
	uint32_t access = (request->access & PLAN_ACCESS_READ ? BPF_DEVCG_ACC_READ : 0) |
			  (request->access & PLAN_ACCESS_WRITE ? BPF_DEVCG_ACC_WRITE : 0) |
			  (request->access & PLAN_ACCESS_MKNOD ? BPF_DEVCG_ACC_MKNOD : 0);

	return (struct bpf_cgroup_dev_ctx){
		.access_type = access << 16 | (request->type == 'b' ? BPF_DEVCG_DEV_BLOCK
								    : BPF_DEVCG_DEV_CHAR),
		.major = request->major,
		.minor = request->minor,
	};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan_device_rule rules[RULES_MAX];
	struct bpf_insn *program = NULL;
	struct bpf_cgroup_dev_ctx device;
	struct request request;
	ssize_t length;
	size_t n;
	unsigned each;

	for (n = 0; n < RULES_MAX && size >= RULE_SIZE; n++, size -= RULE_SIZE) {
		rules[n] = (struct plan_device_rule){
			.allow = data[0] & 1,
			.type = "acb"[data[0] / 2 % 3],
			.major = data[1] % (NUMBERS + 1) - 1,
			.minor = data[2] % (NUMBERS + 1) - 1,
			.access = (uint8_t)(data[3] % 7 + 1),
		};
		data += RULE_SIZE;
	}
	length = device_filter_compile(rules, n, &program);
	require(length > 0);
	for (each = 0; each < 2 * NUMBERS * NUMBERS * 7; each++) {
		request = (struct request){
			.type = "cb"[each % 2],
			.major = each / 2 % NUMBERS,
			.minor = each / 2 / NUMBERS % NUMBERS,
			.access = (uint8_t)(each / 2 / NUMBERS / NUMBERS + 1),
		};
		device = context_of(&request);
		require(interpret(program, (size_t)length, &device) ==
			allowed(rules, n, &request));
	}
	free(program);
	return 0;
}
