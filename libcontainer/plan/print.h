/* Between the files that print a plan: one function a section, each writes one value. */
#pragma once

#include "plan/plan.h"

/* The sections. */
void plan_print_rootfs(const struct plan_rootfs *rootfs, struct json_writer *writer);
void plan_print_process(const struct plan_process *process, struct json_writer *writer);
void plan_print_cgroup(const struct plan_cgroup *cgroup, struct json_writer *writer);
void plan_print_seccomp(const struct spec_seccomp *seccomp, struct json_writer *writer);

/* A member that is there only when it says something. */
void plan_print_text(struct json_writer *writer, const char *key, const char *text);
void plan_print_true(struct json_writer *writer, const char *key, bool value);

/* A member with an array of strings, also when it is empty. */
void plan_print_strings(struct json_writer *writer, const char *key, size_t n,
			const char *const *strings);
