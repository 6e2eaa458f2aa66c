/* The options that checkpoint and restore share. */
#pragma once

#include "command.h"

#define CRIU_OPTIONS 14
/* @options: receives the words. */
void criu_option_table(struct verb_criu_options *options,
		       struct option ret_table[CRIU_OPTIONS]);
