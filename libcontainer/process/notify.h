/* Speaking to the service manager that started tare. */
#pragma once

#include <sys/types.h>

#include "base/error.h"

/* Tells the service manager that @pid is the service's main process, and waits until it has heard (5 s at
 * most), so that the caller may end afterwards.
 * @address: the value of NOTIFY_SOCKET (sd_notify(3)). ENOTSUP: neither a path nor an abstract socket. */
int notify_main_pid(const char *address, pid_t pid, struct error *err) _must_check_;
