/* The decoder from C: that values arrive in struct spec as spec.h promises, and what the callers of its
 * smaller functions rely on. What is refused, with which words, is in test_spec_rules.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "spec/spec.h"

#define CONFIG(members) "{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"rootfs\"}," members "}"

static const struct spec *load(struct arena *arena, const char *text)
{
	const struct spec *spec = NULL;
	struct error err = ERROR_INIT;

	if (spec_load(text, strlen(text), "/bundle", arena, &spec, &err) < 0)
		fail_msg("%s", err.text);
	return spec;
}

/* The specification's own complete example, with a version that is not from before 1.0. */
static const struct spec *load_example(struct arena *arena)
{
	struct error err = ERROR_INIT;
	char *text = NULL, *version;

	if (fd_read_file(AT_FDCWD, SCHEMA_EXAMPLE, JSON_SIZE_MAX, arena, &text, &err) < 0)
		fail_msg("%s", err.text);
	version = strstr(text, "0.5.0-dev");
	assert_non_null(version);
	memcpy(version, "1.3.0-dev", 9);
	return load(arena, text);
}

static void decodes_process(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	const struct spec_process *process = load_example(arena)->process;

	(void)state; /* spec:100, spec:103-105, spec:107, spec:114-116, spec:124, spec:126 */
	assert_true(process->terminal);
	assert_null(process->console_size);
	assert_int_equal(process->user.uid, 1);
	assert_int_equal(process->user.gid, 1);
	assert_false(process->user.umask.set);
	assert_int_equal(process->user.n_additional_gids, 2);
	assert_int_equal(process->user.additional_gids[1], 6);
	assert_int_equal(process->n_args, 1);
	assert_string_equal(process->args[0], "sh");
	assert_null(process->args[1]);
	assert_int_equal(process->n_env, 2);
	assert_string_equal(process->env[1], "TERM=xterm");
	assert_null(process->env[2]);
	assert_string_equal(process->cwd, "/");
	assert_int_equal(process->capabilities->n_bounding, 3);
	assert_int_equal(process->capabilities->n_effective, 2);
	assert_string_equal(process->capabilities->ambient[0], "CAP_NET_BIND_SERVICE");
	assert_int_equal(process->n_rlimits, 2);
	assert_int_equal(process->rlimits[1].resource, RLIMIT_NOFILE);
	assert_string_equal(process->rlimits[1].type, "RLIMIT_NOFILE");
	assert_int_equal(process->rlimits[1].hard, 1024);
	assert_string_equal(process->apparmor_profile, "acme_secure_profile");
	assert_true(process->no_new_privileges);
	assert_false(process->oom_score_adj.set);
}

static void decodes_the_rest_of_the_top(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	const struct spec *spec = load_example(arena);

	(void)state; /* spec:70, spec:73-75, spec:80, spec:127, spec:128, spec:130-134, spec:142 */
	assert_string_equal(spec->bundle, "/bundle");
	assert_string_equal(spec->oci_version, "1.3.0-dev");
	assert_string_equal(spec->root->path, "rootfs");
	assert_true(spec->root->readonly);
	assert_string_equal(spec->hostname, "slartibartfast");
	assert_string_equal(spec->domainname, "foobarbaz.test");
	assert_int_equal(spec->n_mounts, 7);
	assert_string_equal(spec->mounts[0].destination, "/proc");
	assert_string_equal(spec->mounts[6].destination, "/sys/fs/cgroup");
	assert_int_equal(spec->mounts[6].n_options, 5);
	assert_string_equal(spec->mounts[6].options[4], "ro");
	assert_int_equal(spec->hooks->n_prestart, 2);
	assert_string_equal(spec->hooks->prestart[0].args[1], "arg1");
	assert_true(spec->hooks->prestart[0].env_given);
	assert_false(spec->hooks->prestart[1].env_given);
	assert_int_equal(spec->hooks->poststart[0].timeout.value, 5);
	assert_false(spec->hooks->poststop[0].timeout.set);
	assert_int_equal(spec->n_annotations, 2);
	assert_string_equal(spec->annotations[1].key, "com.example.key2");
	assert_string_equal(spec->annotations[1].value, "value2");
}

static void decodes_linux(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	const struct spec_linux *lin = load_example(arena)->linux_;

	(void)state; /* spec:147, spec:148, spec:155, spec:157-163, spec:251-254 */
	assert_int_equal(lin->n_namespaces, 8);
	assert_non_null(spec_namespace_find(lin, SPEC_NAMESPACE_TIME));
	assert_null(spec_namespace_find(lin, SPEC_NAMESPACE_TIME)->path);
	assert_int_equal(lin->uid_mappings[0].host_id, 1000);
	assert_int_equal(lin->gid_mappings[0].size, 32000);
	assert_int_equal(lin->time_offsets->monotonic->secs, 172800);
	assert_int_equal(lin->n_devices, 2);
	assert_int_equal(lin->devices[1].type, S_IFBLK);
	assert_int_equal(lin->devices[0].minor, 229);
	assert_int_equal(lin->devices[0].file_mode.value, 0666);
	assert_string_equal(lin->cgroups_path, "/myRuntime/myContainer");
	assert_int_equal(lin->n_sysctl, 2);
	assert_int_equal(lin->rootfs_propagation, MS_SLAVE);
	assert_int_equal(lin->n_masked_paths, 4);
	assert_string_equal(lin->readonly_paths[5], "/proc/sysrq-trigger");
	assert_null(lin->personality);
	assert_int_equal(lin->seccomp->default_action, SPEC_ACT_ALLOW);
	assert_false(lin->seccomp->flags_given);
	assert_string_equal(lin->seccomp->architectures[1], "SCMP_ARCH_X32");
	assert_int_equal(lin->seccomp->syscalls[0].action, SPEC_ACT_ERRNO);
	assert_false(lin->seccomp->syscalls[0].errno_ret.set);
}

static void decodes_resources(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	const struct spec_resources *resources = load_example(arena)->linux_->resources;

	(void)state; /* spec:192-197, spec:199-202, spec:204-207, spec:209, spec:210 */
	assert_int_equal(resources->n_devices, 3);
	assert_false(resources->devices[0].allow);
	assert_int_equal(resources->devices[0].type, 'a');
	assert_int_equal(resources->devices[0].major, -1);
	assert_int_equal(resources->devices[2].type, 'b');
	assert_int_equal(resources->devices[2].minor, 0);
	assert_string_equal(resources->devices[2].access, "r");
	assert_int_equal(resources->memory->limit.value, 536870912);
	assert_int_equal(resources->memory->kernel.value, -1);
	assert_true(resources->memory->swappiness.set);
	assert_true(resources->memory->disable_oom_killer.set);
	assert_int_equal(resources->cpu->quota.value, 1000000);
	assert_string_equal(resources->cpu->mems, "0-7");
	assert_false(resources->cpu->idle.set);
	assert_int_equal(resources->pids->limit.value, 32771);
	assert_int_equal(resources->block_io->weight_device[0].leaf_weight.value, 300);
	assert_false(resources->block_io->weight_device[1].leaf_weight.set);
	assert_int_equal(resources->block_io->throttle_write_iops_device[0].rate, 300);
	assert_int_equal(resources->n_hugepage_limits, 2);
	assert_string_equal(resources->hugepage_limits[1].page_size, "64KB");
	assert_int_equal(resources->network->class_id.value, 1048577);
	assert_int_equal(resources->network->priorities[1].priority, 1000);
}

static void decodes_what_the_example_lacks(void **state)
{
	static const char text[] = CONFIG(
		"\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],\"user\":{\"uid\":0,\"gid\":0,"
		"\"umask\":18},\"consoleSize\":{\"height\":25,\"width\":80},\"oomScoreAdj\":-"
		"1000,"
		"\"ioPriority\":{\"class\":\"IOPRIO_CLASS_IDLE\",\"priority\":7},"
		"\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"nice\":-20,\"flags\":["
		"\"SCHED_FLAG_RECLAIM\",\"SCHED_FLAG_DL_OVERRUN\"],\"runtime\":2000,"
		"\"deadline\":18446744073709551615,\"period\":0},"
		"\"execCPUAffinity\":{\"initial\":\"7\",\"final\":\"0-3,7\"}},"
		"\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"/n\"},"
		"{\"type\":\"ipc\",\"path\":\"\"}],"
		"\"netDevices\":{\"eth0\":{\"name\":\"c0\"},\"eth1\":{}},"
		"\"intelRdt\":{\"closID\":\"/"
		"\",\"enableMonitoring\":true,\"schemata\":[\"L2:0=f\"]},"
		"\"memoryPolicy\":{\"mode\":\"MPOL_INTERLEAVE\",\"nodes\":\"2-3\","
		"\"flags\":[\"MPOL_F_STATIC_NODES\"]},"
		"\"personality\":{\"domain\":\"LINUX32\"},\"rootfsPropagation\":\"rshared\","
		"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,"
		"\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\","
		"\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"],\"syscalls\":[{\"names\":[\"x\"],"
		"\"action\":\"SCMP_ACT_KILL\",\"args\":[{\"index\":5,\"value\":1,\"valueTwo\":"
		"2,"
		"\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]},"
		"\"resources\":{\"rdma\":{\"mlx\":{\"hcaObjects\":1}},"
		"\"unified\":{\"memory.high\":\"1\"},\"cpu\":{\"idle\":1,\"burst\":3}}}");
	_cleanup_arena_ struct arena *arena = arena_new();
	const struct spec *spec = load(arena, text);
	const struct spec_process *process = spec->process;
	const struct spec_linux *lin = spec->linux_;
	const struct spec_seccomp_arg *arg = &lin->seccomp->syscalls[0].args[0];

	(void)state; /* spec:102, spec:117-119, spec:121-125, spec:168-171, spec:212-214, spec:219-221,
		      * spec:229-231, spec:234, spec:239, spec:240, spec:248, spec:255 */
	assert_int_equal(process->user.umask.value, 022);
	assert_int_equal(process->console_size->width, 80);
	assert_int_equal(process->oom_score_adj.value, -1000);
	assert_int_equal(process->io_priority->class, 3);
	assert_int_equal(process->scheduler->policy, 6);
	assert_int_equal(process->scheduler->nice, -20);
	assert_int_equal(process->scheduler->flags, 2 | 4);
	assert_true(process->scheduler->deadline == UINT64_MAX);
	assert_string_equal(process->exec_cpu_affinity->final, "0-3,7");
	assert_string_equal(spec_namespace_find(lin, SPEC_NAMESPACE_NETWORK)->path, "/n");
	assert_null(spec_namespace_find(lin, SPEC_NAMESPACE_IPC)->path);
	assert_string_equal(lin->net_devices[0].host_name, "eth0");
	assert_string_equal(lin->net_devices[0].name, "c0");
	assert_null(lin->net_devices[1].name);
	assert_string_equal(lin->intel_rdt->clos_id, "/");
	assert_true(lin->intel_rdt->enable_monitoring);
	assert_int_equal(lin->memory_policy->mode, 3);
	assert_int_equal(lin->memory_policy->flags, 1 << 15);
	assert_int_equal(lin->personality->domain, 8);
	assert_int_equal(lin->rootfs_propagation, MS_SHARED | MS_REC);
	assert_true(lin->seccomp->flags_given);
	assert_int_equal(lin->seccomp->flags, 2 | 32);
	assert_int_equal(lin->seccomp->default_errno_ret.value, 38);
	assert_int_equal(lin->seccomp->syscalls[0].action, SPEC_ACT_KILL_THREAD);
	assert_int_equal(arg->index, 5);
	assert_int_equal(arg->value_two, 2);
	assert_int_equal(arg->op, SPEC_CMP_MASKED_EQ);
	assert_string_equal(lin->resources->rdma[0].device, "mlx");
	assert_false(lin->resources->rdma[0].hca_handles.set);
	assert_string_equal(lin->resources->unified[0].key, "memory.high");
	assert_int_equal(lin->resources->cpu->idle.value, 1);
}

static void null_and_empty_count_as_absent(void **state)
{
	static const char text[] = CONFIG(
		"\"process\":null,\"hostname\":\"\",\"mounts\":null,\"hooks\":{"
		"\"prestart\":null,\"poststop\":[{\"path\":\"/x\",\"env\":[],"
		"\"timeout\":null}]},\"linux\":{\"rootfsPropagation\":\"\","
		"\"cgroupsPath\":\"\",\"resources\":{\"memory\":{\"limit\":null}}}");
	_cleanup_arena_ struct arena *arena = arena_new();
	const struct spec *spec = load(arena, text);

	(void)state; /* spec:48, spec:100: without a process create works */
	assert_null(spec->process);
	assert_null(spec->hostname);
	assert_int_equal(spec->n_mounts, 0);
	assert_int_equal(spec->hooks->n_prestart, 0);
	assert_true(spec->hooks->poststop[0].env_given);
	assert_int_equal(spec->hooks->poststop[0].n_env, 0);
	assert_false(spec->hooks->poststop[0].timeout.set);
	assert_int_equal(spec->linux_->rootfs_propagation, 0);
	assert_null(spec->linux_->cgroups_path);
	assert_false(spec->linux_->resources->memory->limit.set);
}

static void hooks_survive_the_record(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	_cleanup_json_writer_ struct json_writer *first = json_writer_new(NULL);
	_cleanup_json_writer_ struct json_writer *second = json_writer_new(NULL);
	const struct spec_hooks *hooks = load_example(arena)->hooks;
	const struct json_value *json;
	struct error err = ERROR_INIT;
	const char *text, *again;
	size_t length;

	(void)state;
	spec_write_hooks(hooks, first);
	assert_int_equal(json_writer_text(first, &text, &length, &err), 0);
	assert_int_equal(json_parse(text, length, "record", arena, &json, &err), 0);
	assert_int_equal(spec_read_hooks(json, "record", arena, &hooks, &err), 0);
	assert_int_equal(hooks->n_create_container, 1);
	assert_true(hooks->prestart[0].env_given);
	spec_write_hooks(hooks, second);
	assert_int_equal(json_writer_text(second, &again, &length, &err), 0);
	assert_string_equal(text, again);
	assert_int_equal(spec_read_hooks(NULL, "record", arena, &hooks, &err), 0);
	assert_null(hooks);
}

static void knows_namespaces(void **state)
{
	(void)state;
	assert_int_equal(spec_namespace_flag(SPEC_NAMESPACE_NETWORK), 0x40000000);
	assert_int_equal(spec_namespace_flag(SPEC_NAMESPACE_TIME), 0x80);
	assert_string_equal(spec_namespace_name(SPEC_NAMESPACE_NETWORK), "network");
	assert_string_equal(spec_namespace_proc_name(SPEC_NAMESPACE_MOUNT), "mnt");
	assert_null(spec_namespace_find(NULL, SPEC_NAMESPACE_PID));
	assert_int_equal(spec_words(SPEC_WORDS_NAMESPACE)->count, SPEC_NAMESPACE_TYPES);
}

static void turns_sysctl_names_into_paths(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();

	(void)state; /* spec:232 */
	assert_string_equal(spec_sysctl_path(arena, "net.ipv4.conf.eth0/1.forwarding"),
			    "net/ipv4/conf/eth0.1/forwarding");
	assert_string_equal(spec_sysctl_path(arena, "net/ipv4/conf/eth0.1/forwarding"),
			    "net/ipv4/conf/eth0.1/forwarding");
	assert_string_equal(spec_sysctl_path(arena, "word"), "word");
}

static void a_hostile_file_gets_a_bounded_answer(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	const struct spec *spec;
	struct error err = ERROR_INIT;
	char *text = arena_alloc(arena, 2000000);
	size_t i, length;

	(void)state; /* R-PARSE */
	length = (size_t)sprintf(text, CONFIG("\"mounts\":["));
	length -= 1;
	for (i = 0; i < 500000; i++) {
		text[length++] = '1';
		text[length++] = ',';
	}
	text[length - 1] = ']';
	text[length++] = '}';
	assert_int_equal(spec_load(text, length, "/b", arena, &spec, &err), -EINVAL);
	assert_non_null(strstr(err.text, "config.json: 500000 problems: mounts[0]: expected an "
					 "object, found a number; mounts[1]: "));
	assert_non_null(strstr(err.text, " more"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_process),
		cmocka_unit_test(decodes_the_rest_of_the_top),
		cmocka_unit_test(decodes_linux),
		cmocka_unit_test(decodes_resources),
		cmocka_unit_test(decodes_what_the_example_lacks),
		cmocka_unit_test(null_and_empty_count_as_absent),
		cmocka_unit_test(hooks_survive_the_record),
		cmocka_unit_test(knows_namespaces),
		cmocka_unit_test(turns_sysctl_names_into_paths),
		cmocka_unit_test(a_hostile_file_gets_a_bounded_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
