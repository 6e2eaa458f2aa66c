"""A hook that calls a verb of the runtime on its own container: an answer or an error, never a deadlock.
startContainer hooks are not among them: the container's root has neither the runtime nor its state."""
import json
import os
import subprocess
import time

import pytest

import faults
from tare import eventually, promise, read_text


def shell(script):
    """A hook that runs a script."""
    return {"path": "/bin/sh", "args": ["sh", "-c", script], "timeout": 30,
            "env": [f"PATH={os.environ['PATH']}"]}


def answers_of(container, lines, out):
    """The script that calls the verbs."""
    tare = f"{container.runtime.path} --root {container.runtime.state_root}"
    return "".join(f"echo '= {name}' >> {out}; {tare} {line} >> {out} 2>&1 < /dev/null; echo rc $? >> {out}\n"
                   for name, line in lines.items())


def read_answers(out):
    """{name of the call: what it said}"""
    return dict(part.split("\n", 1) for part in ("\n" + read_text(out)).split("\n= ")[1:])


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer", "poststart",
                                  "poststop"])
@promise("issue:7.5", "spec:25")
def test_verbs_of_a_hook(runtime, kind):
    container = runtime.container(["/bin/true"])
    out = f"{container.bundle}/answers"
    tare = f"{runtime.path} --root {runtime.state_root}"
    lines = {
        "state": f"{tare} state {container.id}", "list": f"{tare} list",
        "kill 0": f"{tare} kill {container.id} 0", "start": f"{tare} start {container.id}",
        "create": f"{tare} create --bundle {container.bundle} {container.id}",
    }
    if kind == "poststop":
        del lines["create"] # the name is free, so that it would make a container
    script = "".join(f"echo '= {name}' >> {out}; {line} >> {out} 2>&1 < /dev/null; echo rc $? >> {out}\n"
                     for name, line in lines.items())
    container.config["hooks"] = {kind: [{"path": "/bin/sh", "args": ["sh", "-c", script],
                                         "env": [f"PATH={os.environ['PATH']}"], "timeout": 20}]}
    begin = time.monotonic()
    container.create()
    container.start()
    container.wait()
    container.delete()
    assert time.monotonic() - begin < 10
    with open(out, encoding="utf-8") as file:
        answers = file.read()
    assert answers.count("rc ") == len(lines), answers
    parts = dict(part.split("\n", 1) for part in answers.split("= ")[1:])
    if kind in ("prestart", "createRuntime"):
        assert '"creating"' in parts["state"], answers
    if "create" in parts:
        assert "already exists" in parts["create"], answers


@promise("issue:7.5")
def test_hook_that_deletes_its_container(runtime):
    """create fails with one message; nothing is left."""
    container = runtime.container(["/bin/true"])
    container.config["hooks"] = {"createRuntime": [{
        "path": "/bin/sh", "args": ["sh", "-c", "%s --root %s delete %s < /dev/null; true" % (
            runtime.path, runtime.state_root, container.id)], "timeout": 20}]}
    container.write()
    scene = faults.Scene(container)
    result = container.try_create()
    if result.rc == 0:
        container.delete("--force")
        os.unlink(f"{container.bundle}/pid")
    assert scene.problems() == []


@promise("issue:7.5")
def test_verbs_from_another_pid_namespace(runtime):
    """A createContainer hook runs in the container's pid namespace, where neither the creating process nor
    init has the number that was written down: they are not taken for dead, and nothing is done to them."""
    container = runtime.container(["/bin/sleep", "1000"])
    name, out = container.id, f"{container.bundle}/answers"
    lines = {"state": f"state {name}", "list": "list", "create": f"create --bundle {container.bundle} {name}",
             "run": f"run --bundle {container.bundle} {name}", "start": f"start {name}",
             "kill": f"kill {name} KILL", "kill all": f"kill --all {name} KILL",
             "delete": f"delete {name}", "delete --force": f"delete --force {name}",
             "create another": f"create --bundle {container.bundle} {name}-other"}
    container.config["hooks"] = {"createContainer": [shell(answers_of(container, lines, out))]}
    container.create()
    answers = read_answers(out)
    assert list(answers) == list(lines)
    state, end = json.JSONDecoder().raw_decode(answers["state"][answers["state"].index("{"):])
    assert (state["status"], state["pid"]) == ("creating", 0) and end
    assert answers["state"].endswith("rc 0") and answers["list"].endswith("rc 0"), answers
    for verb in set(lines) - {"state", "list", "create another"}:
        assert "was recorded in another pid namespace" in answers[verb], answers[verb]
        assert answers[verb].strip().endswith("rc 1"), answers[verb]
    for verb in ("create", "run"):
        assert "container with given ID already exists" in answers[verb]
    assert answers["create another"].strip().endswith("rc 1")
    assert container.status() == "created" and runtime.ids() == [name]
    container.start()
    assert container.status() == "running"
    # the same when it runs
    prefix = ["unshare", "--pid", "--fork", "--mount-proc"]
    for verb in ("start", "kill", "delete", "delete --force"):
        result = subprocess.run(prefix + runtime.argv(*lines[verb].split()), check=False,
                                capture_output=True, text=True)
        assert result.returncode == 1 and "another pid namespace" in result.stderr, result
    # numbers that /proc does not know
    result = subprocess.run(prefix[:-1] + runtime.argv(*lines["create another"].split()), check=False,
                            capture_output=True, text=True)
    assert result.returncode == 1 and "/proc is that of another pid namespace" in result.stderr
    assert runtime.ids() == [name]
    result = subprocess.run(prefix + runtime.argv("state", name), check=False, capture_output=True, text=True)
    state = json.loads(result.stdout)
    assert (state["status"], state["pid"]) == ("running", 0) and "the last one known" in result.stderr
    assert container.status() == "running"


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "poststart", "poststop"])
@promise("issue:7.5")
def test_hook_that_ends_or_runs_its_container(runtime, kind):
    """`run` is refused as long as the id is taken; `delete --force` ends the container, and with it the
    create that waits for the hook."""
    container = runtime.container(["/bin/sleep", "1000"])
    out = f"{container.bundle}/answers"
    lines = {"run": f"run --bundle {container.bundle} {container.id}",
             "delete --force": f"delete --force {container.id}"}
    if kind == "poststop":
        del lines["run"]
    container.config["hooks"] = {kind: [shell(answers_of(container, lines, out) + f"echo end >> {out}")]}
    container.write()
    scene = faults.Scene(container)
    begin = time.monotonic()
    result = container.try_create()
    if kind in ("prestart", "createRuntime"):
        assert result.rc == -9
    else:
        assert result.rc == 0
        runtime.call("start", container.id)
        runtime.ok("delete", "--force", container.id)
        os.unlink(f"{container.bundle}/pid")
    # the hook dies with the create; its child that deletes does not
    eventually(lambda: os.path.exists(out) and runtime.ids() == [], 12)
    container.reap()
    assert time.monotonic() - begin < 25
    if "run" in lines:
        assert "already exists" in read_answers(out)["run"]
    os.unlink(out)
    assert scene.problems(patience=2) == []


@pytest.mark.parametrize("kind", ["startContainer", "poststart"])
@promise("issue:7.5")
def test_delete_force_while_a_start_hook_sleeps(runtime, kind):
    """The start that waits for the hook ends too."""
    container = runtime.container(["/bin/sleep", "1000"])
    container.config["hooks"] = {kind: [{"path": "/bin/sleep", "args": ["sleep", "976"]}]}
    container.create()
    starter = runtime.popen("start", container.id, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)
    eventually(lambda: "sleep\0976" in hook_commands(), 5)
    assert container.status() == "running"
    begin = time.monotonic()
    container.delete("--force")
    assert time.monotonic() - begin < 13
    if kind == "poststart":
        starter.kill() # the container is gone; the hook is the host's affair, and has no timeout
    said = starter.communicate(timeout=5)[1]
    assert starter.returncode == (-9 if kind == "poststart" else 1)
    assert kind == "poststart" or "killed before its program was executed" in said, said
    eventually(lambda: "sleep\0976" not in hook_commands(), 5)
    assert runtime.ids() == []


def hook_commands():
    """The command lines of all processes, one string."""
    commands = []
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            commands.append(read_text(f"/proc/{number}/cmdline"))
        except OSError:
            continue
    return " ".join(commands)
