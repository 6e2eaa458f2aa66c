/* GVariant's text format (docs.gtk.org/glib/gvariant-text-format.html), as far as D-Bus can carry the values:
 * for the annotations org.systemd.property.NAME. Inside this folder (and its tests) only. */
#pragma once

#include "plan/plan.h"

#define GVARIANT_DEPTH_MAX 16
#define GVARIANT_TEXT_MAX 65536 /* bytes */
#define GVARIANT_SIGNATURE_MAX 255 /* D-Bus's own limit */

/* Parses one value, all of @text. Types are told by a prefix ("uint64 5", "@as []") or follow from the form: an
 * integer is an int32, a number with a point a double. The elements of an array have the first one's type.
 * Errors: EINVAL with what is wrong and at which character; E2BIG. */
int gvariant_parse(const char *text, struct arena *arena, struct gvariant *ret_value,
		   struct error *err) _must_check_;
