"""Every property of linux.resources: what create writes and what update writes, read back from the kernel."""
import collections
import contextlib
import json
import os

import cgroups
import pytest

from tare import promise, read_text

SLEEP = ["/bin/sleep", "1000"]
MIB = 1 << 20

# name, the controllers that it takes, resources at create, the files then, resources of the update, the files then
Row = collections.namedtuple("Row", "name controllers first made second updated")


def disk():
    """MAJOR:MINOR of a whole disk with a driver of its own."""
    for name in sorted(os.listdir("/sys/class/block")):
        if all(os.path.exists(f"/sys/class/block/{name}/{file}") for file in ("device", "dev")):
            return read_text(f"/sys/class/block/{name}/dev").strip()
    return "0:0"


DISK = disk()
NUMBER = dict(zip(("major", "minor"), map(int, DISK.split(":"))))


def memory(**members):
    return {"memory": members}


def cpu(**members):
    return {"cpu": members}


def throttle(kind, rate):
    return {"blockIO": {f"throttle{kind}Device": [dict(NUMBER, rate=rate)]}}


def io_max(**values):
    words = dict.fromkeys(("rbps", "wbps", "riops", "wiops"), "max")
    words.update(values)
    return {"io.max": " ".join([DISK] + [f"{key}={value}" for key, value in words.items()])}


ROWS = [
    Row("memory.limit", ["memory"], memory(limit=64 * MIB), {"memory.max": str(64 * MIB)},
        memory(limit=48 * MIB), {"memory.max": str(48 * MIB)}),
    Row("memory.limit-none", ["memory"], memory(limit=64 * MIB), {"memory.max": str(64 * MIB)},
        memory(limit=-1), {"memory.max": "max", "memory.swap.max": "max"}),
    Row("memory.reservation", ["memory"], memory(reservation=64 * MIB), {"memory.low": str(64 * MIB)},
        memory(reservation=-1), {"memory.low": "max"}),
    Row("memory.swap", ["memory"], memory(limit=64 * MIB, swap=96 * MIB), {"memory.swap.max": str(32 * MIB)},
        memory(limit=80 * MIB), {"memory.max": str(80 * MIB), "memory.swap.max": str(16 * MIB)}),
    Row("memory.swap-none", ["memory"], memory(limit=64 * MIB, swap=64 * MIB), {"memory.swap.max": "0"},
        memory(swap=-1), {"memory.max": str(64 * MIB), "memory.swap.max": "max"}),
    Row("memory.zero", ["memory"], memory(limit=0, swap=0, reservation=0), {"memory.max": "max", "memory.low": "0"},
        memory(limit=64 * MIB, reservation=0), {"memory.max": str(64 * MIB), "memory.low": "0"}),
    Row("memory.checkBeforeUpdate", ["memory"], memory(limit=64 * MIB, checkBeforeUpdate=True),
        {"memory.max": str(64 * MIB)}, memory(limit=48 * MIB), {"memory.max": str(48 * MIB)}),
    Row("cpu.shares", ["cpu"], cpu(shares=1024), {"cpu.weight": "100"}, cpu(shares=512), {"cpu.weight": "59"}),
    Row("cpu.shares-ends", ["cpu"], cpu(shares=2), {"cpu.weight": "1"}, cpu(shares=262144),
        {"cpu.weight": "10000"}),
    Row("cpu.quota", ["cpu"], cpu(quota=20000), {"cpu.max": "20000 100000"}, cpu(period=50000),
        {"cpu.max": "20000 50000"}),
    Row("cpu.quota-none", ["cpu"], cpu(quota=20000, period=40000), {"cpu.max": "20000 40000"}, cpu(quota=-1),
        {"cpu.max": "max 40000"}),
    Row("cpu.burst", ["cpu"], cpu(quota=20000, burst=10000), {"cpu.max.burst": "10000"},
        cpu(quota=5000, burst=4000), {"cpu.max": "5000 100000", "cpu.max.burst": "4000"}),
    Row("cpu.burst-up", ["cpu"], cpu(quota=5000, burst=4000), {"cpu.max.burst": "4000"},
        cpu(quota=20000, burst=10000), {"cpu.max": "20000 100000", "cpu.max.burst": "10000"}),
    Row("cpu.idle", ["cpu"], cpu(shares=512), {"cpu.idle": "0", "cpu.weight": "59"}, cpu(idle=1),
        {"cpu.idle": "1"}),
    Row("cpu.idle-left", ["cpu"], cpu(shares=512, idle=1), {"cpu.idle": "1"}, cpu(idle=0),
        {"cpu.idle": "0", "cpu.weight": "59"}),
    Row("cpu.cpus", ["cpuset"], cpu(cpus="0"), {"cpuset.cpus": "0"}, cpu(cpus="0-1"), {"cpuset.cpus": "0-1"}),
    Row("cpu.mems", ["cpuset"], cpu(mems="0"), {"cpuset.mems": "0"}, cpu(cpus="1"),
        {"cpuset.mems": "0", "cpuset.cpus": "1"}),
    Row("pids.limit", ["pids"], {"pids": {"limit": 7}}, {"pids.max": "7"}, {"pids": {"limit": -1}},
        {"pids.max": "max"}),
    Row("pids.limit-zero", ["pids"], {"pids": {"limit": 0}}, {"pids.max": "0"}, {"pids": {"limit": 5}},
        {"pids.max": "5"}),
    Row("blockIO.weight", ["io"], {"blockIO": {"weight": 500}}, {"io.weight": "default 4950"},
        {"blockIO": {"weight": 10}}, {"io.weight": "default 1"}),
    Row("blockIO.throttleReadBps", ["io"], throttle("ReadBps", MIB), io_max(rbps=MIB),
        throttle("ReadBps", 2 * MIB), io_max(rbps=2 * MIB)),
    Row("blockIO.throttleWriteBps", ["io"], throttle("WriteBps", MIB), io_max(wbps=MIB),
        throttle("ReadBps", MIB), io_max(rbps=MIB, wbps=MIB)),
    Row("blockIO.throttleReadIOPS", ["io"], throttle("ReadIOPS", 50), io_max(riops=50),
        throttle("WriteIOPS", 60), io_max(riops=50, wiops=60)),
    Row("blockIO.throttleWriteIOPS", ["io"], throttle("WriteIOPS", 50), io_max(wiops=50),
        throttle("WriteIOPS", 0), {"io.max": ""}),
    Row("hugepageLimits", ["hugetlb"], {"hugepageLimits": [{"pageSize": "2MB", "limit": 4 * MIB}]},
        {"hugetlb.2MB.max": str(4 * MIB), "hugetlb.2MB.rsvd.max": str(4 * MIB)},
        {"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]},
        {"hugetlb.2MB.max": "0", "hugetlb.2MB.rsvd.max": "0"}),
    Row("unified", ["memory", "cpu"], {"unified": {"memory.high": str(64 * MIB), "cpu.weight.nice": "-5",
                                                   "memory.oom.group": "1"}},
        {"memory.high": str(64 * MIB), "cpu.weight.nice": "-5", "memory.oom.group": "1"},
        {"unified": {"memory.high": "max", "cgroup.max.depth": "9"}},
        {"memory.high": "max", "cpu.weight.nice": "-5", "cgroup.max.depth": "9"}),
    Row("unified-lines", ["io"], {"unified": {"io.max": f"{DISK} rbps=1048576\n{DISK} wiops=10"}},
        io_max(rbps=MIB, wiops=10), {"unified": {"io.max": f"{DISK} rbps=max\n"}}, io_max(wiops=10)),
]


def container_with(runtime, resources, controllers):
    """A container that sleeps, in a cgroup with the controllers."""
    cgroups.need_controllers(runtime, *controllers)
    container = runtime.container(SLEEP)
    container.config["linux"]["resources"].update(resources)
    return container


def update(container, resources):
    """`update --resources -`. Returns the Result."""
    return container.runtime.call("update", "--resources", "-", container.id, stdin=json.dumps(resources))


def check(container, files):
    assert {name: cgroups.read(container, name) for name in files} == files


@promise("spec:193", "spec:199", "spec:200", "spec:202", "spec:203", "spec:204", "spec:206", "spec:207",
         "spec:208", "spec:210", "spec:211", "spec:213", "spec:214", "spec:216", "contract:7.12",
         "contract:7.15")
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
@pytest.mark.parametrize("driver", ["cgroupfs", "systemd"])
def test_value(caller_runtime, row, driver):
    container = container_with(caller_runtime, row.first, row.controllers)
    if driver == "systemd":
        cgroups.need_systemd()
        container.config["linux"]["cgroupsPath"] = f"tare-test.slice:tare:{container.id}"
        caller_runtime.env.setdefault("XDG_RUNTIME_DIR", f"/run/user/{os.geteuid()}")
    with cgroups.exact_values() if driver == "systemd" else contextlib.nullcontext():
        container.create(globals_=["--cgroup-manager", driver])
        check(container, row.made)
        container.start()
        result = update(container, row.second)
        assert result.rc == 0, result
        check(container, row.updated)
    assert container.status() == "running"
    container.delete("--force")


@promise("contract:7.12")
def test_what_is_recorded_is_merged(caller_runtime):
    """Two updates in a row, of a part each: the sum of memory and swap, the period and the quota hold on."""
    first = {**memory(limit=64 * MIB, swap=96 * MIB), **cpu(quota=20000, period=40000)}
    container = container_with(caller_runtime, first, ["memory", "cpu"]).create()
    for resources in (memory(limit=70 * MIB), cpu(quota=10000), cpu(period=20000), memory(swap=100 * MIB)):
        result = update(container, resources)
        assert result.rc == 0, result
    check(container, {"memory.max": str(70 * MIB), "memory.swap.max": str(30 * MIB),
                      "cpu.max": "10000 20000"})
    container.delete("--force")


@promise("contract:7.12")
def test_a_refused_write_leaves_all_as_it_was(caller_runtime):
    container = container_with(caller_runtime, {**memory(limit=64 * MIB), "pids": {"limit": 50}},
                               ["memory", "pids"]).create()
    result = update(container, {**memory(limit=70 * MIB, reservation=10 * MIB), "pids": {"limit": 60},
                                "unified": {"memory.high": "much"}})
    assert result.rc == 1
    assert 'unified["memory.high"]: write "much" to memory.high: invalid argument' in result.err.replace("\\", "")
    check(container, {"memory.max": str(64 * MIB), "memory.low": "0", "pids.max": "50", "memory.high": "max"})
    # nor is it recorded
    assert update(container, memory(swap=74 * MIB)).rc == 0
    check(container, {"memory.swap.max": str(10 * MIB)})
    container.delete("--force")


@promise("spec:198", "contract:14")
def test_a_limit_below_usage_is_rejected(caller_runtime):
    """Without checkBeforeUpdate the kernel would reclaim, and then kill."""
    container = container_with(caller_runtime, memory(limit=64 * MIB), ["memory"])
    container.config["process"]["args"] = ["/bin/sh", "-c", "head -c 30000000 /dev/zero > /dev/shm/x; echo full; "
                                                            "exec sleep 1000"]
    container.create().start()
    cgroups.wait_for_output(container, "full")
    result = update(container, memory(limit=20 * MIB, checkBeforeUpdate=True))
    assert result.rc == 1
    assert "rejecting memory limit 20971520 <= usage " in result.err
    result = update(container, memory(limit=25 * MIB, swap=25 * MIB, checkBeforeUpdate=True))
    assert "rejecting memory+swap limit 26214400 <= usage " in result.err
    check(container, {"memory.max": str(64 * MIB)})
    assert update(container, memory(limit=50 * MIB, checkBeforeUpdate=True)).rc == 0
    check(container, {"memory.max": str(50 * MIB)})
    container.delete("--force")


REFUSED = [
    # what cgroup v2 does not have, or not on this machine
    (cpu(realtimeRuntime=1000), "linux.resources.cpu.realtimeRuntime: cgroup v2 has no real-time limits"),
    ({"network": {"classID": 5}}, "linux.resources.network.classID: cgroup v2 has no net_cls"),
    ({"network": {"priorities": [{"name": "lo", "priority": 5}]}},
     "linux.resources.network.priorities: cgroup v2 has no net_prio"),
    ({"unified": {"nonesuch.max": "1"}}, 'linux.resources.unified["nonesuch.max"]: this kernel has no controller '
                                         "nonesuch"),
    ({"unified": {"memory.nonesuch": "1"}}, 'linux.resources.unified["memory.nonesuch"]: open memory.nonesuch'),
    ({"hugepageLimits": [{"pageSize": "3MB", "limit": 0}]}, "linux.resources.hugepageLimits[0]: open hugetlb.3MB.max: "
                                                            "no such file or directory"),
    ({"rdma": {"nonesuch": {"hcaHandles": 3}}}, 'linux.resources.rdma["nonesuch"]: write "nonesuch hca_handle=3" to '
                                                "rdma.max"),
    ({"unified": {"misc.max": "nonesuch 5"}}, 'linux.resources.unified["misc.max"]: write "nonesuch 5"'),
    (cpu(cpus="4000"), 'linux.resources.cpu.cpus: write "4000" to cpuset.cpus'),
    ({**memory(limit=64 * MIB), "unified": {"memory.max": "100"}},
     'unable to apply both linux.resources.memory.limit (67108864) and linux.resources.unified["memory.max"] (100)'),
    ({"unified": {"../memory.max": "100"}}, "linux.resources.unified"),
    ({"unified": {"a/memory.max": "100"}}, "linux.resources.unified"),
    (memory(swap=MIB), "linux.resources.memory.swap: unable to set swap limit without memory limit"),
    (memory(limit=2 * MIB, swap=MIB), "linux.resources.memory.swap: memory+swap limit should be >= memory limit"),
    (cpu(quota=1000, burst=2000), "linux.resources.cpu.burst: must not be larger than quota"),
    ({"blockIO": {"weight": 5}}, "linux.resources.blockIO.weight: 5 is not between 10 and 1000"),
]


@promise("spec:215", "spec:217", "contract:14")
@pytest.mark.parametrize("resources, text", REFUSED)
def test_refused_with_the_place(runtime, resources, text):
    """At create, after which nothing is left, and as an update, which changes nothing."""
    container = container_with(runtime, resources, ["cpuset", "hugetlb", "memory", "rdma", "misc"])
    result = container.try_create()
    assert result.rc == 1
    assert text in result.err.replace("\\", "")
    other = runtime.container(SLEEP).create()
    result = update(other, resources)
    assert result.rc == 1
    # what an update is given is the resources alone
    assert text.replace("linux.resources.", "") in result.err.replace("\\", "").replace("linux.resources.", "")
    other.delete("--force")


@promise("spec:194", "spec:195", "spec:196", "spec:197", "spec:204")
def test_v1_only_properties_warn(runtime):
    resources = {**memory(limit=64 * MIB, kernel=32 * MIB, kernelTCP=32 * MIB, swappiness=60, disableOOMKiller=True,
                          useHierarchy=True), "blockIO": {"leafWeight": 500}}
    container = container_with(runtime, resources, ["memory"])
    result = container.try_create()
    assert result.rc == 0
    for name in ("memory.kernel", "memory.kernelTCP", "memory.swappiness", "memory.disableOOMKiller",
                 "blockIO.leafWeight"):
        assert f"linux.resources.{name}: ignored" in result.err
    assert result.err.count("level=warning") == 5
    check(container, {"memory.max": str(64 * MIB)})
    container.delete("--force")


@promise("spec:205")
def test_weight_of_a_device(runtime):
    """Which of the two files takes it, its disk decides; when none does, that is said."""
    container = container_with(runtime, {"blockIO": {"weightDevice": [dict(NUMBER, weight=200)]}}, ["io"])
    result = container.try_create()
    if result.rc == 0:
        files = {"io.weight": f"{DISK} 1920", "io.bfq.weight": f"{DISK} 200"}
        assert any(line in cgroups.read(container, name).splitlines() for name, line in files.items()
                   if os.path.exists(f"{cgroups.directory(container)}/{name}"))
        container.delete("--force")
    else:
        assert "linux.resources.blockIO.weightDevice[0]: " in result.err
        assert "and io.weight does not take it either" in result.err


@promise("spec:192", "contract:7.12")
def test_update_of_the_device_rules(runtime):
    """Other rules replace the filter; the same, or none, leave it."""
    container = container_with(runtime, {}, ["pids"])
    container.config["process"]["args"] = ["/bin/sh", "-c", "mknod /dev/d c 4000 1; while :; do cat /dev/d; sleep 0.2; "
                                                            "done"]
    for kind in ("bounding", "effective", "permitted"):
        container.config["process"]["capabilities"][kind] = ["CAP_MKNOD"]
    container.create().start()
    cgroups.wait_for_output(container, "Operation not permitted", stream=1)
    devices = [{"allow": False, "access": "rwm"}]
    assert update(container, {"devices": devices}).rc == 0
    assert "No such device" not in container.output()[1]
    assert update(container, {"devices": devices + [{"allow": True, "type": "c", "major": 4000}]}).rc == 0
    cgroups.wait_for_output(container, "No such device or address", stream=1)
    container.delete("--force")
