/* The packets between tare and its helper programs: rows of words. Words end with a NUL, which no string of C has
 * inside, so nothing is escaped and nothing can break out of its place. Compiled into all of them; kept free
 * of everything but the C library. */
#include "base/packet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void packet_free(struct packet *message)
{
	free(message->data);
	message->data = NULL;
}

/* Makes room for @more bytes. */
static int reserve(struct packet *message, size_t more)
{
	size_t room = message->room ? message->room : 1024;
	char *grown;

	if (more > PACKET_MAX - message->length)
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

void packet_add(struct packet *message, char letter, const char *text)
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

int packet_send(int socket, const struct packet *packet, int fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec part = { packet->data, packet->length };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *passed;
	ssize_t n;

	if (packet->error != 0)
		return packet->error;
	if (fd >= 0) {
		header.msg_control = control.room;
		header.msg_controllen = sizeof control.room;
		passed = CMSG_FIRSTHDR(&header);
		passed->cmsg_level = SOL_SOCKET;
		passed->cmsg_type = SCM_RIGHTS;
		passed->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(passed), &fd, sizeof fd);
	}
	do
		n = sendmsg(socket, &header, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

bool packet_open(struct packet_words *words, const char *data, size_t length)
{
	if (length == 0 || length > PACKET_MAX || data[length - 1] != '\0')
		return false;
	*words = (struct packet_words){ data, data + length };
	return true;
}

const char *packet_next(struct packet_words *words)
{
	const char *word = words->at;

	if (word == words->end)
		return NULL;
	words->at += strlen(word) + 1;
	return word;
}

void packet_add_answer(struct packet *message, int code, const char *text)
{
	char number[16];

	if (code == 0) {
		packet_add(message, 0, "ok");
		return;
	}
	snprintf(number, sizeof number, "%d", code);
	packet_add(message, 0, "error");
	packet_add(message, 0, number);
	packet_add(message, 0, text);
}

int packet_answer(struct packet_words *words, const char **ret_text)
{
	const char *kind = packet_next(words), *number, *text;
	char *end;
	long code;

	if (kind && strcmp(kind, "ok") == 0)
		return packet_next(words) ? -EBADMSG : 0;
	number = packet_next(words);
	text = packet_next(words);
	if (!kind || strcmp(kind, "error") != 0 || !number || !text || packet_next(words))
		return -EBADMSG;
	errno = 0;
	code = strtol(number, &end, 10);
	if (*number < '1' || *number > '9' || *end != '\0' || errno != 0 || code > 4095)
		return -EBADMSG;
	*ret_text = text;
	return (int)-code;
}
