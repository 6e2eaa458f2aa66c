"""What the kernel refuses to a user without privileges, and the tests that need it. One table, so that nothing is left
out in silence. A rule says whether the owner of a user namespace is granted what a user is refused: then the test is
run by the root of namespaces that the user has made (tests/run --user, its second run), as podman runs a runtime for a
user; else it is skipped with the rule, as all of them are where there is no second run (the machine's).

A test that could run as a user, with a change of its own, is not to be entered here.
"""
import collections
import fnmatch
import os

import pytest

Rule = collections.namedtuple("Rule", "granted text")

RULES = {
    # granted in a user namespace of one's own
    "id": Rule(True, "to give a file to another user takes CAP_CHOWN where that is not mapped (chown(2))"),
    "maps": Rule(True, "a map of any ids is written by who has CAP_SETUID over the namespace above (user_namespaces(7))"),
    "groups": Rule(True, "to take other groups or to become another user takes CAP_SETGID, CAP_SETUID (setgroups(2))"),
    "capabilities": Rule(True, "capabilities are handed on by who has them (capabilities(7))"),
    "trace": Rule(True, "what a process that is not dumpable holds is not its user's (ptrace(2))"),
    "set-user-ID": Rule(True, "a traced newuidmap gains no privileges (execve(2))"),
    "setns": Rule(True, "a namespace is entered by who has CAP_SYS_ADMIN over it (setns(2))"),
    "clone": Rule(True, "other namespaces than a user's are made by who has CAP_SYS_ADMIN (clone(2))"),
    "host pid": Rule(True, "procfs is mounted in a user namespace by who owns the pid namespace (pid_namespaces(7))"),
    "next pid": Rule(True, "the next number is chosen by who has CAP_CHECKPOINT_RESTORE (pid_namespaces(7))"),
    "mount": Rule(True, "mounts are made, and cloned, by who has CAP_SYS_ADMIN over the mount namespace (mount(2))"),
    "device": Rule(True, "a device is made by who has CAP_MKNOD on the host, and else mounted (mknod(2), mount(2))"),
    "network": Rule(True, "devices are made and moved by who has CAP_NET_ADMIN over the network namespace (netlink(7))"),
    "filter": Rule(True, "a filter without no_new_privs is loaded by who has CAP_SYS_ADMIN (seccomp(2))"),
    # not granted there either
    "mknod": Rule(False, "a device that can be renamed is made by who has CAP_MKNOD on the host (mknod(2))"),
    "bpf": Rule(False, "a device filter is loaded by who has CAP_BPF on the host (bpf(2))"),
    "engine": Rule(False, "what an engine of root's asks for takes CAP_BPF and CAP_SYS_RESOURCE on the host (bpf(2), "
                          "setrlimit(2))"),
    "nice": Rule(False, "better priorities are had by who has CAP_SYS_NICE on the host (sched(7), ioprio_set(2))"),
    "superblock": Rule(False, "a file system belongs to its maker's user namespace, so that the init makes a user's "
                              "(fsopen(2))"),
    "idmap": Rule(False, "a mount is id-mapped by who has CAP_SYS_ADMIN over the file system (mount_setattr(2))"),
    "sysctl": Rule(False, "vm.memfd_noexec is the host's root's (memfd_create(2))"),
    "criu": Rule(False, "CRIU reads /proc/PID/map_files, for which it takes CAP_CHECKPOINT_RESTORE on the host "
                        "(proc_map_files_get_link())"),
    "map": Rule(False, "all ids are mapped to themselves by the host's root (user_namespaces(7))"),
    "newuidmap": Rule(False, "set-user-ID programs of the host's root gain nothing in a user namespace "
                             "(user_namespaces(7))"),
    "cgroup root": Rule(False, "the root of a cgroup namespace is a cgroup like any other (cgroup_namespaces(7))"),
}

# (tests, rule): fnmatch patterns of node ids, cases included where only some of them need it. The first that matches
# counts; with None as rule a user can do it.
TABLE = [
    ("contract/test_behaviours.py::test_kill_when_init_is_gone_but_others_live", "host pid"),
    ("contract/test_behaviours.py::test_kill_when_the_cgroup_is_gone", "host pid"),
    ("contract/test_behaviours.py::test_working_directory_of_a_user_alone[448-0-0]", "id"),
    ("contract/test_containerd.py::test_kill_of_all_in_a_shared_pid_namespace", "host pid"),
    ("contract/test_containerd.py::test_life", "trace"),
    ("contract/test_containerd.py::test_init_alone_holds_the_streams", "trace"),
    ("contract/test_podman_crio.py::test_monitor_need_not_wait_for_the_end_of_the_pipe", "trace"),

    ("integration/test_annotations.py::test_keep_original_groups*", "groups"),
    ("integration/test_annotations.py::test_delegated_cgroup_belongs_to_the_user", "id"),
    ("integration/test_bench.py::test_round", "bpf"),
    ("integration/test_bench.py::test_beside_many", "bpf"),
    ("integration/test_cgroup.py::test_a_cgroup_that_is_anothers_by_now[True*", "host pid"),
    ("integration/test_cgroup.py::test_device_rules_in_order", "bpf"),
    ("integration/test_cgroup.py::test_limits_without_delegation_say_how_to_get_it", "groups"),
    ("integration/test_cgroup.py::test_owner_without_the_kernels_list", "mount"),
    ("integration/test_cgroup.py::test_the_root_of_the_hierarchy_is_no_containers", "cgroup root"),
    ("integration/test_checkpoint.py::test_bad_values[--parent-path-nowhere*", "criu"),
    ("integration/test_checkpoint.py::test_bad_values[--work-path-/proc*", "criu"),
    ("integration/test_checkpoint.py::test_bad_values", None),
    ("integration/test_checkpoint.py::test_features", None),
    ("integration/test_checkpoint.py::test_no_criu", None),
    ("integration/test_checkpoint.py::test_probes", None),
    ("integration/test_checkpoint.py::*", "criu"),
    ("integration/test_restore.py::*", "criu"),
    ("integration/test_cli.py::test_default_root_of_users", "groups"),
    ("integration/test_kill_delete.py::test_kill_all_of_a_shared_pid_namespace", "host pid"),
    ("integration/test_kill_delete.py::test_processes_that_outlive_init", "host pid"),
    ("integration/test_detached.py::test_the_usual_container_is_assembled_outside", "superblock"),
    ("integration/test_detached.py::test_late_hooks_do_not_need_it", "superblock"),
    ("integration/test_detached.py::test_the_watch_sees_a_mount", "mount"),
    ("integration/test_detached.py::test_joined_namespaces_are_what_the_file_systems_show", "setns"),
    ("integration/test_detached.py::test_a_tare_without_ptrace", "capabilities"),
    ("integration/test_doctor.py::test_root", "bpf"),
    ("integration/test_doctor.py::test_unprivileged", "groups"),
    ("integration/test_doctor.py::test_ranges_of_ids", "mount"),
    ("integration/test_doctor.py::test_covered_proc", "mount"),
    ("integration/test_doctor.py::test_nowhere_for_the_state", "mount"),
    ("integration/test_doctor.py::test_no_user_namespaces", "groups"),
    ("integration/test_doctor.py::test_no_executable_memory", "sysctl"),
    ("integration/test_engine_configs.py::test_a_user_namespace_in_a_user_namespace", "id"),
    ("integration/test_engine_configs.py::test_as_root", "engine"),
    ("integration/test_engine_configs.py::test_filters_by_libseccomp", "engine"),
    ("integration/test_engine_configs.py::test_in_a_user_namespace", "engine"),
    ("integration/test_engine_configs.py::test_the_comparison_sees_each_difference", "engine"),
    ("integration/test_exec_places.py::test_another_user_may_not", "groups"),
    ("integration/test_exec.py::test_states", "trace"),
    ("integration/test_exec_places.py::test_with_joined_namespaces", "setns"),
    ("integration/test_exec_places.py::test_without_a_mount_namespace", "mount"),
    ("integration/test_exec_places.py::test_without_a_pid_namespace[False]", "host pid"),
    ("integration/test_features.py::test_mount_options", "idmap"),
    ("integration/test_freeze.py::test_ps_of_what_outlives_init", "host pid"),
    ("integration/test_hooks.py::test_mounts_of_a_hook_go_with_a_failed_create", "setns"),
    ("integration/test_hooks.py::test_namespaces", "trace"),
    ("integration/test_hooks.py::test_pid_in_a_shared_pid_namespace", "host pid"),
    ("integration/test_hooks.py::test_prestart_hook_that_mounts_into_the_container", "setns"),
    ("integration/test_intel_rdt.py::*", "mount"),
    ("integration/test_killed_cgroups.py::test_with[*-joined pid namespace]", "setns"),
    ("integration/test_layers.py::test_an_image_by_hand", "id"),
    ("integration/test_layers.py::test_needs_a_mount_namespace", "clone"),
    ("integration/test_layers.py::test_root_directory_and_mounts", "id"),
    ("integration/test_layers.py::test_user_namespace", "id"),
    ("integration/test_log_manager.py::*", "mount"),
    ("integration/test_mount_matrix.py::*", "mount"),
    ("integration/test_mount_namespace_files.py::*", "mount"),
    ("integration/test_mounts.py::test_with_a_user_namespace", "idmap"),
    ("integration/test_mounts.py::test_add_and_remove", "mount"),
    ("integration/test_mounts.py::test_stacked", "mount"),
    ("integration/test_mounts.py::test_by_status", "trace"),
    ("integration/test_mounts.py::test_relative_source", "mount"),
    ("integration/test_mounts.py::test_all_or_nothing", "mount"),
    ("integration/test_mounts.py::test_what_stays", "mount"),
    ("integration/test_mounts.py::test_without_a_mount_namespace", "clone"),
    ("integration/test_mounts.py::test_nothing_reaches_the_host", "mount"),
    ("integration/test_nested.py::test_an_identity_map_is_not_the_initial_namespace", "map"),
    ("integration/test_nested.py::test_a_container_in_a_container[identity]", "map"),
    ("integration/test_netdevices.py::test_rootless", None),
    ("integration/test_netdevices.py::*", "network"),
    ("integration/test_node_installer.py::test_containerd*", "clone"),
    ("integration/test_node_installer.py::test_crio", "clone"),
    ("integration/test_node_installer.py::test_neither", "clone"),
    ("integration/test_nothing_left.py::*", "mount"),
    ("integration/test_older_kernels.py::test_the_sealed_copy_below_linux_6_3", "filter"),
    ("integration/test_scheduling.py::test_policies[SCHED_OTHER-0-members1]", "nice"),
    ("integration/test_scheduling.py::test_policies[SCHED_FIFO*", "nice"),
    ("integration/test_scheduling.py::test_policies[SCHED_RR*", "nice"),
    ("integration/test_scheduling.py::test_what_is_not_given_is_0", "nice"),
    ("integration/test_scheduling.py::test_io_priority[IOPRIO_CLASS_RT*", "nice"),
    ("integration/test_scheduling.py::test_deadline*", "nice"),
    ("integration/test_scheduling.py::test_root_of_a_user_namespace_gets_what_only_the_host_grants", "nice"),
    ("integration/test_service.py::test_listen_fds_are_served[*-False]", "host pid"),
    ("integration/test_spec_and_plan.py::test_ranges_that_the_kernel_cannot_take", "maps"),
    ("integration/test_terminal.py::test_a_process_that_outlives_init_and_holds_the_terminal", "host pid"),
    ("integration/test_terminal.py::test_status_of_a_signal", "host pid"),
    ("integration/test_unprivileged.py::test_as_root", "groups"),
    ("integration/test_unprivileged.py::test_ranges_of_ids", "newuidmap"),
    ("integration/test_unprivileged.py::test_life_cycle_with_ranges", "newuidmap"),
    ("integration/test_unprivileged.py::test_ranges_that_were_not_given", "newuidmap"),
    ("integration/test_update.py::test_device_rules", "bpf"),
    ("integration/test_user_messages.py::test_directories_of_others", "id"),
    ("integration/test_user_messages.py::test_noexec", "mount"),
    ("integration/test_user_messages.py::test_no_user_namespaces", "groups"),
    ("integration/test_versions.py::test_record_is_kept[small]", "clone"),
    ("integration/test_versions.py::test_older_record[*-small]", "clone"),
    ("integration/test_versions.py::test_start_of_an_older_container", "clone"),
    ("integration/test_versions.py::test_newer_record*", "clone"),
    ("integration/test_versions.py::test_replaced_executable[small]", "clone"),
    ("integration/test_ways_of_the_root.py::*", "mount"),

    ("security/test_concurrency.py::test_signals_reach_no_other_process", "next pid"),
    ("security/test_descriptors.py::test_preserved_descriptors_that_are_not_there", "trace"),
    ("security/test_descriptors.py::test_the_waiting_init_holds_nothing_of_the_host", "trace"),
    ("security/test_dev.py::test_masks_where_null_is_replaced", "device"),
    ("security/test_dev.py::test_masks_where_the_image_has_a_null[zero]", "device"),
    ("security/test_dev.py::test_pts_is_a_volume", "device"),
    ("security/test_exec.py::test_a_terminal_that_is_none", "setns"),
    ("security/test_exec.py::test_the_hostile_program_finds_what_there_is", "host pid"),
    ("security/test_executable.py::test_no_mapping_of_the_init_shares_pages_with_the_host", "trace"),
    ("security/test_executable.py::test_a_static_init_maps_no_file_of_the_host", "trace"),
    ("security/test_executable.py::test_the_c_library_starts_once", "set-user-ID"),
    ("security/test_executable.py::test_the_exe*", "trace"),
    ("security/test_executable.py::test_the_waiting_init*", "trace"),
    ("security/test_fail_open.py::test_each_mount_call_that_fails", "set-user-ID"),
    ("security/test_identity.py::test_inherited_capabilities_of_the_caller_do_not_reach_the_container", "capabilities"),
    ("security/test_identity.py::test_a_file_with_inheritable_capabilities_gains_nothing", "capabilities"),
    ("security/test_mounts.py::test_the_helper_is_out_of_sight", None),
    ("security/test_mounts.py::*", "mount"),
    ("security/test_races.py::test_a_directory_of_the_root_becomes_a_link", "set-user-ID"),
    ("security/test_races.py::test_null_becomes_a_link", "mknod"),
    ("security/test_races.py::*", "mount"),

    ("cgroup/test_login_session.py::*", "setns"),
]


def literal(pattern):
    """The pattern, in which brackets stand for themselves."""
    return pattern.replace("[", "[[]")


def rule_of(nodeid):
    """The rule that keeps this test from a user, or None."""
    bare, _, case = nodeid.partition("[")
    # other fixtures, such as kernel_caps, may have a part in the case's name
    for pattern, rule in TABLE:
        if fnmatch.fnmatchcase(bare, pattern) or fnmatch.fnmatchcase(nodeid, literal(pattern)) or \
                (case and fnmatch.fnmatchcase(nodeid, literal(pattern.rstrip("]") + "-*"))):
            return rule and RULES[rule]
    return None


def mark(config, items):
    """Skips, by name, what a user can't do, or leaves it to the second run. Called when the tests are collected."""
    mode = os.environ.get("TARE_UNPRIVILEGED")
    if mode != "namespaces" and os.geteuid() == 0:
        return
    elsewhere = []
    for item in items:
        rule = rule_of(item.nodeid)
        granted = bool(rule and rule.granted)
        if mode == "namespaces" and not granted or mode == "plain" and granted:
            elsewhere.append(item)
        elif rule and mode != "namespaces":
            item.add_marker(pytest.mark.skip(reason=f"as a user: {rule.text}"))
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = [item for item in items if item not in set(elsewhere)]
