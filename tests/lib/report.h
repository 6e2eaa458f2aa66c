/* report.c and report_asked.c, which are one program. */
#pragma once

#include <sys/types.h>

/* Prints a text as JSON has it; null for NULL. */
void string(const char *text);

/* Prints the text of a whole file, or null when it cannot be read. */
void file(const char *path);

const char *type_of(mode_t mode);

/* Prints what is in a directory, and, so many levels deep, below it. */
void directory(const char *path, int depth);

/* Print the answer to an argument KIND=NAME. */
void show_sysctl(const char *name);
void show_access(const char *path);
void show_call(const char *text);
void show_call_32(const char *text);
