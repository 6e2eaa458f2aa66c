/* The functions of libsystemd that tare-systemd uses, loaded when it starts: a host without the library then
 * gives an error of ours, not the dynamic loader's. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "base/error.h"

#define BUS_FUNCTIONS(each)                                                                  \
	each(sd_bus_new) each(sd_bus_set_address) each(sd_bus_start) each(                   \
		sd_bus_open_system) each(sd_bus_open_user) each(sd_bus_flush_close_unref)    \
		each(sd_bus_unref) each(sd_bus_get_fd) each(sd_bus_get_events) each(         \
			sd_bus_process) each(sd_bus_call) each(sd_bus_send)                  \
			each(sd_bus_match_signal) each(sd_bus_message_new_method_call) each( \
				sd_bus_message_set_expect_reply)                             \
				each(sd_bus_message_append_basic) each(                      \
					sd_bus_message_open_container)                       \
					each(sd_bus_message_close_container) each(           \
						sd_bus_message_enter_container)              \
						each(sd_bus_message_read_basic) each(        \
							sd_bus_message_unref)                \
							each(sd_bus_error_free) each(        \
								sd_bus_error_has_name)       \
								each(sd_bus_error_get_errno)

#define BUS_MEMBER(name) __typeof__(&name) name;
struct bus_functions {
	BUS_FUNCTIONS(BUS_MEMBER)
};

/* Loads libsystemd.so.0. ENOENT: it is not there, or too old. */
int bus_load(struct bus_functions *ret_functions, struct error *err) _must_check_;

/* Connects to the manager: first by the socket that it offers to those who own it, without the bus daemon in
 * between, then by the bus. A bus that the environment names explicitly comes first (system: DBUS_SYSTEM_BUS_ADDRESS).
 * @user: the user's manager, else PID 1. @ret_direct: without the bus daemon. */
int bus_connect(const struct bus_functions *f, bool user, sd_bus **ret_bus, bool *ret_direct,
		struct error *err) _must_check_;
