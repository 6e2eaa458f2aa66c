/* A chain of blocks, the newest first. Memory comes zeroed and aligned for any type, and goes all at once. The
 * first block is a mapping of the arena's own, whose pages are there from the beginning, and holds all that an
 * ordinary create needs: touched one by one they are a page fault each, which in a virtual machine costs several
 * microseconds, and a malloc(3) that gives memory back and takes it again (musl's) has many more of them (45 of
 * the 120 of a run). An arena within another one lives in its memory, and gives its blocks back to it. */
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef FIRST_SIZE /* a test has a smaller one, so that more can fail */
#define FIRST_SIZE ((size_t)96 * 1024)
#endif
#define BLOCK_SIZE ((size_t)8192 - sizeof(struct block))
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
	struct arena *parent; /* in whose memory this one is, or NULL */
	struct block *newest;
	struct block *spare; /* what arenas within this one have given back */
	struct block first[];
};

struct arena *arena_new(void)
{
	struct arena *arena;

	arena = mmap(NULL, FIRST_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (arena == MAP_FAILED)
		return NULL;
	arena->first->size = FIRST_SIZE - sizeof *arena - sizeof *arena->first;
	forbid(arena->first->data, arena->first->size);
	arena->newest = arena->first;
	return arena;
}

struct arena *arena_new_within(struct arena *parent)
{
	struct arena *arena = arena_alloc(parent, sizeof *arena);

	if (arena)
		arena->parent = parent;
	return arena;
}

static void give_back(struct arena *arena)
{
	struct block *block, *next;

	for (block = arena->newest; block; block = next) {
		next = block->next;
		allow(block->data, block->size);
		memset(block->data, 0, block->used);
		forbid(block->data, block->size);
		block->used = 0;
		block->next = arena->parent->spare;
		arena->parent->spare = block;
	}
	arena->newest = NULL;
}

void arena_free(struct arena *arena)
{
	struct block *block, *next;

	if (!arena)
		return;
	if (arena->parent) {
		give_back(arena);
		return;
	}
	for (block = arena->newest; block != arena->first; block = next) {
		next = block->next;
		free(block);
	}
	allow(arena->first->data, arena->first->size);
	munmap(arena, FIRST_SIZE);
}

void cleanup_arena(struct arena **arena)
{
	arena_free(*arena);
}

/* One of at least that capacity, in front of the others. */
static struct block *add_block(struct arena *arena, size_t capacity)
{
	struct block **link, *block;

	if (arena->parent) {
		for (link = &arena->parent->spare; *link && (*link)->size < capacity;)
			link = &(*link)->next;
		block = *link;
		if (block)
			*link = block->next;
		else
			block = arena_alloc(arena->parent, sizeof *block + capacity);
	} else {
		block = calloc(1, sizeof *block + capacity);
	}
	if (!block)
		return NULL;
	forbid(block->data, capacity);
	if (block->size == 0)
		block->size = capacity;
	block->next = arena->newest;
	arena->newest = block;
	return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct block *block = arena->newest;
	size_t need;
	void *piece;

	if (size > SIZE_MAX / 2)
		return NULL;
	need = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	if (need == 0)
		need = ALIGNMENT;
	need += GAP;
	if (!block || block->size - block->used < need) {
		block = add_block(arena, need > BLOCK_SIZE ? need : BLOCK_SIZE);
		if (!block)
			return NULL;
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
