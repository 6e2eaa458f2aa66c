"""What `spec --rootless` writes, run by a user without privileges: the own id is root of a user namespace, and
nothing else is mapped."""
import json
import os
import subprocess

import pytest

import console
from tare import promise


def rootless_config(runtime, directory):
    """What `spec --rootless` writes, without a terminal."""
    runtime.ok("spec", "--rootless", "--bundle", directory)
    path = f"{directory}/config.json"
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    os.unlink(path)
    config["process"]["terminal"] = False
    return config


@pytest.fixture
def container(unprivileged_runtime):
    """A container of a user, with the configuration for users; the bundle is the user's."""
    runtime = unprivileged_runtime
    made = runtime.container()
    user = runtime.user if runtime.user is not None else os.geteuid()
    made.chown(user)
    os.chown(made.bundle, user, user)
    made.config = rootless_config(runtime, made.bundle)
    return made


def report(container, *sections):
    container.config["process"]["args"] = ["/bin/report", *sections]
    return container.report()


@promise("spec:155")
def test_spec(container):
    runtime, config = container.runtime, container.config
    user = runtime.user if runtime.user is not None else os.geteuid()
    mapping = [{"containerID": 0, "hostID": user, "size": 1}]
    assert config["linux"]["uidMappings"] == config["linux"]["gidMappings"] == mapping
    assert {ns["type"] for ns in config["linux"]["namespaces"]} == {
        "pid", "ipc", "uts", "mount", "cgroup", "user"}
    assert "resources" not in config["linux"]
    mounts = {mount["destination"]: mount for mount in config["mounts"]}
    assert mounts["/sys"] == {"destination": "/sys", "type": "none", "source": "/sys",
                              "options": ["rbind", "nosuid", "noexec", "nodev", "ro"]}
    assert not [path for path in mounts if path.startswith("/sys/")]
    assert not [option for mount in config["mounts"] for option in mount.get("options", [])
                if option.startswith(("gid=", "uid="))]


@promise("spec:150")
def test_identity(container):
    seen = report(container, "identity", "cwd", "no_new_privs", "uts")
    assert seen["identity"]["uid"] == seen["identity"]["gid"] == [0, 0, 0]
    assert seen["no_new_privs"] == 1
    assert seen["uts"]["hostname"] == "tare"


def test_nothing_of_the_host_can_be_changed(container):
    container.config["process"]["args"] = [
        "/bin/sh", "-c",
        "echo x > /sys/kernel/profiling; mount -o remount,rw /sys; mkdir /new; "
        "echo $(cat /proc/self/setgroups)"]
    container.config["process"]["capabilities"] = {}
    result = container.run()
    assert (result.rc, result.out) == (0, "deny\n")
    assert not os.path.exists(f"{container.rootfs}/new")


@promise("spec:116")
def test_oom_score(container):
    """Raising it takes no privilege."""
    container.config["process"]["oomScoreAdj"] = 900
    container.config["process"]["args"] = ["/bin/cat", "/proc/self/oom_score_adj"]
    result = container.run()
    assert (result.rc, result.out) == (0, "900\n"), result


def test_files_belong_to_the_user(container):
    container.config["root"]["readonly"] = False
    container.config["process"]["args"] = ["/bin/sh", "-c", "echo x > /new; stat -c %u /new"]
    result = container.run()
    assert (result.rc, result.out) == (0, "0\n")
    user = container.runtime.user if container.runtime.user is not None else os.geteuid()
    assert os.stat(f"{container.rootfs}/new").st_uid == user


@promise("contract:7.5")
def test_terminal(container):
    container.config["process"].update(terminal=True, args=["/bin/sh", "-c", "tty; exit 3"])
    with console.Console(container.bundle) as terminal:
        os.chmod(terminal.path, 0o777)
        container.create("--console-socket", terminal.path)
        terminal.accept()
        container.start()
        assert terminal.read_until() == b"/dev/pts/0\r\n"
        assert container.wait() == 3


def test_attached_terminal(container):
    container.config["process"].update(terminal=True, args=["/bin/sh", "-c", "tty; exit 3"])
    result = container.run()
    assert (result.rc, result.out) == (3, "/dev/pts/0\n")


@promise("contract:7.2")
def test_life_cycle(container):
    container.config["process"]["args"] = [
        "/bin/sh", "-c", "trap 'exit 4' TERM; while :; do sleep 0.02; done"]
    container.create()
    assert container.status() == "created"
    container.start()
    container.kill("KILL")
    assert container.wait() == 137
    container.delete()
    assert container.runtime.ids() == []


@pytest.mark.parametrize("property_, value, words", [
    ("uidMappings", [{"containerID": 0, "hostID": 0, "size": 1}], "newuidmap"),
    ("uidMappings", [{"containerID": 0, "hostID": 100000, "size": 65536}], "newuidmap"),
])
def test_maps_that_take_privileges_say_so(container, property_, value, words):
    container.config["linux"][property_] = value
    result = container.run()
    assert result.rc == 1 and words in result.err


def test_the_usual_configuration_says_what_is_missing(unprivileged_runtime):
    """That of `spec`, without a user namespace."""
    container = unprivileged_runtime.container(["/bin/true"])
    result = container.run()
    assert result.rc == 1
    assert "user namespace" in result.err


def test_as_root(runtime):
    """It runs for root as well, who is mapped to itself."""
    container = runtime.container()
    container.config = rootless_config(runtime, container.bundle)
    container.config["process"]["args"] = ["id", "-u"]
    container.write()
    result = container.run()
    assert (result.rc, result.out, subprocess.getoutput("id -u")) == (0, "0\n", "0")
