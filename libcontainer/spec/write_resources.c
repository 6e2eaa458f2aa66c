/* linux.resources back into JSON, in config.json's form, for the state record: what was asked of a container
 * is read again when an update is merged with it. Only what is set is written, so that what is read back
 * is the same; a rule of the device filter names its numbers only when it has some. */
#include "spec/spec.h"

static void write_int(struct json_writer *writer, const char *key,
		      const struct spec_opt_int *number)
{
	if (number->set)
		json_key_int(writer, key, number->value);
}

static void write_uint(struct json_writer *writer, const char *key,
		       const struct spec_opt_uint *number)
{
	if (number->set)
		json_key_uint(writer, key, number->value);
}

static void write_bool(struct json_writer *writer, const char *key,
		       const struct spec_opt_bool *value)
{
	if (value->set)
		json_key_bool(writer, key, value->value);
}

static void write_text(struct json_writer *writer, const char *key, const char *text)
{
	if (text)
		json_key_string(writer, key, text);
}

static void write_devices(const struct spec_resources *resources, struct json_writer *writer)
{
	const struct spec_device_rule *rule;
	size_t i;

	if (resources->n_devices == 0)
		return;
	json_key(writer, "devices");
	json_array_begin(writer);
	for (i = 0; i < resources->n_devices; i++) {
		rule = &resources->devices[i];
		json_object_begin(writer);
		json_key_bool(writer, "allow", rule->allow);
		if (rule->type != 'a')
			json_key_string(writer, "type", rule->type == 'b' ? "b" : "c");
		if (rule->major >= 0)
			json_key_int(writer, "major", rule->major);
		if (rule->minor >= 0)
			json_key_int(writer, "minor", rule->minor);
		write_text(writer, "access", rule->access);
		json_object_end(writer);
	}
	json_array_end(writer);
}

static void write_memory(const struct spec_memory *memory, struct json_writer *writer)
{
	json_key(writer, "memory");
	json_object_begin(writer);
	write_int(writer, "limit", &memory->limit);
	write_int(writer, "reservation", &memory->reservation);
	write_int(writer, "swap", &memory->swap);
	write_int(writer, "kernel", &memory->kernel);
	write_int(writer, "kernelTCP", &memory->kernel_tcp);
	write_uint(writer, "swappiness", &memory->swappiness);
	write_bool(writer, "disableOOMKiller", &memory->disable_oom_killer);
	write_bool(writer, "useHierarchy", &memory->use_hierarchy);
	write_bool(writer, "checkBeforeUpdate", &memory->check_before_update);
	json_object_end(writer);
}

static void write_cpu(const struct spec_cpu *cpu, struct json_writer *writer)
{
	json_key(writer, "cpu");
	json_object_begin(writer);
	write_uint(writer, "shares", &cpu->shares);
	write_int(writer, "quota", &cpu->quota);
	write_uint(writer, "burst", &cpu->burst);
	write_uint(writer, "period", &cpu->period);
	write_int(writer, "realtimeRuntime", &cpu->realtime_runtime);
	write_uint(writer, "realtimePeriod", &cpu->realtime_period);
	write_text(writer, "cpus", cpu->cpus);
	write_text(writer, "mems", cpu->mems);
	write_int(writer, "idle", &cpu->idle);
	json_object_end(writer);
}

static void write_throttles(struct json_writer *writer, const char *key, size_t n,
			    const struct spec_throttle_device *devices)
{
	size_t i;

	if (n == 0)
		return;
	json_key(writer, key);
	json_array_begin(writer);
	for (i = 0; i < n; i++) {
		json_object_begin(writer);
		json_key_int(writer, "major", devices[i].major);
		json_key_int(writer, "minor", devices[i].minor);
		json_key_uint(writer, "rate", devices[i].rate);
		json_object_end(writer);
	}
	json_array_end(writer);
}

static void write_weights(const struct spec_block_io *io, struct json_writer *writer)
{
	size_t i;

	write_uint(writer, "weight", &io->weight);
	write_uint(writer, "leafWeight", &io->leaf_weight);
	if (io->n_weight_device == 0)
		return;
	json_key(writer, "weightDevice");
	json_array_begin(writer);
	for (i = 0; i < io->n_weight_device; i++) {
		json_object_begin(writer);
		json_key_int(writer, "major", io->weight_device[i].major);
		json_key_int(writer, "minor", io->weight_device[i].minor);
		write_uint(writer, "weight", &io->weight_device[i].weight);
		write_uint(writer, "leafWeight", &io->weight_device[i].leaf_weight);
		json_object_end(writer);
	}
	json_array_end(writer);
}

static void write_block_io(const struct spec_block_io *io, struct json_writer *writer)
{
	json_key(writer, "blockIO");
	json_object_begin(writer);
	write_weights(io, writer);
	write_throttles(writer, "throttleReadBpsDevice", io->n_throttle_read_bps_device,
			io->throttle_read_bps_device);
	write_throttles(writer, "throttleWriteBpsDevice", io->n_throttle_write_bps_device,
			io->throttle_write_bps_device);
	write_throttles(writer, "throttleReadIOPSDevice", io->n_throttle_read_iops_device,
			io->throttle_read_iops_device);
	write_throttles(writer, "throttleWriteIOPSDevice", io->n_throttle_write_iops_device,
			io->throttle_write_iops_device);
	json_object_end(writer);
}

static void write_hugepages(const struct spec_resources *resources, struct json_writer *writer)
{
	size_t i;

	if (resources->n_hugepage_limits == 0)
		return;
	json_key(writer, "hugepageLimits");
	json_array_begin(writer);
	for (i = 0; i < resources->n_hugepage_limits; i++) {
		json_object_begin(writer);
		json_key_string(writer, "pageSize", resources->hugepage_limits[i].page_size);
		json_key_uint(writer, "limit", resources->hugepage_limits[i].limit);
		json_object_end(writer);
	}
	json_array_end(writer);
}

static void write_network(const struct spec_network *network, struct json_writer *writer)
{
	size_t i;

	json_key(writer, "network");
	json_object_begin(writer);
	write_uint(writer, "classID", &network->class_id);
	if (network->n_priorities > 0) {
		json_key(writer, "priorities");
		json_array_begin(writer);
		for (i = 0; i < network->n_priorities; i++) {
			json_object_begin(writer);
			json_key_string(writer, "name", network->priorities[i].name);
			json_key_uint(writer, "priority", network->priorities[i].priority);
			json_object_end(writer);
		}
		json_array_end(writer);
	}
	json_object_end(writer);
}

static void write_maps(const struct spec_resources *resources, struct json_writer *writer)
{
	size_t i;

	if (resources->n_rdma > 0) {
		json_key(writer, "rdma");
		json_object_begin(writer);
		for (i = 0; i < resources->n_rdma; i++) {
			json_key(writer, resources->rdma[i].device);
			json_object_begin(writer);
			write_uint(writer, "hcaHandles", &resources->rdma[i].hca_handles);
			write_uint(writer, "hcaObjects", &resources->rdma[i].hca_objects);
			json_object_end(writer);
		}
		json_object_end(writer);
	}
	if (resources->n_unified > 0) {
		json_key(writer, "unified");
		json_object_begin(writer);
		for (i = 0; i < resources->n_unified; i++)
			json_key_string(writer, resources->unified[i].key,
					resources->unified[i].value);
		json_object_end(writer);
	}
}

void spec_write_resources(const struct spec_resources *resources, struct json_writer *writer)
{
	json_object_begin(writer);
	if (resources) {
		write_devices(resources, writer);
		if (resources->memory)
			write_memory(resources->memory, writer);
		if (resources->cpu)
			write_cpu(resources->cpu, writer);
		if (resources->block_io)
			write_block_io(resources->block_io, writer);
		write_hugepages(resources, writer);
		if (resources->network)
			write_network(resources->network, writer);
		if (resources->pids) {
			json_key(writer, "pids");
			json_object_begin(writer);
			write_int(writer, "limit", &resources->pids->limit);
			json_object_end(writer);
		}
		write_maps(resources, writer);
	}
	json_object_end(writer);
}
