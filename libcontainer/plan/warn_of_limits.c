/* The properties of linux.resources that are ignored on cgroup v2, each with a warning: they only tune, or
 * they are covered by another one. What would promise something that cannot be kept is an error instead, in
 * limits.c. Apart from the conversion, because an update converts what was recorded as well, and nobody wants
 * to hear of that again. */
#include "base/trace.h"
#include "plan/cgroup.h"

static void warn_of_memory(const struct spec_memory *memory)
{
	if (memory->kernel.value > 0)
		trace_warning("linux.resources.memory.kernel: ignored, cgroup v2 counts kernel "
			      "memory in memory.limit");
	if (memory->kernel_tcp.value > 0)
		trace_warning("linux.resources.memory.kernelTCP: ignored, cgroup v2 counts "
			      "socket memory in memory.limit");
	if (memory->swappiness.set)
		trace_warning("linux.resources.memory.swappiness: ignored, cgroup v2 has none");
	if (memory->disable_oom_killer.value)
		trace_warning("linux.resources.memory.disableOOMKiller: ignored, cgroup v2 "
			      "cannot disable the OOM killer");
}

static void warn_of_block_io(const struct spec_block_io *io)
{
	size_t i;

	if (io->leaf_weight.value != 0)
		trace_warning("linux.resources.blockIO.leafWeight: ignored, cgroup v2 has "
			      "none");
	for (i = 0; i < io->n_weight_device; i++)
		if (io->weight_device[i].leaf_weight.value != 0)
			trace_warning("linux.resources.blockIO.weightDevice[%zu].leafWeight: "
				      "ignored, cgroup v2 has none",
				      i);
}

void plan_warn_of_limits(const struct spec_resources *resources)
{
	if (resources->memory)
		warn_of_memory(resources->memory);
	if (resources->block_io)
		warn_of_block_io(resources->block_io);
}
