"""pause and resume: that the kernel really stops and wakes everything, what a paused container refuses, and that
nobody is kept waiting. ps: the processes as numbers and as the lines of ps(1)."""
import json
import os
import signal
import subprocess
import time

import pytest

from tare import eventually, promise, read_text

# lets a file grow, so that one sees whether it runs
COUNT = "while :; do echo >> /dev/shm/count; done"
LOOP = ["/bin/sh", "-c", f"(trap '' TERM; {COUNT}) & echo up; wait"]


@pytest.fixture
def container(runtime):
    """A running container with two processes, of which one counts."""
    made = runtime.container(LOOP).create().start()
    eventually(lambda: made.output()[0] == "up\n")
    return made


def count(made):
    """How far the counter has come."""
    path = f"/proc/{made.pid}/root/dev/shm/count"
    return eventually(lambda: os.path.exists(path) and os.path.getsize(path))


def runs(made):
    """Whether the counter moves within a second."""
    start, end = count(made), time.monotonic() + 1
    while time.monotonic() < end:
        if count(made) != start:
            return True
        time.sleep(0.01)
    return False


def cgroup(made):
    """The container's cgroup as a directory."""
    path = next(line[3:] for line in read_text(f"/proc/{made.pid}/cgroup").splitlines()
                if line.startswith("0::"))
    base = made.runtime.view.cgroup2()
    if not base:
        pytest.skip("no cgroup2 file system is mounted")
    return f"{base}{path}"


def fails(runtime, *words):
    """A call that must fail. Returns its standard error."""
    result = runtime.call(*words)
    assert result.rc == 1 and not result.out, result
    return result.err


def processes(made, *words):
    """The numbers that ps gives."""
    return json.loads(made.runtime.ok("ps", "--format", "json", made.id, *words))


# ---- pause, resume ----

@promise("contract:2", "contract:5", "contract:8")
def test_pause_and_resume(runtime_in_view):
    made = runtime_in_view.container(LOOP).create().start()
    eventually(lambda: made.output()[0] == "up\n")
    assert runtime_in_view.call("pause", made.id) == (0, "", "")
    # not "will be frozen": it is, when pause has returned
    assert made.status() == "paused"
    assert not runs(made)
    listed = json.loads(runtime_in_view.ok("list", "-f", "json"))
    assert [(x["status"], x["pid"]) for x in listed] == [("paused", made.pid)]
    assert runtime_in_view.call("resume", made.id) == (0, "", "")
    assert made.status() == "running"
    assert runs(made)


@promise("contract:2", "contract:14")
def test_wrong_states(runtime, container):
    assert "container not paused" in fails(runtime, "resume", container.id)
    runtime.ok("pause", container.id)
    assert "container not running: it is paused already" in fails(runtime, "pause", container.id)
    assert "cannot delete container" in fails(runtime, "delete", container.id)
    assert container.status() == "paused"
    runtime.ok("resume", container.id)
    container.kill("KILL")
    assert container.wait() == 137
    assert "container not running" in fails(runtime, "pause", container.id)
    assert "container not paused" in fails(runtime, "resume", container.id)
    container.delete()
    for verb in ("pause", "resume", "ps"):
        assert "container does not exist" in fails(runtime, verb, container.id)


@promise("contract:2", "contract:14")
def test_a_created_container_can_be_paused(runtime):
    made = runtime.container(["/bin/echo", "ran"]).create()
    runtime.ok("pause", made.id)
    assert made.status() == "paused"
    assert "cannot start a container in the paused state" in fails(runtime, "start", made.id)
    runtime.ok("resume", made.id)
    assert made.status() == "created"
    made.start()
    assert made.wait() == 0
    assert made.output()[0] == "ran\n"


@promise("contract:7.7", "contract:7.8")
@pytest.mark.parametrize("words", [["kill", "{}", "KILL"], ["kill", "--all", "{}", "9"],
                                   ["delete", "--force", "{}"]])
def test_a_paused_container_ends(runtime, container, words):
    runtime.ok("pause", container.id)
    runtime.ok(*[x.format(container.id) for x in words])
    assert container.wait() == 137
    if words[0] == "kill":
        assert container.status() == "stopped"


@promise("contract:7.8")
def test_a_signal_waits_for_resume(runtime):
    made = runtime.container(["/bin/sh", "-c", "trap 'exit 5' TERM; echo up; while :; do sleep 0.02; done"])
    made.create().start()
    eventually(lambda: made.output()[0] == "up\n")
    runtime.ok("pause", made.id)
    made.kill("TERM")
    time.sleep(0.2)
    assert made.status() == "paused"
    runtime.ok("resume", made.id)
    assert made.wait() == 5


@promise("contract:2")
def test_pause_of_nested_cgroups(runtime, container):
    """A process that the container has put into a cgroup of its own stops as well, and ps sees it. The kernel
    calls the container's cgroup frozen when its own processes are, before those below it."""
    nested = f"{cgroup(container)}/a/b"
    os.makedirs(nested)
    child = next(x for x in processes(container) if x != container.pid)
    with open(f"{nested}/cgroup.procs", "w", encoding="ascii") as file:
        file.write(str(child))
    assert sorted(processes(container)) == sorted([container.pid, child])
    for _ in range(20):
        runtime.ok("pause", container.id)
        assert "frozen 1" in read_text(f"{nested}/cgroup.events")
        runtime.ok("resume", container.id)
    runtime.ok("pause", container.id)
    assert not runs(container)
    container.delete("--force")
    assert not os.path.exists(nested)


@promise("contract:5")
def test_frozen_by_somebody_else(runtime, container):
    """podman writes to the cgroup itself: what counts is what the kernel says."""
    with open(f"{cgroup(container)}/cgroup.freeze", "w", encoding="ascii") as file:
        file.write("1")
    eventually(lambda: container.status() == "paused")
    runtime.ok("resume", container.id)
    assert container.status() == "running" and runs(container)


def test_a_frozen_cgroup_above_is_named(runtime):
    made = runtime.container(LOOP)
    made.config["linux"]["cgroupsPath"] = f"/{made.id}/inner"
    made.create().start()
    eventually(lambda: made.output()[0] == "up\n")
    above = os.path.dirname(cgroup(made))
    try:
        with open(f"{above}/cgroup.freeze", "w", encoding="ascii") as file:
            file.write("1")
        eventually(lambda: made.status() == "paused")
        assert "is a cgroup above it frozen?" in fails(runtime, "resume", made.id)
    finally:
        with open(f"{above}/cgroup.freeze", "w", encoding="ascii") as file:
            file.write("0")
    eventually(lambda: made.status() == "running")
    made.delete("--force")
    assert not os.path.exists(above)


def test_the_lock_is_waited_for(runtime, container):
    """pause waits for a command that holds the lock, and state does not."""
    directory = f"{runtime.state_root}/{container.id}"
    with subprocess.Popen(["flock", "--no-fork", directory, "sleep", "100"]) as holder:
        try:
            eventually(lambda: subprocess.run(["flock", "-n", directory, "true"], check=False).returncode)
            with runtime.popen("pause", container.id) as pausing:
                time.sleep(0.2)
                assert pausing.poll() is None and container.status() == "running"
                holder.kill()
                assert pausing.wait(20) == 0
        finally:
            holder.kill()
    assert container.status() == "paused"


def test_pause_against_start(runtime):
    """Whoever comes first: nobody hangs, and the container is either paused or goes on."""
    for _ in range(10):
        made = runtime.container(["/bin/sleep", "100"]).create()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with runtime.popen("start", made.id, **quiet) as start, \
                runtime.popen("pause", made.id, **quiet) as pause:
            started, paused = start.wait(20), pause.wait(20)
        assert paused == 0 and made.status() == "paused"
        runtime.ok("resume", made.id)
        assert made.status() == ("running" if started == 0 else "created")
        made.delete("--force")


@promise("contract:2")
def test_a_container_without_a_cgroup(runtime):
    made = runtime.container(LOOP)
    globals_ = ["--cgroup-manager", "disabled"]
    made.config["linux"].pop("resources", None)
    made.write()
    with runtime.popen("run", "--bundle", made.bundle, made.id, globals_=globals_,
                       stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as run:
        assert run.stdout.readline() == b"up\n"
        for verb in ("pause", "ps"):
            assert "the container has no cgroup of its own" in fails(runtime, verb, made.id)
        assert "container not paused" in fails(runtime, "resume", made.id)
        result = runtime.call("kill", "--all", made.id, "0")
        assert result.rc == 0 and "no cgroup of its own" in result.err
        assert runtime.call("kill", "--all", made.id, "9") == (0, "", "")
        assert run.wait(20) == 137


# ---- ps ----

@promise("contract:5", "contract:8")
def test_ps_as_json(container):
    result = container.runtime.call("ps", "--format", "json", container.id)
    assert result.rc == 0 and result.err == ""
    assert result.out.startswith("[") and result.out.endswith("]\n") and " " not in result.out
    pids = json.loads(result.out)
    assert len(pids) == 2 and container.pid in pids
    container.runtime.ok("pause", container.id)
    assert sorted(processes(container)) == sorted(pids)


@promise("contract:5", "contract:8")
@pytest.mark.parametrize("words", [[], ["-ef"], ["aux"], ["-o", "pid,comm"], ["-eo", "user,pid,args"]])
def test_ps_as_a_table(container, words):
    result = container.runtime.call("ps", container.id, *words)
    assert result.rc == 0 and result.err == "", result
    header, *lines = result.out.splitlines()
    column = header.split().index("PID")
    found = {int(line.split()[column]) for line in lines}
    assert found <= set(processes(container))
    # -o alone shows the caller's own terminal only
    if words != ["-o", "pid,comm"]:
        assert found == set(processes(container))


@promise("contract:8")
def test_ps_with_the_format_named(container):
    plain = container.runtime.ok("ps", "--format", "table", container.id, "-e", "-o", "pid")
    assert {int(x) for x in plain.split()[1:]} == set(processes(container))


@promise("contract:5")
@pytest.mark.parametrize("words, message", [
    (["--format", "yaml", "{}"], "invalid format option"),
    (["{}", "-e", "-o", "comm"], "couldn't find PID field in ps output"),
    (["{}", "--no-such-option"], "ps: exit status 1: "),
])
def test_ps_misused(container, words, message):
    assert message in fails(container.runtime, "ps", *[x.format(container.id) for x in words])


def test_ps_is_not_there(container):
    runtime = container.runtime
    result = subprocess.run([runtime.path, "--root", runtime.state_root, "ps", container.id], text=True,
                            capture_output=True, check=False, env={"PATH": "/nowhere"})
    assert result.returncode == 1 and "executable file not found in $PATH" in result.stderr


@promise("contract:5")
def test_ps_of_a_stopped_container(container):
    container.kill("KILL")
    container.wait()
    assert container.runtime.ok("ps", "-f", "json", container.id) == "null\n"
    assert len(container.runtime.ok("ps", container.id).splitlines()) == 1


@promise("contract:7.8")
def test_ps_of_what_outlives_init(runtime):
    made = runtime.container(["/bin/sh", "-c", "setsid sleep 1000 & echo up"])
    made.config["linux"]["namespaces"].remove({"type": "pid"})
    made.create().start()
    assert made.wait() == 0
    rest = processes(made)
    assert len(rest) == 1 and rest != [made.pid]
    runtime.ok("kill", "--all", made.id, "KILL")
    eventually(lambda: runtime.ok("ps", "-f", "json", made.id) == "null\n")


@promise("contract:2")
def test_ps_of_many(runtime):
    made = runtime.container(["/bin/sh", "-c", "for i in $(seq 300); do sleep 1000 & done; echo up; wait"])
    made.create().start()
    eventually(lambda: made.output()[0] == "up\n")
    assert len(processes(made)) == 301
    assert len(runtime.ok("ps", made.id).splitlines()) == 302


# ---- kill --all ----

@promise("contract:7.8", "contract:8")
@pytest.mark.parametrize("signal_name", ["USR1", "KILL"])
def test_kill_all_reaches_every_process(runtime, signal_name):
    """Each process of the container gets it, those in other sessions and of nested cgroups too."""
    made = runtime.container(["/bin/sh", "-c", "setsid sleep 1000 & setsid sleep 1001 & echo up; "
                              "trap 'wait; exit 9' USR1; wait"])
    made.create().start()
    eventually(lambda: made.output()[0] == "up\n" and len(processes(made)) == 3)
    nested = f"{cgroup(made)}/nested"
    os.mkdir(nested)
    with open(f"{nested}/cgroup.procs", "w", encoding="ascii") as file:
        file.write(str([x for x in processes(made) if x != made.pid][0]))
    runtime.ok("kill", "--all", made.id, signal_name)
    assert made.wait() == (9 if signal_name == "USR1" else 128 + signal.SIGKILL)
    eventually(lambda: not processes(made))
