/* What exec needs of a container, besides the record: exec.json, and the compiled filter in seccomp.bpf, which
 * is what the kernel was given (struct sock_filter), behind a head of four words. Both are written once, before
 * the container is committed, and never change, so that exec reads them without a lock. Nobody but tare's own
 * user can write them; that they are whole is checked nevertheless, because a filter that is cut short would
 * let through what it was to stop. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "state/state.h"
#include "state/store.h"

#define EXEC_FILE "exec.json"
#define FILTER_FILE "seccomp.bpf"
#define FILTER_VERSION 1

struct filter_head {
	uint32_t version, length, flags, zero;
};

static int write_filter(const struct state_dir *dir, const struct seccomp_program *filter,
			struct error *err)
{
	struct filter_head head = {
		.version = FILTER_VERSION,
		.length = filter->length,
		.flags = filter->flags,
	};
	size_t size = filter->length * sizeof *filter->instructions;
	const struct iovec parts[] = {
		{ .iov_base = &head, .iov_len = sizeof head },
		{ .iov_base = filter->instructions, .iov_len = size },
	};
	_cleanup_fd_ int fd = openat(dir->fd, FILTER_FILE,
				     O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
				     0600);
	ssize_t n;

	if (fd < 0)
		return error_errno(err, errno, "save the system call filter: open");
	n = writev(fd, parts, ELEMENTS_OF(parts));
	if (n < 0)
		return error_errno(err, errno, "save the system call filter: write");
	if ((size_t)n != sizeof head + size)
		return error_set(err, ENOSPC, "save the system call filter: cut short");
	return 0;
}

int state_write_exec(const struct state_dir *dir, const struct state_exec *exec,
		     const struct seccomp_program *filter, struct arena *arena,
		     struct error *err)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new_within(arena, NULL);
	_cleanup_fd_ int fd = -1;
	const char *text;
	size_t length;
	int r;

	if (!writer)
		return error_oom(err);
	json_object_begin(writer);
	json_key_uint(writer, "namespaces", exec->namespaces);
	json_key_bool(writer, "foreignRoot", exec->foreign_root);
	json_key_bool(writer, "denySetgroups", exec->deny_setgroups);
	json_key_bool(writer, "noNewKeyring", exec->no_new_keyring);
	json_key_bool(writer, "filter", exec->filter);
	if (exec->subgroup)
		json_key_string(writer, "subgroup", exec->subgroup);
	if (exec->delegate_to)
		json_key_string(writer, "delegateTo", exec->delegate_to);
	json_key(writer, "config");
	spec_write_exec(exec->spec, writer);
	json_object_end(writer);
	r = json_writer_text(writer, &text, &length, err);
	if (r < 0)
		return r;
	fd = openat(dir->fd, EXEC_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return error_errno(err, errno, "record the process for exec: open");
	r = fd_write_all(fd, text, length, EXEC_FILE, err);
	if (r < 0)
		return error_at(err, "record the process for exec");
	return exec->filter ? write_filter(dir, filter, err) : 0;
}

static int read_filter(const struct state_dir *dir, struct arena *arena,
		       struct seccomp_program *ret_filter, struct error *err)
{
	struct filter_head head;
	size_t size;
	ssize_t n;
	char *text;

	n = state_read_file(dir, FILTER_FILE,
			    sizeof head + BPF_MAXINSNS * sizeof(struct sock_filter), arena,
			    &text, err);
	if (n < 0)
		return error_at(err, "read the container's system call filter");
	if ((size_t)n >= sizeof head)
		memcpy(&head, text, sizeof head);
	size = (size_t)n - sizeof head;
	if ((size_t)n < sizeof head || head.version != FILTER_VERSION || head.length == 0 ||
	    size != head.length * sizeof(struct sock_filter))
		return error_set(err, EBADMSG,
				 "the container's system call filter (%s) is damaged",
				 FILTER_FILE);
	ret_filter->instructions = arena_alloc(arena, size);
	if (!ret_filter->instructions)
		return error_oom(err);
	memcpy(ret_filter->instructions, text + sizeof head, size);
	ret_filter->length = (unsigned short)head.length;
	ret_filter->flags = head.flags;
	return 0;
}

static bool is_true(const struct json_value *object, const char *name)
{
	const struct json_value *value = json_member(object, name);

	return value && value->type == JSON_BOOL && value->boolean;
}

static const char *text_of(const struct json_value *object, const char *name)
{
	const struct json_value *value = json_member(object, name);

	return value && value->type == JSON_STRING ? value->text : NULL;
}

int state_read_exec(const struct state_dir *dir, struct arena *arena,
		    struct state_exec *ret_exec, struct seccomp_program *ret_filter,
		    struct error *err)
{
	const struct json_value *value, *namespaces, *config;
	char *text;
	ssize_t n;
	int r;

	n = state_read_file(dir, EXEC_FILE, JSON_SIZE_MAX, arena, &text, err);
	if (n == -ENOENT)
		return error_set(err, ENODATA,
				 "the container was created by a tare that had no exec");
	if (n < 0)
		return error_at(err, "read what is recorded for exec");
	r = json_parse(text, (size_t)n, EXEC_FILE, arena, &value, err);
	if (r < 0)
		return r;
	namespaces = json_member(value, "namespaces");
	config = json_member(value, "config");
	*ret_exec = (struct state_exec){
		.foreign_root = is_true(value, "foreignRoot"),
		.deny_setgroups = is_true(value, "denySetgroups"),
		.no_new_keyring = is_true(value, "noNewKeyring"),
		.filter = is_true(value, "filter"),
		.subgroup = text_of(value, "subgroup"),
		.delegate_to = text_of(value, "delegateTo"),
	};
	if (!namespaces || json_uint64(namespaces, &ret_exec->namespaces) < 0 || !config)
		return error_set(err, EBADMSG, "%s: namespaces or config is missing",
				 EXEC_FILE);
	r = spec_read_exec(config, EXEC_FILE, arena, &ret_exec->spec, err);
	if (r < 0)
		return r;
	*ret_filter = (struct seccomp_program){ 0 };
	return ret_exec->filter ? read_filter(dir, arena, ret_filter, err) : 0;
}
