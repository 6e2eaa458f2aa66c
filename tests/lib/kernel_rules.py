"""What the kernel refuses to a user without privileges, and the tests that need it: run by a user (tests/run --user,
the second run in the machine), they are skipped with the rule. One table, so that nothing is left out in silence.

A test that could run as a user, with a change of its own, is not to be entered here.
"""
import fnmatch
import os

import pytest

RULES = {
    "id": "to give a file to another user takes CAP_CHOWN where that is not mapped (chown(2))",
    "trace": "the memory and descriptors of a process that is not dumpable are not its user's (ptrace(2))",
    "setns": "a namespace is entered by who has CAP_SYS_ADMIN over it (setns(2))",
    "host pid": "procfs is mounted in a user namespace by who owns the pid namespace (pid_namespaces(7))",
}

# (tests, rule): fnmatch patterns of node ids, cases included where only some of them need it
TABLE = [
    ("contract/test_behaviours.py::test_kill_when_init_is_gone_but_others_live", "host pid"),
    ("contract/test_behaviours.py::test_kill_when_the_cgroup_is_gone", "host pid"),
    ("contract/test_containerd.py::test_kill_of_all_in_a_shared_pid_namespace", "host pid"),
    ("contract/test_behaviours.py::test_working_directory_of_a_user_alone[448-0-0]", "id"),
    ("contract/test_containerd.py::test_life", "trace"),
    ("contract/test_containerd.py::test_init_alone_holds_the_streams", "trace"),
    ("contract/test_podman_crio.py::test_monitor_need_not_wait_for_the_end_of_the_pipe", "trace"),
    ("cgroup/test_login_session.py::*", "setns"),
]


def rule_of(nodeid):
    """The rule that keeps this test from a user, or None."""
    bare = nodeid.split("[")[0]
    for pattern, rule in TABLE:
        if nodeid == pattern or fnmatch.fnmatchcase(bare, pattern) or \
                ("[" in pattern and nodeid.startswith(pattern.rstrip("]"))):
            return RULES[rule]
    return None


def mark(items):
    """Skips, by name, what a user can't do. Called when the tests are collected."""
    if os.geteuid() == 0:
        return
    for item in items:
        rule = rule_of(item.nodeid)
        if rule:
            item.add_marker(pytest.mark.skip(reason=f"as a user: {rule}"))
