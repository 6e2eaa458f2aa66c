/* linux.resources.blockIO for cgroup v2. Weights exist twice there: io.weight (1 to 10000, the iocost
 * controller) and io.bfq.weight (the BFQ scheduler, on v1's own scale). Which of them is at work, a disk
 * decides, not the cgroup, so both are written, and one has to be taken: BFQ's file is there only when BFQ was
 * built, and for one device io.weight is refused while iocost is not switched on for it. Limits of throughput are
 * one line a device in io.max. */
#include <errno.h>
#include <inttypes.h>

#include "plan/cgroup.h"

/* v1: 10 to 1000, v2: 1 to 10000 (contract 7.15). */
static int convert_weight(uint64_t weight, const char *where, uint64_t *ret_weight,
			  struct error *err)
{
	if (weight < 10 || weight > 1000)
		return error_set(err, EINVAL, "%s: %" PRIu64 " is not between 10 and 1000",
				 where, weight);
	*ret_weight = 1 + (weight - 10) * 9999 / 990;
	return 0;
}

static int add_weight(struct plan_writes *w, uint64_t weight, struct error *err)
{
	struct plan_write_to write = {
		.controller = "io",
		.file = "io.weight",
		.where = "linux.resources.blockIO.weight",
		.or_next = true,
	};
	uint64_t converted = 0;
	int r;

	r = convert_weight(weight, write.where, &converted, err);
	if (r >= 0)
		r = plan_add_write(w, &write, err, "%" PRIu64, converted);
	if (r < 0)
		return r;
	write.file = "io.bfq.weight";
	write.optional = true;
	write.or_next = false;
	return plan_add_write(w, &write, err, "%" PRIu64, weight);
}

static int add_device_weight(struct plan_writes *w, const struct spec_weight_device *device,
			     size_t index, struct error *err)
{
	struct plan_write_to write = {
		.controller = "io",
		.file = "io.weight",
		.or_next = true,
	};
	uint64_t converted = 0;
	int r;

	write.where = arena_printf(w->arena, "linux.resources.blockIO.weightDevice[%zu]",
				   index);
	if (!write.where)
		return error_oom(err);
	if (device->weight.value == 0)
		return 0;
	r = convert_weight(device->weight.value, write.where, &converted, err);
	if (r >= 0)
		r = plan_add_write(w, &write, err, "%" PRId64 ":%" PRId64 " %" PRIu64,
				   device->major, device->minor, converted);
	if (r < 0)
		return r;
	write.file = "io.bfq.weight";
	write.optional = true;
	write.or_next = false;
	return plan_add_write(w, &write, err, "%" PRId64 ":%" PRId64 " %" PRIu64, device->major,
			      device->minor, device->weight.value);
}

struct throttle {
	size_t n;
	const struct spec_throttle_device *devices;
	const char *name, *key;
};

/* A rate of 0 lifts the limit, as it does in v1. */
static int add_throttle(struct plan_writes *w, const struct throttle *throttle,
			struct error *err)
{
	struct plan_write_to write = { .controller = "io", .file = "io.max" };
	const struct spec_throttle_device *device;
	size_t i;
	int r = 0;

	for (i = 0; i < throttle->n && r >= 0; i++) {
		device = &throttle->devices[i];
		write.where = arena_printf(w->arena, "linux.resources.blockIO.%s[%zu]",
					   throttle->name, i);
		if (!write.where)
			return error_oom(err);
		if (device->rate == 0)
			r = plan_add_write(w, &write, err, "%" PRId64 ":%" PRId64 " %s=max",
					   device->major, device->minor, throttle->key);
		else
			r = plan_add_write(w, &write, err,
					   "%" PRId64 ":%" PRId64 " %s=%" PRIu64, device->major,
					   device->minor, throttle->key, device->rate);
	}
	return r;
}

int plan_block_io(struct plan_writes *w, const struct spec_block_io *io, struct error *err)
{
	const struct throttle throttles[] = {
		{ io->n_throttle_read_bps_device, io->throttle_read_bps_device,
		  "throttleReadBpsDevice", "rbps" },
		{ io->n_throttle_write_bps_device, io->throttle_write_bps_device,
		  "throttleWriteBpsDevice", "wbps" },
		{ io->n_throttle_read_iops_device, io->throttle_read_iops_device,
		  "throttleReadIOPSDevice", "riops" },
		{ io->n_throttle_write_iops_device, io->throttle_write_iops_device,
		  "throttleWriteIOPSDevice", "wiops" },
	};
	size_t i;
	int r = 0;

	if (io->weight.value != 0)
		r = add_weight(w, io->weight.value, err);
	for (i = 0; i < io->n_weight_device && r >= 0; i++)
		r = add_device_weight(w, &io->weight_device[i], i, err);
	for (i = 0; i < sizeof throttles / sizeof throttles[0] && r >= 0; i++)
		r = add_throttle(w, &throttles[i], err);
	return r;
}
