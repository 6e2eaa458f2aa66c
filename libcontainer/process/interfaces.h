/* The network interfaces of a process's network namespace, with what each has carried. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"

struct interface_counters {
	const char *
		name; /* chosen by whoever is root of the namespace: any bytes but '/' and white space */
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
	uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

/* In the kernel's order; in an arena. */
struct interface_list {
	size_t count;
	struct interface_counters *of;
};

/* Reads them: by rtnetlink, in the helper tare-netdev, which takes libmnl and the right to enter the namespace, else
 * from procfs, which shows each process's namespace to others.
 * @proc: verified procfs.
 * Errors: ESRCH when there is no such process. */
int interfaces_read(int proc, pid_t pid, struct arena *arena, struct interface_list *ret_list,
		    struct error *err) _must_check_;

/* The same from the answer of tare-netdev (process/netdev_message.h).
 * Errors: what the answer says; EBADMSG for what is none. */
int interfaces_read_answer(const char *data, size_t length, struct arena *arena,
			   struct interface_list *ret_list, struct error *err) _must_check_;

/* The same from the text of /proc/PID/net/dev. Returns 0, or -ENOMEM; a line of another form is passed over. */
int interfaces_parse(const char *text, struct arena *arena,
		     struct interface_list *ret_list) _must_check_;
