/* Capabilities by number and by name. */
#pragma once

/* More than any kernel has. */
#define CAPABILITIES_MAX 64

/* The name of a capability, "cap_chown", or NULL for a number that has none here. */
const char *capability_name(int number);

/* The number of "CAP_CHOWN", whatever the case of its letters, or -1. */
int capability_number(const char *name);
