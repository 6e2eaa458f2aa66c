/* The packets between tare and tare-systemd: whatever arrives, no word reaches beyond the packet, and what is read
 * as an answer is an answer. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cgroup/unit_message.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *packet = malloc(size ? size : 1);
	struct packet_words words;
	const char *word, *text = NULL;
	size_t length = 0;
	int r;

	memcpy(packet, data, size);
	if (!packet_open(&words, packet, size))
		return 0;
	while ((word = packet_next(&words)))
		length += strlen(word) + 1;
	require(length == size);
	require(packet_open(&words, packet, size));
	r = packet_answer(&words, &text);
	require(r <= 0);
	if (text)
		require(text >= packet && text + strlen(text) < packet + size);
	return 0;
}
