/* What a build without libseccomp has in the place of the compiler: a configuration that asks for a filter is
 * refused, since a container that runs without it would be less confined than was asked for. The features
 * document then says that seccomp is not there. */
#include <errno.h>

#include "seccomp/seccomp.h"

int seccomp_compile(const struct spec_seccomp *spec, struct arena *arena,
		    struct seccomp_program *ret_program, struct error *err)
{
	(void)spec, (void)arena, (void)ret_program;
	return error_set(err, ENOTSUP,
			 "linux.seccomp: this tare was built without seccomp support");
}

int seccomp_load(const struct seccomp_program *program, struct error *err)
{
	(void)program;
	return error_set(err, ENOTSUP, "this tare was built without seccomp support");
}

void seccomp_features(struct json_writer *writer)
{
	(void)writer;
}

void seccomp_library_version(char *text, size_t size)
{
	if (size > 0)
		text[0] = '\0';
}
