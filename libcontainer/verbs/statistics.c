/* The figures of a container in the JSON of runc's events: its names, order and units, so that who reads the
 * one reads the other. Those names are cgroup v1's: "failcnt" is how often a limit was reached, the figures of
 * "swap" are memory and swap together, an unlimited one is 2^64-1. What runc does not tell on cgroup v2 but the
 * kernel does is there under the name that v1 had for it (percpu lists, which v2 has not, are left out), or else
 * under a new one: bursts, peak, limit and reserved of hugetlb. */
#include "verbs/statistics.h"

#include <errno.h>
#include <string.h>

/* The value as v1 would say it. */
static uint64_t plain(const struct cgroup_number *number)
{
	return number->max ? UINT64_MAX : number->value;
}

static void number(struct json_writer *writer, const char *key,
		   const struct cgroup_number *value)
{
	if (value->set)
		json_key_uint(writer, key, plain(value));
}

/* The kernel's text is a number of JSON. */
static void percent(struct json_writer *writer, const char *key, const char *text)
{
	const struct json_value value = { .type = JSON_NUMBER, .text = text };

	json_key(writer, key);
	json_value(writer, &value);
}

static void pressure_line(struct json_writer *writer, const char *key,
			  const struct cgroup_pressure_line *line)
{
	if (!line->set)
		return;
	json_key(writer, key);
	json_object_begin(writer);
	percent(writer, "avg10", line->avg10);
	percent(writer, "avg60", line->avg60);
	percent(writer, "avg300", line->avg300);
	json_key_uint(writer, "total", line->total);
	json_object_end(writer);
}

static void pressure(struct json_writer *writer, const struct cgroup_pressure *psi)
{
	if (!psi->some.set && !psi->full.set)
		return;
	json_key(writer, "psi");
	json_object_begin(writer);
	pressure_line(writer, "some", &psi->some);
	pressure_line(writer, "full", &psi->full);
	json_object_end(writer);
}

static void print_cpu(const struct cgroup_cpu_stats *cpu, struct json_writer *writer)
{
	json_key(writer, "cpu");
	json_object_begin(writer);
	json_key(writer, "usage");
	json_object_begin(writer);
	number(writer, "total", &cpu->total);
	number(writer, "kernel", &cpu->kernel);
	number(writer, "user", &cpu->user);
	json_object_end(writer);
	json_key(writer, "throttling");
	json_object_begin(writer);
	number(writer, "periods", &cpu->periods);
	number(writer, "throttledPeriods", &cpu->throttled_periods);
	number(writer, "throttledTime", &cpu->throttled_time);
	number(writer, "bursts", &cpu->bursts);
	number(writer, "burstTime", &cpu->burst_time);
	json_object_end(writer);
	pressure(writer, &cpu->pressure);
	json_object_end(writer);
}

static int print_list(struct json_writer *writer, const char *key, const char *text,
		      struct arena *arena)
{
	uint32_t *ids;
	size_t count, i;
	int r;

	if (!text)
		return 0;
	r = cgroup_parse_list(text, arena, &ids, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	json_key(writer, key);
	json_array_begin(writer);
	for (i = 0; i < count; i++)
		json_uint(writer, ids[i]);
	json_array_end(writer);
	return 0;
}

static int print_cpuset(const struct cgroup_cpu_stats *cpu, struct json_writer *writer,
			struct arena *arena)
{
	int r;

	json_key(writer, "cpuset");
	json_object_begin(writer);
	r = print_list(writer, "cpus", cpu->cpus, arena);
	if (r >= 0)
		r = print_list(writer, "mems", cpu->mems, arena);
	json_object_end(writer);
	return r;
}

/* Both together; unlimited when one of them is. */
static struct cgroup_number sum(const struct cgroup_number *a, const struct cgroup_number *b)
{
	struct cgroup_number both = { .set = a->set && b->set, .max = a->max || b->max };

	if (!both.max)
		both.value = a->value + b->value;
	return both;
}

/* A figure of memory.stat. */
static struct cgroup_number stat_of(const struct cgroup_memory_stats *memory, const char *key)
{
	size_t i;

	for (i = 0; i < memory->n_stat; i++)
		if (strcmp(memory->stat[i].key, key) == 0)
			return (struct cgroup_number){ .set = true,
						       .value = memory->stat[i].value };
	return (struct cgroup_number){ 0 };
}

static void print_memory_parts(const struct cgroup_memory_stats *memory,
			       struct json_writer *writer)
{
	const struct cgroup_number usage = sum(&memory->usage, &memory->swap_usage),
				   limit = sum(&memory->limit, &memory->swap_limit),
				   kernel = stat_of(memory, "kernel"),
				   sockets = stat_of(memory, "sock");

	json_key(writer, "usage");
	json_object_begin(writer);
	number(writer, "limit", &memory->limit);
	number(writer, "usage", &memory->usage);
	number(writer, "max", &memory->peak);
	number(writer, "failcnt", &memory->hit_limit);
	json_object_end(writer);
	json_key(writer, "swap");
	json_object_begin(writer);
	number(writer, "limit", &limit);
	number(writer, "usage", &usage);
	number(writer, "failcnt", &memory->hit_swap_limit);
	number(writer, "peak", &memory->swap_peak);
	json_object_end(writer);
	json_key(writer, "kernel");
	json_object_begin(writer);
	number(writer, "usage", &kernel);
	json_object_end(writer);
	json_key(writer, "kernelTCP");
	json_object_begin(writer);
	number(writer, "usage", &sockets);
	json_object_end(writer);
}

static void print_memory(const struct cgroup_memory_stats *memory, struct json_writer *writer)
{
	const struct cgroup_number cache = stat_of(memory, "file");
	size_t i;

	json_key(writer, "memory");
	json_object_begin(writer);
	number(writer, "cache", &cache);
	print_memory_parts(memory, writer);
	if (memory->n_stat > 0) {
		json_key(writer, "raw");
		json_object_begin(writer);
		for (i = 0; i < memory->n_stat; i++)
			json_key_uint(writer, memory->stat[i].key, memory->stat[i].value);
		json_object_end(writer);
	}
	pressure(writer, &memory->pressure);
	json_object_end(writer);
}

static void print_pids(const struct cgroup_stats *stats, struct json_writer *writer)
{
	json_key(writer, "pids");
	json_object_begin(writer);
	number(writer, "current", &stats->pids);
	/* an unlimited one is left out, as runc does: its type has no word for it */
	if (!stats->pids_limit.max)
		number(writer, "limit", &stats->pids_limit);
	number(writer, "peak", &stats->pids_peak);
	json_object_end(writer);
}

static void operation(struct json_writer *writer, const struct cgroup_device_stats *device,
		      const char *name, uint64_t value)
{
	json_object_begin(writer);
	json_key_uint(writer, "major", device->major);
	json_key_uint(writer, "minor", device->minor);
	json_key_string(writer, "op", name);
	json_key_uint(writer, "value", value);
	json_object_end(writer);
}

static void print_io(const struct cgroup_io_stats *io, struct json_writer *writer)
{
	const struct cgroup_device_stats *device;
	size_t i;

	json_key(writer, "blkio");
	json_object_begin(writer);
	if (io->n_devices > 0) {
		json_key(writer, "ioServiceBytesRecursive");
		json_array_begin(writer);
		for (i = 0; i < io->n_devices; i++) {
			device = &io->devices[i];
			operation(writer, device, "Read", device->read_bytes);
			operation(writer, device, "Write", device->written_bytes);
			operation(writer, device, "Discard", device->discarded_bytes);
		}
		json_array_end(writer);
		json_key(writer, "ioServicedRecursive");
		json_array_begin(writer);
		for (i = 0; i < io->n_devices; i++) {
			device = &io->devices[i];
			operation(writer, device, "Read", device->reads);
			operation(writer, device, "Write", device->writes);
			operation(writer, device, "Discard", device->discards);
		}
		json_array_end(writer);
	}
	pressure(writer, &io->pressure);
	json_object_end(writer);
}

static void print_hugetlb(const struct cgroup_stats *stats, struct json_writer *writer)
{
	size_t i;

	json_key(writer, "hugetlb");
	json_object_begin(writer);
	for (i = 0; i < stats->n_hugetlb; i++) {
		const struct cgroup_hugetlb_stats *pages = &stats->hugetlb[i];

		json_key(writer, pages->page_size);
		json_object_begin(writer);
		number(writer, "usage", &pages->usage);
		number(writer, "failcnt", &pages->hit_limit);
		number(writer, "limit", &pages->limit);
		number(writer, "reserved", &pages->reserved);
		json_object_end(writer);
	}
	json_object_end(writer);
}

static void count(struct json_writer *writer, const char *key,
		  const struct resctrl_count *value)
{
	if (value->known)
		json_key_uint(writer, key, value->value);
}

static void print_traffic(const struct resctrl_domain *domain, struct json_writer *writer)
{
	count(writer, "mbm_total_bytes", &domain->total_bytes);
	count(writer, "mbm_local_bytes", &domain->local_bytes);
}

static void print_occupancy(const struct resctrl_domain *domain, struct json_writer *writer)
{
	count(writer, "llc_occupancy", &domain->occupancy);
}

/* A list has an element for every domain, so that the same place is the same domain in all. */
static void print_domains(const struct resctrl_stats *rdt, const char *key,
			  void (*print)(const struct resctrl_domain *domain,
					struct json_writer *writer),
			  struct json_writer *writer)
{
	size_t i;

	json_key(writer, key);
	json_array_begin(writer);
	for (i = 0; i < rdt->n_domains; i++) {
		json_object_begin(writer);
		print(&rdt->domains[i], writer);
		json_object_end(writer);
	}
	json_array_end(writer);
}

static void print_monitoring(const struct resctrl_stats *rdt, struct json_writer *writer)
{
	bool traffic = false, occupancy = false;
	size_t i;

	for (i = 0; i < rdt->n_domains; i++) {
		const struct resctrl_domain *domain = &rdt->domains[i];

		traffic = traffic || domain->total_bytes.known || domain->local_bytes.known;
		occupancy = occupancy || domain->occupancy.known;
	}
	if (traffic)
		print_domains(rdt, "mbm_stats", print_traffic, writer);
	if (occupancy)
		print_domains(rdt, "cmt_stats", print_occupancy, writer);
}

static void print_rdt(const struct resctrl_stats *rdt, struct json_writer *writer)
{
	json_key(writer, "intel_rdt");
	json_object_begin(writer);
	if (rdt->l3_schemata)
		json_key_string(writer, "l3_cache_schema", rdt->l3_schemata);
	if (rdt->mb_schemata)
		json_key_string(writer, "mem_bw_schema", rdt->mb_schemata);
	print_monitoring(rdt, writer);
	json_object_end(writer);
}

/* The names are those of a Go structure without names for JSON. */
static void print_interfaces(const struct statistics *statistics, struct json_writer *writer)
{
	size_t i;

	json_key(writer, "network_interfaces");
	json_array_begin(writer);
	for (i = 0; i < statistics->interfaces.count; i++) {
		const struct interface_counters *counters = &statistics->interfaces.of[i];

		json_object_begin(writer);
		json_key_string(writer, "Name", counters->name);
		json_key_uint(writer, "RxBytes", counters->rx_bytes);
		json_key_uint(writer, "RxPackets", counters->rx_packets);
		json_key_uint(writer, "RxErrors", counters->rx_errors);
		json_key_uint(writer, "RxDropped", counters->rx_dropped);
		json_key_uint(writer, "TxBytes", counters->tx_bytes);
		json_key_uint(writer, "TxPackets", counters->tx_packets);
		json_key_uint(writer, "TxErrors", counters->tx_errors);
		json_key_uint(writer, "TxDropped", counters->tx_dropped);
		json_object_end(writer);
	}
	json_array_end(writer);
}

int statistics_print(const struct statistics *statistics, struct arena *arena,
		     struct json_writer *writer)
{
	const struct cgroup_stats *stats = &statistics->cgroup;
	int r;

	json_object_begin(writer);
	print_cpu(&stats->cpu, writer);
	r = print_cpuset(&stats->cpu, writer, arena);
	print_memory(&stats->memory, writer);
	print_pids(stats, writer);
	print_io(&stats->io, writer);
	print_hugetlb(stats, writer);
	print_rdt(&statistics->rdt, writer);
	print_interfaces(statistics, writer);
	json_object_end(writer);
	return r;
}
