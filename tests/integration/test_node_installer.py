"""contrib's installer of Kubernetes' nodes, on nodes that are only directories: what it writes for which engine, and that
it takes all of it back. With containerd itself: tests/engines."""
import os
import shutil
import subprocess
import tomllib

import pytest

import tare

CONTRIB = f"{tare.TOP}/contrib/engines"
VERSION_2 = """# as it was
version = 2
[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
"""
VERSION_3 = """version = 3
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = true
"""


class Node:
    """A root directory with an engine's program, and a systemctl that notes what it is asked."""

    def __init__(self, directory, rootfs, *programs):
        self.root = f"{directory}/node"
        self.here = f"{directory}/installer"
        shutil.copytree(rootfs, self.root, symlinks=True)
        os.mkdir(self.here)
        shutil.copy(f"{CONTRIB}/kubernetes/install-node", self.here)
        self.release("tare")
        os.makedirs(f"{self.root}/usr/bin")
        for program in (*programs, "systemctl"):
            self.write(f"usr/bin/{program}", '#!/bin/sh\necho "$@" >> /asked\n')
            os.chmod(f"{self.root}/usr/bin/{program}", 0o755)

    def release(self, text):
        """The tare that the installer brings."""
        with open(f"{self.here}/tare", "w", encoding="ascii") as file:
            file.write(text)

    def write(self, path, text):
        os.makedirs(os.path.dirname(f"{self.root}/{path}"), exist_ok=True)
        with open(f"{self.root}/{path}", "w", encoding="ascii") as file:
            file.write(text)

    def read(self, path):
        return tare.read_text(f"{self.root}/{path}")

    def has(self, path):
        return os.path.exists(f"{self.root}/{path}")

    def call(self, *words):
        """Runs it."""
        return subprocess.run([f"{self.here}/install-node", *words, self.root], capture_output=True, text=True,
                              check=False, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

    def install(self, *words):
        """Runs it. Returns what it did, as lines, and fails when it fails."""
        done = self.call(*words)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    def asked(self):
        """What systemctl was asked since the last time."""
        text = self.read("asked") if self.has("asked") else ""
        if text:
            os.unlink(f"{self.root}/asked")
        return text.splitlines()


@pytest.fixture
def make_node(tmp_path, rootfs_template):
    """A function that makes nodes with these programs."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    return lambda *programs: Node(tmp_path, rootfs_template, *programs)


@pytest.mark.parametrize("config, plugin, systemd", [
    (VERSION_2, "io.containerd.grpc.v1.cri", False), (VERSION_3, "io.containerd.cri.v1.runtime", True)])
def test_containerd(make_node, config, plugin, systemd):
    node = make_node("containerd")
    node.write("etc/containerd/config.toml", config)
    assert node.install()[-1] == "restarted containerd"
    assert node.asked() == ["restart containerd"]
    made = node.read("etc/containerd/config.toml")
    assert made.startswith(config)
    runtime = tomllib.loads(made)["plugins"][plugin]["containerd"]["runtimes"]["tare"]
    assert runtime["options"] == {"BinaryName": "/usr/local/bin/tare", "SystemdCgroup": systemd}
    assert node.read("usr/local/bin/tare") == "tare"
    # again: nothing to do; a newer tare: nothing to restart
    assert node.install() == [] and node.asked() == []
    node.release("a newer tare")
    assert node.install() == [f"wrote {node.root}/usr/local/bin/tare"] and node.asked() == []
    assert node.read("etc/containerd/config.toml") == made
    node.install("--remove")
    assert node.asked() == ["restart containerd"]
    assert node.read("etc/containerd/config.toml") == config
    assert not node.has("usr/local/bin/tare") and not node.has("etc/crio")
    assert os.listdir(f"{node.root}/etc/containerd") == ["config.toml"]


def test_containerd_without_configuration(make_node):
    node = make_node("containerd")
    node.install()
    made = tomllib.loads(node.read("etc/containerd/config.toml"))
    assert made["version"] == 2
    assert "tare" in made["plugins"]["io.containerd.grpc.v1.cri"]["containerd"]["runtimes"]


def test_crio(make_node):
    """The same table as in the drop-in file for a machine."""
    node = make_node("crio")
    node.install()
    assert node.asked() == ["restart crio"]
    with open(f"{CONTRIB}/crio/50-tare.conf", "rb") as file:
        whole = tomllib.load(file)["crio"]["runtime"]
    table = tomllib.loads(node.read("etc/crio/crio.conf.d/50-tare.conf"))["crio"]["runtime"]
    assert table["runtimes"] == whole["runtimes"] and whole["default_runtime"] == "tare"
    assert node.install() == [] and node.asked() == []
    node.install("--remove")
    assert node.asked() == ["restart crio"] and not node.has("etc/crio/crio.conf.d/50-tare.conf")


def test_neither(make_node):
    done = make_node().call()
    assert done.returncode == 1 and "neither containerd nor CRI-O is on the node" in done.stderr
