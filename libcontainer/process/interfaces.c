/* What a container's network interfaces have carried. rtnetlink tells it to a socket of that namespace, which
 * takes CAP_SYS_ADMIN over it to open: an unprivileged user would have to enter the container's user namespace for that,
 * and be at the mercy of its limits. Kernel fact: /proc/PID/net/dev (proc_pid_net(5)) shows the interfaces of that
 * process's network namespace to whoever may look at the process, and its figures are the same (struct
 * rtnl_link_stats64), but that what the hardware had to drop (rx_missed_errors) is among the dropped. */
#include "process/interfaces.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/packet.h"
#include "kernel/procfs.h"
#include "process/netdev.h"

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

/* Appends to a list, which has been made here. Returns 0, or -ENOMEM. */
static int append(struct interface_list *list, const struct interface_counters *counters,
		  struct arena *arena)
{
	struct interface_counters *grown = arena_grow(arena, list->of, list->count,
						      sizeof *grown);

	if (!grown || !counters->name)
		return -ENOMEM;
	grown[list->count] = *counters;
	*list = (struct interface_list){ list->count + 1, grown };
	return 0;
}

int interfaces_parse(const char *text, struct arena *arena, struct interface_list *ret_list)
{
	size_t length, blanks;

	*ret_list = (struct interface_list){ 0 };
	for (; *text; text += length + (text[length] == '\n')) {
		uint64_t columns[COLUMNS];
		struct interface_counters counters;
		const char *colon;

		length = strcspn(text, "\n");
		colon = find_colon(text, length);
		blanks = strspn(text, " ");
		if (!colon || colon == text + blanks ||
		    take_columns(colon + 1, length - (size_t)(colon + 1 - text), columns) <
			    COLUMNS)
			continue;
		counters = (struct interface_counters){
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
		if (append(ret_list, &counters, arena) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int read_proc(int proc, pid_t pid, struct arena *arena, struct interface_list *ret_list,
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
	return interfaces_parse(text, arena, ret_list) < 0 ? error_oom(err) : 0;
}

/* The next word as a number; false for anything else. */
static bool next_number(struct packet_words *words, uint64_t *ret_number)
{
	const char *text = packet_next(words);
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret_number = strtoull(text, &end, 10);
	return *end == '\0' && errno == 0;
}

static bool next_counters(struct packet_words *words, struct interface_counters *c)
{
	return *c->name != '\0' && next_number(words, &c->rx_bytes) &&
	       next_number(words, &c->rx_packets) && next_number(words, &c->rx_errors) &&
	       next_number(words, &c->rx_dropped) && next_number(words, &c->tx_bytes) &&
	       next_number(words, &c->tx_packets) && next_number(words, &c->tx_errors) &&
	       next_number(words, &c->tx_dropped);
}

int interfaces_read_answer(const char *data, size_t length, struct arena *arena,
			   struct interface_list *ret_list, struct error *err)
{
	struct interface_counters counters;
	struct packet_words words;
	const char *word;

	*ret_list = (struct interface_list){ 0 };
	word = packet_open(&words, data, length) ? packet_next(&words) : "";
	if (strcmp(word, "counters") != 0)
		return netdev_read_answer(data, length, err) && err->code != 0
			       ? -err->code
			       : error_set(err, EBADMSG, "malformed answer of tare-netdev");
	while ((word = packet_next(&words))) {
		counters.name = word;
		if (!next_counters(&words, &counters))
			return error_set(err, EBADMSG, "malformed answer of tare-netdev");
		counters.name = arena_strndup(arena, word, strlen(word));
		if (append(ret_list, &counters, arena) < 0)
			return error_oom(err);
	}
	return 0;
}

static int read_rtnetlink(int proc, pid_t pid, struct arena *arena,
			  struct interface_list *ret_list, struct error *err)
{
	_cleanup_(netdev_close) struct netdev_helper helper = NETDEV_HELPER_INIT;
	_cleanup_fd_ int fd = -1;
	_cleanup_free_ char *data = malloc(PACKET_MAX);
	char path[64];
	int n;

	if (!data)
		return error_oom(err);
	snprintf(path, sizeof path, "%d/ns/net", (int)pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "open /proc/%s", path);
	n = netdev_start(proc, &helper, err);
	if (n >= 0)
		n = netdev_count(&helper, fd, data, err);
	return n < 0 ? n : interfaces_read_answer(data, (size_t)n, arena, ret_list, err);
}

int interfaces_read(int proc, pid_t pid, struct arena *arena, struct interface_list *ret_list,
		    struct error *err)
{
	if (read_rtnetlink(proc, pid, arena, ret_list, err) >= 0)
		return 0;
	error_ignore(err, "/proc/PID/net/dev has them, too");
	return read_proc(proc, pid, arena, ret_list, err);
}
