/* What the kernel has counted for a cgroup and those below it. Numbers are the kernel's own; a file that is
 * not there (a controller that is not enabled, an older kernel) leaves its member unset. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* One number of the kernel. */
struct cgroup_number {
	bool set;
	bool max; /* the word "max": unlimited; @value is 0 */
	uint64_t value;
};

/* One line of a pressure file (Documentation/accounting/psi.rst): per cent as the kernel writes them,
 * "12.34", and microseconds. */
struct cgroup_pressure_line {
	bool set;
	char avg10[16], avg60[16], avg300[16];
	uint64_t total;
};

struct cgroup_pressure {
	struct cgroup_pressure_line some, full;
};

struct cgroup_cpu_stats {
	struct cgroup_number total, user, kernel; /* nanoseconds */
	struct cgroup_number periods, throttled_periods,
		throttled_time; /* the last in nanoseconds */
	struct cgroup_number bursts, burst_time; /* the last in nanoseconds */
	const char *cpus, *mems; /* cpuset.*.effective, "0-3,7"; NULL: not known */
	struct cgroup_pressure pressure;
};

struct cgroup_entry {
	const char *key;
	uint64_t value;
};

struct cgroup_memory_stats {
	struct cgroup_number usage, limit, peak; /* bytes */
	struct cgroup_number swap_usage, swap_limit, swap_peak; /* swap alone, bytes */
	struct cgroup_number
		hit_limit; /* how often memory.max was reached (memory.events max) */
	struct cgroup_number hit_swap_limit;
	size_t n_stat;
	const struct cgroup_entry *stat; /* memory.stat, in the kernel's order */
	struct cgroup_pressure pressure;
};

/* What was done on one block device. */
struct cgroup_device_stats {
	uint32_t major, minor;
	uint64_t read_bytes, written_bytes, discarded_bytes;
	uint64_t reads, writes, discards;
};

struct cgroup_io_stats {
	size_t n_devices;
	const struct cgroup_device_stats *devices;
	struct cgroup_pressure pressure;
};

struct cgroup_hugetlb_stats {
	const char *page_size; /* "2MB" */
	struct cgroup_number usage, limit, reserved; /* bytes */
	struct cgroup_number hit_limit;
};

struct cgroup_stats {
	struct cgroup_cpu_stats cpu;
	struct cgroup_memory_stats memory;
	struct cgroup_number pids, pids_limit, pids_peak;
	struct cgroup_io_stats io;
	size_t n_hugetlb;
	const struct cgroup_hugetlb_stats *hugetlb;
};

/* Reads all of it. @ret_stats: in @arena.
 * Errors: ESRCH when the cgroup at @path is gone, ENOMEM; a file that cannot be read otherwise is passed over. */
int cgroup_read_stats(const char *path, struct arena *arena, struct cgroup_stats *ret_stats,
		      struct error *err) _must_check_;

/* The processors or memory nodes of a list as cpuset files have it, "0-3,7".
 * @ret_ids: @ret_count of them, ascending, in @arena. EINVAL: no such list, or more than 65536. */
int cgroup_parse_list(const char *text, struct arena *arena, uint32_t **ret_ids,
		      size_t *ret_count) _must_check_;

/* The parts of cgroup_read_stats() that take a text apart; without the newline at its end, NUL-terminated. What
 * does not have the kernel's form is passed over. Both lists in @arena; -ENOMEM. */
void cgroup_parse_pressure(const char *text, struct cgroup_pressure *ret_pressure);
int cgroup_parse_flat(const char *text, struct arena *arena,
		      const struct cgroup_entry **ret_entries, size_t *ret_count) _must_check_;
int cgroup_parse_io(const char *text, struct arena *arena,
		    const struct cgroup_device_stats **ret_devices,
		    size_t *ret_count) _must_check_;
