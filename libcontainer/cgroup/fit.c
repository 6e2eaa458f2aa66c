/* The fitness of an existing cgroup: the two refusals that callers match on, and two states in which the
 * kernel would refuse the container's birth with a bare EBUSY or EOPNOTSUPP. Kernel fact: a cgroup (other
 * than the root) that has controllers enabled for its children can hold no processes itself
 * (cgroup-v2.rst, "No Internal Process Constraint"). */
#include "cgroup/fit.h"

#include <errno.h>
#include <string.h>

#include "cgroup/file.h"

int cgroup_check_fit(int dir, struct error *err)
{
	char text[4096];
	uint64_t value = 0;
	ssize_t n;

	n = cgroup_file_read(dir, "cgroup.events", text, sizeof text);
	if (n < 0)
		return error_errno(err, (int)-n, "read cgroup.events");
	if (cgroup_flat_keyed(text, "populated", &value) == 0 && value) {
		n = cgroup_each_process(dir, NULL, NULL);
		return error_set(err, EBUSY,
				 "container's cgroup is not empty: %zd process(es) found",
				 n < 0 ? 0 : n);
	}
	if (cgroup_flat_keyed(text, "frozen", &value) == 0 && value)
		return error_set(err, EBUSY, "container's cgroup unexpectedly frozen");
	if (cgroup_file_read(dir, "cgroup.freeze", text, sizeof text) > 0 && text[0] == '1')
		return error_set(err, EBUSY, "container's cgroup unexpectedly frozen");
	if (cgroup_file_read(dir, "cgroup.subtree_control", text, sizeof text) > 0)
		return error_set(err, EBUSY,
				 "the cgroup has controllers enabled for its children (%s), so "
				 "it can have no processes of its own",
				 text);
	if (cgroup_file_read(dir, "cgroup.type", text, sizeof text) > 0 &&
	    strcmp(text, "domain") != 0 && strcmp(text, "domain threaded") != 0)
		return error_set(err, EOPNOTSUPP, "the cgroup's type is \"%s\", not domain",
				 text);
	return 0;
}
