"""mounts: what is mounted in a container while it runs, and unmounted again. What it does is crun's verb of that name."""
import json
import os
import time

import pytest

import callers
import tare
from tare import promise, read_text


@pytest.fixture
def container(runtime):
    """One that runs, with a directory of the host to bind."""
    callers.skip_peer(runtime, "runc", "has no such verb")
    made = runtime.container(["/bin/sleep", "1000"])
    made.config["root"]["readonly"] = False
    prepare(made)
    return made.create().start()


def prepare(made):
    os.mkdir(f"{made.bundle}/source")
    with open(f"{made.bundle}/source/file", "w", encoding="ascii") as file:
        file.write("of the host\n")


def mounts(made, word, *rows, **how):
    """`mounts add` or `mounts remove`. Returns the Result."""
    path = f"{made.bundle}/mounts.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(how.get("text", list(rows)), file)
    return made.runtime.call("mounts", word, made.id, path)


def bind(made, destination, source="source", *options):
    return {"destination": destination, "source": f"{made.bundle}/{source}", "type": "bind",
            "options": ["bind", *options]}


def table(made):
    """The mount points of the container, as it sees them."""
    return tare.parse_mountinfo(read_text(f"/proc/{made.pid}/mountinfo"))


def sh(made, script):
    return made.runtime.call("exec", made.id, "/bin/sh", "-c", script)


@promise("contract:2")
def test_add_and_remove(container):
    tmpfs = {"destination": "/mnt/t", "type": "tmpfs", "source": "tmpfs", "options": ["size=64k", "nodev", "ro"]}
    assert mounts(container, "add", bind(container, "/mnt/a", "source", "ro"), tmpfs,
                  bind(container, "mnt/f", "source/file")) == (0, "", "")
    seen = table(container)
    assert "ro" in seen["/mnt/a"]["options"] and "/mnt/f" in seen
    if container.runtime.is_tare:
        assert {"ro", "nodev"} <= set(seen["/mnt/t"]["options"])
    assert sh(container, "cat /mnt/a/file /mnt/f; echo x > /mnt/a/file").out == "of the host\n" * 2
    assert read_text(f"{container.bundle}/source/file") == "of the host\n"
    assert mounts(container, "remove", {"destination": "/mnt/a"}, {"destination": "/mnt/f"}) == (0, "", "")
    assert "/mnt/a" not in table(container) and "/mnt/f" not in table(container)
    assert mounts(container, "remove", tmpfs) == (0, "", "")
    assert "/mnt/t" not in table(container)
    assert container.status() == "running"


@promise("contract:2")
def test_stacked(container):
    """The uppermost goes first."""
    for _ in range(2):
        assert mounts(container, "add", bind(container, "/mnt")).rc == 0
    assert mounts(container, "remove", {"destination": "/mnt"}).rc == 0
    assert sh(container, "cat /mnt/file").out == "of the host\n"
    assert mounts(container, "remove", {"destination": "/mnt"}).rc == 0
    assert mounts(container, "remove", {"destination": "/mnt"}).rc == 1


@promise("contract:2")
@pytest.mark.parametrize("status", ["created", "paused", "stopped"])
def test_by_status(runtime, status):
    """Whenever there is a tree, also when nothing in it moves."""
    callers.skip_peer(runtime, "runc", "has no such verb")
    callers.skip_peer(runtime, "crun", "waits for a paused container")
    made = runtime.container(["/bin/sleep", "1000"])
    made.config["root"]["readonly"] = False
    prepare(made)
    made.create()
    if status == "paused":
        made.start()
        runtime.ok("pause", made.id)
    if status == "stopped":
        made.kill("KILL")
        made.wait()
    result = mounts(made, "add", bind(made, "/mnt"))
    if status == "stopped":
        assert result.rc == 1 and "container not running" in result.err
        return
    assert result == (0, "", "") and "/mnt" in table(made)
    assert mounts(made, "remove", {"destination": "/mnt"}) == (0, "", "")
    assert made.status() == status


@promise("contract:2")
def test_relative_source(container):
    """It counts from the bundle, as in config.json."""
    callers.skip_peer(container.runtime, "crun", "takes no relative source")
    row = dict(bind(container, "/mnt"), source="source")
    assert mounts(container, "add", row) == (0, "", "")
    assert sh(container, "cat /mnt/file").out == "of the host\n"


def test_file_systems_of_its_namespaces(container):
    """They show the container's, although whoever mounts them is outside."""
    callers.skip_peer(container.runtime, "crun", "shows the host's processes")
    rows = [{"destination": f"/mnt/{kind}", "type": kind, "source": kind} for kind in ("sysfs", "mqueue", "cgroup")]
    rows.append({"destination": "/mnt/proc", "type": "proc", "source": "proc"})
    result = mounts(container, "add", *rows)
    if "Linux 6.17" in result.err:
        assert result.rc == 1 and not [x for x in table(container) if x.startswith("/mnt")]
        result = mounts(container, "add", *rows[:-1])
    else:
        assert sh(container, "cd /mnt/proc; echo [0-9]*").out.split()[0] == "1"
        assert len(sh(container, "cd /mnt/proc; echo [0-9]*").out.split()) < 5
    assert result == (0, "", "")
    assert sh(container, "ls /mnt/sysfs/class/net").out == "lo\n"
    assert sh(container, "cat /mnt/cgroup/cgroup.procs").out.split()[0] == "1"


@promise("R-CLOEXEC")
def test_with_a_user_namespace(runtime):
    """Mount points are made by the container's root, and the mount can be id-mapped."""
    callers.skip_peer(runtime, "runc", "has no such verb")
    callers.skip_peer(runtime, "crun", "makes the mount points as the host's root")
    made = runtime.container(["/bin/sleep", "1000"])
    made.config["root"]["readonly"] = False
    tare.user_namespace(made.config)
    made.chown(100000)
    prepare(made)
    made.create().start()
    tmpfs = {"destination": "/new/t", "type": "tmpfs", "source": "tmpfs"}
    assert mounts(made, "add", tmpfs, bind(made, "/new/a")) == (0, "", "")
    assert os.stat(f"{made.rootfs}/new").st_uid == 100000
    assert sh(made, "stat -c %u /new/t; stat -c %u /new/a").out == "0\n65534\n"
    if runtime.is_tare:
        assert mounts(made, "add", bind(made, "/new/b", "source", "idmap")) == (0, "", "")
        assert sh(made, "stat -c %u /new/b").out == "0\n"


def test_unprivileged(unprivileged_runtime):
    """A user's containers take new file systems; binding takes the right to clone the host's mounts."""
    runtime = unprivileged_runtime
    callers.skip_peer(runtime, "runc", "has no such verb")
    callers.skip_peer(runtime, "crun", "binds what it finds in the container")
    made = runtime.container(["/bin/sleep", "1000"])
    tare.unprivileged(made.config, os.geteuid() or 1000, os.getegid() or 1000)
    made.config["root"]["readonly"] = False
    prepare(made)
    made.create().start()
    tmpfs = {"destination": "/mnt/t", "type": "tmpfs", "source": "tmpfs"}
    assert mounts(made, "add", tmpfs) == (0, "", "")
    result = mounts(made, "add", bind(made, "/mnt/a"))
    assert result.rc == 1 and "CAP_SYS_ADMIN over the caller's mount namespace" in result.err
    assert mounts(made, "remove", tmpfs) == (0, "", "")


@pytest.mark.parametrize("row, words", [
    ({"destination": "/mnt/n", "source": "/nonexistent", "options": ["bind"]}, "no such file or directory"),
    ({"destination": "/mnt/n", "type": "nosuchfs"}, "type nosuchfs: its source would be looked up in the container"),
    ({"destination": "/mnt/n", "type": "ext4", "source": "/dev/null"}, "type ext4: its source would be looked up"),
    ({"destination": "/mnt/n", "type": "overlay", "source": "overlay", "options": ["lowerdir=/etc:/usr"]},
     "type overlay: its source would be looked up"),
    ({"destination": "/mnt/n", "type": "tmpfs", "options": ["size=x"]}, "size"),
    ({"destination": "/proc/irq", "type": "tmpfs"}, "inside /proc"),
    ({"destination": "/", "type": "tmpfs"}, "the root itself"),
    ({"destination": "/sys", "options": ["remount", "rw"]}, "option remount: what is mounted in a running"),
    ({"destination": "/mnt/n", "type": "tmpfs", "options": ["tmpcopyup"]}, "option tmpcopyup: nothing is copied"),
    ({"destination": "/mnt/n"}, "type: is required"),
    ({"type": "tmpfs"}, "destination"),
])
@promise("class: traversal")
def test_all_or_nothing(container, row, words):
    """What was mounted before the one that can't be is taken away again."""
    callers.skip_peer(container.runtime, "crun", "leaves the first, and says it otherwise")
    before = read_text(f"/proc/{container.pid}/mountinfo")
    good = {"destination": "/mnt/good", "type": "tmpfs", "source": "tmpfs"}
    result = mounts(container, "add", good, bind(container, "/mnt/file", "source/file"), row)
    assert result.rc == 1 and words in result.err, result
    assert "mounts[2]" in result.err
    assert read_text(f"/proc/{container.pid}/mountinfo") == before
    assert container.status() == "running"


@pytest.mark.parametrize("row, words", [
    ("/nonexistent/x", "no such file or directory"), ("/tmp", "nothing is mounted there"), ("/", "the root itself"),
    ("/proc/sys", "inside of proc, sysfs or cgroup2 stays"), ("/sys/fs/cgroup", "inside of proc, sysfs or cgroup2"),
    ("/proc/../proc/kcore", "inside of proc, sysfs or cgroup2"),
])
def test_what_stays(container, row, words):
    """Nothing goes when one of the list can't be found; and masks are not uncovered."""
    callers.skip_peer(container.runtime, "crun", "unmounts all the same, and says it otherwise")
    assert mounts(container, "add", bind(container, "/mnt")).rc == 0
    before = read_text(f"/proc/{container.pid}/mountinfo")
    result = mounts(container, "remove", {"destination": "/mnt"}, {"destination": row})
    assert result.rc == 1 and words in result.err and "mounts[1]" in result.err, result
    if row != "/tmp":  # that it is no mount shows when it is to go
        assert read_text(f"/proc/{container.pid}/mountinfo") == before


@promise("contract:2", "contract:14")
@pytest.mark.parametrize("text, words", [({"mounts": []}, "mounts must be an array"), ("x", "mounts must be an array"),
                                         ([1], "mounts[0]")])
def test_files(container, text, words):
    for word in ("add", "remove"):
        result = mounts(container, word, text=text)
        assert result.rc == 1
        if container.runtime.is_tare:
            assert words in result.err, result
    assert mounts(container, "add") == (0, "", "")


@promise("R-PARSE")
def test_a_file_that_goes_on_after_its_end(container):
    path = f"{container.bundle}/mounts.json"
    for word in ("add", "remove"):
        with open(path, "wb") as file:
            file.write(b"[]\0[]")
        result = container.runtime.call("mounts", word, container.id, path)
        assert result.rc == 1 and path in result.err, result


def test_sysfs_of_a_network_that_is_not_its_own(runtime):
    """The substitute of create, a bind of /sys, would be one of the container's own."""
    callers.skip_peer(runtime, "runc", "has no such verb")
    made = runtime.container(config=tare.user_namespace(tare.default_config(["/bin/sleep", "1000"]), 100000))
    made.config["linux"]["namespaces"] = [x for x in made.config["linux"]["namespaces"] if x["type"] != "network"]
    made.config["root"]["readonly"] = False
    made.chown(100000)
    made.create().start()
    before = read_text(f"/proc/{made.pid}/mountinfo")
    result = mounts(made, "add", {"destination": "/mnt/y", "type": "tmpfs", "source": "tmpfs"},
                    {"destination": "/mnt/x", "type": "sysfs", "source": "sysfs"})
    assert result.rc == 1 and "takes a network namespace of the container's own" in result.err, result
    assert read_text(f"/proc/{made.pid}/mountinfo") == before


@promise("contract:1", "contract:14")
def test_words(container):
    runtime = container.runtime
    assert runtime.call("mounts").rc == 1
    assert "unknown command frob" in runtime.call("mounts", "frob", container.id, "/nonexistent").err
    assert runtime.call("mounts", "add", container.id, "/nonexistent").rc == 1
    with open(f"{container.bundle}/mounts.json", "w", encoding="ascii") as file:
        file.write("[]")
    result = runtime.call("mounts", "add", "no-such", f"{container.bundle}/mounts.json")
    assert result.rc == 1
    if runtime.is_tare:
        assert "container does not exist" in result.err


def test_without_a_mount_namespace(runtime):
    if not runtime.is_tare:
        pytest.skip("the peers change the host's mounts")
    made = runtime.container(["/bin/sleep", "1000"])
    for name in ("hostname", "mounts", "root"):
        del made.config[name]
    made.config["root"] = {"path": "rootfs"}
    made.config["linux"] = {"namespaces": [{"type": "pid"}]}
    prepare(made)
    made.create().start()
    before = read_text("/proc/self/mountinfo")
    for word in ("add", "remove"):
        result = mounts(made, word, bind(made, "/mnt"))
        assert result.rc == 1 and "no mount namespace of its own" in result.err
    assert read_text("/proc/self/mountinfo") == before


def test_nothing_reaches_the_host(container):
    """Neither a mount, nor a process, nor a descriptor in the container."""
    before = read_text("/proc/self/mountinfo")
    processes = json.loads(container.runtime.ok("ps", "--format", "json", container.id))
    for _ in range(3):
        assert mounts(container, "add", bind(container, "/mnt/a")).rc == 0
        time.sleep(0.01)
        assert json.loads(container.runtime.ok("ps", "--format", "json", container.id)) == processes
    assert read_text("/proc/self/mountinfo") == before
    assert not os.path.exists(f"{container.rootfs}/mnt/a/file")
