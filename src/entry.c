/* Where the kernel, or the dynamic loader, enters the executable: before the C library. The verbs that run from
 * a sealed copy of the executable in memory (process/reexec.h) execute it here at once, so that the library
 * starts once, not twice: glibc's start costs 0.6 ms in a virtual machine. Whatever does not work out here
 * goes on to the library's _start as if nothing had been tried; the verb then looks at the seals in any case,
 * makes the copy if it has to, and says what fails. Nothing on the stack (argv, environment, auxiliary
 * vector) is touched. What may be used here, process/sealed-copy.c says. */
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>

#include "process/sealed-copy.h"

void entry_begin(char **stack);

#if defined(__x86_64__)
/* rdx: a function of the loader's, for _start; pushed twice, because the stack has to stay aligned */
__asm__(".text\n"
	".globl tare_entry\n"
	".hidden tare_entry\n"
	".type tare_entry, @function\n"
	"tare_entry:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined rip\n"
	"	endbr64\n"
	"	xorl %ebp, %ebp\n"
	"	movq %rsp, %rdi\n"
	"	pushq %rdx\n"
	"	pushq %rdx\n"
	"	call entry_begin\n"
	"	popq %rdx\n"
	"	popq %rdx\n"
	"	jmp _start\n"
	"	.cfi_endproc\n"
	".size tare_entry, . - tare_entry\n");
#elif defined(__aarch64__)
/* x0: a function of the loader's, for _start */
__asm__(".text\n"
	".globl tare_entry\n"
	".hidden tare_entry\n"
	".type tare_entry, %function\n"
	"tare_entry:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined x30\n"
	"	hint #34\n" /* bti c */
	"	mov x29, #0\n"
	"	stp x0, x30, [sp, #-16]!\n"
	"	add x0, sp, #16\n"
	"	bl entry_begin\n"
	"	ldp x0, x30, [sp], #16\n"
	"	b _start\n"
	"	.cfi_endproc\n"
	".size tare_entry, . - tare_entry\n");
#endif

static bool equal(const char *a, const char *b)
{
	while (*a == *b && *a != '\0') {
		a++;
		b++;
	}
	return *a == *b;
}

/* Taken for a copy that is not wanted, a container called "run" costs `state` a tenth of a millisecond; so the
 * options in front of the verb need no understanding here. */
static bool names_sealed_verb(const char *word)
{
	return equal(word, "create") || equal(word, "run") || equal(word, "exec") ||
	       equal(word, "restore") || equal(word, "mounts");
}

/* By what name the kernel executed it: a descriptor's, where it is the copy already. Who pretends to it has the
 * copy made later. */
static bool is_descriptor(const char *name)
{
	static const char prefix[] = "/dev/fd/";
	size_t i;

	for (i = 0; name && i < sizeof prefix - 1; i++)
		if (name[i] != prefix[i])
			return false;
	return name;
}

/* @stack: as the kernel leaves it: argc, argv, NULL, environment, NULL, auxiliary vector. */
void entry_begin(char **stack)
{
	char **argv = stack + 1, **environment, **end, **word;
	const ElfW(auxv_t) * aux;

	environment = argv;
	while (*environment)
		environment++;
	environment++;
	for (end = environment; *end; end++)
		;
	for (aux = (const void *)(end + 1); aux->a_type != AT_NULL; aux++)
		if (aux->a_type == AT_EXECFN && is_descriptor((const char *)aux->a_un.a_val))
			return;
	for (word = argv + 1; argv[0] && *word; word++)
		if (names_sealed_verb(*word)) {
			sealed_copy_stack(stack);
			sealed_copy_run(argv, environment);
			return;
		}
}
