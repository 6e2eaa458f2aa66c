/* Reading the figures of a container's cgroup. Every file is read on its own, so the figures are those of
 * nearly, not exactly, one moment. Kernel facts: the files of a controller are there only when it is enabled
 * for the cgroup (pressure and cpu.stat's times are the core's and always there, unless psi=0 was given at
 * boot, when reading fails with EOPNOTSUPP); a cgroup that is removed meanwhile answers ENODEV. */
#include "cgroup/stats.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "cgroup/file.h"

#define FILE_MAX ((size_t)1024 * 1024)
#define NS_PER_US 1000

/* Where everything is read from and put. */
struct reading {
	int dir;
	struct arena *arena;
	struct error *err;
};

/* The text of a file, without the newline at its end; NULL when it cannot be read, with *code -ENOMEM for lack
 * of memory. */
static const char *text_of(const struct reading *reading, const char *file, int *code)
{
	char *text;
	ssize_t n;

	n = fd_read_file(reading->dir, file, FILE_MAX, reading->arena, &text, reading->err);
	if (n >= 0) {
		if (n > 0 && text[n - 1] == '\n')
			text[n - 1] = '\0';
		return text;
	}
	if (n == -ENOMEM)
		*code = -ENOMEM;
	else
		error_ignore(reading->err,
			     "a figure that the kernel does not give is left out");
	return NULL;
}

static struct cgroup_number number_of(const struct reading *reading, const char *file)
{
	struct cgroup_number number = { 0 };
	char text[64];

	if (cgroup_file_read(reading->dir, file, text, sizeof text) <= 0)
		return number;
	if (strcmp(text, "max") == 0)
		return (struct cgroup_number){ .set = true, .max = true };
	if (!isdigit((unsigned char)text[0]))
		return number;
	return (struct cgroup_number){ .set = true, .value = strtoull(text, NULL, 10) };
}

/* The number behind @key in a flat keyed text, times @factor. */
static struct cgroup_number keyed(const char *text, const char *key, uint64_t factor)
{
	struct cgroup_number number = { 0 };

	if (cgroup_flat_keyed(text, key, &number.value) == 0) {
		number.set = true;
		number.value *= factor;
	}
	return number;
}

/* How often a limit was reached: "max" in a file of events. */
static struct cgroup_number hits(const struct reading *reading, const char *file)
{
	char text[512];

	return cgroup_file_read(reading->dir, file, text, sizeof text) > 0
		       ? keyed(text, "max", 1)
		       : (struct cgroup_number){ 0 };
}

static int read_pressure(const struct reading *reading, const char *file,
			 struct cgroup_pressure *ret_pressure)
{
	int r = 0;
	const char *text = text_of(reading, file, &r);

	cgroup_parse_pressure(text ? text : "", ret_pressure);
	return r;
}

static int read_cpu(const struct reading *reading, struct cgroup_cpu_stats *cpu)
{
	char stat[1024];
	int r = 0;

	cgroup_file_read(reading->dir, "cpu.stat", stat, sizeof stat);
	cpu->total = keyed(stat, "usage_usec", NS_PER_US);
	cpu->user = keyed(stat, "user_usec", NS_PER_US);
	cpu->kernel = keyed(stat, "system_usec", NS_PER_US);
	cpu->periods = keyed(stat, "nr_periods", 1);
	cpu->throttled_periods = keyed(stat, "nr_throttled", 1);
	cpu->throttled_time = keyed(stat, "throttled_usec", NS_PER_US);
	cpu->bursts = keyed(stat, "nr_bursts", 1);
	cpu->burst_time = keyed(stat, "burst_usec", NS_PER_US);
	cpu->cpus = text_of(reading, "cpuset.cpus.effective", &r);
	if (r >= 0)
		cpu->mems = text_of(reading, "cpuset.mems.effective", &r);
	return r < 0 ? r : read_pressure(reading, "cpu.pressure", &cpu->pressure);
}

static int read_memory(const struct reading *reading, struct cgroup_memory_stats *memory)
{
	const char *text;
	int r = 0;

	memory->usage = number_of(reading, "memory.current");
	memory->limit = number_of(reading, "memory.max");
	memory->peak = number_of(reading, "memory.peak");
	memory->swap_usage = number_of(reading, "memory.swap.current");
	memory->swap_limit = number_of(reading, "memory.swap.max");
	memory->swap_peak = number_of(reading, "memory.swap.peak");
	memory->hit_limit = hits(reading, "memory.events");
	memory->hit_swap_limit = hits(reading, "memory.swap.events");
	text = text_of(reading, "memory.stat", &r);
	if (text)
		r = cgroup_parse_flat(text, reading->arena, &memory->stat, &memory->n_stat);
	return r < 0 ? r : read_pressure(reading, "memory.pressure", &memory->pressure);
}

static int read_io(const struct reading *reading, struct cgroup_io_stats *io)
{
	int r = 0;
	const char *text = text_of(reading, "io.stat", &r);

	if (text)
		r = cgroup_parse_io(text, reading->arena, &io->devices, &io->n_devices);
	return r < 0 ? r : read_pressure(reading, "io.pressure", &io->pressure);
}

/* A number in one of the files of a page size. */
static struct cgroup_number of_pages(const struct reading *reading, const char *page_size,
				     const char *what)
{
	const char *file = arena_printf(reading->arena, "hugetlb.%s.%s", page_size, what);

	return file ? number_of(reading, file) : (struct cgroup_number){ 0 };
}

static int read_page_size(const struct reading *reading, const char *page_size,
			  struct cgroup_hugetlb_stats *ret_stats)
{
	const char *events = arena_printf(reading->arena, "hugetlb.%s.events", page_size);

	if (!events || !page_size)
		return -ENOMEM;
	*ret_stats = (struct cgroup_hugetlb_stats){
		.page_size = page_size,
		.usage = of_pages(reading, page_size, "current"),
		.limit = of_pages(reading, page_size, "max"),
		.reserved = of_pages(reading, page_size, "rsvd.current"),
		.hit_limit = hits(reading, events),
	};
	return 0;
}

static int by_size(const void *a, const void *b)
{
	const struct cgroup_hugetlb_stats *x = a, *y = b;

	return strcmp(x->page_size, y->page_size);
}

/* The page sizes are in the names of the files. */
static int read_hugetlb(const struct reading *reading, struct cgroup_stats *stats)
{
	static const char prefix[] = "hugetlb.", suffix[] = ".events";
	struct cgroup_hugetlb_stats *list = NULL;
	_cleanup_dir_ DIR *names = NULL;
	struct dirent *entry;
	int fd;

	fd = openat(reading->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	names = fd < 0 ? NULL : fdopendir(fd);
	if (!names)
		return fd < 0 ? 0 : (close(fd), -ENOMEM);
	while ((entry = readdir(names))) {
		size_t length = strlen(entry->d_name);
		struct cgroup_hugetlb_stats *grown;
		const char *size;

		if (length < sizeof prefix + sizeof suffix ||
		    memcmp(entry->d_name, prefix, sizeof prefix - 1) != 0 ||
		    strcmp(entry->d_name + length - (sizeof suffix - 1), suffix) != 0)
			continue;
		size = arena_strndup(reading->arena, entry->d_name + sizeof prefix - 1,
				     length - (sizeof prefix - 1) - (sizeof suffix - 1));
		grown = arena_grow(reading->arena, list, stats->n_hugetlb, sizeof *list);
		if (!size || !grown ||
		    read_page_size(reading, size, &grown[stats->n_hugetlb]) < 0)
			return -ENOMEM;
		list = grown;
		stats->n_hugetlb++;
	}
	if (stats->n_hugetlb > 0)
		qsort(list, stats->n_hugetlb, sizeof *list, by_size);
	stats->hugetlb = list;
	return 0;
}

int cgroup_read_stats(const char *path, struct arena *arena, struct cgroup_stats *ret_stats,
		      struct error *err)
{
	_cleanup_fd_ int dir = cgroup_open(AT_FDCWD, path);
	const struct reading reading = { .dir = dir, .arena = arena, .err = err };
	int r;

	*ret_stats = (struct cgroup_stats){ 0 };
	if (dir == -ENOENT || dir == -ENODEV)
		return error_set(err, ESRCH, "cgroup %s is gone", path);
	if (dir < 0)
		return error_errno(err, -dir, "open cgroup %s", path);
	r = read_cpu(&reading, &ret_stats->cpu);
	if (r >= 0)
		r = read_memory(&reading, &ret_stats->memory);
	ret_stats->pids = number_of(&reading, "pids.current");
	ret_stats->pids_limit = number_of(&reading, "pids.max");
	ret_stats->pids_peak = number_of(&reading, "pids.peak");
	if (r >= 0)
		r = read_io(&reading, &ret_stats->io);
	if (r >= 0)
		r = read_hugetlb(&reading, ret_stats);
	return r < 0 ? error_oom(err) : 0;
}
