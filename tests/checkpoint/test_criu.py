"""checkpoint and restore with CRIU itself: what a program has in memory, on its mounts and in its cgroup is there
again, and the container is one as any other. Runs in a machine that has criu and libcriu (tests/run --vm sid)."""
import ctypes.util
import os
import shutil
import socket
import subprocess

import cgroups
import pytest

from console_socket import receive_terminal
from tare import build_program, eventually, promise, read_text

# what is in memory alone comes out on the mount, so that it is seen whether the program went on or began anew
COUNT = "i=0; while :; do i=$((i+1)); echo $i > /data/count; sleep 0.1; done"


def need_criu():
    """Skips the test where there is none."""
    if not shutil.which("criu") or not ctypes.util.find_library("criu"):
        pytest.skip("criu and libcriu are not installed here (tests/run --vm sid has them)")


class Saved:
    """A container that counts, and its images."""

    def __init__(self, runtime, script=COUNT, systemd=False):
        need_criu()
        cgroups.need_controllers(runtime, "memory", "pids")
        self.runtime = runtime
        self.globals = ["--systemd-cgroup"] if systemd else []
        self.container = runtime.container(["/bin/sh", "-c", script])
        self.base = self.container.bundle
        config = self.container.config
        for name, options in (("data", ["bind"]), ("more", ["rbind", "ro", "nosuid", "noexec"])):
            os.mkdir(f"{self.base}/{name}")
            os.mkdir(f"{self.container.rootfs}/{name}")
            config["mounts"].append({"destination": f"/{name}", "type": "bind", "options": options,
                                     "source": f"{self.base}/{name}"})
        config["linux"]["maskedPaths"] = ["/proc/kcore", "/proc/keys", "/sys/firmware"]
        config["linux"]["readonlyPaths"] = ["/proc/sys"]
        config["linux"]["resources"].update({"memory": {"limit": 128 << 20}, "pids": {"limit": 64}})

    def start(self, *options):
        """Runs it, with pipes as its streams that nobody reads."""
        self.container.write()
        self.run("run", "--detach", "--bundle", self.base, "--pid-file", f"{self.base}/pid", *options)
        return self

    def run(self, verb, *options):
        """A call that must succeed, with /dev/null as its input and a pipe as its outputs."""
        reading, writing = os.pipe()
        try:
            process = self.runtime.popen(verb, *options, self.container.id, globals_=self.globals,
                                         stdin=subprocess.DEVNULL, stdout=writing, stderr=writing)
            os.close(writing)
            status = process.wait(100)
            os.set_blocking(reading, False)
            try:
                said = os.read(reading, 65536)
            except BlockingIOError:
                said = b""
            assert status == 0, said
        finally:
            os.close(reading)

    def checkpoint(self, *options):
        self.run("checkpoint", "--image-path", f"{self.base}/images", *options)

    def restore(self, *options):
        self.run("restore", "--detach", "--image-path", f"{self.base}/images", "--bundle", self.base,
                 "--pid-file", f"{self.base}/pid", *options)

    def pid(self):
        return int(read_text(f"{self.base}/pid"))

    def count(self):
        """Where the program is; 0: it has not written it down."""
        path = f"{self.base}/data/count"
        return int((os.path.exists(path) and read_text(path)) or 0)

    def wait_for(self, number):
        eventually(lambda: self.count() > number)

    def mounts(self):
        """Where each mount is and with which flags, without what is counted anew."""
        return sorted(tuple(line.split()[3:6]) for line in
                      read_text(f"/proc/{self.pid()}/mountinfo").splitlines())

    def end(self):
        self.container.kill("KILL")
        eventually(lambda: self.container.status() == "stopped")
        self.container.delete()
        try:
            os.waitpid(self.pid(), os.WNOHANG)
        except ChildProcessError:
            pass


def hierarchy_options():
    return [line.split(" - ")[1] for line in read_text("/proc/self/mountinfo").splitlines()
            if " - cgroup2 " in line]


@promise("contract:2")
@pytest.mark.parametrize("caps", ["", "-open_tree_ns", "-open_tree_ns,-detached"])
def test_it_goes_on(runtime, caps):
    """However its root was made."""
    runtime.kernel_caps = caps
    saved = Saved(runtime).start()
    saved.wait_for(5)
    mounts, options = saved.mounts(), hierarchy_options()
    saved.checkpoint()
    assert saved.container.status() == "stopped"
    saved.container.delete()
    at = saved.count()
    saved.restore()
    saved.wait_for(at)
    assert saved.count() < at + 1000
    assert saved.mounts() == mounts and hierarchy_options() == options
    container = saved.container
    assert (container.status(), container.state()["pid"]) == ("running", saved.pid())
    container.pid = saved.pid()
    assert cgroups.read(container, "memory.max") == str(128 << 20)
    result = container.exec("/bin/sh", "-c", "cat /proc/self/cgroup; echo > /dev/null && echo yes; : < /dev/kmsg")
    assert result.out == "0::/\nyes\n"
    saved.end()


@pytest.mark.parametrize("option", ["--leave-running", "--pre-dump"])
def test_it_runs_on(runtime, option):
    saved = Saved(runtime).start()
    saved.wait_for(1)
    saved.checkpoint(option)
    assert saved.container.status() == "running"
    saved.wait_for(saved.count())
    saved.end()


def test_paused(runtime):
    """It is saved as it stands, is paused afterwards or ended, and goes on where it stood."""
    saved = Saved(runtime).start()
    saved.wait_for(2)
    runtime.ok("pause", saved.container.id)
    saved.checkpoint("--leave-running")
    assert saved.container.status() == "paused"
    at = saved.count()
    saved.checkpoint()
    assert saved.container.status() == "stopped" and saved.count() == at
    saved.container.delete()
    saved.restore()
    saved.wait_for(at)
    saved.end()


@pytest.mark.parametrize("saving, restoring", [("ignore", "ignore"), ("ignore", "soft"), ("soft", "ignore")])
def test_cgroups_ignored(runtime, saving, restoring):
    """All of it is in the container's cgroup, though CRIU moves nobody."""
    saved = Saved(runtime).start()
    saved.wait_for(2)
    saved.checkpoint("--manage-cgroups-mode", saving)
    saved.container.delete()
    at = saved.count()
    saved.restore("--manage-cgroups-mode", restoring)
    saved.wait_for(at)
    saved.container.pid = saved.pid()
    assert str(saved.pid()) in cgroups.read(saved.container, "cgroup.procs").split()
    assert int(cgroups.read(saved.container, "pids.current")) >= 2
    saved.end()


def test_parent(runtime):
    saved = Saved(runtime).start()
    saved.run("checkpoint", "--pre-dump", "--image-path", f"{saved.base}/parent")
    saved.checkpoint("--parent-path", "../parent")
    saved.container.delete()
    at = saved.count()
    saved.restore()
    saved.wait_for(at)
    saved.end()


def test_attached(runtime):
    """The status is the program's."""
    saved = Saved(runtime, "i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo $i > /data/count; sleep 0.1; done; exit 7")
    saved.start()
    saved.wait_for(2)
    saved.checkpoint()
    saved.container.delete()
    # the streams are of the kind that they were
    process = runtime.popen("restore", "--image-path", f"{saved.base}/images", "--bundle", saved.base,
                            saved.container.id, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    said, _ = process.communicate(timeout=100)
    assert process.returncode == 7 and saved.count() == 30, said
    assert runtime.ids() == []


def test_systemd(runtime):
    cgroups.need_systemd()
    saved = Saved(runtime, systemd=True)
    saved.container.config["linux"]["cgroupsPath"] = f"system.slice:test:{saved.container.id}"
    saved.start()
    saved.wait_for(2)
    saved.checkpoint()
    saved.container.delete()
    at = saved.count()
    saved.restore()
    saved.wait_for(at)
    assert f"/system.slice/test-{saved.container.id}.scope" in read_text(f"/proc/{saved.pid()}/cgroup")
    saved.end()


def test_terminal(runtime):
    """Both times the terminal's other end is handed over."""
    saved = Saved(runtime, "while read line; do echo got $line; done")
    saved.container.config["process"]["terminal"] = True
    masters = []

    def call(function):
        path = f"{runtime.directory}/console{len(masters)}"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            function("--console-socket", path)
            masters.append(receive_terminal(listener))
        os.write(masters[-1], b"hello\n")
        said = b""
        while b"got hello" not in said:
            said += os.read(masters[-1], 4096)

    call(saved.start)
    saved.checkpoint()
    saved.container.delete()
    os.close(masters[-1])
    call(saved.restore)
    saved.end()


def holding(runtime, *arguments):
    """A container whose program holds a lock, and with an argument a connection (tests/lib/holder.c)."""
    saved = Saved(runtime)
    shutil.copy(build_program("holder", runtime.directory), f"{saved.container.rootfs}/bin/")
    saved.container.config["process"]["args"] = ["/bin/holder", *arguments]
    return saved.start()


def test_locks_and_connections(runtime):
    """With the options that say so."""
    saved = holding(runtime, "connected")
    saved.wait_for(2)
    saved.checkpoint("--tcp-established", "--file-locks")
    saved.container.delete()
    at = saved.count()
    saved.restore("--tcp-established", "--file-locks")
    saved.wait_for(at)
    saved.end()


def test_failure_leaves_nothing(runtime):
    """A restore that CRIU can't do, and a checkpoint: a file lock without its option."""
    saved = holding(runtime)
    saved.wait_for(1)
    result = runtime.call("checkpoint", "--image-path", f"{saved.base}/images", saved.container.id, timeout=100)
    assert result.rc == 1 and "dump.log: Error (" in result.err
    assert saved.container.status() == "running"
    saved.wait_for(saved.count())
    saved.checkpoint("--file-locks")
    saved.container.delete()
    os.unlink(f"{saved.base}/images/pstree.img")
    result = runtime.call("restore", "--detach", "--image-path", f"{saved.base}/images", "--bundle", saved.base,
                          saved.container.id, timeout=100)
    assert result.rc == 1 and "images/restore.log" in result.err
    assert runtime.ids() == []
