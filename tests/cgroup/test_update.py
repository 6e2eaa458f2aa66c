"""update against a kernel that has the controllers: the value that is written, what it is computed from, that a
refused part undoes the rest, and that the new limit is in force."""
import json

import pytest

import cgroups
from tare import eventually, promise

MIB = 1 << 20


@pytest.fixture
def container(caller_runtime):
    """A running container with limits of every kind that options can change."""
    cgroups.need_controllers(caller_runtime, "memory", "cpu", "pids")
    made = caller_runtime.container(["/bin/sleep", "1000"])
    made.config["linux"].setdefault("resources", {}).update({
        "memory": {"limit": 64 * MIB, "swap": 128 * MIB, "reservation": 32 * MIB},
        "cpu": {"quota": 20000, "period": 100000, "shares": 512}, "pids": {"limit": 100}})
    return made.create().start()


def update(made, *words):
    """`update`, which must succeed."""
    made.runtime.ok("update", *words, made.id)


def refused(made, *words, stdin=""):
    """`update`, which must fail. Returns its standard error."""
    result = made.runtime.call("update", *words, made.id, stdin=stdin)
    assert result.rc == 1, result
    return result.err


def memory(made):
    """(memory.max, memory.swap.max) in MiB, or "max"."""
    return tuple(x if x == "max" else int(x) // MIB for x in
                 (cgroups.read(made, "memory.max"), cgroups.read(made, "memory.swap.max")))


@promise("contract:7.12", "contract:7.15")
@pytest.mark.parametrize("option, value, file, content", [
    ("--memory", "32M", "memory.max", str(32 * MIB)), ("--memory-reservation", "16m", "memory.low", str(16 * MIB)),
    ("--cpu-quota", "30000", "cpu.max", "30000 100000"), ("--cpu-period", "50000", "cpu.max", "20000 50000"),
    ("--cpu-quota", "-1", "cpu.max", "max 100000"), ("--cpu-burst", "10000", "cpu.max.burst", "10000"),
    ("--cpu-share", "2048", "cpu.weight", "174"), ("--cpu-shares", "1024", "cpu.weight", "100"),
    ("--cpu-idle", "1", "cpu.idle", "1"), ("--pids-limit", "33", "pids.max", "33"),
    ("--pids-limit", "-1", "pids.max", "max"), ("--cpuset-cpus", "0", "cpuset.cpus", "0"),
    ("--cpuset-mems", "0", "cpuset.mems", "0"), ("--blkio-weight", "500", "io.weight", "default 4950"),
])
def test_options(container, option, value, file, content):
    cgroups.need_controllers(container.runtime, file.split(".", maxsplit=1)[0])
    update(container, option, value)
    assert cgroups.read(container, file) == content
    assert cgroups.read(container, "pids.max") == (content if file == "pids.max" else "100")


@promise("contract:7.12", "contract:7.15")
def test_swap_follows_memory(container):
    update(container, "--memory", "32M")
    assert memory(container) == (32, 96)
    update(container, "--memory-swap", "100M")
    assert memory(container) == (32, 68)
    update(container, "--memory", "90M")
    assert memory(container) == (90, 10)
    assert "memory+swap limit should be >= memory limit" in refused(container, "--memory", "200M")
    assert memory(container) == (90, 10)
    update(container, "--memory", "200M", "--memory-swap", "300M")
    assert memory(container) == (200, 100)
    update(container, "--memory-swap", "-1")
    assert memory(container) == (200, "max")
    update(container, "--memory", "-1")
    assert memory(container) == ("max", "max")


@promise("contract:7.12")
def test_quota_period_and_burst_know_each_other(container):
    update(container, "--cpu-period", "50000")
    update(container, "--cpu-quota", "10000")
    assert cgroups.read(container, "cpu.max") == "10000 50000"
    assert "must not be larger than quota" in refused(container, "--cpu-burst", "20000")
    update(container, "--cpu-quota", "20000", "--cpu-burst", "20000")
    assert (cgroups.read(container, "cpu.max"), cgroups.read(container, "cpu.max.burst")) == \
        ("20000 50000", "20000")
    update(container, "--cpu-quota", "5000", "--cpu-burst", "0")
    assert (cgroups.read(container, "cpu.max"), cgroups.read(container, "cpu.max.burst")) == ("5000 50000", "0")


@promise("contract:7.12")
def test_weight_survives_idle(container):
    update(container, "--cpu-idle", "1")
    update(container, "--cpu-share", "1024")
    assert cgroups.read(container, "cpu.idle") == "1"
    update(container, "--cpu-idle", "0")
    assert (cgroups.read(container, "cpu.idle"), cgroups.read(container, "cpu.weight")) == ("0", "100")


@promise("contract:7.12")
def test_all_or_nothing(container):
    """A part that the kernel refuses: what was written before it gets its old value back."""
    resources = {"memory": {"limit": 48 * MIB}, "pids": {"limit": 44}, "cpu": {"quota": 50000},
                 "unified": {"memory.high": "rubbish"}}
    before = [cgroups.read(container, x) for x in ("memory.max", "pids.max", "cpu.max", "memory.swap.max")]
    assert "memory.high" in refused(container, "--resources", "-", stdin=json.dumps(resources))
    assert before == [cgroups.read(container, x) for x in ("memory.max", "pids.max", "cpu.max", "memory.swap.max")]
    update(container, "--cpu-period", "50000")
    assert cgroups.read(container, "cpu.max") == "20000 50000", "the record stayed as well"


@promise("contract:14", "spec:198")
def test_check_before_update(container):
    resources = {"memory": {"limit": 4096, "checkBeforeUpdate": True}}
    assert "rejecting memory limit 4096 <= usage" in refused(container, "-r", "-", stdin=json.dumps(resources))
    assert memory(container) == (64, 64)


@promise("contract:7.12")
def test_the_new_limit_holds(caller_runtime):
    """Processes are refused from the update on; those that are there stay."""
    cgroups.need_controllers(caller_runtime, "pids")
    made = caller_runtime.container(["/bin/sh", "-c", "sleep 1000 & sleep 1000 & echo up; while [ ! -e /dev/shm/go ]; "
                                     "do :; done; sleep 1000 & echo more"])
    made.create().start()
    eventually(lambda: made.output()[0] == "up\n")
    update(made, "--pids-limit", "3")
    assert cgroups.read(made, "pids.current") == "3"
    with open(f"/proc/{made.pid}/root/dev/shm/go", "w", encoding="ascii"):
        pass
    eventually(lambda: "fork" in made.output()[1])
    assert cgroups.table(made, "pids.events")["max"] >= 1


@promise("contract:7.12")
def test_a_controller_that_was_not_enabled(caller_runtime):
    """The first limit of a kind comes by update: the controller is enabled for it."""
    cgroups.need_controllers(caller_runtime, "memory")
    made = caller_runtime.container(["/bin/sleep", "1000"]).create().start()
    update(made, "--memory", "50M")
    assert cgroups.read(made, "memory.max") == str(50 * MIB)
