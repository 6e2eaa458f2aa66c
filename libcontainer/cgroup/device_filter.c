/* The device filter in the kernel: loading, attaching, replacing, detaching. Kernel facts: since Linux 5.11 a
 * program's memory is charged to the cgroup, so RLIMIT_MEMLOCK does not matter and is left alone; what is
 * attached with BPF_F_ALLOW_MULTI stands beside other programs, all of which must agree, and BPF_F_REPLACE
 * exchanges one of them at one stroke. */
#include "cgroup/device_filter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"

#define PROGRAM_NAME "tare_devices"
#define LOG_SIZE 65536
#define ATTACHED_MAX 64 /* BPF_CGROUP_MAX_PROGS of the kernel */

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
	long r = syscall(SYS_bpf, command, attributes, sizeof *attributes);

	return r < 0 ? -errno : (int)r;
}

static int load(const struct bpf_insn *program, size_t length, struct error *err)
{
	_cleanup_free_ char *log = NULL;
	union bpf_attr attributes;
	int fd;

	memset(&attributes, 0, sizeof attributes);
	attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attributes.insns = (uintptr_t)program;
	attributes.insn_cnt = (unsigned)length;
	attributes.license = (uintptr_t) "Apache-2.0";
	memcpy(attributes.prog_name, PROGRAM_NAME, sizeof PROGRAM_NAME);
	fd = bpf(BPF_PROG_LOAD, &attributes);
	if (fd >= 0)
		return fd;
	error_errno(err, -fd, "load the device filter of %zu instructions", length);
	if (fd == -EPERM)
		return error_hint(err,
				  " (it takes CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, "
				  "in the initial user namespace)");
	if (fd == -E2BIG)
		return error_hint(err, " (the kernel's verifier takes no more: fewer rules in "
				       "linux.resources.devices, or whole major numbers)");
	if (fd != -EINVAL && fd != -EACCES)
		return fd;
	/* once more, for the verifier's own words */
	log = calloc(1, LOG_SIZE);
	if (!log)
		return -err->code;
	attributes.log_level = 1;
	attributes.log_buf = (uintptr_t)log;
	attributes.log_size = LOG_SIZE;
	fd = bpf(BPF_PROG_LOAD, &attributes);
	if (fd >= 0) {
		err->code = 0;
		err->text[0] = '\0';
		return fd;
	}
	return error_hint(err, ": %.800s", strlen(log) > 800 ? log + strlen(log) - 800 : log);
}

int device_filter_load(const struct plan_device_rule *rules, size_t n_rules, struct error *err)
{
	_cleanup_free_ struct bpf_insn *program = NULL;
	ssize_t length;
	int fd;

	length = device_filter_compile(rules, n_rules, &program);
	if (length == -E2BIG)
		return error_set(err, E2BIG,
				 "too many rules with a minor number for every major number");
	if (length < 0)
		return error_oom(err);
	fd = load(program, (size_t)length, err);
	return fd < 0 ? -err->code : fd;
}

/* @replaced: the program whose place it takes, or -1: it comes beside what is there. */
static int attach(int dir, int program, int replaced, struct error *err)
{
	union bpf_attr attributes;
	int r;

	memset(&attributes, 0, sizeof attributes);
	attributes.target_fd = (unsigned)dir;
	attributes.attach_bpf_fd = (unsigned)program;
	attributes.attach_type = BPF_CGROUP_DEVICE;
	attributes.attach_flags = BPF_F_ALLOW_MULTI;
	if (replaced >= 0) {
		attributes.attach_flags |= BPF_F_REPLACE;
		attributes.replace_bpf_fd = (unsigned)replaced;
	}
	r = bpf(BPF_PROG_ATTACH, &attributes);
	return r < 0 ? error_errno(err, -r, "attach the device filter") : 0;
}

int device_filter_try(struct error *err)
{
	_cleanup_fd_ int fd = device_filter_load(NULL, 0, err);

	return fd < 0 ? fd : 0;
}

int device_filter_attach(int dir, const struct plan_device_rule *rules, size_t n_rules,
			 struct error *err)
{
	_cleanup_fd_ int fd = device_filter_load(rules, n_rules, err);

	return fd < 0 ? fd : attach(dir, fd, -1, err);
}

/* Opens the program with that id if it is ours. Returns its descriptor, or -errno. */
static int open_own_program(uint32_t id)
{
	_cleanup_fd_ int fd = -1;
	struct bpf_prog_info info;
	union bpf_attr attributes;
	int r;

	memset(&attributes, 0, sizeof attributes);
	attributes.prog_id = id;
	fd = bpf(BPF_PROG_GET_FD_BY_ID, &attributes);
	if (fd < 0)
		return fd;
	memset(&info, 0, sizeof info);
	memset(&attributes, 0, sizeof attributes);
	attributes.info.bpf_fd = (unsigned)fd;
	attributes.info.info_len = sizeof info;
	attributes.info.info = (uintptr_t)&info;
	r = bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes);
	if (r < 0)
		return r;
	return strcmp(info.name, PROGRAM_NAME) == 0 ? steal_fd(&fd) : -ENOENT;
}

/* The ids of the programs attached to the cgroup itself. Returns how many. */
static int list_programs(int dir, uint32_t *ids, struct error *err)
{
	union bpf_attr attributes;
	int r;

	memset(&attributes, 0, sizeof attributes);
	attributes.query.target_fd = (unsigned)dir;
	attributes.query.attach_type = BPF_CGROUP_DEVICE;
	attributes.query.prog_ids = (uintptr_t)ids;
	attributes.query.prog_cnt = ATTACHED_MAX;
	r = bpf(BPF_PROG_QUERY, &attributes);
	if (r < 0)
		return error_errno(err, -r, "list the device filters of the cgroup");
	return attributes.query.prog_cnt < ATTACHED_MAX ? (int)attributes.query.prog_cnt
							: ATTACHED_MAX;
}

int device_filter_replace(int dir, int program, struct error *err)
{
	uint32_t ids[ATTACHED_MAX] = { 0 };
	int i, count = list_programs(dir, ids, err);

	if (count < 0)
		return count;
	for (i = 0; i < count; i++) {
		_cleanup_fd_ int old = open_own_program(ids[i]);

		if (old >= 0)
			return attach(dir, program, old, err);
	}
	return attach(dir, program, -1, err);
}

int device_filter_detach(int dir, struct error *err)
{
	uint32_t ids[ATTACHED_MAX] = { 0 };
	union bpf_attr attributes;
	int i, r, count = list_programs(dir, ids, err);

	if (count < 0)
		return count;
	for (i = 0; i < count; i++) {
		_cleanup_fd_ int fd = open_own_program(ids[i]);

		if (fd < 0)
			continue;
		memset(&attributes, 0, sizeof attributes);
		attributes.target_fd = (unsigned)dir;
		attributes.attach_bpf_fd = (unsigned)fd;
		attributes.attach_type = BPF_CGROUP_DEVICE;
		r = bpf(BPF_PROG_DETACH, &attributes);
		if (r < 0)
			return error_errno(err, -r, "detach an earlier device filter");
	}
	return 0;
}
