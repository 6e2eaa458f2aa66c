"""That limits hold: what a program inside can and cannot do, and what the kernel counts meanwhile."""
import json
import os

import cgroups
import pytest

from tare import eventually, promise, read_text

MIB = 1 << 20


def shell(runtime, script, resources, *controllers):
    """A created container that runs a script."""
    cgroups.need_controllers(runtime, *controllers)
    container = runtime.container(["/bin/sh", "-c", script])
    container.config["linux"]["resources"].update(resources)
    return container.create()


def update(container, resources):
    container.runtime.ok("update", "--resources", "-", container.id, stdin=json.dumps(resources))


@promise("spec:193", "contract:14")
def test_memory_limit_of_an_update_kills(caller_runtime):
    """Set by create it is in test_memory.py."""
    container = shell(caller_runtime, "read x < /dev/null; while [ ! -e /dev/shm/go ]; do sleep 0.1; done; "
                                      "dd if=/dev/zero of=/dev/null bs=64M count=1; echo status $?; exec sleep 1000",
                      {}, "memory")
    container.start()
    update(container, {"memory": {"limit": 16 * MIB, "swap": 16 * MIB}})
    with open(f"/proc/{container.pid}/root/dev/shm/go", "w", encoding="ascii"):
        pass
    cgroups.wait_for_output(container, "status 137")
    assert cgroups.table(container, "memory.events")["oom_kill"] == 1
    container.delete("--force")


@promise("spec:210", "spec:211")
@pytest.mark.parametrize("when", ["create", "update"])
def test_pids_limit(caller_runtime, when):
    limit = {"pids": {"limit": 3}}
    container = shell(caller_runtime, "while [ ! -e /dev/shm/go ]; do sleep 0.1; done; "
                                      "(for i in 1 2 3 4 5; do sleep 1000 & done; echo all); echo over; exec sleep 1000",
                      limit if when == "create" else {}, "pids")
    container.start()
    if when == "update":
        update(container, limit)
    with open(f"/proc/{container.pid}/root/dev/shm/go", "w", encoding="ascii"):
        pass
    cgroups.wait_for_output(container, "over")
    assert "all" not in container.output()[0]
    assert "fork" in container.output()[1]
    assert cgroups.table(container, "pids.events")["max"] >= 1
    assert int(cgroups.read(container, "pids.current")) <= 3
    container.delete("--force")


@promise("spec:199")
@pytest.mark.parametrize("when", ["create", "update"])
def test_cpu_quota_throttles(caller_runtime, when):
    limit = {"cpu": {"quota": 5000, "period": 50000}}
    container = shell(caller_runtime, "while :; do :; done", limit if when == "create" else {}, "cpu")
    container.start()
    if when == "update":
        # nothing at all where no limit has asked for the controller yet
        assert cgroups.table(container, "cpu.stat").get("nr_throttled", 0) == 0
        update(container, limit)
    eventually(lambda: cgroups.table(container, "cpu.stat")["nr_throttled"] > 10, 60)
    figures = cgroups.table(container, "cpu.stat")
    assert figures["throttled_usec"] > 0
    update(container, {"cpu": {"quota": -1}})
    figures = cgroups.table(container, "cpu.stat")
    busy = figures["usage_usec"]
    eventually(lambda: cgroups.table(container, "cpu.stat")["usage_usec"] > busy + 200000, 60)
    assert cgroups.table(container, "cpu.stat")["nr_throttled"] <= figures["nr_throttled"] + 1
    container.delete("--force")


@promise("spec:202")
@pytest.mark.parametrize("when", ["create", "update"])
def test_cpuset(caller_runtime, when):
    if os.cpu_count() < 2:
        pytest.skip("there is one processor alone")
    limit = {"cpu": {"cpus": "1", "mems": "0"}}
    container = shell(caller_runtime, "exec sleep 1000", limit if when == "create" else {}, "cpuset")
    container.start()
    if when == "update":
        update(container, limit)
    assert os.sched_getaffinity(container.pid) == {1}
    status = dict(line.split(":\t", 1) for line in read_text(f"/proc/{container.pid}/status").splitlines()
                  if ":\t" in line)
    assert status["Mems_allowed_list"] == "0"
    update(container, {"cpu": {"cpus": "0-1"}})
    assert os.sched_getaffinity(container.pid) == {0, 1}
    container.delete("--force")


def disk_of(path):
    """The whole disk that a file is on, as {"major": ..., "minor": ...}; skips where there is none."""
    number = os.stat(path).st_dev
    name = f"/sys/dev/block/{os.major(number)}:{os.minor(number)}"
    if not os.path.exists(name):
        pytest.skip(f"{path} is on no disk")
    if os.path.exists(f"{name}/partition"):
        name = f"{name}/.."
    return dict(zip(("major", "minor"), map(int, read_text(f"{name}/dev").split(":"))))


WRITER = ("while [ ! -e /dev/shm/go ]; do sleep 0.1; done; dd if=/dev/zero of=/data/{0} bs=64k count={1} oflag=direct "
          "2> /dev/null && echo written; exec sleep 1000")


@promise("spec:206")
@pytest.mark.parametrize("when", ["create", "update"])
def test_io_limit(runtime, when):
    """Four mebibytes at 256 KiB a second are still being written when another container, which began later, has
    written as many."""
    cgroups.need_controllers(runtime, "io")
    data = f"/var/tmp/{runtime.host.name()}"
    limit = {"blockIO": {"throttleWriteBpsDevice": [dict(disk_of("/var/tmp"), rate=256 << 10)]}}
    os.mkdir(data)
    containers = []
    try:
        for number, resources in enumerate((limit if when == "create" else {}, {})):
            container = runtime.container(["/bin/sh", "-c", WRITER.format(number, 64)])
            container.config["linux"]["resources"].update(resources)
            container.config["mounts"].append({"destination": "/data", "type": "none", "source": data,
                                               "options": ["bind"]})
            containers.append(container.create().start())
        slow, quick = containers
        if when == "update":
            update(slow, limit)
        for container in containers:
            with open(f"/proc/{container.pid}/root/dev/shm/go", "w", encoding="ascii"):
                pass
        cgroups.wait_for_output(quick, "written")
        assert "written" not in slow.output()[0]
        update(slow, {"blockIO": {"throttleWriteBpsDevice": [dict(disk_of("/var/tmp"), rate=0)]}})
        assert cgroups.read(slow, "io.max") == ""
        cgroups.wait_for_output(slow, "written")
        for container in containers:
            container.delete("--force")
    finally:
        for name in os.listdir(data):
            os.unlink(f"{data}/{name}")
        os.rmdir(data)


@promise("spec:203", "spec:211")
def test_no_process_at_all_may_be_added(caller_runtime):
    """A pids.limit of 0 (spec:211) comes when the init is there, and holds for all that it might start."""
    container = shell(caller_runtime, "(echo child); echo over; exec sleep 1000", {"pids": {"limit": 0}}, "pids")
    container.start()
    eventually(lambda: "fork" in container.output()[1], 30)
    assert "child" not in container.output()[0]
    container.delete("--force")
