/* The arena: alignment, zeroed memory, growth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/arena.h"

static void grows_by_powers_of_two(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	int *numbers = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		numbers = arena_grow(arena, numbers, i, sizeof *numbers);
		assert_non_null(numbers);
		numbers[i] = (int)i;
	}
	for (i = 0; i < 1000; i++)
		assert_int_equal(numbers[i], i);
}

static void refuses_overflow(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();

	(void)state;
	assert_null(arena_array(arena, SIZE_MAX / 2, 4));
	assert_null(arena_alloc(arena, SIZE_MAX));
}

static void large_and_small_pieces_are_zeroed_and_aligned(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	size_t size;

	(void)state;
	for (size = 1; size < 100000; size *= 3) {
		char *piece = arena_alloc(arena, size);

		assert_int_equal((uintptr_t)piece % _Alignof(max_align_t), 0);
		assert_int_equal(piece[size - 1], 0);
		memset(piece, 0xff, size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_by_powers_of_two),
		cmocka_unit_test(refuses_overflow),
		cmocka_unit_test(large_and_small_pieces_are_zeroed_and_aligned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
