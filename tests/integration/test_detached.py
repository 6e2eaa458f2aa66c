"""The root assembled outside: where that is done, that nobody sees it, and that it comes out the same as the
attached way, which --kernel-caps=-detached takes (the run of all tests as Linux 5.14 does so throughout). Below Linux
7.0, or with -open_tree_ns, the finished tree is pivoted to; else it is entered as a mount namespace of its own."""
import contextlib
import json
import os
import select
import signal
import subprocess
import threading
import time

import pytest

import host as host_module
import tare
from tare import eventually, promise, read_text

HOOK = [{"path": "/bin/true"}]
SWITCHED_OFF, PIVOTED = "-detached", "-open_tree_ns"


@pytest.fixture(autouse=True)
def only_tare(runtime):
    if not runtime.is_tare:
        pytest.skip("how the root is assembled is tare's own")


def kernel_is(*version):
    return tare.linux_version() >= version


def expects_detached(runtime):
    """Linux 6.17 has what it takes: mounts on detached trees and procfs for another pid namespace."""
    return kernel_is(6, 17) and runtime.kernel_caps in ("", PIVOTED)


def expects_entering(runtime):
    return kernel_is(7, 0) and not runtime.kernel_caps


def rootfs_plan(container, *options):
    container.write()
    return json.loads(container.runtime.ok("plan", "--bundle", container.bundle, *options))["rootfs"]


def place(container, *options):
    return rootfs_plan(container, *options)["place"]


def test_the_usual_container_is_assembled_outside(runtime):
    """So the whole run without switches covers the detached way, and the run as 5.14 the attached one."""
    container = runtime.container(["/bin/true"])
    wanted = expects_detached(runtime)
    plan = rootfs_plan(container)
    assert plan["place"] == ("detached" if wanted else "attached")
    assert plan.get("entersNamespace", False) == expects_entering(runtime)
    result = runtime.call("run", "--bundle", container.bundle, container.id, globals_=["--debug"])
    assert result.rc == 0, result
    assert ("the root was assembled detached" in result.err) == wanted, result.err
    assert ("it is entered as a mount namespace" in result.err) == expects_entering(runtime), result.err


@promise("spec:84")
@pytest.mark.parametrize("word", ["unbindable", "runbindable"])
def test_what_is_unbindable_is_pivoted_to(runtime, word):
    """The kernel's copy of a tree leaves such mounts out."""
    container = runtime.container(["/bin/cat", "/proc/self/mountinfo"])
    container.config["mounts"].append({"destination": "/x", "type": "tmpfs", "source": "x", "options": [word]})
    assert "entersNamespace" not in rootfs_plan(container)
    result = container.run()
    assert result.rc == 0, result
    assert tare.parse_mountinfo(result.out)["/x"]["propagation"] == ["unbindable"], result.out


def with_hook(kind):
    def change(config):
        config["hooks"] = {kind: HOOK}
    return change


def without_mount_namespace(config):
    config["linux"]["namespaces"] = [x for x in config["linux"]["namespaces"] if x["type"] != "mount"]
    config["mounts"], config["root"]["readonly"] = [], False
    for key in ("maskedPaths", "readonlyPaths"):
        config["linux"].pop(key, None)


@promise("spec:130", "spec:136")
@pytest.mark.parametrize("change, options", [
    pytest.param(with_hook("prestart"), (), id="prestart"),
    pytest.param(with_hook("createRuntime"), (), id="createRuntime"),
    pytest.param(with_hook("createContainer"), (), id="createContainer"),
    pytest.param(lambda config: tare.user_namespace(config, 100000), (), id="user namespace"),
    pytest.param(without_mount_namespace, (), id="the host's mount namespace"),
    pytest.param(lambda config: None, ("--no-pivot",), id="--no-pivot"),
])
def test_what_needs_the_attached_way_gets_it(runtime, change, options):
    container = runtime.container(["/bin/true"])
    change(container.config)
    assert place(container, *options) == "attached"


def test_late_hooks_do_not_need_it(runtime):
    container = runtime.container(["/bin/true"])
    container.config["hooks"] = {"poststart": HOOK, "poststop": HOOK, "startContainer": HOOK}
    assert place(container) == ("detached" if expects_detached(runtime) else "attached")


class Watch:
    """Looks at the host's mount table again and again, in a thread; seen: every line that was not there."""

    def __init__(self):
        self.table = os.open("/proc/thread-self/mountinfo", os.O_RDONLY)
        self.before = self.lines()
        self.seen, self.looks, self.stop = set(), 0, False
        self.thread = threading.Thread(target=self.look)

    @staticmethod
    def lines():
        with open("/proc/thread-self/mountinfo", encoding="utf-8") as file:
            return set(file.read().splitlines())

    def look(self):
        poller = select.poll()
        poller.register(self.table, select.POLLPRI | select.POLLERR)
        while not self.stop:
            changed = poller.poll(0)
            self.looks += 1
            if changed:
                self.seen.add("the table was changed")
            self.seen |= self.lines() - self.before

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        self.thread.join()
        os.close(self.table)


def test_the_watch_sees_a_mount(host, runtime):
    """The watch itself: a mount that is there for a moment is seen by the kernel's word that the table was
    changed, whenever one looks."""
    if not host.root:
        pytest.skip("needs root")
    with Watch() as watch:
        host_module.mount("seen", runtime.directory, "tmpfs")
        host_module.umount(runtime.directory)
        eventually(lambda: watch.seen)
    assert "the table was changed" in watch.seen


@pytest.mark.parametrize("caps", ["", PIVOTED, SWITCHED_OFF])
def test_nothing_shows_in_the_hosts_mount_table(runtime, caps):
    """Not at any moment: the tests have a mount namespace of their own, in which nobody else mounts."""
    runtime.kernel_caps = ",".join(filter(None, (runtime.kernel_caps, caps)))
    container = runtime.container(["/bin/true"])
    container.config["mounts"] += [
        {"destination": "/x", "type": "tmpfs", "source": "x"},
        {"destination": "/y", "source": container.rootfs + "/etc", "options": ["rbind"]}]
    container.config["root"]["readonly"] = False
    with Watch() as watch:
        for _ in range(10):
            result = container.run()
            assert result.rc == 0, result
    assert watch.looks > 10 and not watch.seen, watch.seen


BROKEN = {
    "missing type": {"destination": "/x", "type": "nosuchfs", "source": "x"},
    "bad option": {"destination": "/x", "type": "tmpfs", "source": "x", "options": ["size=no"]},
    "inside proc": {"destination": "/proc/1/attr", "type": "tmpfs", "source": "x"},
    "bad option of proc": {"destination": "/x", "type": "proc", "source": "x", "options": ["hidepid=9"]},
    "bad option of sysfs": {"destination": "/x", "type": "sysfs", "source": "x", "options": ["what=9"]},
    "bad option of mqueue": {"destination": "/x", "type": "mqueue", "source": "x", "options": ["what"]},
    "onto a file": {"destination": "/etc/passwd", "type": "tmpfs", "source": "x"},
}


@promise("contract:14")
@pytest.mark.parametrize("first", [False, True], ids=["last", "first"])
@pytest.mark.parametrize("name", BROKEN)
def test_errors_are_the_same_both_ways(runtime, name, first):
    """The message names the mount and what failed, word by word as the attached way has it."""
    said = []
    for caps in ("", PIVOTED, SWITCHED_OFF):
        runtime.kernel_caps = ",".join(filter(None, (runtime.kernel_caps, caps)))
        container = runtime.container(["/bin/true"])
        mounts = container.config["mounts"]
        mounts.insert(0 if first else len(mounts), BROKEN[name])
        result = container.run()
        assert result.rc == 1 and result.out == "", result
        said.append(result.err.replace(container.bundle, "BUNDLE").split(" msg=")[-1].split("level=")[-1])
    assert said[0] == said[1] == said[2] and "mounts[" in said[0], said


NAMESPACED = """
readlink /proc/self/ns/net; ls /sys/class/net; ls /dev/mqueue; set -- /proc/[0-9]*; echo $#; cat /proc/1/comm
grep -qx $$ /sys/fs/cgroup/cgroup.procs && echo own cgroup; stat -c '%N %u %g %a' /dev/fd /dev/stdin; stat -c '%u %g %a %t:%T' /dev/*"""


def namespaced(runtime, caps, change=None):
    runtime.kernel_caps = caps
    container = runtime.container(["/bin/sh", "-c", NAMESPACED])
    if change:
        change(container.config)
    result = container.run()
    assert result.rc == 0, result
    return [x for x in result.out.splitlines() if not x.startswith("net:[")]


@contextlib.contextmanager
def neighbour():
    """A process in namespaces of its own, with a network interface and a message queue that have a name."""
    script = ("ip link add mark0 type dummy 2>/dev/null; mkdir -p /dev/mqueue; mount -t mqueue q /mnt && "
              ": > /mnt/mark; echo ready; exec sleep 1000")
    process = subprocess.Popen(["unshare", "-n", "-i", "-m", "-p", "-f", "--kill-child", "sh", "-c", script],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
            pid = int(file.read().split()[0])
        eventually(lambda: read_text(f"/proc/{pid}/comm") == "sleep\n")
        yield pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@promise("spec:147", "spec:149")
def test_new_namespaces_are_what_the_file_systems_show(runtime):
    caps = runtime.kernel_caps
    out = namespaced(runtime, caps)
    assert out[0] == "lo" and "mark" not in out and "own cgroup" in out
    assert out == namespaced(runtime, PIVOTED) == namespaced(runtime, SWITCHED_OFF)


@promise("spec:147", "spec:149")
@pytest.mark.parametrize("kinds", [("network",), ("ipc",), ("pid",), ("network", "ipc", "pid")],
                         ids=lambda x: "+".join(x))
def test_joined_namespaces_are_what_the_file_systems_show(host, runtime, kinds):
    """sysfs shows the joined network, mqueue the joined queues, proc the joined processes."""
    if not host.root:
        pytest.skip("needs root")
    caps = runtime.kernel_caps
    with neighbour() as pid:
        def join(config):
            for entry in config["linux"]["namespaces"]:
                if entry["type"] in kinds:
                    name = {"network": "net"}.get(entry["type"], entry["type"])
                    entry["path"] = f"/proc/{pid}/ns/{name}"
        out = namespaced(runtime, caps, join)
        assert ("mark" in out) == ("ipc" in kinds), out
        assert "own cgroup" in out, out
        assert ("sleep" in out) == ("pid" in kinds), out
        other = namespaced(runtime, SWITCHED_OFF, join)
        assert [x for x in out if not x.isdigit()] == [x for x in other if not x.isdigit()]


def test_a_mount_that_only_the_inside_can_make(runtime):
    """What can't be made outside, and all that follows it, is made by the container's side, in order."""
    container = runtime.container(["/bin/sh", "-c", "cat /etc/group; cat /etc/later; ls /dev/null"])
    with open(f"{container.bundle}/later", "w", encoding="ascii") as file:
        file.write("later\n")
    container.config["mounts"] += [
        {"destination": "/etc", "type": "tmpfs", "source": "x", "options": ["tmpcopyup"]},
        {"destination": "/etc/later", "source": f"{container.bundle}/later", "options": ["bind"]}]
    result = container.run()
    assert result.rc == 0, result
    assert result.out == "root:x:0:\ntty:x:5:\nuser:x:1000:\nlater\n/dev/null\n"


def copied_up(destination):
    return {"destination": destination, "type": "tmpfs", "source": "x", "options": ["tmpcopyup"]}


@promise("contract:7.17")
@pytest.mark.parametrize("order", ["inside", "outside inside", "inside inside", "outside outside inside inside"])
def test_the_own_cgroup_is_bound_on_either_side(runtime, order):
    """Without a cgroup namespace; what is copied up is made inside, as is all that follows it."""
    container = runtime.container(["/bin/cat", "/proc/self/mountinfo"])
    linux = container.config["linux"]
    linux["namespaces"] = [x for x in linux["namespaces"] if x["type"] != "cgroup"]
    mounts = [x for x in container.config["mounts"] if x["type"] != "cgroup"]
    places = [f"/cgroup-{i}-{side}" for i, side in enumerate(order.split())]
    for i, path in enumerate(places):
        if "inside" in path and all("outside" in x for x in places[:i]):
            mounts.append(copied_up("/etc"))
        mounts.append({"destination": path, "type": "cgroup", "source": "cgroup", "options": ["ro"]})
    container.config["mounts"] = mounts
    for caps in dict.fromkeys([runtime.kernel_caps, PIVOTED, SWITCHED_OFF]):
        runtime.kernel_caps = caps
        result = container.run()
        assert result.rc == 0, result
        table = tare.parse_mountinfo(result.out)
        assert [table[x]["type"] for x in places] == ["cgroup2"] * len(places), result.out
        assert len({table[x]["root"] for x in places}) == 1, result.out


def test_a_tare_without_ptrace(host, runtime):
    """Without CAP_SYS_PTRACE the namespaces of the init can only be opened as long as it is dumpable; else it
    assembles the root itself."""
    if not host.root:
        pytest.skip("needs root")
    container = runtime.container(["/bin/true"])
    container.write()
    argv = runtime.argv("run", "--bundle", container.bundle, container.id)
    done = subprocess.run(["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-all", *argv],
                          env=runtime.env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@promise("spec:36")
def test_a_killed_tare_leaves_no_tree(runtime):
    """Killed at many moments: no mount, no process is left (the fixtures look); the name can be taken again."""
    container = runtime.container(["/bin/true"])
    container.write()
    for step in range(24):
        creator = runtime.popen("create", "--bundle", container.bundle, container.id,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        time.sleep(0.0004 * step)
        creator.send_signal(signal.SIGKILL)
        creator.wait()
        runtime.ok("delete", "--force", container.id)
    assert container.run().rc == 0
