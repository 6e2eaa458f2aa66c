/* tare's file of a checkpoint: whatever stands in it, it is refused, or each mount has an absolute path without ".."
 * and each stream that is named a name. */
#include <string.h>

#include "base/path.h"
#include "fuzz.h"
#include "state/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct image image;
	size_t i;

	if (image_parse((const char *)data, size, arena, &image, &err) < 0) {
		require(err.code > 0);
		return 0;
	}
	for (i = 0; i < image.mounts.n; i++) {
		require(path_is_absolute(image.mounts.mounts[i].point));
		require(!path_has_dotdot(image.mounts.mounts[i].point));
	}
	for (i = 0; i < IMAGE_STREAMS; i++)
		require(!image.streams[i] || *image.streams[i]);
	return 0;
}
