/* The packets between tare and tare-systemd: rows of words. Words end with a NUL, which no string of C has
 * inside, so nothing is escaped and nothing can break out of its place. Compiled into both programs; kept free
 * of everything but the C library. */
#include "cgroup/unit_message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void unit_message_free(struct unit_message *message)
{
	free(message->data);
	message->data = NULL;
}

/* Makes room for @more bytes. */
static int reserve(struct unit_message *message, size_t more)
{
	size_t room = message->room ? message->room : 1024;
	char *grown;

	if (more > UNIT_MESSAGE_MAX - message->length)
		return -E2BIG;
	while (room < message->length + more)
		room *= 2;
	if (room == message->room)
		return 0;
	grown = realloc(message->data, room);
	if (!grown)
		return -ENOMEM;
	message->data = grown;
	message->room = room;
	return 0;
}

void unit_message_add(struct unit_message *message, char letter, const char *text)
{
	size_t length = strlen(text) + 1;

	if (message->error == 0)
		message->error = reserve(message, length + (letter != 0));
	if (message->error != 0)
		return;
	if (letter)
		message->data[message->length++] = letter;
	memcpy(message->data + message->length, text, length);
	message->length += length;
}

bool unit_words_open(struct unit_words *words, const char *data, size_t length)
{
	if (length == 0 || length > UNIT_MESSAGE_MAX || data[length - 1] != '\0')
		return false;
	*words = (struct unit_words){ data, data + length };
	return true;
}

const char *unit_words_next(struct unit_words *words)
{
	const char *word = words->at;

	if (word == words->end)
		return NULL;
	words->at += strlen(word) + 1;
	return word;
}

int unit_words_answer(struct unit_words *words, const char **ret_text)
{
	const char *kind = unit_words_next(words), *number, *text;
	char *end;
	long code;

	if (kind && strcmp(kind, "ok") == 0)
		return unit_words_next(words) ? -EBADMSG : 0;
	number = unit_words_next(words);
	text = unit_words_next(words);
	if (!kind || strcmp(kind, "error") != 0 || !number || !text || unit_words_next(words))
		return -EBADMSG;
	errno = 0;
	code = strtol(number, &end, 10);
	if (*number < '1' || *number > '9' || *end != '\0' || errno != 0 || code > 4095)
		return -EBADMSG;
	*ret_text = text;
	return (int)-code;
}
