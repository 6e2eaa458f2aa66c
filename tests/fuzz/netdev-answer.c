/* The answers of tare-netdev: what is none is not taken for one, and an error has its code and a text. */
#include <string.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "process/netdev.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *packet = malloc(size ? size : 1);
	struct error err = ERROR_INIT;
	bool valid;

	memcpy(packet, data, size);
	valid = netdev_read_answer(packet, size, &err);
	require(err.code >= 0 && strnlen(err.text, sizeof err.text) < sizeof err.text);
	require(valid || err.code == 0);
	require(!valid || err.code != 0 || (size == 3 && memcmp(data, "ok", 3) == 0));
	return 0;
}
