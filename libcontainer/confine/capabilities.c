/* The five capability sets. A request is always cut to what this process may have, so that a caller
 * with fewer privileges (a root in a sandbox, an unprivileged user) can run a configuration that asks
 * for all of them; what was cut is warned about once. Kernel facts: the bounding set can only shrink and
 * takes CAP_SETPCAP; ambient capabilities must be permitted and inheritable (capabilities(7)), and the
 * sets are a thread's, so this is for a process with one thread. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/trace.h"
#include "confine/capabilities.h"
#include "confine/confine.h"
#include "kernel/capability.h"
#include "plan/capability.h"

#define BIT(number) (UINT64_C(1) << (number))

static int get_sets(struct capability_sets *ret_sets, struct error *err)
{
	int r = capability_get_sets(ret_sets);

	return r < 0 ? error_errno(err, -r, "capget") : 0;
}

static int set_sets(const struct capability_sets *sets, struct error *err)
{
	int r = capability_set_sets(sets);

	return r < 0 ? error_errno(err, -r, "capset") : 0;
}

/* Those of @asked that are in the bounding set. The kernel tells one at a time, so only what matters is
 * asked for; a number beyond its last capability is EINVAL. */
static uint64_t bounding_bits(uint64_t asked)
{
	uint64_t bits = 0;
	int i;

	for (i = 0; i < CAPABILITIES_MAX; i++)
		if ((asked & BIT(i)) && capability_is_bounding(i))
			bits |= BIT(i);
	return bits;
}

/* The same of the ambient set. */
static uint64_t ambient_bits(uint64_t asked)
{
	uint64_t bits = 0;
	int i;

	for (i = 0; i < CAPABILITIES_MAX; i++)
		if ((asked & BIT(i)) && capability_is_ambient(i))
			bits |= BIT(i);
	return bits;
}

/* "CAP_CHOWN"; "CAP_63" for what has no name here. */
static void write_name(int capability, char *text, size_t size)
{
	const char *name = capability_name(capability);
	char *p;

	if (name)
		snprintf(text, size, "%s", name);
	else
		snprintf(text, size, "CAP_%d", capability);
	for (p = text; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
}

/* What the plan asks for and may have. */
static struct capability_sets cut_to_possible(const struct plan_capabilities *plan,
					      const struct capability_sets *have,
					      uint64_t bounding)
{
	struct capability_sets sets = {
		.permitted = plan->set[PLAN_CAP_PERMITTED] & have->permitted,
		.inheritable = plan->set[PLAN_CAP_INHERITABLE] &
			       (have->inheritable | (have->permitted & bounding)),
	};

	sets.effective = plan->set[PLAN_CAP_EFFECTIVE] & sets.permitted;
	return sets;
}

int capabilities_warn(const struct plan_capabilities *plan, struct error *err)
{
	char list[ERROR_TEXT_MAX] = "", name[64];
	uint64_t bounding, missing, ambient;
	struct capability_sets have, will;
	size_t i, length = 0;
	int r;

	r = get_sets(&have, err);
	if (r < 0)
		return r;
	bounding = bounding_bits(plan->set[PLAN_CAP_BOUNDING] |
				 plan->set[PLAN_CAP_INHERITABLE]);
	will = cut_to_possible(plan, &have, bounding & plan->set[PLAN_CAP_BOUNDING]);
	missing = (plan->set[PLAN_CAP_BOUNDING] & ~bounding) |
		  (plan->set[PLAN_CAP_PERMITTED] & ~will.permitted) |
		  (plan->set[PLAN_CAP_EFFECTIVE] & ~will.effective) |
		  (plan->set[PLAN_CAP_INHERITABLE] & ~will.inheritable);
	for (i = 0; i < plan->n_unknown && length < sizeof list; i++)
		length += (size_t)snprintf(list + length, sizeof list - length, "%s%s",
					   length ? " " : "", plan->unknown[i]);
	for (i = 0; i < CAPABILITIES_MAX && length < sizeof list; i++) {
		if (!(missing & BIT(i)))
			continue;
		write_name((int)i, name, sizeof name);
		length += (size_t)snprintf(list + length, sizeof list - length, "%s%s",
					   length ? " " : "", name);
	}
	if (length)
		trace_warning("ignoring unknown or unavailable capabilities: [%s]", list);
	ambient = plan->set[PLAN_CAP_AMBIENT] & ~(will.permitted & will.inheritable);
	for (i = 0; i < CAPABILITIES_MAX; i++) {
		if (!(ambient & BIT(i)))
			continue;
		write_name((int)i, name, sizeof name);
		trace_warning("can't raise ambient capability %s: it is not both permitted "
			      "and inheritable: operation not permitted",
			      name);
	}
	return 0;
}

int capabilities_bound(const struct plan_capabilities *plan, struct error *err)
{
	char name[64];
	int i, r;

	for (i = 0; i < CAPABILITIES_MAX; i++) {
		if (plan->set[PLAN_CAP_BOUNDING] & BIT(i))
			continue;
		r = capability_drop_bounding(i);
		if (r == 0)
			continue;
		if (r == -EINVAL)
			break; /* beyond the kernel's last capability */
		if (bounding_bits(BIT(i)) == 0)
			continue; /* no right to drop what is not there is no matter */
		write_name(i, name, sizeof name);
		return error_errno(err, -r, "drop %s from the bounding set", name);
	}
	return 0;
}

int capabilities_wake(struct error *err)
{
	struct capability_sets sets;
	int r;

	r = get_sets(&sets, err);
	if (r < 0 || sets.effective == sets.permitted)
		return r;
	sets.effective = sets.permitted;
	return set_sets(&sets, err);
}

/* @possible: both permitted and inheritable; the kernel keeps no other capability ambient. */
static int set_ambient(uint64_t want, uint64_t possible, struct error *err)
{
	uint64_t have = ambient_bits(possible);
	char name[64];
	int i, r;

	if (have & ~want) {
		r = capability_clear_ambient();
		if (r < 0)
			return error_errno(err, -r, "clear the ambient capabilities");
		have = 0;
	}
	for (i = 0; i < CAPABILITIES_MAX; i++) {
		if (!(want & ~have & BIT(i)))
			continue;
		r = capability_raise_ambient(i);
		if (r == 0)
			continue;
		write_name(i, name, sizeof name);
		/* SECBIT_NO_CAP_AMBIENT_RAISE of the caller, for one */
		trace_warning("can't raise ambient capability %s: %s", name,
			      error_errno_text(-r));
	}
	return 0;
}

/* May be called again with other sets, and under a system call filter: a set that already is what it
 * shall be is not written. */
int confine_capabilities(const struct plan_capabilities *plan, struct error *err)
{
	struct capability_sets have, will;
	uint64_t possible;
	int r;

	r = get_sets(&have, err);
	if (r < 0)
		return r;
	will = cut_to_possible(plan, &have, bounding_bits(plan->set[PLAN_CAP_INHERITABLE]));
	if (memcmp(&have, &will, sizeof have) != 0) {
		r = set_sets(&will, err);
		if (r < 0)
			return r;
	}
	possible = will.permitted & will.inheritable;
	return set_ambient(plan->set[PLAN_CAP_AMBIENT] & possible, possible, err);
}

int confine_no_new_privs(struct error *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_errno(err, errno, "prctl(PR_SET_NO_NEW_PRIVS)");
	return 0;
}
