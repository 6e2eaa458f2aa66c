/* An arena: memory that is given out in small pieces and freed as one. The spec, the plan and the
 * record live in arenas; nothing in them is freed on its own. */
#pragma once

#include <errno.h>
#include <stddef.h>

#include "base/error.h"

struct arena;

/* A new, empty arena; NULL when there is no memory. Freed by arena_free(). */
struct arena *arena_new(void);

/* A new, empty arena whose memory is @parent's, and goes back to it when the arena is freed, to be used by the next
 * one; @parent must be freed later. For what is needed for a short time only, and less expensive than one of its
 * own. NULL when there is no memory. */
struct arena *arena_new_within(struct arena *parent);

/* Frees the arena and everything in it; NULL is allowed. */
void arena_free(struct arena *arena);
void cleanup_arena(struct arena **arena);
#define _cleanup_arena_ __attribute__((cleanup(cleanup_arena)))

/* @size bytes, zeroed, aligned for any type, owned by the arena. NULL when there is no memory;
 * a @size of 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size);

/* As arena_alloc() for an array; NULL also when count * size overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* Copies of strings, owned by the arena. NULL when there is no memory. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...) _printf_(2, 3);

/* Makes room for one more element in a growing array: returns the array, moved if it had to be, with
 * at least count + 1 elements of @size bytes; NULL when there is no memory. The capacity is the
 * power of two that is at least @count (start with array NULL and count 0). */
void *arena_grow(struct arena *arena, void *array, size_t count, size_t size);

#define error_oom(err) error_set((err), ENOMEM, "out of memory")
