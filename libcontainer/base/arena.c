/* A chain of blocks, the newest first. Blocks start at 8 KiB, which holds an ordinary config.json's
 * spec or plan in one or two of them; a request that is larger gets a block of its own size. Memory
 * comes zeroed and aligned for any type, and goes all at once. */
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)8192)
#define ALIGNMENT _Alignof(max_align_t)

#ifndef __has_feature
#define __has_feature(name) 0 /* gcc 12 has only the macro below */
#endif

/* Under the address sanitizer each piece has forbidden bytes behind it, as one of malloc(3) has: in one large
 * block it would not see a read beyond a piece. */
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define GAP ALIGNMENT
#define forbid(start, size) __asan_poison_memory_region((start), (size))
#define allow(start, size) __asan_unpoison_memory_region((start), (size))
#else
#define GAP 0
#define forbid(start, size) ((void)0)
#define allow(start, size) ((void)0)
#endif

struct block {
	struct block *next;
	size_t used, size;
	max_align_t data[];
};

struct arena {
	struct block *newest;
};

struct arena *arena_new(void)
{
	return calloc(1, sizeof(struct arena));
}

void arena_free(struct arena *arena)
{
	struct block *block, *next;

	if (!arena)
		return;
	for (block = arena->newest; block; block = next) {
		next = block->next;
		free(block);
	}
	free(arena);
}

void cleanup_arena(struct arena **arena)
{
	arena_free(*arena);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct block *block = arena->newest;
	size_t need, capacity;
	void *piece;

	if (size > SIZE_MAX / 2)
		return NULL;
	need = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	if (need == 0)
		need = ALIGNMENT;
	need += GAP;
	if (!block || block->size - block->used < need) {
		capacity = need > BLOCK_SIZE ? need : BLOCK_SIZE;
		block = calloc(1, sizeof *block + capacity);
		if (!block)
			return NULL;
		forbid(block->data, capacity);
		block->size = capacity;
		block->next = arena->newest;
		arena->newest = block;
	}
	piece = (char *)block->data + block->used;
	block->used += need;
	allow(piece, size);
	return piece;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	return arena_alloc(arena, total);
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
	char *copy = arena_alloc(arena, length + 1);

	if (copy)
		memcpy(copy, text, length);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	text = arena_alloc(arena, (size_t)n + 1);
	if (!text)
		return NULL;
	va_start(ap, format);
	vsnprintf(text, (size_t)n + 1, format, ap);
	va_end(ap);
	return text;
}

void *arena_grow(struct arena *arena, void *array, size_t count, size_t size)
{
	void *larger;

	if (array && (count & (count - 1)) != 0)
		return array; /* between powers of two there is room left */
	if (count > SIZE_MAX / 4)
		return NULL;
	larger = arena_array(arena, count ? count * 2 : 1, size);
	if (larger && count)
		memcpy(larger, array, count * size);
	return larger;
}
