/* The answers of tare-netdev: what is none is not taken for one, an error has its code and a text, and each interface
 * a name. */
#include <string.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "process/interfaces.h"
#include "process/netdev.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *packet = malloc(size ? size : 1);
	_cleanup_arena_ struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct interface_list list;
	size_t i;
	bool valid;

	memcpy(packet, data, size);
	valid = netdev_read_answer(packet, size, &err);
	require(err.code >= 0 && strnlen(err.text, sizeof err.text) < sizeof err.text);
	require(valid || err.code == 0);
	require(!valid || err.code != 0 || (size == 3 && memcmp(data, "ok", 3) == 0));
	err = ERROR_INIT;
	if (interfaces_read_answer(packet, size, arena, &list, &err) < 0)
		require(err.code > 0);
	else
		for (i = 0; i < list.count; i++)
			require(*list.of[i].name != '\0');
	return 0;
}
