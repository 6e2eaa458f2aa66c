"""Containers inside of user namespaces: of one that looks like the initial one, of another container, rootless in
rootless."""
import json
import os
import subprocess

import pytest

import userns
from tare import default_config, promise, subordinate_range, user_namespace

ALL = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_MKNOD", "CAP_NET_ADMIN", "CAP_SETFCAP", "CAP_SETGID",
       "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE"]


@promise("spec:155")
def test_an_identity_map_is_not_the_initial_namespace(runtime):
    """All ids are mapped to themselves, and still mknod(2), device filters and the host's cgroups are refused: what is
    done there is what a user namespace needs."""
    container = runtime.container(["/bin/sh", "-c", "cat /proc/self/uid_map; stat -c '%t %T' /dev/null; echo x > /dev/null"])
    container.config["linux"]["resources"] = {}
    identity = "0 0 4294967295"
    runtime.wrapper = ["/usr/bin/python3", "-c", userns.ENTER, identity, identity]
    result = container.run()
    assert (result.rc, result.out.split()) == (0, ["0", "0", "4294967295", "1", "3"]), result
    result = container.run(globals_=["--debug"])
    runtime.wrapper = []
    assert result.rc == 0, result


def outer(runtime, words):
    """A container that may make others: with nothing over its /proc, and with the test's directory at its own path."""
    made = runtime.container(words)
    config = made.config
    if os.geteuid() == 0:
        config["linux"]["resources"] = {}
        user_namespace(config)
        made.chown(100000)
    elif not subordinate_range("uid")[1]:
        pytest.skip("the user has no range of ids")
    config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
    config["process"]["capabilities"] = {name: ALL for name in ("bounding", "effective", "permitted", "inheritable")}
    config["process"]["noNewPrivileges"] = False
    config["root"]["readonly"] = False
    for place in (runtime.directory, os.path.dirname(runtime.path)):
        config["mounts"].append({"destination": place, "type": "bind", "source": place, "options": ["rbind"]})
    return made


def inner(runtime, words, maps):
    """The bundle of a container for inside, and its id."""
    bundle = f"{runtime.directory}/inner"
    os.mkdir(bundle)
    subprocess.run(["cp", "-a", runtime.rootfs, f"{bundle}/rootfs"], check=True)
    os.mkdir(f"{bundle}/state")
    config = default_config(words)
    config["linux"]["resources"] = {}
    if maps:
        user_namespace(config)
        config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = [
            {"containerID": inside, "hostID": outside, "size": size} for inside, outside, size in maps]
    if maps and sum(size for _, _, size in maps) < 6:
        for mount in config["mounts"]:
            mount["options"] = [x for x in mount.get("options", []) if x != "gid=5"]
    with open(f"{bundle}/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "100000:100000", bundle], check=True)
    return bundle, runtime.host.name()


@promise("spec:155", "spec:76")
@pytest.mark.parametrize("maps", [None, [(0, 0, 1)], [(0, 0, 1), (1, 10, 5), (6, 1000, 100)], [(0, 0, 1000)]],
                         ids=["no user namespace", "one id", "several ranges", "identity"])
def test_a_container_in_a_container(runtime, maps):
    told = "cat /proc/self/uid_map; stat -c '%t %T' /dev/null; ls /sys/class/net; echo $$"
    bundle, name = inner(runtime, ["/bin/sh", "-c", told], maps)
    container = outer(runtime, [runtime.path, "--root", f"{bundle}/state", "run", "-b", bundle, name])
    container.config["process"]["env"].append("USER=root")
    result = container.run()
    assert result.rc == 0, result
    lines = [line.split() for line in result.out.splitlines()]
    if maps:
        assert [[int(word) for word in line] for line in lines[:len(maps)]] == [list(entry) for entry in maps]
    assert lines[-3:] == [["1", "3"], ["lo"], ["1"]]


def test_life_cycle_in_a_container(runtime):
    """create, start, exec, kill and delete, all from inside."""
    bundle, name = inner(runtime, ["/bin/sleep", "1000"], [(0, 0, 1), (1, 10, 5)])
    tare = f"{runtime.path} --root {bundle}/state"
    container = outer(runtime, ["/bin/sh", "-ec", f"""
        {tare} create -b {bundle} {name} < /dev/null > /dev/null 2>&1
        {tare} start {name}
        {tare} exec {name} /bin/echo added
        {tare} kill {name} KILL
        while {tare} state {name} | grep -q running; do :; done
        {tare} delete {name}
        ls {bundle}/state; echo end"""])
    result = container.run()
    assert (result.rc, result.out) == (0, "added\nend\n"), result


@promise("spec:76")
@pytest.mark.parametrize("maps, told", [
    ([(0, 0, 1), (1, 70000, 10)], "linux.gidMappings"),
    ([(0, 0, 1), (0, 5, 10)], "Mappings"),
])
def test_ranges_that_do_not_fit_in_a_container(runtime, maps, told):
    bundle, name = inner(runtime, ["/bin/true"], maps)
    container = outer(runtime, [runtime.path, "--root", f"{bundle}/state", "run", "-b", bundle, name])
    result = container.run()
    assert result.rc == 1 and told in result.err, result
    assert os.listdir(f"{bundle}/state") == []
