"""process.scheduler, process.ioPriority and linux.memoryPolicy, as the program itself finds them."""
import os
import subprocess

import pytest

from tare import promise, unprivileged, user_namespace

# include/uapi/linux/sched.h, ioprio.h, mempolicy.h
OTHER, FIFO, RR, BATCH, IDLE, DEADLINE = 0, 1, 2, 3, 5, 6
RESET_ON_FORK = 1
NUMA_BALANCING, RELATIVE_NODES, STATIC_NODES = 1 << 13, 1 << 14, 1 << 15


def seen(container):
    """What the program finds."""
    return container.report()["scheduling"]


def scheduled(tare, /, **scheduler):
    """A reporter with these properties of process.scheduler."""
    container = tare.reporter("scheduling")
    container.config["process"]["scheduler"] = scheduler
    return container


def need_priorities():
    """Skips where even root may not have a real-time policy."""
    done = subprocess.run(["chrt", "--fifo", "1", "true"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this machine has no real-time policies (chrt --fifo 1 is refused)")


@promise("spec:117", "spec:118")
@pytest.mark.parametrize("name, number, members", [
    ("SCHED_OTHER", OTHER, {"nice": 7}),
    ("SCHED_OTHER", OTHER, {"nice": -5}),
    ("SCHED_BATCH", BATCH, {"nice": 3}),
    ("SCHED_IDLE", IDLE, {}),
    ("SCHED_FIFO", FIFO, {"priority": 11}),
    ("SCHED_RR", RR, {"priority": 12}),
])
def test_policies(runtime, name, number, members):
    if "priority" in members:
        need_priorities()
    found = seen(scheduled(runtime, policy=name, **members))
    assert found["policy"] == number
    assert found["nice"] == members.get("nice", 0)
    assert found["priority"] == members.get("priority", 0)


@promise("spec:118")
def test_what_is_not_given_is_0(runtime):
    """Also where the caller has a nice value of its own."""
    container = scheduled(runtime, policy="SCHED_BATCH")
    runtime.wrapper = ["nice", "-n", "5"]
    assert seen(container)["nice"] == 0


def test_without_a_scheduler_the_callers_stays(runtime):
    container = runtime.reporter("scheduling")
    runtime.wrapper = ["nice", "-n", "5"]
    assert seen(container)["nice"] == 5


@promise("spec:117", "spec:118", "spec:119")
def test_deadline(runtime):
    need_priorities()
    found = seen(scheduled(runtime, policy="SCHED_DEADLINE", runtime=2000000, deadline=10000000,
                           period=20000000, flags=["SCHED_FLAG_RESET_ON_FORK",
                                                   "SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN"]))
    assert (found["policy"], found["flags"]) == (DEADLINE, 7)
    assert (found["runtime"], found["deadline"], found["period"]) == (2000000, 10000000, 20000000)


@promise("spec:119")
@pytest.mark.parametrize("policy, members, expected", [
    ("SCHED_OTHER", {"flags": ["SCHED_FLAG_RESET_ON_FORK"]}, {"policy": OTHER, "flags": 1}),
    # the policy that is kept is the caller's
    ("SCHED_BATCH", {"flags": ["SCHED_FLAG_KEEP_POLICY"], "nice": 4}, {"policy": OTHER, "nice": 4}),
    ("SCHED_OTHER", {"flags": ["SCHED_FLAG_KEEP_PARAMS"], "nice": 4}, {"policy": OTHER, "nice": 0}),
])
def test_flags(runtime, policy, members, expected):
    found = seen(scheduled(runtime, policy=policy, **members))
    assert {name: found[name] for name in expected} == expected


@promise("spec:119")
@pytest.mark.parametrize("flag", ["SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX"])
def test_clamps(runtime, flag):
    """The specification has no values for them: the system's own, where the kernel has clamps."""
    result = scheduled(runtime, policy="SCHED_OTHER", flags=[flag]).run()
    if "CONFIG_UCLAMP_TASK=y" in kernel_configuration():
        assert result.rc == 0, result
    else:
        assert result.rc == 0 or "process.scheduler: sched_setattr" in result.err


def kernel_configuration():
    """The text of the kernel's configuration, where it can be read."""
    try:
        with open(f"/boot/config-{os.uname().release}", encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


@promise("spec:117", "spec:46")
def test_a_policy_that_linux_does_not_have(runtime):
    container = scheduled(runtime, policy="SCHED_ISO")
    result = container.try_create()
    assert result.rc == 1
    assert "process.scheduler: sched_setattr (SCHED_ISO): invalid argument (Linux has no SCHED_ISO)" \
        in result.err
    assert runtime.ids() == []


@promise("spec:117", "spec:121")
def test_root_of_a_user_namespace_gets_what_only_the_host_grants(runtime):
    """The kernel asks for CAP_SYS_NICE of the host: tare itself does it from outside."""
    need_priorities()
    container = scheduled(runtime, policy="SCHED_FIFO", priority=3)
    container.config["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_RT", "priority": 1}
    container.config["process"]["user"] = {"uid": 12, "gid": 12}
    user_namespace(container.config)
    container.chown(100000)
    found = seen(container)
    assert (found["policy"], found["priority"], found["ioprio"]) == (FIFO, 3, 1 << 13 | 1)


@promise("spec:117", "spec:46")
@pytest.mark.parametrize("property_, value", [
    ("scheduler", {"policy": "SCHED_FIFO", "priority": 1}),
    ("scheduler", {"policy": "SCHED_OTHER", "nice": -1}),
    ("ioPriority", {"class": "IOPRIO_CLASS_RT", "priority": 1}),
])
def test_without_privileges_it_is_an_error_that_says_so(unprivileged_runtime, property_, value):
    container = unprivileged_runtime.reporter("scheduling")
    unprivileged(container.config)
    container.config["process"][property_] = value
    result = container.run()
    assert result.rc == 1
    assert f"process.{property_}: " in result.err and "CAP_SYS_NICE on the host" in result.err


@promise("spec:117", "spec:121")
def test_without_privileges_the_lower_can_be_had(unprivileged_runtime):
    container = scheduled(unprivileged_runtime, policy="SCHED_IDLE")
    unprivileged(container.config)
    container.config["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_IDLE", "priority": 7}
    found = seen(container)
    assert (found["policy"], found["ioprio"]) == (IDLE, 3 << 13 | 7)


@promise("spec:117")
def test_deadline_and_hooks_of_the_container(runtime):
    """A process with a deadline can't fork, so that it is refused before anything is made."""
    container = scheduled(runtime, policy="SCHED_DEADLINE", runtime=2000000, deadline=10000000)
    container.config["hooks"] = {"startContainer": [{"path": "/bin/true"}]}
    result = container.try_create()
    assert result.rc == 1 and "needs SCHED_FLAG_RESET_ON_FORK" in result.err
    need_priorities()
    container.config["process"]["scheduler"]["flags"] = ["SCHED_FLAG_RESET_ON_FORK"]
    assert seen(container)["policy"] == DEADLINE


@promise("spec:121")
@pytest.mark.parametrize("name, number", [
    ("IOPRIO_CLASS_RT", 1), ("IOPRIO_CLASS_BE", 2), ("IOPRIO_CLASS_IDLE", 3)])
def test_io_priority(runtime, name, number):
    container = runtime.reporter("scheduling")
    container.config["process"]["ioPriority"] = {"class": name, "priority": 6}
    assert seen(container)["ioprio"] == number << 13 | 6


@promise("spec:121")
def test_io_priority_of_the_whole_group(runtime):
    """Children of the program have it too."""
    container = runtime.container(["/bin/sh", "-c", "ionice -p $$; sh -c 'ionice -p $$'; true"])
    container.config["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": 2}
    assert container.run().out == "best-effort: prio 2\n" * 2


@promise("spec:122", "spec:123")
def test_exec_cpu_affinity_is_not_for_init(runtime):
    """It is decoded and checked at create, and leaves the container's own process alone."""
    every = sorted(os.sched_getaffinity(0))
    container = runtime.reporter("scheduling")
    container.config["process"]["execCPUAffinity"] = {"initial": "0", "final": "0"}
    assert seen(container)["affinity"] == every
    container.config["process"]["execCPUAffinity"] = {"final": "0-"}
    result = container.run()
    assert result.rc == 1 and "process.execCPUAffinity.final" in result.err


def need_nodes():
    """Skips on a kernel without memory policies."""
    if not os.path.exists("/sys/devices/system/node/node0"):
        pytest.skip("the kernel has no NUMA nodes (CONFIG_NUMA)")


@promise("spec:229", "spec:230", "spec:231")
@pytest.mark.parametrize("mode, nodes, flags, expected", [
    ("MPOL_DEFAULT", None, [], (0, 0)),
    ("MPOL_PREFERRED", "0", [], (1, 1)),
    ("MPOL_PREFERRED", None, [], (4, 0)),  # the kernel says local for "preferred, none"
    ("MPOL_BIND", "0", [], (2, 1)),
    ("MPOL_INTERLEAVE", "0", [], (3, 1)),
    ("MPOL_LOCAL", None, [], (4, 0)),
    ("MPOL_PREFERRED_MANY", "0", [], (5, 1)),
    ("MPOL_WEIGHTED_INTERLEAVE", "0", [], (6, 1)),
    ("MPOL_BIND", "0", ["MPOL_F_STATIC_NODES"], (2 | STATIC_NODES, 1)),
    ("MPOL_INTERLEAVE", "0", ["MPOL_F_RELATIVE_NODES"], (3 | RELATIVE_NODES, 1)),
    ("MPOL_BIND", "0", ["MPOL_F_NUMA_BALANCING"], (2 | NUMA_BALANCING, 1)),
    # a mask of the configuration may be larger than the machine, as long as one node is there
    ("MPOL_BIND", "0-1,9", [], (2, 1)),
])
def test_memory_policy(runtime, mode, nodes, flags, expected):
    need_nodes()
    container = runtime.reporter("scheduling")
    container.config["linux"]["memoryPolicy"] = {"mode": mode, "flags": flags}
    if nodes:
        container.config["linux"]["memoryPolicy"]["nodes"] = nodes
    result = container.run()
    if result.rc and mode == "MPOL_WEIGHTED_INTERLEAVE" and "nvalid argument" in result.err:
        pytest.skip("MPOL_WEIGHTED_INTERLEAVE is Linux 6.9")
    found = seen(container)
    assert (found["mempolicy"], found["nodes"]) == expected


@promise("spec:229")
def test_memory_policy_in_a_user_namespace(runtime):
    need_nodes()
    container = runtime.reporter("scheduling")
    container.config["linux"]["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "0"}
    user_namespace(container.config)
    container.chown(100000)
    assert seen(container)["mempolicy"] == 2


@promise("spec:230", "spec:46")
def test_nodes_that_are_not_there(runtime):
    need_nodes()
    container = runtime.reporter("scheduling")
    container.config["linux"]["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "1000-1020"}
    result = container.try_create()
    assert result.rc == 1 and "linux.memoryPolicy: set_mempolicy (MPOL_BIND, nodes 1000-1020)" in \
        result.err and "may use none of the nodes" in result.err
    assert runtime.ids() == []
