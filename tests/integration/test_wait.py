"""wait, and what `state` says of how a container ended: what somebody saw, what a zombie tells, and else that it
is unknown."""
import json
import os
import signal
import subprocess
import threading

import pytest

from tare import IN_NAMESPACES, eventually, linux_version, promise, unprivileged

pytestmark = pytest.mark.without("pidfs_id")


@pytest.fixture(autouse=True)
def only_tare(runtime_path):
    if not os.path.basename(runtime_path).startswith("tare"):
        pytest.skip("a verb of tare's alone")


def ended(runtime, script="exit 3"):
    """A container whose init is a zombie of ours."""
    container = runtime.container(["/bin/sh", "-c", script])
    container.create().start()
    eventually(lambda: container.status() == "stopped")
    return container


def exit_of(container):
    return container.state().get("exit")


def waiting(container, *options):
    """A `wait` in progress."""
    process = container.runtime.popen("wait", *options, container.id, stdout=subprocess.PIPE, text=True)

    def holds_pidfd():
        for fd in os.listdir(f"/proc/{process.pid}/fd"):
            try:
                if "pidfd" in os.readlink(f"/proc/{process.pid}/fd/{fd}"):
                    return True
            except FileNotFoundError:
                continue  # closed in between
        return False
    eventually(holds_pidfd)
    return process


def answer(process):
    out, _ = process.communicate(timeout=20)
    return process.returncode, out


@pytest.mark.parametrize("script, words", [
    ("exit 0", {"status": "exited", "code": 0}), ("exit 42", {"status": "exited", "code": 42}),
    ("exit 137", {"status": "exited", "code": 137})])
def test_a_kept_run(runtime, script, words):
    container = runtime.container(["/bin/sh", "-c", script])
    assert container.run("--keep").rc == words["code"]
    seen = exit_of(container)
    assert seen.pop("observed").endswith("Z")
    seen.pop("oomKilled", None)
    assert seen == words
    # nobody else is there to ask: what was noted down is the answer, again and again
    for _ in range(2):
        assert runtime.ok("wait", container.id) == f"{words['code']}\n"


def test_a_kept_run_that_is_killed(runtime):
    container = runtime.container(["/bin/sleep", "1000"])
    container.write()
    process = runtime.popen("run", "--keep", "--bundle", container.bundle, container.id)
    eventually(lambda: runtime.call("state", container.id).rc == 0 and container.status() == "running")
    assert "exit" not in container.state()
    container.kill("KILL")
    assert process.wait(20) == 137
    assert exit_of(container)["status"] == "killed" and exit_of(container)["signal"] == signal.SIGKILL
    assert runtime.ok("wait", container.id) == "137\n"


@pytest.mark.parametrize("number, text", [(None, "5\n"), (signal.SIGKILL, "137\n")])
def test_a_wait_in_progress(runtime, number, text):
    """The parent reaps at once, as engines do: the pidfd that was held tells."""
    container = runtime.container(["/bin/sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.02; done"])
    container.create().start()
    process = waiting(container)
    reaper = threading.Thread(target=lambda: os.waitpid(container.pid, 0))
    reaper.start()
    container.kill(str(int(number or signal.SIGTERM)))
    reaper.join()
    known = answer(process)
    assert known in ((0, text), (0, "unknown\n"))
    if linux_version() >= (6, 15):
        assert known == (0, text)
    # noted down, for those who come later
    assert exit_of(container)["observed"]
    assert runtime.ok("wait", container.id) == known[1]


def test_several_waits_see_the_same(runtime):
    container = runtime.container(["/bin/sh", "-c", "sleep 0.3; exit 9"])
    container.create()
    processes = [waiting(container) for _ in range(5)]
    container.start()
    assert [answer(process) for process in processes] == [(0, "9\n")] * 5
    assert os.listdir(f"{runtime.state_root}/{container.id}").count("exit.json") == 1
    assert not [x for x in os.listdir(f"{runtime.state_root}/{container.id}") if x.startswith("exit.json.")]


def test_a_zombie(runtime):
    """Nobody has watched, but the parent has not reaped it yet."""
    container = ended(runtime)
    seen = exit_of(container)
    seen.pop("oomKilled", None)
    assert seen == {"status": "exited", "code": 3}
    assert runtime.ok("wait", container.id) == "3\n"
    assert json.loads(runtime.ok("wait", "--json", container.id))["code"] == 3


def test_what_nobody_has_seen(runtime):
    container = ended(runtime)
    container.wait()
    seen = exit_of(container)
    seen.pop("oomKilled", None)
    assert seen == {"status": "unknown"}
    assert runtime.ok("wait", container.id) == "unknown\n"
    assert json.loads(runtime.ok("wait", "--json", container.id))["status"] == "unknown"


def test_a_container_that_is_deleted_meanwhile(runtime):
    user = os.geteuid() != 0 or IN_NAMESPACES
    for _ in range(10):
        container = runtime.container(["/bin/sleep", "1000"])
        container.create()
        processes = [waiting(container) for _ in range(3)]
        container.delete("--force")
        for process in processes:
            rc, said = answer(process)
            # of what was not dumpable only CAP_SYS_PTRACE over the host lets one see how it ended (ptrace(2))
            assert rc == 0 and (said == "137\n" or user and said == "unknown\n"), said
    result = runtime.call("wait", container.id)
    assert result.rc == 1 and "container does not exist" in result.err


def test_a_user(unprivileged_runtime):
    """The own processes may be looked into, also without privileges."""
    container = unprivileged_runtime.container(["/bin/sh", "-c", "exit 6"])
    unprivileged(container.config, os.geteuid() or 1000, os.getegid() or 1000)
    container.create()
    process = waiting(container)
    container.start()
    assert answer(process)[0] == 0
    assert unprivileged_runtime.ok("wait", container.id) in ("6\n", "unknown\n")


@promise("contract:5")
def test_callers_are_not_disturbed(runtime):
    """The member is there only when a container has stopped, behind those that callers know."""
    container = runtime.container(["/bin/sleep", "1000"])
    container.create()
    known = list(container.state())
    assert "exit" not in known
    container.start()
    assert list(container.state()) == known
    container.kill("KILL")
    container.wait()
    assert list(container.state()) == known + ["exit"]


def test_killed_for_lack_of_memory(runtime_in_view):
    container = runtime_in_view.container(["/bin/sh", "-c", "x=y; while :; do x=$x$x; done"])
    top = runtime_in_view.view.cgroup2()
    with open(f"{top}/cgroup.controllers", encoding="ascii") as file:
        if "memory" not in file.read().split():
            pytest.skip("no memory controller in cgroup2")
    container.config["linux"]["resources"]["memory"] = {"limit": 16 << 20, "swap": 16 << 20}
    assert container.run("--keep").rc == 137
    assert exit_of(container)["oomKilled"] is True
