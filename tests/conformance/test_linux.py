"""Namespaces, clocks, devices and the smaller properties of linux (config-linux.md), as a container shows them."""
import json
import os
import stat
import subprocess

import pytest

from tare import eventually, parse_mountinfo, promise, user_namespace

PROC_NAMES = {"pid": "pid", "network": "net", "mount": "mnt", "ipc": "ipc", "uts": "uts", "user": "user",
              "cgroup": "cgroup", "time": "time"}


def namespaces_of(container):
    """The links of /proc/self/ns in the container."""
    found = container.report()["namespaces"]
    return {kind: found[name] for kind, name in PROC_NAMES.items()}


OURS = {kind: os.readlink(f"/proc/self/ns/{name}") for kind, name in PROC_NAMES.items()}


@promise("spec:147", "spec:148", "spec:152")
def test_every_new_namespace(runtime):
    container = runtime.reporter("namespaces")
    user_namespace(container.config)
    container.config["linux"]["namespaces"].append({"type": "time"})
    container.chown(100000)
    found = namespaces_of(container)
    assert not [kind for kind in PROC_NAMES if found[kind] == OURS[kind]]


@promise("spec:153")
@pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts", "cgroup", "user", "time"])
def test_what_is_not_listed_is_inherited(runtime, kind):
    container = runtime.reporter("namespaces")
    namespaces = container.config["linux"]["namespaces"]
    namespaces[:] = [entry for entry in namespaces if entry["type"] != kind]
    if kind == "uts":
        del container.config["hostname"]
    if kind == "network":  # sysfs shows one of its own alone
        container.config["mounts"] = [m for m in container.config["mounts"] if m["type"] != "sysfs"]
    found = namespaces_of(container)
    assert found[kind] == OURS[kind]


@promise("spec:149", "spec:150", "spec:151")
def test_joined_namespaces(runtime, host):
    """Each of them by the path of another process, which the container then shares."""
    with subprocess.Popen(["unshare", "--net", "--ipc", "--uts", "--cgroup", "--time", "--pid", "--fork",
                           "sh", "-c", "sleep infinity"], start_new_session=True) as holder:
        try:
            host.holders.add(holder.pid)
            child = eventually(lambda: children(holder.pid))
            eventually(lambda: os.readlink(f"/proc/{child}/ns/time") != OURS["time"])
            container = runtime.reporter("namespaces")
            del container.config["hostname"]
            container.config["linux"]["namespaces"] = [{"type": "mount"}] + [
                {"type": kind, "path": f"/proc/{child}/ns/{PROC_NAMES[kind]}"}
                for kind in ("pid", "network", "ipc", "uts", "cgroup", "time")]
            found = namespaces_of(container)
            for kind in ("network", "ipc", "uts", "cgroup", "time", "pid"):
                assert found[kind] == os.readlink(f"/proc/{child}/ns/{PROC_NAMES[kind]}"), kind
            # of another type, no namespace, nothing at all, not absolute
            for path, text in ((f"/proc/{child}/ns/uts", "is not a network namespace"),
                               ("/etc/passwd", "is not a network namespace"), ("/no/such", "/no/such"),
                               ("proc/self/ns/net", "absolute")):
                container.config["linux"]["namespaces"] = [{"type": "mount"},
                                                           {"type": "network", "path": path}]
                result = container.try_create()
                assert result.rc == 1 and text in result.err, (path, result)
        finally:
            subprocess.run(["pkill", "-KILL", "--session", str(holder.pid)], check=False)
            holder.wait()
            host.holders.discard(holder.pid)


def children(pid):
    """The first child of a process."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        words = file.read().split()
    return int(words[0]) if words else None


@promise("spec:154")
def test_no_type_twice(runtime):
    container = runtime.container(["/bin/true"])
    container.config["linux"]["namespaces"].append({"type": "uts"})
    result = container.run()
    assert result.rc == 1 and "malformed spec file: duplicated ns" in result.err


@promise("spec:155", "spec:156")
def test_ids_are_mapped_and_nothing_is_chowned(runtime):
    container = runtime.reporter("namespaces")
    container.config["linux"]["namespaces"].append({"type": "user"})
    container.config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 10},
                                                {"containerID": 500, "hostID": 200000, "size": 7}]
    container.config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 300000, "size": 20}]
    container.chown(100000, 300000)
    os.lchown(f"{container.rootfs}/home", 4711, 4712)
    found = container.report()["namespaces"]
    rows = [line.split() for line in found["uid_map"].splitlines()]
    assert rows == [["0", "100000", "10"], ["500", "200000", "7"]]
    assert found["gid_map"].split() == ["0", "300000", "20"]
    assert os.stat(f"{container.rootfs}/home").st_uid == 4711
    assert os.stat(f"{container.rootfs}/bin/busybox").st_uid == 100000


@promise("spec:157")
@pytest.mark.parametrize("user", [False, True])
@pytest.mark.parametrize("offsets", [
    {"monotonic": {"secs": 1000, "nanosecs": 500}, "boottime": {"secs": 2000}},
    {"boottime": {"secs": 86400, "nanosecs": 999999999}}, {"monotonic": {"secs": -1}}, {}])
def test_clocks(runtime, offsets, user):
    container = runtime.reporter("namespaces")
    container.config["linux"]["namespaces"].append({"type": "time"})
    container.config["linux"]["timeOffsets"] = offsets
    if user:
        user_namespace(container.config)
        container.chown(100000)
    rows = {line.split()[0]: line.split()[1:]
            for line in container.report()["namespaces"]["time_offsets"].splitlines()}
    for clock in ("monotonic", "boottime"):
        wanted = offsets.get(clock, {})
        assert rows[clock] == [str(wanted.get("secs", 0)), str(wanted.get("nanosecs", 0))]


@promise("spec:157", "spec:46")
def test_clocks_that_would_be_before_the_beginning(runtime):
    container = runtime.container(["/bin/true"])
    container.config["linux"]["namespaces"].append({"type": "time"})
    container.config["linux"]["timeOffsets"] = {"monotonic": {"secs": -(1 << 40)}}
    result = container.try_create()
    assert result.rc == 1 and "linux.timeOffsets" in result.err and runtime.ids() == []


@promise("spec:64", "spec:65", "spec:66", "spec:67", "spec:146", "spec:165", "spec:166", "spec:167")
def test_what_is_there_by_default(runtime):
    container = runtime.reporter("dev", "mountinfo")
    found = container.report()
    dev = found["dev"]
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"),
                         ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx")):
        assert dev[name]["target"] == target, name
    for name, number in (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)):
        assert (dev[name]["type"], dev[name]["rdev"]) == ("c", [1, number])
    assert dev["tty"]["rdev"] == [5, 0] and "console" not in dev
    mounts = {point: row["type"] for point, row in parse_mountinfo(found["mountinfo"]).items()}
    for point, kind in (("/proc", "proc"), ("/sys", "sysfs"), ("/dev/pts", "devpts"), ("/dev/shm", "tmpfs")):
        assert mounts[point] == kind


@promise("spec:158", "spec:159", "spec:161", "spec:162", "spec:163", "spec:164")
def test_devices(runtime):
    container = runtime.reporter("access=/dev/mine", "access=/srv/deep/null", "access=/dev/again",
                                 "access=/dev/fifo", "access=/dev/raw", "access=/dev/disk")
    container.config["root"]["readonly"] = False
    container.config["process"]["user"] = {"uid": 0, "gid": 0}
    container.config["linux"]["resources"]["devices"].append({"allow": True, "access": "rwm"})
    container.config["linux"]["devices"] = [
        {"type": "c", "path": "/dev/mine", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 7, "gid": 8},
        {"type": "c", "path": "/srv/deep/null", "major": 1, "minor": 3},
        {"type": "c", "path": "/dev/again", "major": 1, "minor": 3},  # a number twice is its author's business
        {"type": "u", "path": "/dev/raw", "major": 1, "minor": 3},
        {"type": "b", "path": "/dev/disk", "major": 7, "minor": 200},
        {"type": "p", "path": "/dev/fifo", "fileMode": stat.S_IFIFO | 0o600}]
    found = container.report()["access"]
    mine = found["/dev/mine"]
    assert (mine["type"], mine["rdev"], mine["mode"], mine["uid"], mine["gid"]) == ("c", [1, 5], 0o640, 7, 8)
    assert found["/srv/deep/null"]["rdev"] == [1, 3] and found["/srv/deep/null"]["write"] == ""
    assert found["/dev/again"]["rdev"] == [1, 3] and found["/dev/again"]["mode"] == 0o666
    assert (found["/dev/raw"]["type"], found["/dev/raw"]["rdev"]) == ("c", [1, 3])
    assert (found["/dev/disk"]["type"], found["/dev/disk"]["rdev"]) == ("b", [7, 200])
    assert (found["/dev/fifo"]["type"], found["/dev/fifo"]["mode"]) == ("p", 0o600)


@promise("spec:160")
@pytest.mark.parametrize("present", ["file", "directory", "other device"])
def test_something_else_is_in_the_devices_place(runtime, present):
    container = runtime.container(["/bin/true"])
    path = f"{container.rootfs}/srv"
    if present == "file":
        with open(path, "w", encoding="ascii"):
            pass
    elif present == "directory":
        os.mkdir(path)
    else:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    container.config["linux"]["devices"] = [{"type": "c", "path": "/srv", "major": 1, "minor": 3}]
    result = container.run()
    assert result.rc == 1 and "linux.devices[0]" in result.err


@promise("spec:160")
def test_the_device_is_there_already(runtime):
    container = runtime.container(["/bin/true"])
    os.mknod(f"{container.rootfs}/srv", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    container.config["linux"]["devices"] = [{"type": "c", "path": "/srv", "major": 1, "minor": 3}]
    assert container.run().rc == 0


@promise("spec:159", "spec:162")
@pytest.mark.parametrize("device, text", [
    ({"type": "x", "path": "/dev/x", "major": 1, "minor": 3}, "unknown device type"),
    ({"path": "/dev/x", "major": 1, "minor": 3}, "type"), ({"type": "c", "major": 1, "minor": 3}, "path"),
    ({"type": "c", "path": "/dev/x", "minor": 3}, "major"), ({"type": "b", "path": "/dev/x", "major": 3}, "minor")])
def test_devices_that_are_none(runtime, device, text):
    container = runtime.container(["/bin/true"])
    container.config["linux"]["devices"] = [device]
    result = container.run()
    assert result.rc == 1 and "linux.devices[0]" in result.err and text in result.err


@promise("spec:255", "spec:256")
@pytest.mark.parametrize("personality, expected", [
    ({"domain": "LINUX"}, 0), ({"domain": "LINUX32"}, 8), ({"domain": "LINUX32", "flags": []}, 8)])
def test_personality(runtime, personality, expected):
    container = runtime.reporter("personality")
    container.config["linux"]["personality"] = personality
    assert container.report()["personality"] & 0xff == expected


@promise("spec:255", "spec:256")
@pytest.mark.parametrize("personality", [{}, {"domain": "BSD"}, {"domain": "LINUX", "flags": ["X"]}])
def test_personalities_that_are_none(runtime, personality):
    container = runtime.container(["/bin/true"])
    container.config["linux"]["personality"] = personality
    result = container.run()
    assert result.rc == 1 and "linux.personality" in result.err


@promise("spec:232")
def test_system_parameters(runtime):
    names = {"net.ipv4.ip_forward": "1", "kernel.shm_rmid_forced": "1", "kernel.msgmax": "4242",
             "net/ipv4/conf/lo/forwarding": "1", "fs.mqueue.msg_max": "7"}
    container = runtime.reporter(*[f"sysctl={name.replace('/', '.')}" for name in names])
    container.config["linux"]["sysctl"] = names
    found = container.report()["sysctl"]
    assert {name: found[name.replace("/", ".")].strip() for name in names} == names
    with open("/proc/sys/kernel/msgmax", encoding="ascii") as file:
        assert file.read().strip() != "4242"
    for name in ("kernel.panic", "vm.swappiness", "kernel.hostname"):
        container.config["linux"]["sysctl"] = {name: "1"}
        result = container.run()
        assert result.rc == 1 and name in result.err


@promise("spec:251")
@pytest.mark.parametrize("word", ["shared", "slave", "private", "unbindable"])
@pytest.mark.parametrize("recursive", [False, True])
def test_propagation_of_the_root(runtime, word, recursive):
    """Of the root's own mount; with an r in front also of the mounts below it."""
    container = runtime.reporter("mountinfo")
    container.config["linux"]["rootfsPropagation"] = ("r" if recursive else "") + word
    rows = parse_mountinfo(container.report()["mountinfo"])
    fields = {"shared": {"shared"}, "slave": {"master"}, "private": set(), "unbindable": {"unbindable"}}[word]
    found = {x.split(":")[0] for x in rows["/"]["propagation"]}
    # what is shared may have a master as well, and a slave of what is private has none
    assert fields <= found if word == "shared" else found in (fields, set() if word == "slave" else fields)
    if recursive and word in ("shared", "unbindable"):
        assert fields <= {x.split(":")[0] for x in rows["/proc"]["propagation"]}


@promise("spec:85", "spec:82", "spec:89", "spec:98")
def test_options_of_mount_8(runtime):
    """Names that mount(8) knows have its meaning; noatime and the like are seen in mountinfo."""
    container = runtime.reporter("mountinfo")
    container.config["mounts"] += [
        {"destination": "/mnt/a", "type": "tmpfs", "source": "a",
         "options": ["noatime", "nodev", "nodiratime", "noexec", "nosuid", "nosymfollow"]},
        {"destination": "/mnt/b", "type": "tmpfs", "source": "b",
         "options": ["nomand", "norelatime", "nostrictatime", "noiversion", "nolazytime", "symfollow"]}]
    container.config["root"]["readonly"] = False
    rows = parse_mountinfo(container.report()["mountinfo"])
    assert {"noatime", "nodev", "nodiratime", "noexec", "nosuid"} <= set(rows["/mnt/a"]["options"])
    if "nosymfollow" not in rows["/mnt/a"]["options"]:
        assert os.uname().release < "5.10"
    assert not {"nodev", "noexec", "nosuid", "nosymfollow"} & set(rows["/mnt/b"]["options"])


@promise("spec:93", "spec:94", "spec:95", "spec:96")
def test_mapped_mounts(runtime):
    """By mount_setattr(2): the file's owner is another one through the mount, and the file is as it was."""
    container = runtime.container(["/bin/stat", "-c", "%u:%g", "/mnt/file"])
    source = f"{runtime.directory}/source"
    os.mkdir(source)
    with open(f"{source}/file", "w", encoding="ascii"):
        pass
    os.chown(f"{source}/file", 1000, 1000)
    mount = {"destination": "/mnt", "source": source, "type": "bind", "options": ["bind", "idmap"],
             "uidMappings": [{"containerID": 1000, "hostID": 2000, "size": 1}],
             "gidMappings": [{"containerID": 1000, "hostID": 3000, "size": 1}]}
    container.config["mounts"].append(mount)
    result = container.run()
    assert (result.rc, result.out) == (0, "2000:3000\n"), result
    assert os.stat(f"{source}/file").st_uid == 1000
    del mount["gidMappings"]
    assert container.run().rc == 1
    del mount["uidMappings"]
    result = container.run()
    assert result.rc == 1 and "mounts[" in result.err  # no mapping and no user namespace


@pytest.fixture
def joined_user_namespace(host):
    """The path of a user namespace with 65536 ids from 100000 on."""
    with subprocess.Popen(["unshare", "--user", "sh", "-c", "echo; exec sleep infinity"],
                          stdout=subprocess.PIPE) as holder:
        host.holders.add(holder.pid)
        holder.stdout.readline()
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{holder.pid}/{name}", "w", encoding="ascii") as file:
                file.write("0 100000 65536\n")
        yield f"/proc/{holder.pid}/ns/user"
        holder.kill()
        holder.wait()
        host.holders.discard(holder.pid)


@promise("spec:93", "spec:91", "spec:92", "spec:150")
@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("options", [["bind", "idmap"], ["rbind", "ridmap"]])
def test_mounts_mapped_as_the_container(runtime, joined_user_namespace, joined, options):
    """The implied mapping, of a new user namespace and of one that is joined."""
    container = runtime.container(["/bin/stat", "-c", "%u:%g", "/mnt/file"])
    source = f"{runtime.directory}/source"
    os.mkdir(source)
    with open(f"{source}/file", "w", encoding="ascii"):
        pass
    os.chown(f"{source}/file", 5, 6)
    container.config["mounts"].append({"destination": "/mnt", "source": source, "type": "bind",
                                       "options": options})
    user_namespace(container.config)
    if joined:
        container.config["linux"]["namespaces"][-1]["path"] = joined_user_namespace
    container.chown(100000)
    result = container.run()
    assert (result.rc, result.out) == (0, "5:6\n"), result
    assert os.stat(f"{source}/file").st_uid == 5


@promise("spec:150", "spec:153")
@pytest.mark.parametrize("kind", ["inherited", "joined"])
def test_mount_namespaces_that_are_not_its_own(runtime, host, kind):
    """The program has its root; what would change the tree of others is refused and named."""
    with subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                           "echo; exec sleep infinity"], stdout=subprocess.PIPE) as holder:
        try:
            host.holders.add(holder.pid)
            holder.stdout.readline()
            container = runtime.container(["/bin/sh", "-c", "ls -d /bin/busybox; ls /proc | wc -l"])
            config = container.config
            config["mounts"], config["root"]["readonly"] = [], False
            del config["linux"]["maskedPaths"], config["linux"]["readonlyPaths"]
            namespaces = [n for n in config["linux"]["namespaces"] if n["type"] != "mount"]
            if kind == "joined":
                namespaces.append({"type": "mount", "path": f"/proc/{holder.pid}/ns/mnt"})
            config["linux"]["namespaces"] = namespaces
            with open(f"/proc/{holder.pid}/mountinfo", encoding="utf-8") as file:
                before = file.read()
            assert container.run() == (0, "/bin/busybox\n0\n", "")
            for name, value in (("mounts", [{"destination": "/mnt", "type": "tmpfs", "source": "x"}]),
                                ("root.readonly", True), ("linux.maskedPaths", ["/bin"]),
                                ("linux.rootfsPropagation", "private")):
                changed = json.loads(json.dumps(config))
                top, _, member = name.partition(".")
                if member:
                    changed[top][member] = value
                else:
                    changed[top] = value
                container.config = changed
                result = container.run()
                assert result.rc == 1 and f"{name}: needs a new mount namespace" in result.err
            with open(f"/proc/{holder.pid}/mountinfo", encoding="utf-8") as file:
                assert file.read() == before
        finally:
            holder.kill()
            holder.wait()
            host.holders.discard(holder.pid)


@promise("spec:101", "spec:102", "spec:166")
def test_terminal(runtime):
    """Without one there is no console and its size is ignored; with one the three streams are it."""
    container = runtime.reporter("terminal", "dev")
    container.config["process"]["consoleSize"] = {"height": 30, "width": 90}
    found = container.report()
    assert found["terminal"]["streams"] == [None] * 3 and "console" not in found["dev"]
    container.config["process"]["consoleSize"] = {"height": 30}
    result = container.run()
    assert result.rc == 1 and "process.consoleSize.width" in result.err


@promise("spec:179", "spec:180")
def test_the_same_path_is_the_same_cgroup(runtime_in_view, host):
    name = host.name()
    seen = set()
    for _ in range(2):
        container = runtime_in_view.reporter("cgroup")
        container.config["linux"]["cgroupsPath"] = f"{name}/inner"
        namespaces = container.config["linux"]["namespaces"]
        namespaces[:] = [entry for entry in namespaces if entry["type"] != "cgroup"]
        rows = container.report()["cgroup"].splitlines()
        seen |= {row for row in rows if row.startswith("0::")}
    assert len(seen) == 1 and f"{name}/inner" in json.dumps(sorted(seen))
    for path in host.cgroups():
        if path.endswith(f"/{name}") and os.path.isdir(path):
            os.rmdir(path)
