/* The language between tare and the helper program tare-systemd (src/helpers/systemd.c). Nothing of it leaves
 * the machine or the call: both are made by the same build, so that a version is only checked, never
 * negotiated.
 *
 * The helper is executed as `tare-systemd VERSION system|user`, with one end of a SOCK_SEQPACKET pair as its
 * standard input and /dev/null as its outputs. It connects to that manager at once, then reads requests until the other
 * end is closed, which ends it. A message is one packet: a row of words, each ended by a NUL.
 *
 *   start UNIT PROPERTY...   StartTransientUnit, and the end of its job
 *   set UNIT PROPERTY...     SetUnitProperties, for the unit's life; answered when the cgroup has them
 *   move UNIT BELOW PID      AttachProcessesToUnit, into the cgroup BELOW ("/a", or nothing) the unit's own
 *   stop UNIT                StopUnit and the end of its job, ResetFailedUnit; fine if there is no such unit
 *
 *   PROPERTY: "+NAME" or, if an older systemd may not know it, "?NAME"; the signature; the words of the value
 *   (struct gvariant); an empty word.
 *
 * Each is answered by "ok", or by "error", a positive errno in decimal, and a text. Inside this folder, its
 * tests and the helper only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define UNIT_MESSAGE_VERSION "1"
#define UNIT_MESSAGE_MAX 131072 /* bytes of a packet */

/* A packet in the making; data from malloc(). */
struct unit_message {
	char *data;
	size_t length, room;
	int error; /* 0, or -errno of the first word that did not fit (E2BIG, ENOMEM) */
};
void unit_message_free(struct unit_message *message);
#define _cleanup_unit_message_ __attribute__((cleanup(unit_message_free)))

/* Appends a word: @letter, unless 0, and @text. What fails is remembered in message->error. */
void unit_message_add(struct unit_message *message, char letter, const char *text);

/* A packet that was received. Valid: not longer than UNIT_MESSAGE_MAX and ending with a NUL. */
struct unit_words {
	const char *at, *end;
};

/* Returns whether the packet is well-formed; it is then read from its beginning. */
bool unit_words_open(struct unit_words *words, const char *data, size_t length);

/* The next word, or NULL behind the last. */
const char *unit_words_next(struct unit_words *words);

/* Reads an answer. Returns 0 for "ok"; -errno for an error, whose text is then in *ret_text; -EBADMSG for
 * anything else. */
int unit_words_answer(struct unit_words *words, const char **ret_text);
