"""The failure of every system call in turn of pause, resume, update, mounts, ps and events: status 1, one clear message and
nothing changed; or success and all of it done. What could not be done can be repeated."""
import json
import os
import re
import signal
import subprocess

import pytest

from faulty import Faulty, Plain
from tare import eventually, parse_mountinfo, promise, read_text

pytestmark = pytest.mark.skipif(
    "ASAN_OPTIONS" in os.environ,
    reason="sanitizer: its runtime makes calls of its own and does not survive their failure")


# Beside those of tests/lib/faulty.py: what the look at the container's status can do without, since a cgroup that
# cannot be read is not known to be frozen.
STATUS = [("openat", r"/t\d+-\d+$|cgroup\.events$"), ("pread64", ""), ("connect", "")]
# a value that cannot be read beforehand could not be given back
VALUES = [("openat", r"cgroup\.max\.")]
# a figure that the kernel does not give is left out
FIGURES = [("openat", ""), ("openat2", "net/dev"), ("getdents64", ""), ("pidfd_send_signal", "")]
# a helper that can't be had is not needed: /proc has the interfaces, too
FIGURES += [(name, "") for name in ("write", "socketpair", "sendmsg", "dup2", "close_range", "waitid")]


@pytest.fixture
def f(runtime):
    """A created container, whose verbs are made to fail; at the end its problems are the test's."""
    if runtime.kernel_caps:
        pytest.skip("one pass is enough")
    made = Faulty(runtime, Plain)
    made.container.config["linux"]["resources"]["unified"] = {"cgroup.max.depth": "3",
                                                              "cgroup.max.descendants": "30"}
    assert made.create().rc == 0
    yield made
    removed = made.remove()
    made.bundle.close()
    assert removed.rc == 0, removed
    if made.problems:
        pytest.fail("\n".join(made.problems), pytrace=False)


def status(f):
    """The word that `state` says."""
    return json.loads(f.runtime.ok("state", f.container.id))["status"]


def each_failure(f, call, before, after, *, borne=()):
    """Makes each call fail and judges the answer; @after(rc) says what must hold, @before() restores."""
    count = 0
    for case in f.cases(call, before, clean=False):
        before()
        result, _, done = f.injector.fail(case, call)
        if not done:
            continue
        count += 1
        if result.rc or not any(case.name == name and re.search(about, case.about)
                                for name, about in STATUS + list(borne)):
            f.note(case, f.judge(case, result))
        f.note(case, [x for x in [after(result.rc)] if x])
    before()
    assert count > 20
    assert call().rc == 0


@pytest.mark.parametrize("verb, old, new", [("pause", "created", "paused"), ("resume", "paused", "created")])
@promise("issue:7.4")
def test_pause_and_resume(f, verb, old, new):
    def before():
        if status(f) != old:
            f.runtime.ok("resume" if old == "created" else "pause", f.container.id)
        return f.runtime.call("state", f.container.id)

    def after(rc):
        want = old if rc else new
        # what cannot be read of the cgroup is not known to be frozen: asked without faults
        try:
            eventually(lambda: status(f) == want, 2)
        except AssertionError:
            # resume: the kernel was told, and only the waiting failed
            return f"exit status {rc}, but {status(f)}" if verb == "pause" else None
        return None

    each_failure(f, f.verb(verb, f.container.id), before, after)


@promise("issue:7.4", "contract:7.12")
def test_update(f):
    record = f"{f.runtime.state_root}/{f.container.id}/state.json"
    cgroup = json.loads(read_text(record))["cgroup"]
    texts = {}
    for name, depth, descendants in (("old", "3", "30"), ("new", "4", "40")):
        texts[name] = f"{f.container.bundle}/{name}.json"
        with open(texts[name], "w", encoding="utf-8") as file:
            json.dump({"unified": {"cgroup.max.depth": depth, "cgroup.max.descendants": descendants}}, file)

    def values():
        return [read_text(f"{cgroup}/cgroup.max.{x}").strip() for x in ("depth", "descendants")]

    def before():
        return f.runtime.call("update", "-r", texts["old"], f.container.id)

    def after(rc):
        pairs = list(json.loads(read_text(record))["resources"]["unified"].values())
        if rc == 0:
            return None if values() == pairs == ["4", "40"] else f"{values()}, recorded {pairs}"
        # that the record cannot be written is noticed when the limits hold already, and said
        return None if values() in (["3", "30"], ["4", "40"]) else f"half done: {values()}"

    each_failure(f, f.verb("update", "-r", texts["new"], f.container.id), before, after, borne=VALUES)


@pytest.mark.parametrize("words, borne", [(["ps", "--format", "json"], []), (["events", "--stats"], FIGURES)])
@promise("issue:7.4")
def test_those_that_look(f, words, borne):
    def before():
        return f.runtime.call("state", f.container.id)

    each_failure(f, f.verb(*words, f.container.id), before,
                 lambda rc: None if status(f) == "created" else "it is not as it was", borne=borne)


# a probe; and a helper that has been told that all is well needs no burial
HELPER = [("openat", "^/$"), ("open_tree", "^x$"), ("capget", ""), ("waitid", "")]


@promise("issue:7.4", "contract:2")
@pytest.mark.parametrize("word", ["add", "remove"])
def test_mounts(f, word):
    """All of the list is mounted, or nothing of it; what is unmounted is gone when that was said."""
    signal.alarm(0)  # two executions and a helper: twice as many calls as the others
    path = f"{f.container.bundle}/mounts.json"
    source = f"{f.container.bundle}/source"
    os.mkdir(source)
    points = ["/mnt/a", "/mnt/b"]
    with open(path, "w", encoding="utf-8") as file:
        json.dump([{"destination": points[0], "type": "tmpfs", "source": "tmpfs"},
                   {"destination": points[1], "source": source, "options": ["bind"]}], file)
    for point in points:
        os.makedirs(f"{f.container.rootfs}{point}", exist_ok=True)

    def mounted():
        table = parse_mountinfo(read_text(f"/proc/{f.container.pid}/mountinfo"))
        return [point for point in points if point in table]

    def before():
        for point in mounted():
            subprocess.run(["nsenter", f"--mount=/proc/{f.container.pid}/ns/mnt", "umount", point], check=True)
        if word == "remove":
            return f.runtime.call("mounts", "add", f.container.id, path)
        return f.runtime.call("state", f.container.id)

    def after(rc):
        seen = mounted()
        if rc == 0:
            return None if seen == (points if word == "add" else []) else f"success, but {seen}"
        return None if word == "remove" or not seen else f"half done: {seen}"

    each_failure(f, f.verb("mounts", word, f.container.id, path), before, after, borne=HELPER)
