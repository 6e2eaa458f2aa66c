/* tare update: other limits for a running container, from options or from a JSON object. What an option is not
 * given for stays as it is, and so does what is given as 0, as callers of runc and crun are used to (but for
 * burst and idle, for which 0 is a value). What is computed from what, and that all of it holds or nothing, is
 * the business of plan/update.c and cgroup/update.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "command.h"

/* How the word of an option becomes a number. */
enum quantity {
	SIZE, /* bytes; spec_opt_int */
	SIGNED, /* spec_opt_int */
	UNSIGNED, /* spec_opt_uint */
	COUNT, /* spec_opt_int; 0 counts as not given */
};

/* The resources that options ask for. */
struct asked {
	struct spec_memory memory;
	struct spec_cpu cpu;
	struct spec_pids pids;
	struct spec_block_io block_io;
	struct spec_resources all;
};

struct quantity_option {
	const char *name, *help;
	enum quantity kind;
	void *target; /* in struct asked */
	const char *text; /* as given, or NULL */
};

#define QUANTITIES 16
#define OPTIONS (QUANTITIES + 5)

static void quantity_table(struct asked *asked, struct quantity_option ret_table[QUANTITIES])
{
	struct spec_memory *memory = &asked->memory;
	struct spec_cpu *cpu = &asked->cpu;
	const struct quantity_option table[QUANTITIES] = {
		{ "blkio-weight", "weight of its block I/O, 10 to 1000", UNSIGNED,
		  &asked->block_io.weight, NULL },
		{ "cpu-period", "period of the processor time limit in microseconds", UNSIGNED,
		  &cpu->period, NULL },
		{ "cpu-quota", "processor time in each period in microseconds, -1: no limit",
		  SIGNED, &cpu->quota, NULL },
		{ "cpu-burst", "unused processor time that may be saved up, in microseconds",
		  UNSIGNED, &cpu->burst, NULL },
		{ "cpu-share", "weight of its processor time, 2 to 262144", UNSIGNED,
		  &cpu->shares, NULL },
		{ "cpu-shares", NULL, UNSIGNED, &cpu->shares, NULL },
		{ "cpu-idle", "1: run only when nobody else wants to", SIGNED, &cpu->idle,
		  NULL },
		{ "cpu-rt-period", NULL, UNSIGNED, &cpu->realtime_period, NULL },
		{ "cpu-rt-runtime", NULL, SIGNED, &cpu->realtime_runtime, NULL },
		{ "memory", "memory limit (512M, -1: no limit)", SIZE, &memory->limit, NULL },
		{ "memory-reservation", "memory that is kept when others want it", SIZE,
		  &memory->reservation, NULL },
		{ "memory-swap", "limit of memory and swap together", SIZE, &memory->swap,
		  NULL },
		{ "kernel-memory", NULL, SIZE, &memory->kernel, NULL },
		{ "kernel-memory-tcp", NULL, SIZE, &memory->kernel_tcp, NULL },
		{ "pids-limit", "how many processes it may have, -1: no limit", COUNT,
		  &asked->pids.limit, NULL },
		{ NULL, NULL, SIZE, NULL, NULL },
	};

	memcpy(ret_table, table, sizeof table);
}

/* Returns how many there are. */
static size_t option_table(struct quantity_option quantities[QUANTITIES], struct asked *asked,
			   struct verb_update_options *update, const char **file,
			   struct option ret_table[OPTIONS])
{
	const struct option others[] = {
		{ "resources", 'r', OPTION_TEXT, file, "FILE",
		  "take them from this file, - for standard input; all else is ignored" },
		{ "cpuset-cpus", 0, OPTION_TEXT, &asked->cpu.cpus, "LIST",
		  "processors that it may use (0-3,7)" },
		{ "cpuset-mems", 0, OPTION_TEXT, &asked->cpu.mems, "LIST",
		  "memory nodes that it may use" },
		{ "l3-cache-schema", 0, OPTION_TEXT, &update->l3_cache_schema, "SCHEMA",
		  "its part of the cache (resctrl)" },
		{ "mem-bw-schema", 0, OPTION_TEXT, &update->mem_bw_schema, "SCHEMA",
		  "its part of the memory bandwidth (resctrl)" },
	};
	size_t n = 0, i;

	for (i = 0; i < ELEMENTS_OF(others); i++)
		ret_table[n++] = others[i];
	for (i = 0; i < QUANTITIES && quantities[i].name; i++)
		ret_table[n++] = (struct option){
			.name = quantities[i].name,
			.kind = OPTION_TEXT,
			.target = &quantities[i].text,
			.value = quantities[i].kind == SIZE ? "SIZE" : "NUMBER",
			.help = quantities[i].help,
		};
	return n;
}

static int take_quantity(const struct quantity_option *option, struct error *err)
{
	struct spec_opt_uint *number = option->target;
	struct spec_opt_int *integer = option->target;
	int64_t value;
	int r;

	if (!option->text)
		return 0;
	if (option->kind == SIZE)
		r = size_parse(option->text, option->name, &value, err);
	else
		r = number_parse(option->text, option->name,
				 option->kind == UNSIGNED ? 0 : INT64_MIN, &value, err);
	if (r < 0)
		return r;
	if (option->kind == UNSIGNED)
		*number = (struct spec_opt_uint){ true, (uint64_t)value };
	else if (option->kind != COUNT || value != 0)
		*integer = (struct spec_opt_int){ true, value };
	return 0;
}

static int from_options(const struct quantity_option quantities[QUANTITIES],
			struct asked *asked, struct error *err)
{
	size_t i;
	int r = 0;

	for (i = 0; i < QUANTITIES && quantities[i].name && r >= 0; i++)
		r = take_quantity(&quantities[i], err);
	if (r < 0)
		return r;
	if (asked->cpu.idle.set && asked->cpu.idle.value != 0 && asked->cpu.idle.value != 1)
		return error_set(err, EINVAL, "invalid value for cpu-idle: must be 0 or 1");
	asked->all.memory = &asked->memory;
	asked->all.cpu = &asked->cpu;
	asked->all.pids = &asked->pids;
	asked->all.block_io = &asked->block_io;
	return 0;
}

static int from_file(const char *path, struct arena *arena,
		     struct verb_update_options *ret_update, struct error *err)
{
	bool standard_input = strcmp(path, "-") == 0;
	const char *name = standard_input ? "standard input" : path;
	char *text;
	ssize_t n;

	if (standard_input)
		n = fd_read_all(STDIN_FILENO, JSON_SIZE_MAX, name, arena, &text, err);
	else
		n = fd_read_file(AT_FDCWD, path, JSON_SIZE_MAX, arena, &text, err);
	if (n < 0)
		return (int)n;
	*ret_update = (struct verb_update_options){ 0 };
	return spec_load_resources(text, (size_t)n, name, arena, &ret_update->resources, err);
}

int cmd_update(struct tare *tare, int argc, char **argv, struct error *err)
{
	struct asked asked = { 0 };
	struct verb_update_options update = { .resources = &asked.all };
	const char *file = NULL;
	struct quantity_option quantities[QUANTITIES];
	struct option options[OPTIONS];
	struct usage usage = {
		.name = "update",
		.operands = "ID",
		.summary = "change the limits of a container",
		.options = options,
		.least = 1,
		.most = 1,
	};
	struct verb_context context = VERB_CONTEXT_INIT;
	struct operands operands;
	int r;

	quantity_table(&asked, quantities);
	usage.n_options = option_table(quantities, &asked, &update, &file, options);
	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	if (file)
		r = from_file(file, tare->arena, &update, err);
	else
		r = from_options(quantities, &asked, err);
	if (r < 0)
		return r;
	r = verb_context_open(&tare->settings, false, tare->arena, &context, err);
	if (r < 0)
		return r;
	return verb_update(&context, operands.values[0], &update, err);
}
