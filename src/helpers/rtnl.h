/* rtnetlink by libmnl, which is loaded when tare-netdev starts: a host without the library then gives an error of ours,
 * not the dynamic loader's. libmnl puts messages together and takes them apart; what is here is the call: a request
 * and its answer, to the end. */
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define RTNL_REQUEST_MAX 4096

struct mnl_socket;

/* Loads libmnl.so.0, once, before anything else here. ENOENT: it is not there, or too old (below 1.0.4). */
int rtnl_load(struct error *err) _must_check_;

/* A socket that speaks of the calling process's network namespace for as long as it is open, whichever
 * namespace its process is in later; it also keeps that namespace alive. */
int rtnl_open(struct mnl_socket **ret_socket, struct error *err) _must_check_;
void rtnl_close(struct mnl_socket **socket);

/* The same of another network namespace, which the calling process is in for a moment.
 * @home: the namespace that it is in, to come back. EPERM: it takes CAP_SYS_ADMIN over @namespace, too. */
int rtnl_open_in(int namespace, int home, struct mnl_socket **ret_socket,
		 struct error *err) _must_check_;

/* One request. */
struct rtnl_request {
	bool full; /* something did not fit: rtnl_call() says so */
	union {
		struct nlmsghdr header;
		char bytes[RTNL_REQUEST_MAX];
	};
};

/* Begins a request. @type: RTM_*. @flags: NLM_F_*; NLM_F_REQUEST is added, and NLM_F_ACK unless it dumps.
 * @body: the fixed part, of @size bytes (struct ifinfomsg, ifaddrmsg, rtmsg). */
void rtnl_begin(struct rtnl_request *request, uint16_t type, uint16_t flags, const void *body,
		size_t size);

/* Appends an attribute. */
void rtnl_add(struct rtnl_request *request, uint16_t type, const void *data, size_t size);
void rtnl_add_u32(struct rtnl_request *request, uint16_t type, uint32_t value);
void rtnl_add_text(struct rtnl_request *request, uint16_t type, const char *text);

/* What is done with each message of an answer; a negative result ends the reading. */
typedef int rtnl_each(void *data, const struct nlmsghdr *answer, struct error *err);

/* Sends a request and reads its answer.
 * @each: NULL when only success counts.
 * Errors: the kernel's errno, with the kernel's own words behind it where it has some; EAGAIN when what was
 * dumped changed meanwhile; EMSGSIZE for a request that has become too long. */
int rtnl_call(struct mnl_socket *socket, struct rtnl_request *request, rtnl_each *each,
	      void *data, struct error *err) _must_check_;

/* What becomes of a dump. */
struct rtnl_taker {
	void (*restart)(
		void *data); /* forgets what @each has taken: it is called first, and once more for each attempt */
	rtnl_each *each;
	void *data;
};

/* rtnl_call() of a request that dumps, made again when what it shows has changed meanwhile.
 * Errors: EAGAIN when it did so at each of some attempts. */
int rtnl_dump(struct mnl_socket *socket, struct rtnl_request *request,
	      const struct rtnl_taker *taker, struct error *err) _must_check_;

/* The fixed part of a message of type @type, NULL for another type and a shorter message. */
const void *rtnl_body(const struct nlmsghdr *message, uint16_t type, size_t size);

/* What rtnl_each_attribute() calls: @data and an attribute. */
typedef void rtnl_attribute(void *data, const struct nlattr *attribute);

/* The attributes of a message whose fixed part has @size bytes, in their order. */
void rtnl_each_attribute(const struct nlmsghdr *message, size_t size, rtnl_attribute *each,
			 void *data);

/* Takes an attribute apart. Returns its payload. @ret_type: without the kernel's flags; NULL: not wanted. */
const void *rtnl_payload(const struct nlattr *attribute, uint16_t *ret_type, size_t *ret_size);

/* The payload of the attribute @type of a message whose fixed part has @size bytes, NULL when it is not there or has
 * less than @least bytes. @ret_size: of the payload; NULL: not wanted. */
const void *rtnl_find(const struct nlmsghdr *message, size_t size, uint16_t type, size_t least,
		      size_t *ret_size);

/* Such an attribute as a number; 0 when it is not there. */
uint32_t rtnl_u32(const struct nlmsghdr *message, size_t size, uint16_t type);
