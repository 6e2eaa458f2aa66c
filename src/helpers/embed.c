/* A helper program as data of tare's, read by kernel/embedded.c: NAME_program and NAME_program_end. The build
 * copies this file beside the program whenever that has changed, because no compiler tells the build system of
 * what .incbin reads: the new copy is compiled anew. PROGRAM is the file, NAME what the symbols begin with. */
#define SYMBOL_(name, end) #name end
#define SYMBOL(name, end) SYMBOL_(name, end)
#define BEGIN SYMBOL(NAME, "_program")
#define END SYMBOL(NAME, "_program_end")

__asm__(".section .rodata\n"
	".balign 16\n"
	".globl " BEGIN "\n"
	".hidden " BEGIN "\n"
	".globl " END "\n"
	".hidden " END "\n" BEGIN ":\n"
	".incbin \"" PROGRAM "\"\n" END ":\n"
	".byte 0\n"
	".text\n");
