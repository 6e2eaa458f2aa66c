"""A hook that calls a verb of the runtime on its own container: an answer or an error, never a deadlock."""
import os
import time

import pytest

import faults
from tare import promise

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
    if kind in ("poststop", "createContainer"):
        # poststop: the name is free, so that it would make a container. createContainer runs inside the
        # container's pid namespace, where the creating process cannot be seen: taken for a killed one.
        del lines["create"]
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
