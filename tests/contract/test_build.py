"""buildah and buildkit: the process waited for by the caller itself, `state` polled, `run` in the
foreground with its exit status and the signals that are handed on."""
import json
import os
import signal
import subprocess
import time

import pytest

import callers
from tare import eventually, promise

LOOP = """
trap 'exit 3' TERM; trap 'echo HUP' HUP; trap 'echo USR1' USR1;
trap 'echo INT' INT; trap 'echo QUIT' QUIT; trap 'echo ABRT' ABRT
echo up; while :; do sleep 0.02; done"""


@promise("contract:13", "contract:7.3")
def test_buildah(runtime):
    """create, start, state every 100 ms, wait4 of the process, delete."""
    buildah = callers.Buildah(runtime.container(["/bin/sh", "-c", "sleep 0.3; exit 5"]))
    result = buildah.create()
    assert result.rc == 0, result
    assert buildah.call("start", buildah.id) == (0, "", "")
    seen = []
    while "stopped" not in seen:
        assert len(seen) < 100
        answer = buildah.call("state", buildah.id)
        assert (answer.rc, answer.err) == (0, "")
        seen.append(json.loads(answer.out)["status"])
        assert seen[-1] in ("creating", "created", "running", "stopped")
        time.sleep(0.1)
    pid, status = os.waitpid(buildah.container.pid, 0)
    assert (pid, os.waitstatus_to_exitcode(status)) == (buildah.container.pid, 5)
    assert buildah.call("delete", buildah.id) == (0, "", "")
    buildah.close()


@promise("contract:13")
@pytest.mark.parametrize("words, status", [([], 3), (["KILL"], 137), (["SIGTERM"], 3), (["9"], 137)])
def test_buildah_kills(runtime, words, status):
    buildah = callers.Buildah(runtime.container(["/bin/sh", "-c", LOOP]))
    assert buildah.create().rc == 0
    assert buildah.call("start", buildah.id).rc == 0
    assert callers.read_line(buildah.out) == b"up\n"
    assert buildah.call("kill", buildah.id, *words) == (0, "", "")
    assert buildah.container.wait() == status
    assert buildah.call("delete", buildah.id) == (0, "", "")
    buildah.close()


def run(runtime, script, *options):
    """A foreground `run`: (caller, process)."""
    buildkit = callers.Buildkit(runtime.container(["/bin/sh", "-c", script]))
    buildkit.container.write()
    process = subprocess.Popen(buildkit.argv("run", "--bundle", buildkit.bundle, *options, buildkit.id),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                               env=buildkit.environment())
    return buildkit, process


@promise("contract:13", "contract:6")
@pytest.mark.parametrize("script, status", [
    ("exit 0", 0), ("exit 1", 1), ("exit 42", 42), ("exit 255", 255), ("kill -9 $$", None),
    ("exec sh -c 'exit 7'", 7)])
@pytest.mark.parametrize("options", [[], ["--no-pivot"], ["--keep"]], ids=["plain", "no-pivot", "keep"])
def test_exit_status_of_the_program(runtime, script, status, options):
    buildkit, process = run(runtime, script, *options)
    out, err = process.communicate(timeout=20)
    if status is not None:  # the first process of a pid namespace cannot kill itself
        assert (process.returncode, out, err) == (status, b"", b"")
    if options == ["--keep"]:
        if not runtime.path.endswith("crun"):
            assert json.loads(buildkit.call("state", buildkit.id).out)["status"] == "stopped"
        assert buildkit.call("delete", buildkit.id).rc == 0
    assert buildkit.call("state", buildkit.id).rc == 1


@promise("contract:7.6", "contract:13")
def test_signals_are_handed_on(runtime):
    _, process = run(runtime, LOOP)
    assert callers.read_line(process.stdout) == b"up\n"
    for name in ("HUP", "USR1", "INT", "QUIT", "ABRT"):
        process.send_signal(getattr(signal, f"SIG{name}"))
        assert callers.read_line(process.stdout) == f"{name}\n".encode()
    process.send_signal(signal.SIGWINCH)  # there is no terminal to resize: nothing may come of it
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 3
    with process:
        assert process.stderr.read() == b""


@promise("contract:6", "contract:13")
def test_killed_from_outside(runtime):
    buildkit, process = run(runtime, LOOP)
    assert callers.read_line(process.stdout) == b"up\n"
    assert buildkit.call("kill", buildkit.id, "9") == (0, "", "")
    with process:
        assert process.wait(20) == 137
        assert process.stderr.read() == b""
    assert buildkit.call("state", buildkit.id).rc == 1, "run has deleted it"


@promise("contract:6", "contract:7.4")
def test_foreground_failure(runtime):
    buildkit = callers.Buildkit(runtime.container(["/no/such"]))
    buildkit.container.write()
    answer = buildkit.call("run", "--bundle", buildkit.bundle, buildkit.id)
    assert (answer.rc, answer.out) == (1, "")
    assert "no such file or directory" in answer.err.lower()
    assert buildkit.call("state", buildkit.id).rc == 1


@promise("contract:6")
def test_a_program_that_cannot_be_executed(runtime):
    """execve fails after start: the container ends with 1 and says why on its own standard error."""
    if runtime.path.endswith("crun"):
        pytest.skip("crun's start fails instead, without a word from the container")
    caller = callers.Buildah(runtime.container(["/broken"]))
    with open(f"{caller.container.rootfs}/broken", "wb") as file:
        file.write(b"\x7fELF neither this nor that")
    os.chmod(f"{caller.container.rootfs}/broken", 0o755)
    result = caller.create()
    assert result.rc == 0, result
    caller.call("start", caller.id)
    assert caller.container.wait() == (1 if runtime.is_tare else 255)  # runc of today: 255
    assert b"exec format error" in os.read(caller.err, 4096).lower()
    caller.close()


@promise("contract:1", "contract:13")
@pytest.mark.parametrize("form", [
    ["run", "-b", "{b}", "{i}"], ["run", "-b={b}", "{i}"], ["run", "--bundle={b}", "{i}"],
    ["run", "-bundle", "{b}", "{i}"], ["run", "-bundle={b}", "{i}"], ["run", "{i}", "-b", "{b}"],
    ["run", "{i}", "--bundle={b}"], ["run", "-no-subreaper", "--bundle", "{b}", "{i}"],
    ["run", "--keep=false", "--bundle", "{b}", "{i}"]])
def test_option_forms(runtime, form):
    if runtime.path.endswith("crun") and any(
            x.startswith(("-b=", "-bundle", "-no-", "--keep=")) or form[1] == "{i}" for x in form):
        pytest.skip("crun: does not know this form")
    caller = callers.Buildkit(runtime.container(["/bin/echo", "hello"]))
    caller.container.write()
    answer = caller.call(*[x.format(b=caller.bundle, i=caller.id) for x in form])
    assert answer == (0, "hello\n", "")


@promise("contract:13", "contract:7.2")
def test_bundle_is_the_working_directory(runtime):
    """Without --bundle, it is where the caller stands."""
    caller = callers.Buildkit(runtime.container(["/bin/echo", "hello"]))
    caller.container.write()
    runtime.view.prefix, prefix = (lambda cwd=caller.bundle: prefix(caller.bundle)), runtime.view.prefix
    try:
        assert caller.call("run", caller.id) == (0, "hello\n", "")
    finally:
        runtime.view.prefix = prefix


@promise("contract:7.3")
def test_a_subreaper_in_between_gets_init(runtime):
    """Whoever called prctl(PR_SET_CHILD_SUBREAPER) below us, not we, becomes init's parent."""
    caller = callers.Buildah(runtime.container(["/bin/sleep", "100"]))
    caller.container.write()
    script = ("import ctypes, os, subprocess, sys\n"
              "ctypes.CDLL(None).prctl(36, 1)\n"
              "assert subprocess.run(sys.argv[1:]).returncode == 0\n"
              f"pid = int(open({caller.pid_file!r}).read())\n"
              "print(pid, int(open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[1]) == os.getpid())\n"
              "sys.stdout.flush(); os.kill(pid, 9)\n"
              "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n")
    done = subprocess.run(["/usr/bin/python3", "-c", script,
                           *caller.argv(*caller.create_words(), caller.id)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                          env=caller.environment(), check=False)
    lines = done.stdout.split()
    assert lines[1:] == ["True", "-9"], done
    eventually(lambda: json.loads(caller.call("state", caller.id).out)["status"] == "stopped")
    assert caller.call("delete", caller.id).rc == 0


def test_caller_that_ignores_sigchld(runtime):
    """Ignored signals are inherited; with SIGCHLD ignored the kernel reaps children by itself."""
    callers.skip_peer(runtime, "crun", "ends with 1, having no child to wait for")
    container = runtime.container(["/bin/sh", "-c", "exit 5"])
    container.config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "exit 0"]}]}
    container.write()
    ignored = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        child = runtime.popen("run", "--bundle", container.bundle, container.id,
                              restore_signals=False, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGCHLD, ignored)
    out, err = child.communicate(timeout=20)
    assert (child.returncode, out, err) == (5, b"", b"")
    runtime.containers.clear()
