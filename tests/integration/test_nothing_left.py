"""The check that nothing is left behind, itself checked: each kind of leftover is seen and removed."""
import os
import subprocess

import pytest

import host as host_module


@pytest.fixture
def root_host(host):
    if not host.root:
        pytest.skip("needs root")
    return host


def test_a_process_is_seen_and_ended(host):
    before = host.snapshot()
    subprocess.run(["sh", "-c", "setsid sleep 300 &"], check=True)
    problems = host.leftovers(before, patience=0.1)
    assert len(problems) == 1 and problems[0].endswith("sleep 300")
    assert host.leftovers(before, patience=1) == []


def test_a_mount_is_seen_and_undone(root_host, tmp_path):
    before = root_host.snapshot()
    host_module.mount("tmpfs", str(tmp_path), "tmpfs")
    problems = root_host.leftovers(before, patience=0)
    assert len(problems) == len(root_host.views)
    assert all(str(tmp_path) in problem for problem in problems)
    assert root_host.leftovers(before, patience=1) == []


def test_a_cgroup_is_seen_and_removed(root_host):
    top = next(filter(None, (view.cgroup2() for view in root_host.views.values())), None)
    if not top:
        pytest.skip("no cgroup2 on this machine")
    before = root_host.snapshot()
    os.mkdir(f"{top}/{root_host.token}-left")
    assert root_host.leftovers(before, patience=0)
    assert root_host.leftovers(before, patience=1) == []


def test_a_file_in_shared_memory_is_seen(root_host):
    before = root_host.snapshot()
    with open("/dev/shm/left", "w", encoding="ascii"):
        pass
    assert root_host.leftovers(before, patience=0) == ["shared memory: left behind: left"]
    os.unlink("/dev/shm/left")
