/* The state layer: names, claims and the remains of a killed tare, locks between processes, the identity of
 * processes, and what follows from them for the status. (The record: test_state_record.c.) */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "kernel/process.h"
#include "kernel/procfs.h"
#include "state/state.h"
#include "state_fixture.h"

static struct state_identity identify(struct fixture *f, pid_t pid)
{
	_cleanup_fd_ int pidfd = process_pidfd_open(pid);
	struct state_identity identity = { 0 };

	assert_true(pidfd >= 0);
	assert_int_equal(state_identify(pid, pidfd, f->proc, &identity, &f->err), 0);
	return identity;
}

/* A process that waits until it is killed. */
static pid_t start_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	assert_true(pid > 0);
	return pid;
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static struct state_identity dead_identity(struct fixture *f)
{
	pid_t pid = start_process();
	struct state_identity identity = identify(f, pid);

	end_process(pid);
	return identity;
}

static void test_names(void **state)
{
	static const char *const good[] = { "a", "A-b_c+d.e", "...", "0" };
	static const char *const bad[] = { ".", "..", "a/b", "/", "a b", "\xc3\xa4", "a\n" };
	struct fixture *f = *state;
	char longest[257];
	size_t i;

	for (i = 0; i < ELEMENTS_OF(good); i++)
		assert_int_equal(state_check_id(good[i], &f->err), 0);
	for (i = 0; i < ELEMENTS_OF(bad); i++) {
		assert_int_equal(state_check_id(bad[i], &f->err), -EINVAL);
		assert_string_equal(f->err.text, "invalid container ID format");
	}
	assert_int_equal(state_check_id("", &f->err), -EINVAL);
	assert_string_equal(f->err.text, "container id cannot be empty");
	memset(longest, 'a', sizeof longest);
	longest[256] = '\0';
	assert_int_equal(state_check_id(longest, &f->err), -EINVAL);
	longest[255] = '\0';
	assert_int_equal(state_check_id(longest, &f->err), 0);
}

static void test_roots(void **state)
{
	struct fixture *f = *state;
	struct state_store store = { .fd = -1 };

	assert_int_equal(state_open("/", true, f->arena, &store, &f->err), -EINVAL);
	assert_int_equal(state_open("//./", true, f->arena, &store, &f->err), -EINVAL);
	assert_int_equal(state_open("/nonexistent/x", false, f->arena, &store, &f->err),
			 -ENOENT);
	f->err = ERROR_INIT;
}

static void test_claim(void **state)
{
	struct fixture *f = *state;
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT, second = STATE_DIR_INIT;
	struct state_record record = sample("c", STATE_CREATED), *stale = NULL;
	struct stat st;

	assert_int_equal(state_claim(&f->store, "c", f->arena, &dir, &stale, &f->err), 0);
	assert_null(stale);
	assert_int_equal(fstat(dir.fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	/* locked by another open file of this very process: taken all the same */
	assert_int_equal(state_claim(&f->store, "c", f->arena, &second, &stale, &f->err),
			 -EEXIST);
	assert_string_equal(f->err.text, "container with given ID already exists");
	/* given up without a record: whoever comes next may have it */
	state_dir_close(&dir);
	assert_int_equal(state_claim(&f->store, "c", f->arena, &dir, &stale, &f->err), 0);
	assert_null(stale);
	assert_int_equal(state_write(&dir, &record, f->arena, &f->err), 0);
	state_dir_close(&dir);
	assert_int_equal(state_claim(&f->store, "c", f->arena, &second, &stale, &f->err),
			 -EEXIST);
	f->err = ERROR_INIT;
}

static void test_stale_takeover(void **state)
{
	struct fixture *f = *state;
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct state_record record = sample("c", STATE_CREATING), *stale = NULL;

	record.holder = dead_identity(f);
	record.cgroup = "/sys/fs/cgroup/x";
	record.cgroup_created = true;
	record.oom_kills_before = 3;
	record.rdt = (struct resctrl_group){ .root = "/r",
					     .clos = "/r/c",
					     .clos_made = true,
					     .monitoring = "/r/c/mon_groups/x" };
	make_container(f, &record);
	/* nobody there who would clear the remains away */
	assert_int_equal(state_claim(&f->store, "c", f->arena, &dir, NULL, &f->err), -EEXIST);
	assert_int_equal(state_claim(&f->store, "c", f->arena, &dir, &stale, &f->err), 0);
	assert_non_null(stale);
	assert_string_equal(stale->cgroup, "/sys/fs/cgroup/x");
	assert_true(stale->cgroup_created);
	assert_int_equal(stale->oom_kills_before, 3);
	assert_string_equal(stale->rdt.root, "/r");
	assert_string_equal(stale->rdt.clos, "/r/c");
	assert_true(stale->rdt.clos_made);
	assert_string_equal(stale->rdt.monitoring, "/r/c/mon_groups/x");
	/* still known of, should this one be killed as well */
	state_dir_close(&dir);
	stale = NULL;
	assert_int_equal(state_claim(&f->store, "c", f->arena, &dir, &stale, &f->err), 0);
	assert_non_null(stale);
	f->err = ERROR_INIT;
}

static void test_living_holder(void **state)
{
	struct fixture *f = *state;
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct state_record record = sample("c", STATE_CREATING), *stale = NULL;

	/* a hook is running: no lock, but the holder lives */
	record.holder = identify(f, getpid());
	make_container(f, &record);
	assert_int_equal(state_claim(&f->store, "c", f->arena, &dir, &stale, &f->err), -EEXIST);
	assert_int_equal(state_open_dir(&f->store, "c", &dir, &f->err), 0);
	assert_int_equal(state_status_now(&dir, &record, f->proc), STATE_CREATING);
	record.holder = dead_identity(f);
	assert_int_equal(state_status_now(&dir, &record, f->proc), STATE_STOPPED);
	f->err = ERROR_INIT;
}

/* Takes the lock in another process until it is killed; returns when it is taken. */
static pid_t lock_elsewhere(struct fixture *f, const char *id)
{
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		struct state_dir dir = STATE_DIR_INIT;

		if (state_open_dir(&f->store, id, &dir, &f->err) < 0 ||
		    state_lock(&f->store, id, &dir, 0, &f->err) < 0)
			_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void test_lock(void **state)
{
	struct fixture *f = *state;
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct state_record record = sample("c", STATE_CREATED);
	pid_t other;

	make_container(f, &record);
	assert_int_equal(state_open_dir(&f->store, "c", &dir, &f->err), 0);
	assert_false(state_is_locked(&dir));
	other = lock_elsewhere(f, "c");
	assert_true(state_is_locked(&dir));
	assert_int_equal(state_lock(&f->store, "c", &dir, 0, &f->err), -EWOULDBLOCK);
	assert_int_equal(state_lock(&f->store, "c", &dir, 30, &f->err), -ETIMEDOUT);
	end_process(other);
	assert_int_equal(state_lock(&f->store, "c", &dir, 0, &f->err), 0);
	/* given back explicitly: a child that shares the open file does not keep it */
	other = start_process();
	state_unlock(&dir);
	assert_false(state_is_locked(&dir));
	end_process(other);
	f->err = ERROR_INIT;
}

static void test_lock_of_what_is_gone(void **state)
{
	struct fixture *f = *state;
	_cleanup_state_dir_ struct state_dir old = STATE_DIR_INIT, dir = STATE_DIR_INIT;
	struct state_record record = sample("c", STATE_CREATED);

	make_container(f, &record);
	assert_int_equal(state_open_dir(&f->store, "c", &old, &f->err), 0);
	assert_int_equal(state_open_dir(&f->store, "c", &dir, &f->err), 0);
	assert_int_equal(state_lock(&f->store, "c", &dir, 0, &f->err), 0);
	assert_int_equal(state_remove(&f->store, "c", &dir, &f->err), 0);
	assert_int_equal(state_lock(&f->store, "c", &old, 0, &f->err), -ENOENT);
	assert_string_equal(f->err.text, "container does not exist");
	/* the same name, but another container */
	make_container(f, &record);
	assert_int_equal(state_lock(&f->store, "c", &old, 0, &f->err), -ENOENT);
	assert_int_equal(state_remove(&f->store, "c", &old, &f->err), -ENOENT);
	f->err = ERROR_INIT;
}

static void test_identity(void **state)
{
	struct fixture *f = *state;
	struct state_identity identity = identify(f, getpid()), other;
	int fd;

	fd = state_open_process(&identity, f->proc);
	assert_true(fd >= 0);
	close(fd);
	/* the number was used again: other pidfs id, or on older kernels other start time */
	other = identity;
	other.pidfs_id++;
	if (identity.has_pidfs_id)
		assert_int_equal(state_open_process(&other, f->proc), -ESRCH);
	other = identity;
	other.has_pidfs_id = false;
	fd = state_open_process(&other, f->proc);
	assert_true(fd >= 0);
	close(fd);
	other.start_time++;
	assert_int_equal(state_open_process(&other, f->proc), -ESRCH);
	assert_false(state_alive(&other, f->proc));
	other.pid = 0;
	assert_int_equal(state_open_process(&other, f->proc), -ESRCH);
}

/* A number of another pid namespace proves nothing: such a process is neither found nor taken for dead. */
static void test_other_pid_namespace(void **state)
{
	struct fixture *f = *state;
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct state_record record = sample("c", STATE_CREATING), *stale = NULL;

	record.holder = dead_identity(f);
	assert_int_not_equal(record.holder.pid_ns, 0);
	assert_int_equal(state_check_reachable(&record, f->proc, &f->err), 0);
	record.holder.pid_ns++;
	assert_int_equal(state_open_process(&record.holder, f->proc), -EXDEV);
	assert_true(state_alive(&record.holder, f->proc));
	assert_int_equal(state_check_reachable(&record, f->proc, &f->err), -EXDEV);
	assert_non_null(
		strstr(f->err.text, "container c was recorded in another pid namespace"));
	f->err = ERROR_INIT;
	make_container(f, &record);
	assert_int_equal(state_claim(&f->store, "c", f->arena, &dir, &stale, &f->err), -EEXIST);
	assert_non_null(strstr(f->err.text, "another pid namespace"));
	f->err = ERROR_INIT;
	/* what is not there yet has no namespace */
	record.holder = (struct state_identity){ 0 };
	assert_int_equal(state_check_reachable(&record, f->proc, &f->err), 0);
}

static void test_zombie(void **state)
{
	struct fixture *f = *state;
	pid_t pid = start_process();
	struct state_identity identity = identify(f, pid);
	siginfo_t info;

	assert_true(state_alive(&identity, f->proc));
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_false(state_alive(&identity, f->proc));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(state_alive(&identity, f->proc));
}

static void test_start_socket(void **state)
{
	struct fixture *f = *state;
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct state_record record = sample("c", STATE_CREATED);
	_cleanup_fd_ int listener = -1, connection = -1;
	struct stat st;

	record.init = identify(f, getpid());
	assert_int_equal(state_claim(&f->store, "c", f->arena, &dir, NULL, &f->err), 0);
	assert_int_equal(state_connect_start(&dir), -ENOENT);
	listener = state_listen_start(&dir, &f->err);
	assert_true(listener >= 0);
	assert_int_equal(fstatat(dir.fd, STATE_START_SOCKET, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(state_status_now(&dir, &record, f->proc), STATE_CREATED);
	connection = state_connect_start(&dir);
	assert_true(connection >= 0);
	close(steal_fd(&listener));
	assert_int_equal(state_connect_start(&dir), -ECONNREFUSED);
	assert_int_equal(state_status_now(&dir, &record, f->proc), STATE_RUNNING);
	record.init = dead_identity(f);
	assert_int_equal(state_status_now(&dir, &record, f->proc), STATE_STOPPED);
	record.status = STATE_RUNNING;
	assert_int_equal(state_status_now(&dir, &record, f->proc), STATE_STOPPED);
	assert_int_equal(state_remove(&f->store, "c", &dir, &f->err), 0);
}

struct seen {
	char text[64];
};

static int note(void *data, const char *id)
{
	struct seen *seen = data;

	strncat(seen->text, id, sizeof seen->text - strlen(seen->text) - 1);
	return strcmp(id, "stop") == 0 ? 5 : 0;
}

static void test_list(void **state)
{
	static const char *const names[] = { "b", "a10", "a2", "C" };
	struct fixture *f = *state;
	struct seen seen = { "" };
	size_t i;

	for (i = 0; i < ELEMENTS_OF(names); i++) {
		struct state_record record = sample(names[i], STATE_CREATED);

		make_container(f, &record);
	}
	assert_int_equal(mkdirat(f->store.fd, "no container", 0700), 0);
	close(openat(f->store.fd, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(state_list(&f->store, note, &seen, &f->err), 0);
	assert_string_equal(seen.text, "Ca10a2b");
	assert_int_equal(unlinkat(f->store.fd, "no container", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(f->store.fd, "file", 0), 0);
}

static void test_link_is_no_container(void **state)
{
	struct fixture *f = *state;
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;

	assert_int_equal(symlinkat("/", f->store.fd, "link"), 0);
	assert_int_equal(state_open_dir(&f->store, "link", &dir, &f->err), -ENOENT);
	assert_int_equal(state_claim(&f->store, "link", f->arena, &dir, NULL, &f->err),
			 -EEXIST);
	assert_int_equal(unlinkat(f->store.fd, "link", 0), 0);
	f->err = ERROR_INIT;
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_names),
		CASE(test_roots),
		CASE(test_claim),
		CASE(test_stale_takeover),
		CASE(test_living_holder),
		CASE(test_lock),
		CASE(test_lock_of_what_is_gone),
		CASE(test_identity),
		CASE(test_other_pid_namespace),
		CASE(test_zombie),
		CASE(test_start_socket),
		CASE(test_list),
		CASE(test_link_is_no_container),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
