"""The figures of events against the kernel's files, and what is told when memory runs out."""
import json
import os
import subprocess

import pytest

import cgroups
from tare import eventually, promise

MIB = 1 << 20

# dd's buffer is all of it: touched, because it is read into
EAT = "dd if=/dev/zero of=/dev/null bs=40M count=1 2> /dev/null"


def stats(made):
    """What `events --stats` says, decoded."""
    return json.loads(made.runtime.ok("events", "--stats", made.id))["data"]


@pytest.fixture
def container(caller_runtime):
    """A running container with limits."""
    cgroups.need_controllers(caller_runtime, "memory", "cpu", "pids")
    made = caller_runtime.container(["/bin/sh", "-c", "while [ ! -e /dev/shm/go ]; do :; done; echo done; "
                                     "exec sleep 1000"])
    made.config["linux"].setdefault("resources", {}).update({
        "memory": {"limit": 64 * MIB, "swap": 96 * MIB}, "cpu": {"quota": 10000, "period": 50000},
        "pids": {"limit": 100}})
    made.create().start()
    eventually(lambda: cgroups.table(made, "cpu.stat")["nr_throttled"] > 3)
    with open(f"/proc/{made.pid}/root/dev/shm/go", "w", encoding="ascii"):
        pass
    eventually(lambda: made.output()[0] == "done\n")
    return made


@promise("contract:5")
def test_figures_are_the_kernel_s(container):
    data = stats(container)
    table = cgroups.table(container, "cpu.stat")
    throttling = data["cpu"]["throttling"]
    assert 3 < throttling["throttledPeriods"] <= throttling["periods"]
    assert throttling["throttledPeriods"] <= table["nr_throttled"]
    assert 0 < throttling["throttledTime"] <= table["throttled_usec"] * 1000
    assert 0 < data["cpu"]["usage"]["total"] <= table["usage_usec"] * 1000
    usage = data["memory"]["usage"]
    assert usage["limit"] == 64 * MIB and 0 < usage["usage"] < 64 * MIB
    if usage.get("max") is not None:  # memory.peak is there from Linux 5.19 on
        assert usage["max"] >= usage["usage"]
    assert data["memory"]["swap"]["limit"] == 96 * MIB
    assert set(data["memory"]["raw"]) == set(cgroups.table(container, "memory.stat"))
    assert data["memory"]["cache"] == data["memory"]["raw"]["file"]
    assert data["pids"]["current"] == 1 and data["pids"]["limit"] == 100


@promise("contract:5")
def test_cpuset(caller_runtime):
    cgroups.need_controllers(caller_runtime, "cpuset")
    made = caller_runtime.container(["/bin/sleep", "1000"])
    made.config["linux"].setdefault("resources", {})["cpu"] = {"cpus": "0", "mems": "0"}
    made.create().start()
    assert stats(made)["cpuset"] == {"cpus": [0], "mems": [0]}


@promise("contract:5")
def test_block_io(runtime):
    """What the container reads past the page cache is counted, by device."""
    cgroups.need_controllers(runtime, "io")
    made = runtime.container(["/bin/sh", "-c", "dd if=/dev/zero of=/big bs=1M count=4 conv=fsync 2> /dev/null; "
                              "echo done; exec sleep 1000"])
    made.config["root"]["readonly"] = False
    made.config["linux"]["resources"]["blockIO"] = {"weight": 100}
    made.create().start()
    eventually(lambda: made.output()[0] == "done\n")
    written = {(x["major"], x["minor"]): x["value"] for x in
               stats(made)["blkio"].get("ioServiceBytesRecursive", []) if x["op"] == "Write"}
    if not written:
        pytest.skip("the file system of the tests is on no block device")
    assert max(written.values()) >= 4 * MIB


@promise("contract:5")
def test_out_of_memory_is_told(caller_runtime):
    """Once for each time that the kernel has killed, at once, in the order of things; then the end."""
    cgroups.need_controllers(caller_runtime, "memory")
    made = caller_runtime.container(["/bin/sh", "-c", f"while [ ! -e /dev/shm/go ]; do :; done; {EAT}; sleep 0.5; "
                                     f"{EAT}; sleep 0.5; exit 7"])
    made.config["linux"].setdefault("resources", {})["memory"] = {"limit": 16 * MIB, "swap": 16 * MIB}
    made.create().start()
    with made.runtime.popen("events", "--interval", "1h", made.id, stdout=subprocess.PIPE, text=True) as events:
        # it holds the two files by now
        eventually(lambda: "memory.events" in " ".join(links(events.pid)))
        with open(f"/proc/{made.pid}/root/dev/shm/go", "w", encoding="ascii"):
            pass
        assert events.stdout.readline() == f'{{"type":"oom","id":"{made.id}"}}\n'
        assert events.stdout.readline() == f'{{"type":"oom","id":"{made.id}"}}\n'
        assert made.wait() == 7
        assert events.wait(20) == 0 and events.stdout.read() == ""


def links(pid):
    """Where a process's descriptors lead."""
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            continue
    return found


@promise("contract:5")
def test_hugetlb(runtime):
    cgroups.need_controllers(runtime, "hugetlb")
    made = runtime.container(["/bin/sleep", "1000"])
    made.config["linux"]["resources"]["hugepageLimits"] = [{"pageSize": "2MB", "limit": 4 * MIB}]
    made.create().start()
    pages = stats(made)["hugetlb"]["2MB"]
    assert (pages["usage"], pages["failcnt"], pages["limit"]) == (0, 0, 4 * MIB)


@promise("contract:5")
def test_unlimited(caller_runtime):
    cgroups.need_controllers(caller_runtime, "memory", "pids")
    made = caller_runtime.container(["/bin/sleep", "1000"])
    made.config["linux"].setdefault("resources", {}).update({"memory": {"limit": -1}, "pids": {"limit": -1}})
    made.create().start()
    data = stats(made)
    assert data["memory"]["usage"]["limit"] == 2 ** 64 - 1
    assert "limit" not in data["pids"] and data["pids"]["current"] == 1
