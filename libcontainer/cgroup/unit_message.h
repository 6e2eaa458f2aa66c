/* The language between tare and the helper program tare-systemd (src/helpers/systemd.c). Nothing of it leaves
 * the machine or the call: both are made by the same build, so that a version is only checked, never
 * negotiated.
 *
 * The helper is executed as `tare-systemd VERSION system|user`, with one end of a SOCK_SEQPACKET pair as its
 * standard input and /dev/null as its outputs. It connects to that manager at once, then reads requests until the other
 * end is closed, which ends it. A message is one packet: a row of words, each ended by a NUL.
 *
 *   start UNIT PROPERTY...   StartTransientUnit, and the end of its job
 *   set UNIT PROPERTY...     SetUnitProperties, for the unit's life; answered when the cgroup has them
 *   move UNIT BELOW PID      AttachProcessesToUnit, into the cgroup BELOW ("/a", or nothing) the unit's own
 *   stop UNIT                StopUnit and the end of its job, ResetFailedUnit; fine if there is no such unit
 *   stop-deserted UNIT       the same, if the unit is active and no process is in it
 *
 *   PROPERTY: "+NAME" or, if an older systemd may not know it, "?NAME"; the signature; the words of the value
 *   (struct gvariant); an empty word.
 *
 * Each is answered by "ok", or by "error", a positive errno in decimal, and a text. Inside this folder, its
 * tests and the helper only. */
#pragma once

#include "base/packet.h"

#define UNIT_MESSAGE_VERSION "1"
