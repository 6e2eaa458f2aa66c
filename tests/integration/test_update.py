"""update: what works without controllers, its options and files, what is refused, and that nothing is changed then.
The limits that need controllers are in tests/cgroup."""
import json
import os
import threading

import pytest

from tare import eventually, promise, read_text

SLEEP = ["/bin/sh", "-c", "echo up; exec sleep 1000"]


def cgroup(made):
    """The container's cgroup as a directory."""
    path = next(line[3:] for line in read_text(f"/proc/{made.pid}/cgroup").splitlines()
                if line.startswith("0::"))
    base = made.runtime.view.cgroup2()
    if not base:
        pytest.skip("no cgroup2 file system is mounted")
    return f"{base}{path}"


@pytest.fixture
def container(runtime):
    """A running container with two files of its cgroup set, which every kernel has."""
    made = runtime.container(SLEEP)
    made.config["linux"]["resources"]["unified"] = {"cgroup.max.depth": "3", "cgroup.max.descendants": "30"}
    made.create().start()
    eventually(lambda: made.output()[0] == "up\n")
    return made


def values(made):
    """(cgroup.max.depth, cgroup.max.descendants)"""
    return tuple(read_text(f"{cgroup(made)}/cgroup.max.{x}").strip() for x in ("depth", "descendants"))


def update(made, resources, *words):
    """`update --resources -`, as containerd calls it. Returns the Result."""
    return made.runtime.call("update", "--resources=-", *words, made.id, stdin=json.dumps(resources))


def unified(depth=None, descendants=None):
    """A resources object."""
    pairs = {"cgroup.max.depth": depth, "cgroup.max.descendants": descendants}
    return {"unified": {key: value for key, value in pairs.items() if value}}


def recorded(made):
    """The resources in the record."""
    return json.loads(read_text(f"{made.runtime.state_root}/{made.id}/state.json"))["resources"]


@promise("contract:7.12", "contract:8")
def test_only_what_is_given_changes(container):
    assert update(container, unified("4")) == (0, "", "")
    assert values(container) == ("4", "30")
    assert recorded(container)["unified"] == {"cgroup.max.depth": "4", "cgroup.max.descendants": "30"}
    assert update(container, unified(None, "max")) == (0, "", "")
    assert values(container) == ("4", "max")
    assert update(container, {}) == (0, "", "")
    assert values(container) == ("4", "max")


@promise("contract:7.12")
def test_all_or_nothing(container):
    """The second of them is refused: the first gets its old value back, and the record stays."""
    before = recorded(container)
    result = update(container, unified("5", "minus"))
    assert result.rc == 1
    assert "linux.resources.unified[\\\"cgroup.max.descendants\\\"]" in result.err
    assert values(container) == ("3", "30")
    assert recorded(container) == before


@promise("contract:7.12", "contract:10", "contract:11")
@pytest.mark.parametrize("form", [["--resources={}"], ["--resources", "{}"], ["-r", "{}"], ["-r", "-"]])
def test_forms_of_the_file(container, form):
    path = f"{container.bundle}/resources.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(unified("6"), file)
    result = container.runtime.call("update", *[x.format(path) for x in form], container.id,
                                    stdin=read_text(path))
    assert result == (0, "", "")
    assert values(container)[0] == "6"


@promise("contract:7.12")
def test_options_beside_a_file_are_ignored(container):
    result = update(container, unified("7"), "--pids-limit", "rubbish", "--memory", "1")
    assert result == (0, "", "")
    assert values(container)[0] == "7"


@promise("contract:14", "contract:8")
@pytest.mark.parametrize("text, message", [
    ("", "standard input: "), ("x", "standard input: line 1"), ("[]", "standard input: "), ("3", "standard input: "),
    ('{"pids": "x"}', "pids: expected an object, found a string"),
    ('{"pids": {"limit": "9"}}', "pids.limit: expected"),
    ('{"unified": {"../x": "1"}}', "is no name of a file in a cgroup directory"),
    ('{"unified": {"cgroup.procs": "2147483647"}}', "acts on processes"),
    ('{"unified": {"cgroup.no.such": "1"}}', "cgroup.no.such"),
    ('{"blockIO": {"weight": 70000}}', "blockIO.weight"),
    ('{"memory": {"limit": 5, "limit": 6}}', "limit"),
])
def test_bad_resources(container, text, message):
    result = container.runtime.call("update", "--resources", "-", container.id, stdin=text)
    assert (result.rc, result.out) == (1, "")
    assert message in result.err
    assert values(container) == ("3", "30")


@promise("contract:14")
@pytest.mark.parametrize("words, message", [
    (["--memory", "1x"], 'invalid value for memory: "1x"'), (["--memory", "-2"], "invalid value for memory"),
    (["--memory", ""], "invalid value for memory"), (["--memory", "M"], "invalid value for memory"),
    (["--memory=1.23456g"], "invalid value for memory"), (["--memory=1.g"], "invalid value for memory"),
    (["--memory", "9000p"], "invalid value for memory"), (["--memory", "99999999999999999999"], "invalid value"),
    (["--memory-swap", "12 mm"], "invalid value for memory-swap"),
    (["--memory-reservation", "0x10"], "invalid value for memory-reservation"),
    (["--pids-limit", "zzz"], "invalid value for pids-limit"), (["--pids-limit", "5k"], "invalid value"),
    (["--cpu-period", "-1"], "invalid value for cpu-period"), (["--cpu-quota", "1.5"], "invalid value for cpu-quota"),
    (["--cpu-share", "abc"], "invalid value for cpu-share"), (["--cpu-idle", "2"], "must be 0 or 1"),
    (["--blkio-weight", "5"], "is not between 10 and 1000"),
    (["--cpu-rt-period", "5"], "cgroup v2 has no real-time limits"),
    (["--cpu-rt-runtime", "5"], "cgroup v2 has no real-time limits"),
    (["--memory-swap", "1g"], "unable to set swap limit without memory limit"),
    (["--memory", "2g", "--memory-swap", "1g"], "memory+swap limit should be >= memory limit"),
    (["--cpu-quota", "1000", "--cpu-burst", "2000"], "must not be larger than quota"),
    (["--l3-cache-schema", "L3:0=f"], "made without linux.intelRdt"),
    (["--mem-bw-schema", "MB:0=10"], "made without linux.intelRdt"),
    (["--resources", "/no/such"], "open /no/such: no such file or directory"),
])
def test_bad_options(container, words, message):
    result = container.runtime.call("update", *words, container.id)
    assert (result.rc, result.out) == (1, "")
    assert message.replace('"', '\\"') in result.err


@promise("contract:2")
@pytest.mark.parametrize("words", [[], ["--kernel-memory", "1g"], ["--kernel-memory-tcp", "1g"], ["--memory", "0"],
                                   ["--pids-limit", "0"], ["--cpu-shares", "0"], ["--cpu-quota", "0"]])
def test_what_changes_nothing(container, words):
    """0 is "not set" for callers of runc and crun, and kernel memory has no limit on cgroup v2."""
    before = sorted((x, read_text(f"{cgroup(container)}/{x}")) for x in os.listdir(cgroup(container))
                    if x.endswith(".max"))
    result = container.runtime.call("update", *words, container.id)
    assert (result.rc, result.out) == (0, "")
    assert ("ignored" in result.err) == (words[:1] != [] and "kernel" in words[0])
    assert before == sorted((x, read_text(f"{cgroup(container)}/{x}")) for x in os.listdir(cgroup(container))
                            if x.endswith(".max"))


@promise("contract:7.12", "contract:14")
def test_states(runtime, container):
    runtime.ok("pause", container.id)
    assert update(container, unified("8")).rc == 0
    assert values(container)[0] == "8" and container.status() == "paused"
    runtime.ok("resume", container.id)
    created = runtime.container(["/bin/true"]).create()
    assert update(created, unified("9")).rc == 0
    assert values(created)[0] == "9"
    created.start()
    assert created.wait() == 0
    container.kill("KILL")
    container.wait()
    result = update(container, unified("8"))
    assert result.rc == 1 and "container not running" in result.err
    container.delete()
    assert "container does not exist" in update(container, unified("8")).err


@promise("contract:7.12", "spec:192")
def test_device_rules(runtime):
    """Devices that are added by an update can be opened from then on; the same rules again change nothing."""
    made = runtime.container(["/bin/sh", "-c", "mknod /dev/a c 4000 1; echo up; while :; do cat /dev/a; sleep 0.05; "
                                               "done"])
    for kind in ("bounding", "effective", "permitted"):
        made.config["process"]["capabilities"][kind] = ["CAP_MKNOD"]
    made.create().start()
    eventually(lambda: "Operation not permitted" in made.output()[1])
    assert "No such device" not in made.output()[1]
    rules = made.config["linux"]["resources"]["devices"]
    assert update(made, {"devices": rules}).rc == 0
    more = rules + [{"allow": True, "type": "c", "major": 4000, "minor": 1, "access": "r"}]
    assert update(made, {"devices": more}) == (0, "", "")
    # no driver has the device: an open that the filter lets through fails with ENXIO
    eventually(lambda: "No such device" in made.output()[1])
    assert len(recorded(made)["devices"]) == 2


def test_two_at_once(container):
    """Each starts from what the other left."""
    results = []
    calls = [threading.Thread(target=lambda x=x: results.append(update(container, x)))
             for x in (unified("11"), unified(None, "12"))]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert [x.rc for x in results] == [0, 0]
    assert values(container) == ("11", "12")
    assert recorded(container)["unified"] == {"cgroup.max.depth": "11", "cgroup.max.descendants": "12"}


def test_without_a_cgroup(runtime):
    made = runtime.container(SLEEP)
    made.config["linux"].pop("resources", None)
    made.write()
    globals_ = ["--cgroup-manager", "disabled"]
    assert runtime.call("run", "--detach", "--bundle", made.bundle, made.id, globals_=globals_).rc == 0
    result = update(made, unified("3"))
    assert result.rc == 1 and "the container has no cgroup of its own" in result.err
