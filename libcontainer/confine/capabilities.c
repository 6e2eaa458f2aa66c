/* The five capability sets. A request is always cut to what this process may have, so that a caller
 * with fewer privileges (a root in a sandbox, an unprivileged user) can run a configuration that asks
 * for all of them; what was cut is warned about once. Kernel facts: the bounding set can only shrink and
 * takes CAP_SETPCAP; ambient capabilities must be permitted and inheritable (capabilities(7)), and the
 * sets are a thread's, so this is for a process with one thread. */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "confine/capabilities.h"
#include "confine/confine.h"

#define CAPABILITIES_MAX 64
#define BIT(number) (UINT64_C(1) << (number))

/* The sets of this process that capget(2) knows. */
struct sets {
	uint64_t effective, permitted, inheritable;
};

static void cleanup_cap(cap_t *caps)
{
	if (*caps)
		cap_free(*caps);
}
#define _cleanup_cap_ __attribute__((cleanup(cleanup_cap)))

static uint64_t bits(uint32_t low, uint32_t high)
{
	return low | (uint64_t)high << 32;
}

static int get_sets(struct sets *ret_sets, struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	/* by libcap it is four calls and a page of memory that is new each time */
	if (syscall(SYS_capget, &header, data) < 0)
		return error_errno(err, errno, "capget");
	ret_sets->effective = bits(data[0].effective, data[1].effective);
	ret_sets->permitted = bits(data[0].permitted, data[1].permitted);
	ret_sets->inheritable = bits(data[0].inheritable, data[1].inheritable);
	return 0;
}

static int set_flag(cap_t caps, cap_flag_t flag, uint64_t bits)
{
	cap_value_t values[CAPABILITIES_MAX];
	int i, n = 0;

	for (i = 0; i < CAPABILITIES_MAX; i++)
		if (bits & BIT(i))
			values[n++] = i;
	return n ? cap_set_flag(caps, flag, n, values, CAP_SET) : 0;
}

static int set_sets(const struct sets *sets, struct error *err)
{
	_cleanup_cap_ cap_t caps = cap_init();

	if (!caps || set_flag(caps, CAP_EFFECTIVE, sets->effective) < 0 ||
	    set_flag(caps, CAP_PERMITTED, sets->permitted) < 0 ||
	    set_flag(caps, CAP_INHERITABLE, sets->inheritable) < 0)
		return error_errno(err, errno, "prepare the capability sets");
	if (cap_set_proc(caps) < 0)
		return error_errno(err, errno, "capset");
	return 0;
}

/* Those of @asked that are in the bounding set. The kernel tells one at a time, so only what matters is
 * asked for; a number beyond its last capability is EINVAL. */
static uint64_t bounding_bits(uint64_t asked)
{
	uint64_t bits = 0;
	cap_value_t i;

	for (i = 0; i < CAPABILITIES_MAX; i++)
		if ((asked & BIT(i)) && cap_get_bound(i) > 0)
			bits |= BIT(i);
	return bits;
}

/* The same of the ambient set. */
static uint64_t ambient_bits(uint64_t asked)
{
	uint64_t bits = 0;
	cap_value_t i;

	for (i = 0; i < CAPABILITIES_MAX; i++)
		if ((asked & BIT(i)) && cap_get_ambient(i) > 0)
			bits |= BIT(i);
	return bits;
}

/* "CAP_CHOWN"; "CAP_63" for what the library has no name for. */
static void write_name(cap_value_t capability, char *text, size_t size)
{
	char *name = cap_to_name(capability), *p;

	if (name && name[0] >= 'a')
		snprintf(text, size, "%s", name);
	else
		snprintf(text, size, "CAP_%d", capability);
	for (p = text; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	if (name)
		cap_free(name);
}

/* What the plan asks for and may have. */
static struct sets cut_to_possible(const struct plan_capabilities *plan,
				   const struct sets *have, uint64_t bounding)
{
	struct sets sets = {
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
	struct sets have, will;
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
		write_name((cap_value_t)i, name, sizeof name);
		length += (size_t)snprintf(list + length, sizeof list - length, "%s%s",
					   length ? " " : "", name);
	}
	if (length)
		trace_warning("ignoring unknown or unavailable capabilities: [%s]", list);
	ambient = plan->set[PLAN_CAP_AMBIENT] & ~(will.permitted & will.inheritable);
	for (i = 0; i < CAPABILITIES_MAX; i++) {
		if (!(ambient & BIT(i)))
			continue;
		write_name((cap_value_t)i, name, sizeof name);
		trace_warning("can't raise ambient capability %s: it is not both permitted "
			      "and inheritable: operation not permitted",
			      name);
	}
	return 0;
}

int capabilities_bound(const struct plan_capabilities *plan, struct error *err)
{
	char name[64];
	cap_value_t i;

	for (i = 0; i < CAPABILITIES_MAX; i++) {
		if ((plan->set[PLAN_CAP_BOUNDING] & BIT(i)) || cap_drop_bound(i) == 0)
			continue;
		if (errno == EINVAL)
			break; /* beyond the kernel's last capability */
		if (bounding_bits(BIT(i)) == 0)
			continue; /* no right to drop what is not there is no matter */
		write_name(i, name, sizeof name);
		return error_errno(err, errno, "drop %s from the bounding set", name);
	}
	return 0;
}

int capabilities_wake(struct error *err)
{
	struct sets sets;
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
	cap_value_t i;

	if (have & ~want) {
		if (cap_reset_ambient() < 0)
			return error_errno(err, errno, "clear the ambient capabilities");
		have = 0;
	}
	for (i = 0; i < CAPABILITIES_MAX; i++) {
		if (!(want & ~have & BIT(i)) || cap_set_ambient(i, CAP_SET) == 0)
			continue;
		write_name(i, name, sizeof name);
		/* SECBIT_NO_CAP_AMBIENT_RAISE of the caller, for one */
		trace_warning("can't raise ambient capability %s: %s", name,
			      error_errno_text(errno));
	}
	return 0;
}

/* May be called again with other sets, and under a system call filter: a set that already is what it
 * shall be is not written. */
int confine_capabilities(const struct plan_capabilities *plan, struct error *err)
{
	struct sets have, will;
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
