/* Rows of words in one packet, for tare and the helper programs that it executes (HACKING.md, "Helpers"): each
 * word is ended by a NUL. Both sides are made by the same build. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define PACKET_MAX 131072 /* bytes */

/* A packet in the making; data from malloc(). */
struct packet {
	char *data;
	size_t length, room;
	int error; /* 0, or -errno of the first word that did not fit (E2BIG, ENOMEM) */
};
void packet_free(struct packet *message);
#define _cleanup_packet_ __attribute__((cleanup(packet_free)))

/* Appends a word: @letter, unless 0, and @text. What fails is remembered in message->error. */
void packet_add(struct packet *message, char letter, const char *text);

/* Sends it. @fd: to go along (SCM_RIGHTS), or -1. Returns 0 or -errno; of packet->error first. */
int packet_send(int socket, const struct packet *packet, int fd);

/* A packet that was received. Valid: not longer than PACKET_MAX and ending with a NUL. */
struct packet_words {
	const char *at, *end;
};

/* Returns whether the packet is well-formed; it is then read from its beginning. */
bool packet_open(struct packet_words *words, const char *data, size_t length);

/* The next word, or NULL behind the last. */
const char *packet_next(struct packet_words *words);

/* Appends what packet_answer() reads: "ok" for a @code of 0, else "error", the code and the text. */
void packet_add_answer(struct packet *message, int code, const char *text);

/* Reads an answer. Returns 0 for "ok"; -errno for an error, whose text is then in *ret_text; -EBADMSG for
 * anything else. */
int packet_answer(struct packet_words *words, const char **ret_text);
