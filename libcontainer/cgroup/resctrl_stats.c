/* What resctrl counts. Kernel facts: every class and every monitoring group has mon_data, with a directory for each
 * domain of the last level cache (mon_L3_00) when the processor can monitor; its files hold a number, or a word
 * ("Unavailable", "Error") when there is none at this moment. Further resources have directories of other names. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "cgroup/resctrl.h"

#define SCHEMATA_MAX 65536
#define NUMBER_MAX 64
#define DOMAIN "mon_L3_"

/* The lines of the resource, without the blanks ahead of them. L3 is also what begins L3CODE and L3DATA, into which
 * it is divided with code and data prioritization. */
static int find_lines(const char *schemata, const char *name, struct arena *arena,
		      const char **ret_lines)
{
	const char *line, *lines = NULL;
	size_t length;

	for (line = schemata; *line; line += length + (line[length] == '\n')) {
		line += strspn(line, " ");
		length = strcspn(line, "\n");
		if (strncmp(line, name, strlen(name)) != 0)
			continue;
		lines = arena_printf(arena, "%s%s%.*s", lines ? lines : "", lines ? "\n" : "",
				     (int)length, line);
		if (!lines)
			return -ENOMEM;
	}
	*ret_lines = lines;
	return 0;
}

/* What has vanished, or can't be read, is not there. */
static int read_schemata(const struct resctrl_group *group, struct arena *arena,
			 struct resctrl_stats *stats, struct error *err)
{
	_cleanup_fd_ int dir = openat(AT_FDCWD, group->clos, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *text;
	ssize_t n;
	int r;

	if (dir < 0)
		return 0;
	n = fd_read_file(dir, "schemata", SCHEMATA_MAX, arena, &text, err);
	if (n == -ENOMEM)
		return -ENOMEM;
	if (n < 0) {
		error_ignore(err, "the other figures are of use without it");
		return 0;
	}
	r = find_lines(text, "L3", arena, &stats->l3_schemata);
	if (r >= 0)
		r = find_lines(text, "MB:", arena, &stats->mb_schemata);
	return r < 0 ? error_oom(err) : 0;
}

static struct resctrl_count read_count(int domain, const char *name)
{
	_cleanup_fd_ int fd = openat(domain, name, O_RDONLY | O_CLOEXEC);
	struct resctrl_count count = { .known = false };
	char text[NUMBER_MAX], *end;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (n <= 0)
		return count;
	text[n] = '\0';
	count.value = strtoull(text, &end, 10);
	count.known = end > text;
	return count;
}

static int add_domain(int data, const char *name, struct arena *arena,
		      struct resctrl_stats *stats)
{
	_cleanup_fd_ int dir = openat(data, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct resctrl_domain *grown;

	if (dir < 0)
		return 0;
	grown = arena_grow(arena, stats->domains, stats->n_domains, sizeof *grown);
	if (!grown)
		return -ENOMEM;
	stats->domains = grown;
	grown[stats->n_domains++] = (struct resctrl_domain){
		.number = strtoul(name + strlen(DOMAIN), NULL, 10),
		.occupancy = read_count(dir, "llc_occupancy"),
		.total_bytes = read_count(dir, "mbm_total_bytes"),
		.local_bytes = read_count(dir, "mbm_local_bytes"),
	};
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct resctrl_domain *one = a, *other = b;

	return (one->number > other->number) - (one->number < other->number);
}

static int read_domains(const char *group, struct arena *arena, struct resctrl_stats *stats,
			struct error *err)
{
	const char *path = arena_printf(arena, "%s/mon_data", group);
	_cleanup_dir_ DIR *dir = NULL;
	struct dirent *entry;

	if (!path)
		return error_oom(err);
	dir = opendir(path);
	if (!dir)
		return 0; /* a processor that does not monitor, or a group that is gone */
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, DOMAIN, strlen(DOMAIN)) == 0 &&
		    add_domain(dirfd(dir), entry->d_name, arena, stats) < 0)
			return error_oom(err);
	if (stats->n_domains > 0)
		qsort(stats->domains, stats->n_domains, sizeof *stats->domains, by_number);
	return 0;
}

int resctrl_read_stats(const struct resctrl_group *group, struct arena *arena,
		       struct resctrl_stats *ret_stats, struct error *err)
{
	int r;

	*ret_stats = (struct resctrl_stats){ .n_domains = 0 };
	if (!group->root)
		return 0;
	r = read_schemata(group, arena, ret_stats, err);
	if (r < 0)
		return r;
	return read_domains(group->monitoring ? group->monitoring : group->clos, arena,
			    ret_stats, err);
}
