"""crun's annotations that change a native container: the same meaning here. Each is one that callers set: podman
(keep-groups), toolkits that log their hooks, and monitors that want a pidfd."""
import os
import socket
import subprocess

import pytest

from tare import promise

KINDS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]


def annotate(container, **annotations):
    """Sets run.oci.NAME, an underscore at its beginning being a dot: hooks_stdout is hooks.stdout."""
    container.config["annotations"] = {f"run.oci.{name.replace('__', '.')}": value
                                       for name, value in annotations.items()}


@promise("contract:13")
def test_keep_original_groups(runtime):
    """The caller's groups stay, and process.user.additionalGids do not replace them."""
    container = runtime.container(["/bin/sh", "-c", "id -G"])
    container.config["process"]["user"]["additionalGids"] = [77]
    annotate(container, keep_original_groups="1")
    container.write()
    process = subprocess.run(
        ["setpriv", "--groups", "5,6", *runtime.argv("run", "--bundle", container.bundle,
                                                     container.id)],
        env=runtime.env, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout) == (0, "0 5 6\n"), process


def test_keep_original_groups_in_a_user_namespace(runtime):
    """Groups that are not mapped are nobody's there, and still the caller's."""
    container = runtime.container(["/bin/sh", "-c", "grep Groups /proc/self/status"])
    container.config["linux"]["namespaces"].append({"type": "user"})
    for key in ("uidMappings", "gidMappings"):
        container.config["linux"][key] = [{"containerID": 0, "hostID": 100000, "size": 100}]
    container.chown(100000)
    annotate(container, keep_original_groups="1")
    container.write()
    process = subprocess.run(
        ["setpriv", "--groups", "5", *runtime.argv("run", "--bundle", container.bundle,
                                                   container.id)],
        env=runtime.env, capture_output=True, text=True, check=False)
    assert process.stdout.split() == ["Groups:", "65534"], process


def test_files_of_hooks(runtime):
    """Every kind of hook appends to the two files, and nothing of them is held by the program."""
    container = runtime.container(["/bin/sh", "-c", "ls -l /proc/self/fd"])
    out, errors = f"{container.bundle}/hooks.out", f"{container.bundle}/hooks.err"
    with open(out, "w", encoding="utf-8") as file:
        file.write("before\n")
    annotate(container, hooks__stdout=out, hooks__stderr=errors)
    container.config["hooks"] = {
        kind: [{"path": "/bin/sh", "args": ["sh", "-c", f"echo {kind}; echo not {kind} >&2"]}]
        for kind in KINDS}
    result = container.run()
    assert result.rc == 0 and "hooks." not in result.out, result
    with open(out, encoding="utf-8") as file:
        assert file.read().split() == ["before", *KINDS]
    with open(errors, encoding="utf-8") as file:
        assert file.read().splitlines() == [f"not {kind}" for kind in KINDS]


def test_a_failing_hook_with_files(runtime):
    """It is still told, without what it wrote; a file that can't be opened keeps the container from being."""
    container = runtime.container(["/bin/true"])
    annotate(container, hooks__stderr=f"{container.bundle}/hooks.err")
    container.config["hooks"] = {"createRuntime": [
        {"path": "/bin/sh", "args": ["sh", "-c", "echo bad >&2; exit 3"]}]}
    result = container.run()
    assert result.rc == 1 and "error running createRuntime hook #0: exit status 3" in result.err
    assert "bad" not in result.err
    annotate(container, hooks__stdout="/nonexistent/file")
    result = container.run()
    assert result.rc == 1
    assert "annotations[run.oci.hooks.stdout]: open /nonexistent/file" in result.err
    assert runtime.ids() == []


def test_pidfd_receiver(runtime):
    """As --pidfd-socket."""
    container = runtime.container(["/bin/sleep", "100"])
    path = f"{container.bundle}/pidfd"
    annotate(container, pidfd_receiver=path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(1)
        container.create()
        connection, _ = listener.accept()
        with connection:
            _, descriptors, _, _ = socket.recv_fds(connection, 100, 1)
    with open(f"/proc/self/fdinfo/{descriptors[0]}", encoding="utf-8") as file:
        assert f"\nPid:\t{container.pid}\n" in file.read()
    os.close(descriptors[0])
    annotate(container, pidfd_receiver="/nonexistent")
    container.id += "-2"
    result = container.try_create()
    assert result.rc == 1 and "annotations[run.oci.pidfd_receiver]" in result.err
    container.id = container.id[:-2]


@pytest.mark.parametrize("name, value, words", [
    ("handler", "krun", 'annotations[run.oci.handler]: there is no handler \\"krun\\"'),
    ("mount_context_type", "x", 'annotations[run.oci.mount_context_type]: \\"x\\" is none of'),
])
def test_refused(runtime, name, value, words):
    container = runtime.container(["/bin/true"])
    annotate(container, **{name: value})
    result = container.run()
    assert result.rc == 1 and words in result.err, result


def test_no_handler(runtime):
    """An empty one is the native one."""
    container = runtime.container(["/bin/true"])
    annotate(container, handler="")
    assert container.run().rc == 0
