/* The names of the capabilities: those of linux/capability.h, in the order of their numbers. They are all that tare
 * would need of libcap, which costs every start more than this (kernel/capability.c). The kernel gives a new one the
 * next number; until it is here, config.json's name of it counts as unknown, and is warned about. */
#include "plan/capability.h"

#include <stddef.h>
#include <strings.h>

#include "base/cleanup.h"

static const char *const names[] = {
	"cap_chown",
	"cap_dac_override",
	"cap_dac_read_search",
	"cap_fowner",
	"cap_fsetid",
	"cap_kill",
	"cap_setgid",
	"cap_setuid",
	"cap_setpcap",
	"cap_linux_immutable",
	"cap_net_bind_service",
	"cap_net_broadcast",
	"cap_net_admin",
	"cap_net_raw",
	"cap_ipc_lock",
	"cap_ipc_owner",
	"cap_sys_module",
	"cap_sys_rawio",
	"cap_sys_chroot",
	"cap_sys_ptrace",
	"cap_sys_pacct",
	"cap_sys_admin",
	"cap_sys_boot",
	"cap_sys_nice",
	"cap_sys_resource",
	"cap_sys_time",
	"cap_sys_tty_config",
	"cap_mknod",
	"cap_lease",
	"cap_audit_write",
	"cap_audit_control",
	"cap_setfcap",
	"cap_mac_override",
	"cap_mac_admin",
	"cap_syslog",
	"cap_wake_alarm",
	"cap_block_suspend",
	"cap_audit_read",
	"cap_perfmon",
	"cap_bpf",
	"cap_checkpoint_restore",
};

const char *capability_name(int number)
{
	return number >= 0 && (size_t)number < ELEMENTS_OF(names) ? names[number] : NULL;
}

int capability_number(const char *name)
{
	size_t i;

	for (i = 0; i < ELEMENTS_OF(names); i++)
		if (strcasecmp(name, names[i]) == 0)
			return (int)i;
	return -1;
}
