/* The helper program tare-systemd as data of tare's, read by cgroup/unit_helper.c. The build copies this file
 * beside the program whenever that has changed, because no compiler tells the build system of what .incbin
 * reads: the new copy is compiled anew. */
__asm__(".section .rodata\n"
	".balign 16\n"
	".globl tare_systemd_program\n"
	".hidden tare_systemd_program\n"
	".globl tare_systemd_program_end\n"
	".hidden tare_systemd_program_end\n"
	"tare_systemd_program:\n"
	".incbin \"" TARE_SYSTEMD_PROGRAM "\"\n"
	"tare_systemd_program_end:\n"
	".byte 0\n"
	".text\n");
