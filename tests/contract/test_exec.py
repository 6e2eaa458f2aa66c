"""exec as each caller does it: the command lines of containerd's shim, docker behind it, conmon for podman and
CRI-O, CRI-O itself and buildkit; what they read back and how they tell one failure from another."""
import json
import os
import select
import signal
import subprocess

import pytest

import callers
import console
from tare import eventually, promise, read_text


def caller_of(runtime, kind):
    """A caller of a container that runs and lasts."""
    container = runtime.container(["/bin/sleep", "1000"])
    container.create().start()
    return kind(container)


@pytest.fixture
def shim(runtime):
    return caller_of(runtime, callers.Shim)


@pytest.fixture
def conmon(runtime):
    return caller_of(runtime, callers.Conmon)


def process_of(caller, args, **members):
    """process.json as engines write it: with all that the container's process has."""
    recorded = caller.container.config["process"]
    members.setdefault("env", ["PATH=/bin:/usr/bin"])
    return caller.container.process_file(args, capabilities=recorded["capabilities"],
                                         noNewPrivileges=True, **members)


def detached(caller, args, *options, pipes=True, **members):
    """`exec --detach` with pipes as the process's streams; (rc, pid or None, our end of its output, what was
    on the standard error)."""
    path, pid_file = process_of(caller, args, **members), f"{caller.bundle}/exec-{len(args)}.pid"
    ours, theirs = os.pipe()
    words = ["exec", "--process", path, *options, "--detach", "--pid-file", pid_file, caller.id]
    with subprocess.Popen(caller.argv(*words), stdin=subprocess.DEVNULL, stdout=theirs,
                          stderr=theirs if pipes else subprocess.PIPE, env=caller.environment()) as process:
        os.close(theirs)
        rc = process.wait(20)
    pid = callers.strict_atoi(read_text(pid_file)) if os.path.exists(pid_file) else None
    return rc, pid, ours


def end_of(pid):
    """The exit status of what came to us as its subreaper."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@promise("contract:8", "contract:7.3")
def test_containerd(shim):
    rc, pid, out = detached(shim, ["/bin/sh", "-c", "echo out; echo err >&2; read x < /dev/zero; exit 4"])
    assert rc == 0 and pid
    assert callers.read_line(out) == b"out\n" and callers.read_line(out) == b"err\n"
    assert callers.holders(out) == {pid}, "only the process may hold its streams"
    assert callers.parent_of(pid) == os.getpid()
    os.kill(pid, signal.SIGTERM)
    assert end_of(pid) == -signal.SIGTERM
    assert select.select([out], [], [], 5)[0] and os.read(out, 1) == b""
    os.close(out)


@promise("contract:8")
def test_containerd_gets_the_exit_status_at_once(shim):
    """A process that ends right away has a pid file and a status."""
    for number in range(10):
        rc, pid, out = detached(shim, ["/bin/sh", "-c", f"exit {number}"])
        assert (rc, end_of(pid)) == (0, number)
        os.close(out)


@promise("contract:8", "contract:7.5")
def test_containerd_terminal(shim):
    with console.Console(shim.bundle) as terminal:
        rc, pid, out = detached(shim, ["/bin/sh", "-c", "tty; exit 5"], "--console-socket", terminal.path,
                                terminal=True)
        assert rc == 0
        terminal.accept()
        terminal.read_until(b"/dev/pts/0\r\n")
    assert end_of(pid) in (5, -signal.SIGHUP)
    os.close(out)


@promise("contract:8", "contract:12", "contract:14")
@pytest.mark.parametrize("args, code", [(["nosuch"], 127), (["/no/such"], 127), (["/etc"], 126),
                                        (["/etc/passwd"], 126)])
def test_containerd_and_docker_failures(runtime, args, code):
    """The last error of the log is what dockerd makes the exit code from."""
    callers.skip_peer(runtime, "crun", "says it otherwise")
    docker = caller_of(runtime, callers.Docker)
    rc, pid, out = detached(docker, args)
    assert rc == 255 and pid is None
    assert docker.exit_code(docker.last_error()) == code, docker.last_error()
    os.close(out)


@promise("contract:9", "contract:10", "contract:14")
@pytest.mark.parametrize("args, code", [(["nosuch"], 127), (["/no/such"], 127), (["/etc/passwd"], 126)])
def test_conmon_failures(runtime, args, code):
    """What comes first on the standard error is the error; no pid file is a failure as well."""
    callers.skip_peer(runtime, "crun", "says it otherwise")
    podman = caller_of(runtime, callers.Podman)
    rc, pid, out = detached(podman, args)
    text = os.read(out, 8192).decode()
    assert rc == 255 and pid is None
    assert podman.exit_code(text) == code, text
    assert os.read(out, 1) == b"", "nobody may hold the pipe of what failed"
    os.close(out)


@promise("contract:9")
def test_conmon(conmon):
    rc, pid, out = detached(conmon, ["/bin/sh", "-c", "cat /proc/self/cgroup; exit 3"])
    assert rc == 0 and end_of(pid) == 3
    text = os.read(out, 8192).decode()
    assert "level=" not in text, "the standard error is the container's"
    os.close(out)


@promise("contract:9")
def test_conmon_says_tty_as_well(conmon):
    """Beside --process it counts for nothing."""
    rc, pid, out = detached(conmon, ["/bin/true"], "--tty")
    assert rc == 0 and end_of(pid) == 0
    os.close(out)


@promise("contract:11", "contract:6")
@pytest.mark.parametrize("script, status", [("echo out; echo err >&2; exit 0", 0), ("exit 42", 42),
                                            ("kill -9 $$", 137)])
def test_crio_exec_sync(runtime, script, status):
    """Foreground, without a monitor: the exit status is the program's, the streams are its own."""
    crio = caller_of(runtime, callers.Crio)
    result = crio.call("exec", "--process", process_of(crio, ["/bin/sh", "-c", script]), crio.id)
    assert result.rc == status
    if "echo" in script:
        assert (result.out, result.err) == ("out\n", "err\n")


@promise("contract:11")
def test_crio_timeout(runtime):
    """CRI-O kills the runtime's process group when a probe takes too long, and the process by its number."""
    crio = caller_of(runtime, callers.Crio)
    path = process_of(crio, ["/bin/sleep", "1000"])
    pid_file = f"{crio.bundle}/sync.pid"
    process = subprocess.Popen(crio.argv("exec", "--process", path, "--pid-file", pid_file, crio.id),
                               env=crio.environment())
    pid = int(eventually(lambda: os.path.exists(pid_file) and read_text(pid_file)))
    process.kill()
    process.wait()
    os.kill(pid, signal.SIGKILL)
    assert end_of(pid) == -signal.SIGKILL


@promise("contract:13")
def test_buildkit(runtime):
    """Foreground with a process file and a pid file; signals go to the runtime's process."""
    callers.skip_peer(runtime, "crun", "forwards no signals in exec")
    buildkit = caller_of(runtime, callers.Buildkit)
    path = process_of(buildkit, ["/bin/sh", "-c", "trap 'exit 11' TERM; echo up; while :; do sleep 0.02; done"])
    with subprocess.Popen(buildkit.argv("exec", "--process", path, "--pid-file", buildkit.pid_file, buildkit.id),
                          env=buildkit.environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout.read(3) == b"up\n"
        eventually(lambda: os.path.exists(buildkit.pid_file))
        assert os.path.exists(f"/proc/{callers.strict_atoi(read_text(buildkit.pid_file))}")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 11


@promise("contract:8", "contract:7.9")
def test_a_container_that_is_gone(shim):
    shim.container.kill("KILL")
    shim.container.wait()
    rc, pid, out = detached(shim, ["/bin/true"])
    os.close(out)
    assert rc != 0 and pid is None
    if os.path.basename(shim.runtime.path) != "crun":
        assert "cannot exec in a stopped container" in shim.last_error()
    shim.container.delete()
    rc, pid, out = detached(shim, ["/bin/true"])
    os.close(out)
    assert rc != 0 and "does not exist" in shim.last_error()


@promise("contract:8")
def test_many_probes(shim):
    """Fifty at once, as a node does when it comes up: each has its own end, and nothing stays."""
    path = process_of(shim, ["/bin/sh", "-c", "exit 7"])
    before = len(os.listdir(f"/proc/{os.getpid()}/fd"))
    processes = [subprocess.Popen(shim.argv("exec", "--process", path, shim.id), env=shim.environment())
                 for _ in range(50)]
    assert [process.wait(60) for process in processes] == [7] * 50
    assert len(os.listdir(f"/proc/{os.getpid()}/fd")) == before
    state = json.loads(shim.call("state", shim.id).out)
    assert state["status"] == "running"
