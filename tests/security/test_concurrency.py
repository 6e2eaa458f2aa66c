"""Verbs against each other on one container: whoever comes second is told so, none of them hits another
process or leaves half of anything."""
import json
import os
import random
import subprocess
import time

import pytest

from tare import promise


def launch(runtime, *words):
    return runtime.popen(*words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)


def finish(processes):
    done = []
    for process in processes:
        out, err = process.communicate(timeout=40)
        done.append((process.args, process.returncode, out, err))
    return done


@promise("class:concurrency")
@pytest.mark.parametrize("seed", range(3))
def test_start_delete_state_kill_together(runtime, seed):
    dice = random.Random(seed)
    for _ in range(6):
        container = runtime.container(["/bin/sh", "-c", "while :; do sleep 0.01; done"])
        container.create()
        calls = [["start", container.id], ["start", container.id], ["delete", container.id],
                 ["delete", "--force", container.id], ["kill", container.id, "KILL"]]
        calls += [["state", container.id], ["list"]] * 3
        dice.shuffle(calls)
        for words, rc, out, err in finish([launch(runtime, *words) for words in calls]):
            assert rc in (0, 1), (words, rc, err)
            if rc:
                assert err.strip(), words
            if "state" in words and rc == 0:
                assert json.loads(out)["status"] in ("created", "running", "stopped"), out
        runtime.ok("delete", "--force", container.id)
        container.reap()
        assert container.id not in runtime.ids()


@promise("class:concurrency")
def test_one_of_many_starts_wins(runtime):
    if not runtime.is_tare:
        pytest.skip("the peers may start twice")
    container = runtime.container(["/bin/sh", "-c", "echo once; sleep 0.2"])
    container.create()
    done = finish([launch(runtime, "start", container.id) for _ in range(8)])
    assert sorted(rc for _, rc, _, _ in done) == [0] + [1] * 7, done
    container.wait()
    assert container.output()[0] == "once\n"


@promise("class:concurrency")
def test_one_of_many_creates_wins(runtime):
    if not runtime.is_tare:
        pytest.skip("crun's loser may take the winner's cgroup away")
    container = runtime.container(["/bin/sleep", "100"])
    container.write()
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    processes = []
    for number in range(6):
        with open(f"{runtime.directory}/race{number}.err", "wb") as err:
            processes.append(runtime.popen("create", "--bundle", container.bundle, container.id,
                                           stderr=err, **streams))
    codes = sorted(process.wait(40) for process in processes)
    assert codes == [0] + [1] * 5, codes
    assert container.status() == "created"
    runtime.ok("start", container.id)
    assert container.status() == "running"
    runtime.ok("delete", "--force", container.id)


@promise("class:concurrency")
def test_signals_reach_no_other_process(runtime):
    """The container's init is gone and its number belongs to somebody else: kill says so and spares it."""
    container = runtime.container(["/bin/true"])
    container.create().start()
    pid = container.pid
    container.wait()
    victim = None
    for _ in range(30):
        try:
            with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as file:
                file.write(str(pid - 1))
        except OSError:
            pytest.skip("cannot choose the next process id here")
        victim = subprocess.Popen(["sleep", "100"])  # pylint: disable=consider-using-with
        if victim.pid == pid:
            break
        victim.kill()
        victim.wait()
    try:
        if victim.pid != pid:
            pytest.skip("the process id was not given again")
        assert container.status() == "stopped"
        assert runtime.call("kill", container.id, "KILL").rc == 1
        runtime.call("kill", "--all", container.id, "KILL")
        runtime.ok("delete", "--force", container.id)
        time.sleep(0.05)
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


@promise("class:concurrency")
def test_state_is_whole_at_every_moment(runtime):
    """state and list, all the time while a container lives its life: JSON, and never a step back."""
    order = ["creating", "created", "running", "stopped"]
    container = runtime.container(["/bin/sh", "-c", "sleep 0.1"])
    container.write()
    seen = []
    pid_file = f"{runtime.directory}/pid"
    with open(os.devnull, "wb") as null:
        creator = runtime.popen("create", "--bundle", container.bundle, "--pid-file", pid_file,
                                container.id, stdout=null, stderr=null)
        while creator.poll() is None:
            result = runtime.call("state", container.id)
            if result.rc == 0:
                seen.append(json.loads(result.out)["status"])
            result = runtime.call("list", "--format", "json")
            assert result.rc == 0 or not seen, result  # there may be no state root yet
            for row in json.loads(result.out or "[]") or []:
                assert row["id"] and row["status"] in order, row
    assert creator.returncode == 0
    runtime.ok("start", container.id)
    deadline = time.monotonic() + 10
    while (not seen or seen[-1] != "stopped") and time.monotonic() < deadline:
        seen.append(json.loads(runtime.ok("state", container.id))["status"])
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            pass
    numbers = [order.index(status) for status in seen]
    assert numbers == sorted(numbers) and seen[-1] == "stopped", seen
