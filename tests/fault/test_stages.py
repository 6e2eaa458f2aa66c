"""Each stage failing for real: status 1, one clear message that names the place in config.json, nothing
left behind, and the id can be used again."""
import os
import socket
import subprocess

import pytest

import faults
from tare import promise, user_namespace


def mount(**members):
    return lambda c: c.config["mounts"].append(members)


def process(**members):
    return lambda c: c.config["process"].update(members)


def namespace(kind, path):
    def change(container):
        namespaces = container.config["linux"]["namespaces"]
        namespaces[:] = [x for x in namespaces if x["type"] != kind]
        namespaces.append({"type": kind, "path": path})
        if kind == "uts":
            del container.config["hostname"]
    return change


def linux(**members):
    return lambda c: c.config["linux"].update(members)


def limit(**members):
    return lambda c: c.config["linux"]["resources"].update(members)


def hook(kind, script="echo words >&2; exit 7"):
    return lambda c: c.config.update(
        {"hooks": {kind: [{"path": "/bin/sh", "args": ["sh", "-c", script]}]}})


def unmapped(container):
    user_namespace(container.config)
    container.config["linux"]["uidMappings"][0]["containerID"] = 5


# name: (change of the container, words of the message)
STAGES = {
    "bind-without-source": (mount(destination="/mnt", type="bind", source="/nonexistent/x",
                                  options=["rbind"]), ["mounts[7]", "/nonexistent/x"]),
    "bind-directory-on-file": (mount(destination="/etc/passwd", type="bind", source="/tmp",
                                     options=["bind"]), ["mounts[7]", "/etc/passwd"]),
    "unknown-file-system": (mount(destination="/mnt", type="nosuchfs", source="x"),
                            ["mounts[7]", "nosuchfs"]),
    "tmpfs-bad-option": (mount(destination="/mnt", type="tmpfs", source="x",
                               options=["size=lots"]), ["mounts[7]", "size"]),
    "proc-bad-option": (mount(destination="/mnt", type="proc", source="x",
                              options=["nosuch=1"]), ["mounts[7]", "nosuch"]),
    "overlay-without-layers": (mount(destination="/mnt", type="overlay", source="overlay",
                                     options=["lowerdir=/nonexistent"]),
                               ["mounts[7]", "lowerdir"]),
    "destination-through-file": (mount(destination="/etc/passwd/below", type="tmpfs", source="x"),
                                 ["mounts[7]", "/etc/passwd/below"]),
    "device-on-directory": (linux(devices=[{"path": "/etc", "type": "c", "major": 1, "minor": 3}]),
                            ["linux.devices[0]", "/etc"]),
    "no-program": (process(args=["/bin/nothing"]), ["/bin/nothing", "no such file"]),
    "no-program-in-path": (process(args=["nothing"]),
                           ["nothing", "executable file not found in $PATH"]),
    "program-not-executable": (process(args=["/etc/passwd"]),
                               ["/etc/passwd", "permission denied"]),
    "cwd-is-a-file": (process(cwd="/etc/passwd"), ["process.cwd", "/etc/passwd"]),
    "rlimit-too-high": (process(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 1 << 40,
                                          "hard": 1 << 40}]), ["process.rlimits[0]"]),
    "rlimit-soft-over-hard": (process(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 5}]),
                              ["process.rlimits[0]"]),
    "namespace-missing": (namespace("network", "/nonexistent/net"),
                          ["linux.namespaces", "network", "/nonexistent/net"]),
    "namespace-of-another-type": (namespace("network", "/proc/self/ns/uts"),
                                  ["linux.namespaces", "network"]),
    "namespace-is-a-file": (namespace("ipc", "/etc/hostname"), ["linux.namespaces", "ipc"]),
    "sysctl-unknown": (linux(sysctl={"net.nosuch": "1"}), ["linux.sysctl", "net.nosuch"]),
    "sysctl-refused": (linux(sysctl={"net.ipv4.ip_forward": "words"}),
                       ["linux.sysctl", "net.ipv4.ip_forward"]),
    "root-missing": (lambda c: c.config["root"].update(path="nothing"), ["root", "nothing"]),
    "root-not-mapped": (unmapped, ["0"]),
    "controller-missing": (limit(memory={"limit": 1 << 26}), ["linux.resources.memory", "memory"]),
    "hook-prestart": (hook("prestart"), ["hooks.prestart[0]", "exit status 7", "words"]),
    "hook-createRuntime": (hook("createRuntime"),
                           ["hooks.createRuntime[0]", "exit status 7", "words"]),
    "hook-createContainer": (hook("createContainer"),
                             ["hooks.createContainer[0]", "exit status 7", "words"]),
    "hook-missing": (lambda c: c.config.update(hooks={"prestart": [{"path": "/nonexistent/h"}]}),
                     ["hooks.prestart[0]", "/nonexistent/h"]),
    "hook-killed": (hook("createRuntime", "kill -9 $$"), ["hooks.createRuntime[0]", "signal: 9"]),
    "hook-timeout": (lambda c: c.config.update(hooks={"createRuntime": [
        {"path": "/bin/sleep", "args": ["sleep", "100"], "timeout": 1}]}),
                     ["hooks.createRuntime[0]", "timed out"]),
}


def check(container, result, words, scene):
    """A failed create or run."""
    problems = faults.message_problems(result)
    if result.rc != 1:
        problems.append(f"exit status {result.rc}: {result}")
    problems += [f"not in the message: {word}: {result.err}" for word in words
                 if word.lower() not in result.err.lower()]
    problems += scene.problems()
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.mark.parametrize("name", STAGES)
@pytest.mark.parametrize("verb", ["create", "run"])
@promise("issue:7.4", "spec:36")
def test_stage(runtime, name, verb):
    change, words = STAGES[name]
    container = runtime.container(["/bin/true"])
    change(container)
    container.write()
    os.mkdir(f"{container.rootfs}/mnt") # a mount point that was made stays
    scene = faults.Scene(container)
    if name == "controller-missing" and "memory" in \
            open(f"{scene.cgroup2}/cgroup.controllers", encoding="ascii").read().split():
        return  # a machine whose cgroup2 has all controllers
    result = container.run() if verb == "run" else container.try_create()
    check(container, result, words, scene)


@promise("issue:7.4")
def test_cgroup_refused(runtime):
    """A cgroup that may have no further ones."""
    container = runtime.container(["/bin/true"])
    scene = faults.Scene(container)
    parent = f"{scene.cgroup2}/{container.id}-parent"
    os.mkdir(parent)
    try:
        with open(f"{parent}/cgroup.max.descendants", "w", encoding="ascii") as file:
            file.write("0")
        container.config["linux"]["cgroupsPath"] = f"/{container.id}-parent/inner"
        container.write()
        scene = faults.Scene(container)
        check(container, container.try_create(), ["cgroup", "max"], scene)
    finally:
        os.rmdir(parent)


@pytest.mark.parametrize("options, words", [
    (["--pid-file", "/nonexistent/pid"], ["pid file", "/nonexistent"]),
    (["--pid-file", "/proc/version"], ["pid file"]),
    (["--console-socket", "/nonexistent/console"], ["console"]),
])
@promise("issue:7.4")
def test_unusable_option(runtime, options, words):
    container = runtime.container(["/bin/true"])
    if "console" in words:
        container.config["process"]["terminal"] = True
    container.write()
    scene = faults.Scene(container)
    result = runtime.call("create", "--bundle", container.bundle, *options, container.id)
    check(container, result, words, scene)


@promise("issue:7.4")
@pytest.mark.parametrize("by_link", [False, True], ids=["pipe", "link"])
def test_pid_file_that_is_none(runtime, by_link):
    """A device, a pipe or a link to one stays what it is: `--pid-file /dev/null` must not harm the host."""
    if not runtime.is_tare:
        pytest.skip("others put a file in its place")
    container = runtime.container(["/bin/true"])
    container.write()
    path = f"{container.bundle}/pipe"
    os.mkfifo(path)
    if by_link:
        os.symlink("pipe", f"{container.bundle}/link")
    path = f"{container.bundle}/link" if by_link else path
    before = os.lstat(path)
    scene = faults.Scene(container)
    result = runtime.call("create", "--bundle", container.bundle, "--pid-file", path, container.id)
    check(container, result, ["pid file", "no regular file"], scene)
    assert os.lstat(path) == before


@promise("issue:7.4")
def test_pid_file_is_not_written_through_a_link(runtime):
    """Its temporary name may be somebody's link, in /tmp."""
    container = runtime.container(["/bin/true"])
    container.write()
    with open(f"{container.bundle}/canary", "w", encoding="ascii") as file:
        file.write("canary")
    os.symlink("canary", f"{container.bundle}/.pid")
    container.create("--pid-file", f"{container.bundle}/pid")
    with open(f"{container.bundle}/canary", encoding="ascii") as file:
        assert file.read() == "canary"
    container.delete("--force")


def check_console_socket(runtime, prepare, words):
    """create with a console socket that @prepare(path) has made fails with these words."""
    container = runtime.container(["/bin/true"])
    container.config["process"]["terminal"] = True
    container.write()
    path = f"{container.bundle}/console"
    sockets = prepare(path)
    scene = faults.Scene(container)
    result = runtime.call("create", "--bundle", container.bundle, "--console-socket", path, container.id)
    check(container, result, ["console socket", *words], scene)
    for each in sockets:
        each.close()


@promise("issue:7.4")
def test_console_socket_without_listener(runtime):
    def prepare(path):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as nobody:
            nobody.bind(path)
        return []
    check_console_socket(runtime, prepare, ["refused"])


@promise("issue:7.4")
def test_console_socket_whose_listener_accepts_nobody(runtime):
    """A full queue makes connect(2) wait: not without an end, since the container's lock is held meanwhile."""
    def prepare(path):
        listener, waiting = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(0)
        waiting.connect(path)
        return [listener, waiting]
    check_console_socket(runtime, prepare, ["accepts nobody"])


@promise("spec:29")
def test_start_container_hook_fails(runtime):
    """start says so, the program has not run, the container has stopped."""
    container = runtime.container(["/bin/echo", "ran"])
    hook("startContainer")(container)
    container.create()
    result = runtime.call("start", container.id)
    assert result.rc == 1 and faults.message_problems(result) == []
    assert "hooks.startContainer[0]" in result.err and "words" in result.err
    assert container.wait() == 1
    assert container.status() == "stopped"
    assert "ran" not in container.output()[0]


@promise("spec:31")
def test_poststart_hook_fails(runtime):
    """start says so, and the container is stopped."""
    container = runtime.container(["/bin/sleep", "1000"])
    hook("poststart")(container)
    container.create()
    result = runtime.call("start", container.id)
    assert result.rc == 1 and faults.message_problems(result) == []
    assert "hooks.poststart[0]" in result.err and "words" in result.err
    assert container.wait() == 137
    assert container.status() == "stopped"


@promise("spec:35")
def test_poststop_hook_fails(runtime):
    """Only a warning; the hooks after it run as well."""
    container = runtime.container(["/bin/true"])
    mark = f"{container.bundle}/second"
    container.config["hooks"] = {"poststop": [
        {"path": "/bin/sh", "args": ["sh", "-c", "echo words >&2; exit 7"]},
        {"path": "/bin/touch", "args": ["touch", mark]}]}
    container.create()
    result = runtime.call("delete", container.id)
    assert result.rc == 0
    assert "level=warning" in result.err and "words" in result.err
    assert os.path.exists(mark)


@promise("issue:7.4")
def test_run_of_what_cannot_be_executed(runtime):
    """The error comes with start: run has its status and leaves nothing."""
    container = runtime.container(["/bin/broken"])
    with open(f"{container.rootfs}/bin/broken", "w", encoding="ascii") as file:
        file.write("no program at all\n")
    os.chmod(f"{container.rootfs}/bin/broken", 0o755)
    container.write()
    scene = faults.Scene(container)
    result = container.run()
    assert result.rc == 1 and "exec format error" in result.err.lower()
    assert scene.problems() == []


def test_the_network_namespace_goes(runtime):
    """After a failed create nobody holds the container's network namespace: a device that was put into it
    comes back or dies with it."""
    container = runtime.container(["/bin/nothing"])
    out = f"{container.bundle}/net"
    hook("prestart", f"pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/'); readlink /proc/$pid/ns/net > {out}")(
        container)
    assert container.try_create().rc == 1
    with open(out, encoding="ascii") as file:
        inode = file.read().strip()
    assert inode.startswith("net:[")
    listed = subprocess.run(["lsns", "-t", "net", "-n", "-o", "NS"], capture_output=True, text=True,
                            check=False).stdout.split() # 1: a process ended while it looked
    assert listed
    assert inode[5:-1] not in listed
