/* rtnetlink: network devices, their addresses and routes. Written by hand and not with libmnl, of which
 * Debian 12 has no static archive: a dozen calls on what is otherwise one static executable. */
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define NETLINK_MESSAGE_MAX 4096

/* One request. */
struct netlink_message {
	union {
		struct nlmsghdr header;
		char bytes[NETLINK_MESSAGE_MAX];
	};
};

/* A socket that speaks of the calling process's network namespace for as long as it is open, whichever
 * namespace its process is in later; it also keeps that namespace alive.
 * Returns a descriptor or -errno. */
int netlink_open(void) _must_check_;

/* Begins a request. @type: RTM_*. @flags: NLM_F_*; NLM_F_REQUEST is added, and NLM_F_ACK unless it dumps.
 * @body: the fixed part, of @size bytes (struct ifinfomsg, ifaddrmsg, rtmsg). */
void netlink_begin(struct netlink_message *message, uint16_t type, uint16_t flags,
		   const void *body, size_t size);

/* Appends an attribute. -EMSGSIZE when it does not fit. */
int netlink_add(struct netlink_message *message, uint16_t type, const void *data,
		size_t size) _must_check_;
int netlink_add_u32(struct netlink_message *message, uint16_t type,
		    uint32_t value) _must_check_;
int netlink_add_text(struct netlink_message *message, uint16_t type,
		     const char *text) _must_check_;

/* What is done with each message of an answer; a negative result ends the reading. */
typedef int netlink_each(void *data, const struct nlmsghdr *answer, struct error *err);

/* Sends a request and reads its answer.
 * @each: NULL when only success counts.
 * Errors: the kernel's errno, with the kernel's own words behind it where it has some; EAGAIN when what was
 * dumped changed meanwhile. */
int netlink_call(int netlink, struct netlink_message *message, netlink_each *each, void *data,
		 struct error *err) _must_check_;

/* The attribute of a message whose fixed part has @size bytes, NULL when it is not there or is shorter than
 * @least bytes. */
const struct rtattr *netlink_find(const struct nlmsghdr *message, size_t size, uint16_t type,
				  size_t least);

/* Such an attribute as a number; 0 when it is not there. */
uint32_t netlink_u32(const struct nlmsghdr *message, size_t size, uint16_t type);
