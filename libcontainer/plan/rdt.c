/* linux.intelRdt: which class of service a container gets, who makes it and who removes it, by the rules of
 * the specification (spec:218-227). What is there already only the mechanism sees. Lines of the schemata file
 * are kept in the order in which they have to be written: L3, then MB, then the general list. */
#include <errno.h>
#include <string.h>

#include "plan/build.h"

/* Directories of resctrl's own at the place where classes are (fs/resctrl). */
static bool is_reserved(const char *name)
{
	return strcmp(name, "info") == 0 || strcmp(name, "mon_groups") == 0 ||
	       strcmp(name, "mon_data") == 0;
}

static int collect_lines(const struct plan_builder *b, const struct spec_intel_rdt *given,
			 struct plan_rdt *rdt, struct error *err)
{
	const char **lines = arena_array(b->arena, given->n_schemata + 2, sizeof *lines);
	size_t i;

	if (!lines)
		return error_oom(err);
	if (given->l3_cache_schema)
		lines[rdt->n_lines++] = given->l3_cache_schema;
	if (given->mem_bw_schema)
		lines[rdt->n_lines++] = given->mem_bw_schema;
	for (i = 0; i < given->n_schemata; i++)
		lines[rdt->n_lines++] = given->schemata[i];
	rdt->lines = lines;
	return 0;
}

int plan_rdt(const struct plan_builder *b, struct error *err)
{
	const struct spec_intel_rdt *given = b->lin->intel_rdt;
	struct plan_rdt *rdt;
	int r;

	if (!given)
		return 0;
	rdt = arena_alloc(b->arena, sizeof *rdt);
	if (!rdt)
		return error_oom(err);
	r = collect_lines(b, given, rdt, err);
	if (r < 0)
		return r;
	rdt->root = b->options->resctrl;
	rdt->id = b->options->id;
	rdt->clos = given->clos_id ? given->clos_id : b->options->id;
	if (is_reserved(rdt->clos))
		return error_set(err, EINVAL,
				 "linux.intelRdt.closID: \"%s\" is a name of resctrl's own",
				 rdt->clos);
	rdt->make = !given->clos_id || (rdt->n_lines > 0 && strcmp(rdt->clos, "/") != 0);
	rdt->remove = !given->clos_id;
	rdt->monitoring = given->enable_monitoring;
	b->plan->rdt = rdt;
	return 0;
}
