"""A person's ^C, or a service manager's SIGTERM, while a container is being made: all is undone, and tare ends by that
very signal. The fixtures look for what is left."""
import os
import signal
import subprocess

import pytest

from tare import eventually, promise

VERBS = [("run",), ("run", "--detach"), ("create",)]


@pytest.fixture(autouse=True)
def only_tare(runtime):
    if not runtime.is_tare:
        pytest.skip("what others do with such a signal differs")


def with_slow_hook(runtime, kind):
    """A container with a hook that says that it is there and then takes long."""
    container = runtime.container(["/bin/sh", "-c", "echo ran"])
    inside = kind == "startContainer"
    reached = "/reached" if inside else f"{container.bundle}/reached"
    container.config["root"]["readonly"] = False
    container.config["hooks"] = {kind: [{"path": "/bin/sh", "args": ["sh", "-c", f": > {reached}; exec sleep 60"]}]}
    container.reached = f"{container.rootfs}/reached" if inside else reached
    container.write()
    return container


def begin(container, verb, **how):
    process = container.runtime.popen(*verb, "--bundle", container.bundle, container.id, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)
    eventually(lambda: os.path.exists(container.reached))
    return process


@promise("spec:36")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT], ids=lambda x: x.name)
@pytest.mark.parametrize("kind", ["createRuntime", "createContainer", "startContainer"])
def test_run(runtime, kind, number):
    container = with_slow_hook(runtime, kind)
    process = begin(container, ("run",))
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (-number, b"", b"")
    assert runtime.ids() == []


@promise("spec:36")
@pytest.mark.parametrize("verb", VERBS[1:], ids=lambda x: " ".join(x))
@pytest.mark.parametrize("kind", ["prestart", "createContainer"])
def test_other_verbs(runtime, verb, kind):
    container = with_slow_hook(runtime, kind)
    process = begin(container, verb)
    process.send_signal(signal.SIGTERM)
    assert (process.communicate(timeout=20), process.returncode) == ((b"", b""), -signal.SIGTERM)
    assert runtime.ids() == []


def test_what_hooks_have_done_is_taken_back(runtime):
    """The hooks of the end run as after any other failure."""
    container = with_slow_hook(runtime, "createContainer")
    undone = f"{container.bundle}/undone"
    container.config["hooks"]["poststop"] = [{"path": "/bin/sh", "args": ["sh", "-c", f": > {undone}"]}]
    container.write()
    process = begin(container, ("run",))
    process.terminate()
    assert process.wait(20) == -signal.SIGTERM
    assert os.path.exists(undone)


@pytest.mark.parametrize("verb", VERBS, ids=lambda x: " ".join(x))
def test_an_ignored_signal(runtime, verb):
    """What the caller ignores (nohup, a script's background) ends nothing."""
    container = runtime.container(["/bin/true"])
    reached, go = f"{container.bundle}/reached", f"{container.bundle}/go"
    container.config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": [
        "sh", "-c", f": > {reached}; until [ -e {go} ]; do sleep 0.02; done"]}]}
    container.reached = reached
    container.write()
    process = begin(container, verb, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    for _ in range(3):
        process.send_signal(signal.SIGINT)
    with open(go, "w", encoding="ascii"):
        pass
    assert process.wait(20) == 0  # not until its streams end: a created container has them
    process.stdout.close()
    process.stderr.close()
    runtime.call("delete", "--force", container.id)
