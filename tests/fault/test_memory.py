"""Every allocation failing in turn (tests/lib/failmalloc.c), in the command and in the init; alone, and
with all that come after it. Expected: status 1 and one clear message, or success where it can be done without;
in either case nothing is left behind, and the same id can be used again. Where the rest fails as well, clearing
away cannot succeed either: then a state directory and a cgroup may remain, as after a kill, which the
next create with that id takes over.
"""
import os
import struct
import subprocess

import pytest

import faults
import tare
from faulty import Faulty, Large, Plain
from tare import promise


class Memory:
    """The runtime short of memory."""

    def __init__(self, faulty):
        self.faulty = faulty
        library = tare.build_program("failmalloc", f"{tare.TOP}/build-results", "-shared", "-fPIC")
        self.file = f"{faulty.runtime.directory}/allocations"
        self.env = {"LD_PRELOAD": library, "FAILMALLOC_FILE": self.file}

    def call(self, function, nth=0, side=0, rest=False):
        """function(env) with an allocation failing. Returns its result and how many allocations there were
        on either side."""
        with open(self.file, "wb") as file:
            file.write(struct.pack("5I", nth, side, rest, 0, 0))
        result = function(self.env)
        with open(self.file, "rb") as file:
            return result, struct.unpack("5I", file.read())[3:]

    def judge(self, result):
        """What is wrong with the end of a verb that was short of memory."""
        if result.rc == 0:
            return []
        problems = faults.message_problems(result)
        if result.rc != 1:
            problems.append(f"exit status {result.rc}: {result.err!r}")
        return problems


@pytest.fixture
def memory(runtime, build_directory):
    """A function that makes a Memory for a bundle; at the end its problems are the test's."""
    dynamic = f"{build_directory}/src/tare-dynamic"
    if runtime.is_tare and os.path.exists(dynamic):
        runtime.path = dynamic # a static executable preloads nothing
    if "asan" in subprocess.run(["ldd", runtime.path], capture_output=True, text=True, check=False).stdout:
        pytest.skip("the address sanitizer has an allocator of its own")
    made = []

    def make(bundle):
        made.append(Memory(Faulty(runtime, bundle)))
        return made[-1]

    yield make
    for each in made:
        each.faulty.bundle.close()
        if each.faulty.problems:
            pytest.fail("\n".join(each.faulty.problems), pytrace=False)


def note(f, what, problems):
    f.problems += [f"{what}: {problem}" for problem in problems]


@pytest.mark.parametrize("rest", [False, True], ids=["one", "rest"])
@pytest.mark.parametrize("side", [0, 1], ids=["command", "init"])
@pytest.mark.parametrize("bundle", [Plain, Large])
@promise("issue:7.4")
def test_create(memory, bundle, side, rest):
    m = memory(bundle)
    f = m.faulty

    def create(env):
        return f.container.try_create(*f.bundle.options, env=env)

    result, counts = m.call(create)
    assert result.rc == 0, result
    assert counts[0] > 10 and counts[1] > 1, counts
    f.remove()
    failed = 0
    for nth in range(1, counts[side] + 1):
        what = f"allocation {nth} of {counts[side]}"
        result, _ = m.call(create, nth, side, rest)
        note(f, what, m.judge(result))
        failed += result.rc != 0
        if result.rc == 0:
            f.remove()
        note(f, what, f.scene.problems(ignore=("state", "cgroup") if rest else ()))
    # what can be done without is the exception
    assert failed * 2 >= counts[side], failed
    result = f.create()
    assert result.rc == 0, result
    f.remove()


@pytest.mark.parametrize("rest", [False, True], ids=["one", "rest"])
@pytest.mark.parametrize("verb", ["start", "delete", "state", "kill", "pause", "update"])
@promise("issue:7.4")
def test_verbs(memory, verb, rest):
    """What could not be done can be repeated."""
    m = memory(Large if verb in ("start", "delete") else Plain)
    f = m.faulty

    def call(env):
        return f.runtime.call(verb, f.container.id, env=env)

    assert f.create().rc == 0
    result, counts = m.call(call)
    assert result.rc == 0 and counts[0] > 2, (result, counts)
    f.remove()
    usable = False
    for nth in range(1, counts[0] + 1):
        what = f"allocation {nth} of {counts[0]}"
        if not usable:
            created = f.create()
            assert created.rc == 0, created
        result, _ = m.call(call, nth, 0, rest)
        note(f, what, m.judge(result))
        usable = verb == "state"
        if usable:
            continue
        if verb == "delete" and result.rc:
            again = f.runtime.call("delete", f.container.id)
            if again.rc and "does not exist" not in again.err:
                note(f, what, [f"cannot be deleted afterwards: {again}"])
        removed = f.remove()
        if removed.rc:
            note(f, what, [f"cannot be deleted: {removed}"])
        note(f, what, f.scene.problems())
    f.remove()
