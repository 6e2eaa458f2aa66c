"""The failure of every system call in turn: of create (the command's side, the init's, those of the
hooks), start, delete and run. Expected: status 1 and one clear message, or success where the failure is
one of BORNE (tests/lib/faulty.py); in either case nothing is left behind, and the same id can be used again.

By default every call of the default bundle fails once, and every fifth one of the larger bundles;
TARE_FAULT_COMPLETE=1: all of them.
"""
import json
import os

import pytest

from faulty import Faulty, Joined, Large, Networked, Plain
from tare import promise

pytestmark = pytest.mark.skipif(
    "ASAN_OPTIONS" in os.environ,
    reason="sanitizer: its runtime makes calls of its own and does not survive their failure")

COMPLETE = bool(os.environ.get("TARE_FAULT_COMPLETE"))
STRIDE = 1 if COMPLETE else 5


@pytest.fixture
def faulty(runtime):
    """A function that makes a Faulty of a bundle; at the end its problems are the test's."""
    if runtime.kernel_caps:
        pytest.skip("one pass is enough")
    made = []

    def make(bundle):
        made.append(Faulty(runtime, bundle))
        return made[-1]

    yield make
    for each in made:
        each.bundle.close()
        if each.problems:
            pytest.fail("\n".join(each.problems), pytrace=False)


def shards(bundle, count, stride=1):
    return [pytest.param(bundle, i * stride, count * stride, id=f"{bundle.__name__.lower()}-{i}")
            for i in range(count)]


@pytest.mark.parametrize("bundle, first, step",
                         shards(Plain, 6) + shards(Large, 6, STRIDE) + shards(Joined, 6, STRIDE) +
                         shards(Networked, 6, STRIDE))
@promise("issue:7.4")
def test_create(faulty, bundle, first, step):
    f = faulty(bundle)
    for case in f.cases(f.create)[first::step]:
        result, _, done = f.injector.fail(case, f.create)
        if not done:
            f.remove()
            continue # a run is not always the same to the call
        f.note(case, f.judge(case, result))
        if result.rc == 0:
            f.remove()
        f.note(case, f.bundle.problems())
        f.note(case, f.scene.problems())
        f.usable(case)


@pytest.mark.parametrize("bundle, first, step", shards(Plain, 1) + shards(Large, 1, STRIDE))
@promise("issue:7.4")
def test_start(faulty, bundle, first, step):
    """Side 0 is the init, side 1 the command."""
    f = faulty(bundle)
    start = f.verb("start", f.container.id)
    for case in f.cases(start, f.create, pids=True)[first::step]:
        created = f.create()
        assert created.rc == 0, created
        result, _, done = f.injector.fail(case, start, pids=[f.container.pid])
        if done:
            f.note(case, f.judge(case, result))
            state = f.runtime.call("state", f.container.id)
            if state.rc:
                f.note(case, [f"no state: {state}"])
        removed = f.remove()
        if removed.rc:
            f.note(case, [f"cannot be deleted: {removed}"])
        f.note(case, f.scene.problems())


@pytest.mark.parametrize("bundle, first, step", shards(Plain, 1) + shards(Large, 1, STRIDE))
@promise("issue:7.4")
def test_delete(faulty, bundle, first, step):
    """A delete that failed can be repeated."""
    f = faulty(bundle)
    delete = f.verb("delete", f.container.id)
    for case in f.cases(delete, f.create)[first::step]:
        created = f.create()
        assert created.rc == 0, created
        result, _, done = f.injector.fail(case, delete)
        if done:
            f.note(case, f.judge(case, result))
        removed = f.remove()
        if removed.rc:
            f.note(case, [f"cannot be deleted: {removed}"])
        f.note(case, f.scene.problems())


@pytest.mark.parametrize("bundle, first, step", shards(Plain, 2, STRIDE))
@promise("issue:7.4")
def test_run(faulty, bundle, first, step):
    """Also a failure after the container has ended leaves no process and no mount."""
    f = faulty(bundle)
    run = f.verb("run", "--bundle", f.container.bundle, f.container.id)
    for case in f.cases(run)[first::step]:
        result, _, done = f.injector.fail(case, run)
        if done:
            f.note(case, f.judge(case, result))
            f.note(case, f.scene.problems(ignore=("state", "cgroup")))
        f.remove()
        f.note(case, f.scene.problems())


def status(f):
    """What `state` says, or None."""
    result = f.runtime.call("state", f.container.id)
    return None if result.rc else json.loads(result.out)["status"]


@pytest.mark.parametrize("bundle, first, step", shards(Plain, 4, 1 if COMPLETE else 2) +
                         shards(Large, 4, STRIDE) + shards(Joined, 4, STRIDE) + shards(Networked, 4, STRIDE))
@promise("issue:7.4")
def test_killed(faulty, bundle, first, step):
    """tare, or its child, killed where it would have made the call. No process and no mount remain;
    `state` answers; every second time the remains are deleted, else the next create takes over."""
    f = faulty(bundle)
    cases = f.cases(f.create)
    commit = [case for case in cases if (case.side, case.name) == (0, "sendmsg")][-1]
    for number, case in enumerate(cases[first::step]):
        result, _, done = f.injector.kill(case, f.create)
        if not done or result.rc == 0 or status(f) == "created":
            f.note(case, f.bundle.problems_of_container())
            f.remove() # the commit was reached: a container
            continue
        if case == commit:
            f.bundle.after() # the record has been published: the devices end like those of any container
        f.note(case, f.bundle.problems())
        if case.side:
            f.note(case, f.judge(case, result))
            f.note(case, f.scene.problems())
        f.note(case, f.scene.problems(ignore=("state", "cgroup", "file")))
        state = f.runtime.call("state", f.container.id)
        if state.rc and f.container.id in f.scene.look()["state"]:
            f.note(case, [f"no state: {state}"])
        if number % 2:
            removed = f.remove()
            if removed.rc:
                f.note(case, [f"cannot be deleted: {removed}"])
            f.note(case, f.scene.problems(ignore=("file",)))
        f.usable(case)
        f.note(case, f.scene.problems(ignore=("file",)))
