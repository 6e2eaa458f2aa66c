/* Name tables: the one way in which words of config.json and of the command line become numbers. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct table_entry {
	const char *name;
	uint64_t value;
};

/* The entry of @name (exact, case-sensitive), or NULL. */
const struct table_entry *table_find(const struct table_entry *entries, size_t count,
				     const char *name);

/* The first name with this value, or NULL. */
const char *table_name(const struct table_entry *entries, size_t count, uint64_t value);
