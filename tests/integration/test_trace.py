"""--trace: the timeline of create and run, as a file for Perfetto and as a chart."""
import json
import os

import pytest

STEPS = ["reading config.json", "probing and planning", "starting the network devices' helper",
         "claiming the name",
         "asking for the unit", "compiling the seccomp filter", "making the cgroup", "opening the sources",
         "cloning the init", "mapping the ids", "moving the network devices", "filtering devices",
         "assembling the root outside", "recording the init", "recording what exec needs",
         "waiting until the init stands", "settling the late limits", "committing"]


@pytest.fixture(autouse=True)
def only_tare(runtime):
    if not runtime.is_tare:
        pytest.skip("--trace is tare's")


def spans(path):
    """The events of a trace file: {who: {name: (begin, end)}} in their order, microseconds."""
    with open(path, encoding="utf-8") as file:
        events = json.load(file)["traceEvents"]
    names = {event["pid"]: event["args"]["name"] for event in events if event["ph"] == "M"}
    found = {name: {} for name in names.values()}
    for event in events:
        if event["ph"] == "X":
            assert event["ts"] >= 0 and event["dur"] >= 0, event
            found[names[event["pid"]]][event["name"]] = (event["ts"], event["ts"] + event["dur"])
    return found


def in_order(steps):
    """Whether no step of one process begins before the one ahead of it has ended (within rounding)."""
    times = list(steps.values())
    return all(next_[0] >= before[1] - 0.01 for before, next_ in zip(times, times[1:]))


def test_run(runtime):
    container = runtime.container(["/bin/true"])
    path = f"{runtime.directory}/trace.json"
    assert container.run("--trace", path) == (0, "", "")
    found = spans(path)
    assert list(found["tare"]) == STEPS + ["starting", "waiting for the program's end", "deleting"]
    assert in_order(found["tare"]) and in_order(found["init"])
    root = found["init"]["assembling the root"]
    assert found["tare"]["cloning the init"][0] < root[0]
    assert root[1] <= found["tare"]["waiting until the init stands"][1]
    assert list(found["init"])[-1] == "starting"


def test_create(runtime):
    container = runtime.container(["/bin/true"])
    path = f"{runtime.directory}/trace.json"
    container.create("--trace", path)
    found = spans(path)
    assert list(found["tare"]) == STEPS
    assert "entering the root" in found["init"]


def test_chart(runtime):
    result = runtime.container(["/bin/true"]).run("--trace", "-")
    assert result.rc == 0
    lines = result.err.splitlines()
    assert lines[0].endswith("microseconds")
    for line in ("tare: cloning the init", "init: assembling the root", "tare: deleting"):
        assert any(x.endswith(line) and "[" in x for x in lines), (line, result.err)


def test_failure_is_traced(runtime):
    """How far a failed creation came is in the trace as well."""
    container = runtime.container(["/bin/true"])
    container.config["process"]["args"] = ["/no/such/program"]
    path = f"{runtime.directory}/trace.json"
    assert container.run("--trace", path).rc == 1
    found = spans(path)
    assert list(found["tare"])[-1] in STEPS
    assert "committing" not in found["tare"]


def test_unwritable_file(runtime):
    """A path that cannot be written stops the verb before anything is made."""
    result = runtime.container(["/bin/true"]).run("--trace", f"{runtime.directory}/no/trace.json")
    assert result.rc == 1 and "--trace: open" in result.err and "no such file" in result.err.lower()
    assert not os.path.exists(runtime.state_root)


def test_full_device(runtime):
    """The container ran: a trace that could not be written is a warning."""
    result = runtime.container(["/bin/echo", "hello"]).run("--trace", "/dev/full")
    assert (result.rc, result.out) == (0, "hello\n")
    assert "--trace: the timeline could not be written" in result.err
