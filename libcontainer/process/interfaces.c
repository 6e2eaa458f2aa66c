/* What a container's network interfaces have carried. Kernel fact: /proc/PID/net/dev (proc_pid_net(5)) shows the
 * interfaces of that process's network namespace to whoever may look at the process, so that neither setns(2)
 * nor a helper process inside is needed, which would have to enter the user namespace first and is then
 * at the mercy of its limits. Its figures are rtnetlink's (struct rtnl_link_stats64), but that what the
 * hardware had to drop (rx_missed_errors) is counted as dropped. */
#include "process/interfaces.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "kernel/procfs.h"

#define FILE_MAX ((size_t)16 * 1024 * 1024)

/* Columns of the file, from 0 on, behind the name and its colon. */
enum {
	RX_BYTES = 0,
	RX_PACKETS = 1,
	RX_ERRORS = 2,
	RX_DROPPED = 3,
	TX_BYTES = 8,
	TX_PACKETS = 9,
	TX_ERRORS = 10,
	TX_DROPPED = 11,
	COLUMNS = 16,
};

/* Takes the numbers of a line apart. Returns how many there were. */
static size_t take_columns(const char *text, size_t length, uint64_t columns[COLUMNS])
{
	const char *end = text + length;
	size_t n;

	for (n = 0; n < COLUMNS; n++) {
		char *behind;

		text += strspn(text, " ");
		if (text >= end || *text < '0' || *text > '9')
			break;
		columns[n] = strtoull(text, &behind, 10);
		text = behind;
	}
	return n;
}

/* The colon behind the name; a name may have others in it (older kernels), but the last one is followed by the
 * figures. NULL: none. */
static const char *find_colon(const char *line, size_t length)
{
	return memrchr(line, ':', length);
}

int interfaces_parse(const char *text, struct arena *arena,
		     const struct interface_counters **ret_list, size_t *ret_count)
{
	struct interface_counters *list = NULL, *grown;
	size_t length, count = 0, blanks;

	*ret_list = NULL;
	*ret_count = 0;
	for (; *text; text += length + (text[length] == '\n')) {
		uint64_t columns[COLUMNS];
		const char *colon;

		length = strcspn(text, "\n");
		colon = find_colon(text, length);
		blanks = strspn(text, " ");
		if (!colon || colon == text + blanks ||
		    take_columns(colon + 1, length - (size_t)(colon + 1 - text), columns) <
			    COLUMNS)
			continue;
		grown = arena_grow(arena, list, count, sizeof *list);
		if (!grown)
			return -ENOMEM;
		list = grown;
		list[count] = (struct interface_counters){
			.name = arena_strndup(arena, text + blanks,
					      (size_t)(colon - text) - blanks),
			.rx_bytes = columns[RX_BYTES],
			.rx_packets = columns[RX_PACKETS],
			.rx_errors = columns[RX_ERRORS],
			.rx_dropped = columns[RX_DROPPED],
			.tx_bytes = columns[TX_BYTES],
			.tx_packets = columns[TX_PACKETS],
			.tx_errors = columns[TX_ERRORS],
			.tx_dropped = columns[TX_DROPPED],
		};
		if (!list[count++].name)
			return -ENOMEM;
	}
	*ret_list = list;
	*ret_count = count;
	return 0;
}

int interfaces_read(int proc, pid_t pid, struct arena *arena,
		    const struct interface_counters **ret_list, size_t *ret_count,
		    struct error *err)
{
	_cleanup_fd_ int fd = -1;
	char path[64], *text;
	ssize_t n;

	snprintf(path, sizeof path, "%d/net/dev", (int)pid);
	fd = procfs_openat(proc, path, O_RDONLY);
	if (fd == -ENOENT || fd == -ESRCH)
		return error_set(err, ESRCH, "there is no process %d", (int)pid);
	if (fd < 0)
		return error_errno(err, -fd, "open /proc/%s", path);
	n = fd_read_all(fd, FILE_MAX, path, arena, &text, err);
	if (n < 0)
		return (int)n;
	return interfaces_parse(text, arena, ret_list, ret_count) < 0 ? error_oom(err) : 0;
}
