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

/* Reads them from procfs, which shows each process's namespace to others: nothing has to be entered.
 * @proc: verified procfs. @ret_list: @ret_count of them in @arena, in the kernel's order.
 * Errors: ESRCH when there is no such process. */
int interfaces_read(int proc, pid_t pid, struct arena *arena,
		    const struct interface_counters **ret_list, size_t *ret_count,
		    struct error *err) _must_check_;

/* The same from the text of the file. Returns 0, or -ENOMEM; a line of another form is passed over. */
int interfaces_parse(const char *text, struct arena *arena,
		     const struct interface_counters **ret_list,
		     size_t *ret_count) _must_check_;
