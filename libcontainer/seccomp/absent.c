/* A build without libseccomp: compiled in the place of compile.c and features.c. A configuration with a
 * filter is refused, because running without it would give the container more than it was meant to
 * have. */
#include <errno.h>

#include "seccomp/seccomp.h"

int seccomp_compile_by(enum seccomp_compiler which, const struct spec_seccomp *spec,
		       struct arena *arena, struct seccomp_program *ret_program,
		       struct error *err)
{
	(void)which;
	(void)arena;
	*ret_program = (struct seccomp_program){ 0 };
	if (!spec)
		return 0;
	return error_set(err, ENOTSUP,
			 "linux.seccomp: this tare was built without seccomp support");
}

int seccomp_compile(const struct spec_seccomp *spec, struct arena *arena,
		    struct seccomp_program *ret_program, struct error *err)
{
	return seccomp_compile_by(SECCOMP_BY_TARE, spec, arena, ret_program, err);
}

int seccomp_check_names(const struct spec_seccomp *spec, struct error *err)
{
	(void)spec;
	(void)err;
	return 0; /* the profile itself is refused */
}

/* No member is better than an empty one: null and empty differ (spec 259). */
void seccomp_features(struct json_writer *writer)
{
	(void)writer;
}

void seccomp_library_version(char *text, size_t size)
{
	if (size > 0)
		text[0] = '\0';
}
