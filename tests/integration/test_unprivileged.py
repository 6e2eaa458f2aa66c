"""What `spec --rootless` writes, run by a user without privileges: the own id is root of a user namespace, and
nothing else is mapped."""
import json
import os
import shutil
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


SUBORDINATE = "tester:100000:3\ntester:200000:500\n"


@pytest.fixture
def subordinate(container):
    """The container of a user who was given ranges of ids, in a mount namespace of its own: 100000 to 100002
    and 200000 to 200499, and whose ids 0 to 202 are mapped: the own, then both ranges in pieces."""
    runtime = container.runtime
    user = runtime.user
    if user is None:
        pytest.skip("needs root, to give a user ranges of ids")
    for program in ("newuidmap", "newgidmap"):
        assert shutil.which(program), f"{program} (Debian's uidmap) is not installed"
    files = {"subuid": SUBORDINATE, "subgid": SUBORDINATE,
             "passwd": f"root:x:0:0::/:/bin/sh\ntester:x:{user}:{user}::/:/bin/sh\n",
             "group": f"root:x:0:\ntester:x:{user}:\n"}
    script = []
    for name, text in files.items():
        with open(f"{runtime.directory}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
        script.append(f"mount --bind {runtime.directory}/{name} /etc/{name}")
        if not os.path.exists(f"/etc/{name}"):
            pytest.skip(f"/etc/{name} does not exist here, to mount another one over")
    script = " && ".join(script)
    runtime.wrapper = ["unshare", "-m", "--propagation", "private", "sh", "-c",
                       f'{script} && exec "$@"', "sh"]
    ranges = [(0, user, 1), (1, 100000, 2), (3, 200000, 100), (103, 200200, 100)]
    for key in ("uidMappings", "gidMappings"):
        container.config["linux"][key] = [
            {"containerID": inside, "hostID": outside, "size": size}
            for inside, outside, size in ranges]
    return container


@promise("spec:76")
def test_ranges_of_ids(subordinate):
    """Any number of ranges, by newuidmap and newgidmap; the map is the asked one, and groups can be set."""
    subordinate.config["process"]["user"] = {"uid": 5, "gid": 104, "additionalGids": [1, 150]}
    subordinate.config["process"]["args"] = [
        "/bin/sh", "-c", "cat /proc/self/uid_map /proc/self/setgroups; id -u; id -g; id -G"]
    result = subordinate.run()
    assert result.rc == 0, result
    lines = [line.split() for line in result.out.splitlines()]
    user = subordinate.runtime.user
    assert lines == [["0", str(user), "1"], ["1", "100000", "2"], ["3", "200000", "100"],
                     ["103", "200200", "100"], ["allow"], ["5"], ["104"], ["104", "1", "150"]]


def test_life_cycle_with_ranges(subordinate):
    subordinate.config["process"]["args"] = ["/bin/sh", "-c", "touch /run/a; sleep 100"]
    subordinate.config["process"]["user"] = {"uid": 3, "gid": 3}
    subordinate.create()
    subordinate.start()
    with open(f"/proc/{subordinate.pid}/status", encoding="utf-8") as file:
        assert "\nUid:\t200000\t200000\t200000\t200000\n" in file.read()
    subordinate.kill("KILL")
    assert subordinate.wait() == 137
    subordinate.delete()


@pytest.mark.parametrize("key, program", [("uidMappings", "newuidmap"),
                                          ("gidMappings", "newgidmap")])
def test_ranges_that_were_not_given(subordinate, key, program):
    """The error names the list, the program, what it said and where the ranges are written down."""
    subordinate.config["linux"][key].append({"containerID": 1000, "hostID": 300000, "size": 1})
    result = subordinate.run()
    assert result.rc == 1
    for words in (f"linux.{key}: {program} refused it: ", "300000",
                  "/etc/subuid" if key == "uidMappings" else "/etc/subgid"):
        assert words in result.err, result.err
    assert subordinate.runtime.ids() == []


def test_no_program_that_maps(container):
    """Without newuidmap the error says what to install."""
    if container.runtime.user is None and os.geteuid() == 0:
        pytest.skip("needs a user without privileges")
    container.config["linux"]["uidMappings"].append(
        {"containerID": 1, "hostID": 100000, "size": 10})
    path = f"{container.runtime.directory}/path"
    os.mkdir(path)
    os.symlink(shutil.which("setpriv"), f"{path}/setpriv")
    result = container.run(env={"PATH": path})
    assert result.rc == 1
    assert "linux.gidMappings: newgidmap is not installed" in result.err, result.err


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
