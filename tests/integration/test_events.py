"""events: what it tells of a running container, once and again and again, and that it ends with it. The figures
that need controllers are looked at in tests/cgroup."""
import json
import subprocess
import time

import pytest

from tare import eventually, promise

BUSY = ["/bin/sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo up; exec sleep 1000"]


@pytest.fixture
def container(runtime):
    """A running container that has used some processor time."""
    made = runtime.container(BUSY).create().start()
    eventually(lambda: made.output()[0] == "up\n")
    return made


def stats(made):
    """What `events --stats` says, decoded."""
    result = made.runtime.call("events", "--stats", made.id)
    assert result.rc == 0 and result.err == "", result
    assert result.out.startswith(f'{{"type":"stats","id":"{made.id}","data":{{"cpu":{{"usage":{{"total":')
    assert result.out.count("\n") == 1 and result.out.endswith("}\n")
    return json.loads(result.out)["data"]


def failed(runtime, *words):
    """A call that must fail. Returns its standard error."""
    result = runtime.call("events", *words)
    assert result.rc == 1, result
    return result.err


@promise("contract:5", "contract:8")
def test_figures(container):
    data = stats(container)
    assert list(data) == ["cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt",
                          "network_interfaces"]
    assert data["intel_rdt"] == {}
    usage = data["cpu"]["usage"]
    assert usage["total"] > 0 and abs(usage["total"] - usage["user"] - usage["kernel"]) < 10 ** 7
    again = stats(container)
    assert again["cpu"]["usage"]["total"] >= usage["total"]


@promise("contract:5")
def test_pressure(container):
    for resource in ("cpu", "memory", "blkio"):
        psi = stats(container)[resource].get("psi")
        if psi is None:
            pytest.skip("this kernel tells no pressure (psi=0)")
        assert set(psi) == {"some", "full"}
        for line in psi.values():
            assert list(line) == ["avg10", "avg60", "avg300", "total"]
            assert all(0 <= line[x] <= 100 for x in ("avg10", "avg60", "avg300"))


@promise("contract:5")
@pytest.mark.parametrize("may_enter", [True, False])
def test_network_interfaces(runtime, may_enter):
    """Of the container's network namespace, not of the host's: what it has sent itself is counted; by rtnetlink, or
    from /proc where the namespace can't be entered."""
    if may_enter and runtime.is_tare and not json.loads(runtime.ok("features"))["linux"]["netDevices"]["enabled"]:
        pytest.skip("this build has no libmnl")
    made = runtime.container(["/bin/sh", "-c", "ping -c 3 -i 0.01 -s 1000 127.0.0.1 > /dev/null; echo up; "
                              "exec sleep 1000"])
    for kind in ("bounding", "effective", "permitted"):
        made.config["process"]["capabilities"][kind] = ["CAP_NET_RAW"]
    made.create().start()
    eventually(lambda: made.output()[0] == "up\n")
    if not may_enter:
        runtime.wrapper = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all"]
    interfaces = {x["Name"]: x for x in stats(made)["network_interfaces"]}
    debug = runtime.call("--debug", "events", "--stats", made.id).err
    runtime.wrapper = []
    assert not runtime.is_tare or ("/proc/PID/net/dev" not in debug) is may_enter, debug
    assert "lo" in interfaces and "eth0" not in interfaces
    assert list(interfaces["lo"]) == ["Name", "RxBytes", "RxPackets", "RxErrors", "RxDropped",
                                      "TxBytes", "TxPackets", "TxErrors", "TxDropped"]
    assert interfaces["lo"]["RxPackets"] == interfaces["lo"]["TxPackets"] == 6
    assert interfaces["lo"]["RxBytes"] >= 6 * 1000


@promise("contract:5")
def test_every_interval_until_the_end(container):
    with container.runtime.popen("events", "--interval", "100ms", container.id,
                                 stdout=subprocess.PIPE, text=True) as events:
        lines = [json.loads(events.stdout.readline()) for _ in range(3)]
        assert all(x["type"] == "stats" and x["id"] == container.id for x in lines)
        container.kill("KILL")
        container.wait()
        container.delete()
        rest = events.stdout.read()
        assert events.wait(10) == 0
        assert all(json.loads(line)["type"] == "stats" for line in rest.splitlines())


def test_it_ends_at_once_with_the_container(container):
    with container.runtime.popen("events", "--interval", "1h", container.id,
                                 stdout=subprocess.PIPE, text=True) as events:
        time.sleep(0.3)
        assert events.poll() is None
        container.kill("KILL")
        assert events.wait(10) == 0 and events.stdout.read() == ""


@promise("contract:5")
def test_states(runtime, container):
    runtime.ok("pause", container.id)
    assert stats(container)["cpu"]["usage"]["total"] > 0
    created = runtime.container(["/bin/true"]).create()
    assert stats(created)["cpu"]["usage"]["total"] >= 0
    container.kill("KILL")
    container.wait()
    for words in ([container.id], ["--stats", container.id]):
        assert f"container with id {container.id} is not running" in failed(runtime, *words)


@promise("contract:14")
@pytest.mark.parametrize("interval, message", [
    ("0s", "duration interval must be greater than 0"), ("0", "duration interval must be greater than 0"),
    ("5", '"5" is no duration'), ("x", '"x" is no duration'), ("1m30", '"1m30" is no duration'),
    ("-1s", '"-1s" is no duration'), ("", '"" is no duration'), ("1000000h", '"1000000h" is too long'),
])
def test_intervals(container, interval, message):
    assert message.replace('"', '\\"') in failed(container.runtime, f"--interval={interval}", container.id)


@pytest.mark.parametrize("interval", ["200ms", "0.2s", "1us", "1h1ms", "+.2s"])
def test_intervals_that_are_some(container, interval):
    container.runtime.ok("events", "--stats", "--interval", interval, container.id)


def test_without_a_cgroup(runtime):
    made = runtime.container(["/bin/sh", "-c", "echo up; exec sleep 1000"])
    made.config["linux"].pop("resources", None)
    made.write()
    with runtime.popen("run", "--bundle", made.bundle, made.id, globals_=["--cgroup-manager", "disabled"],
                       stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as run:
        assert run.stdout.readline() == b"up\n"
        assert "the container has no cgroup of its own" in failed(runtime, "--stats", made.id)
        made.kill("KILL")
        run.wait(20)
