/* The device filter: a program of type BPF_PROG_TYPE_CGROUP_DEVICE. Inside this folder (and its tests)
 * only. */
#pragma once

#include <linux/bpf.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "plan/plan.h"

/* Compiles the rules.
 * @ret_program: allocated; for the caller to free().
 * Returns its length in instructions; -ENOMEM; -E2BIG when rules that name a minor number for every major number
 * make too many cases (DEVICE_FILTER_CASES_MAX). */
ssize_t device_filter_compile(const struct plan_device_rule *rules, size_t n_rules,
			      struct bpf_insn **ret_program) _must_check_;

#define DEVICE_FILTER_CASES_MAX 100000

/* Compiles the rules and attaches the program to the cgroup @dir, beside what may be there already: all
 * programs of a cgroup and of its ancestors must agree to an access.
 * Fails with EPERM without CAP_BPF or CAP_SYS_ADMIN in the initial user namespace. */
int device_filter_attach(int dir, const struct plan_device_rule *rules, size_t n_rules,
			 struct error *err) _must_check_;

/* Compiles the rules and loads the program, which is where rules are refused. Returns its descriptor. */
int device_filter_load(const struct plan_device_rule *rules, size_t n_rules,
		       struct error *err) _must_check_;

/* Attaches @program in place of the one that this runtime attached earlier, at one stroke: at each moment the one or
 * the other is at work. Without an earlier one it comes beside what is there. */
int device_filter_replace(int dir, int program, struct error *err) _must_check_;

/* Loads a program and lets it go: whether the caller may. Errors as device_filter_attach(). */
int device_filter_try(struct error *err) _must_check_;

/* Detaches the programs that this runtime attached to the cgroup @dir earlier; others stay. */
int device_filter_detach(int dir, struct error *err) _must_check_;
