/* The language between tare and the helper program tare-criu (src/helpers/criu.c). Both are made by the same build,
 * so that a version is only checked, never negotiated.
 *
 * The helper is executed as `tare-criu VERSION`, with one end of a SOCK_SEQPACKET pair as its standard input, and
 * descriptors from 3 on. A message is one packet of words (base/packet.h). It gets one request and ends after it:
 *
 *   load                       loads libcriu, and no more
 *   version                    of the criu that libcriu finds
 *   dump OPTION...             criu_dump(), criu_pre_dump(), criu_restore_child(); the words of the options are in
 *   pre-dump OPTION...         helpers/criu.c
 *   restore OPTION...
 *
 * While CRIU works, each of its notifications is passed on:
 *
 *   notify ACTION PID          with a descriptor, if CRIU sent one (orphan-pts-master); PID: 0 if there is none yet
 *
 * and answered by tare with "ok", or "error", which makes CRIU give up. The last word of the helper is "done NUMBER"
 * (the version; the process that was restored; 0), or "error", a positive errno in decimal, and a text. */
#pragma once

#define CRIU_MESSAGE_VERSION "1"
