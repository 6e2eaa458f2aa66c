"""The root comes out the same whichever way it was made: attached (--kernel-caps=-detached), detached and pivoted
to (-open_tree_ns), and entered as a mount namespace of its own (Linux 7.0). What the container's mount table says
is compared word by word; numbers are replaced by what they refer to."""
import os
import subprocess

import pytest

import host as host_module
import tare
from tare import promise

MS_SHARED, MS_REC, MS_BIND = 1 << 20, 1 << 14, 1 << 12
PIVOTED, ATTACHED = "-open_tree_ns", "-detached"
SWITCHES = ("", PIVOTED, ATTACHED)


@pytest.fixture(autouse=True)
def only_tare(runtime):
    if not runtime.is_tare:
        pytest.skip("how the root is assembled is tare's own")


def ways(runtime):
    """The values of --kernel-caps that make a difference: here, and with what is switched off anyway."""
    wanted = [x for x, since in zip(SWITCHES, ((7, 0), (6, 17), (0, 0))) if tare.linux_version() >= since]
    return wanted if not runtime.kernel_caps else [runtime.kernel_caps]


def groups_of_the_host():
    """The peer groups that exist outside of the container."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return {word.split(":")[1] for line in file for word in line.split(" - ")[0].split()[6:]}


def table(text, known):
    """A mount table without what is another one each time: devices' numbers, and the mounts' own numbers, in whose
    place stands what the parent is, as a path of mount points. @known: peer groups that are no new ones."""
    lines = [line.split(" - ") for line in text.splitlines()]
    mounts = {left.split()[0]: left.split() for left, _ in lines}

    def place(number):
        if number not in mounts or mounts[number][1] == number:
            return "outside" if number not in mounts else mounts[number][4]
        return f"{place(mounts[number][1])} > {mounts[number][4]}"

    def propagation(word):
        kind, _, group = word.partition(":")
        return word if group in known or not group else f"{kind}:new"

    return sorted(f"{place(left.split()[0])}: {left.split()[3]} {left.split()[5]} "
                  f"{' '.join(propagation(x) for x in left.split()[6:])} - {right}" for left, right in lines)


@pytest.fixture(name="container")
def container_fixture(runtime):
    """A container whose root is a shared mount with one below it, and which may bind another such tree."""
    container = runtime.container(["/bin/cat", "/proc/self/mountinfo"])
    container.config["root"]["readonly"] = False
    for name in ("srv", "over"):
        os.mkdir(f"{container.rootfs}/{name}")
    os.mkdir(f"{container.bundle}/shared")
    host_module.mount(container.rootfs, container.rootfs, None, MS_BIND)
    host_module.mount("shared", f"{container.bundle}/shared", "tmpfs", 0, "mode=755")
    for tree, below in ((container.rootfs, "srv"), (f"{container.bundle}/shared", "below")):
        os.makedirs(f"{tree}/{below}", exist_ok=True)
        host_module.mount("none", tree, None, MS_SHARED)
        host_module.mount("below", f"{tree}/{below}", "tmpfs", 0, "mode=755")
    yield container
    for tree in (container.rootfs, f"{container.bundle}/shared"):
        host_module.umount(tree)


def bind(container, target, *options):
    return {"destination": target, "source": f"{container.bundle}/shared", "options": ["rbind", *options]}


def tmpfs(target, *options):
    return {"destination": target, "type": "tmpfs", "source": "new", "options": list(options)}


def binds(container):
    """Every propagation on a bind of a shared tree."""
    container.config["mounts"] += [
        bind(container, f"/bind/{word}", *word.split("-"))
        for word in ("rbind", "shared", "rshared", "slave", "rslave", "private", "rprivate", "rslave-rshared")]


def propagation(word):
    def change(container):
        container.config["linux"]["rootfsPropagation"] = word
        container.config["mounts"].append(bind(container, "/x"))
    return change


def stacked(container):
    container.config["mounts"] += [
        tmpfs("/x", "size=64k"), tmpfs("/x/in"), tmpfs("/x", "size=128k"), bind(container, "/x/in", "ro", "rprivate"),
        tmpfs("/srv"), tmpfs("/x/in/below"), bind(container, "/srv/y")]


def finished(container):
    """What is done after the tree has been entered: masks, read-only paths, seals, a read-only root."""
    container.config["root"]["readonly"] = True
    container.config["mounts"] += [bind(container, "/x"), tmpfs("/over", "ro", "mode=711")]
    container.config["linux"]["maskedPaths"] += ["/etc/passwd", "/home", "/x/below"]
    container.config["linux"]["readonlyPaths"] += ["/x", "/srv", "/etc/group"]


def inside(container):
    """What only the container's side can make, and what follows it."""
    container.config["mounts"] += [
        bind(container, "/x"), tmpfs("/etc", "tmpcopyup"), bind(container, "/x/below"),
        {"destination": "/x", "type": "none", "source": "none", "options": ["remount", "bind", "ro", "nosuid"]}]


def unbindable(*words):
    def change(container):
        container.config["mounts"] += [bind(container, "/x", *words), tmpfs("/y", "unbindable"), tmpfs("/y/z")]
    return change


def unbindable_inside(container):
    container.config["mounts"] += [
        tmpfs("/x"), {"destination": "/x", "type": "none", "source": "none",
                      "options": ["remount", "bind", "unbindable"]}]


CHANGES = [
    pytest.param(lambda container: None, id="usual"),
    pytest.param(binds, id="binds"), pytest.param(stacked, id="stacked"),
    pytest.param(finished, id="finished"), pytest.param(inside, id="inside"),
    pytest.param(unbindable("unbindable"), id="unbindable"),
    pytest.param(unbindable("runbindable"), id="runbindable"),
    pytest.param(unbindable_inside, id="unbindable inside"),
    *(pytest.param(propagation(recursive + word), id=f"rootfsPropagation {recursive}{word}", marks=promise("spec:251"))
      for word in ("shared", "slave", "private", "unbindable") for recursive in ("", "r"))]


@promise("spec:74", "spec:84")
@pytest.mark.parametrize("change", CHANGES)
def test_the_mount_table_is_the_same(runtime, container, change):
    change(container)
    assert container.run().rc == 0  # makes the mount points, whose modes the others then find
    known, seen = groups_of_the_host(), {}
    for caps in ways(runtime):
        runtime.kernel_caps = caps
        result = container.run()
        assert result.rc == 0, (caps, result)
        seen[caps] = table(result.out, known)
    first = next(iter(seen.values()))
    assert len(first) > 10 and all(line.startswith("outside > /") for line in first), first
    for caps, lines in seen.items():
        assert lines == first, (caps, [x for x in lines if x not in first], [x for x in first if x not in lines])


@promise("spec:74")
def test_exec_finds_the_same_root(runtime, container):
    """Who joins sees what the init sees: the same mounts from the same root, and nothing of the host."""
    container.config["process"]["args"] = ["/bin/sh", "-c", "cat /proc/self/mountinfo; pwd; exec sleep 1000"]
    stacked(container)
    for caps in ways(runtime):
        runtime.kernel_caps = caps
        container.create().start()
        tare.eventually(lambda: tare.read_text(f"/proc/{container.pid}/comm") == "sleep\n")
        joined = container.exec("/bin/sh", "-c", "cat /proc/self/mountinfo; pwd")
        assert (joined.rc, joined.out) == (0, container.output()[0]), (caps, joined)
        container.delete("--force")


@promise("spec:74")
def test_nothing_of_the_host_is_below_the_root(runtime, container):
    """A container that may unmount takes away its own root; neither it nor who joins it then finds a file of the
    host below."""
    canary = f"{container.bundle}/canary"
    with open(canary, "w", encoding="ascii") as file:
        file.write("canary\n")
    config = container.config
    for kind in ("bounding", "effective", "permitted"):
        config["process"]["capabilities"][kind] = ["CAP_SYS_ADMIN", "CAP_SYS_CHROOT"]
    config["process"]["args"] = ["/bin/sh", "-c", f"umount -l /; ls / /..; cat {canary}; exec sleep 1000"]
    for caps in ways(runtime):
        runtime.kernel_caps = caps
        container.create().start()
        tare.eventually(lambda: tare.read_text(f"/proc/{container.pid}/comm") == "sleep\n")
        assert "canary\n" not in container.output()[0].splitlines(), (caps, container.output())
        joined = container.exec("/bin/cat", canary)
        assert joined.rc != 0 and "canary\n" != joined.out, (caps, joined)
        script = ("import ctypes, os, sys; libc = ctypes.CDLL(None); pidfd = os.pidfd_open(int(sys.argv[1]));"
                  "assert libc.setns(pidfd, 0x20000) == 0; print(os.path.exists(sys.argv[2]), os.listdir('/'))")
        done = subprocess.run(["/usr/bin/python3", "-c", script, str(container.pid), canary], capture_output=True,
                              text=True, check=False)
        assert done.stdout.split()[:1] == ["False"], (caps, done)
        container.delete("--force")


@promise("spec:74")
def test_a_tare_without_chroot(host, runtime):
    """To enter a mount namespace takes CAP_SYS_CHROOT, pivot_root(2) does not: without it that way is gone."""
    if not host.root:
        pytest.skip("needs root")
    container = runtime.container(["/bin/true"])
    container.write()
    argv = runtime.argv("run", "--bundle", container.bundle, container.id)
    done = subprocess.run(["setpriv", "--bounding-set=-sys_chroot", "--inh-caps=-all", *argv],
                          env=runtime.env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
