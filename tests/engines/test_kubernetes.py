"""contrib's way onto the nodes of Kubernetes: the installer as the container that its manifest describes, on a node
with a containerd of its own, and a pod by the handler that it has made."""
import contextlib
import os
import shutil
import signal
import subprocess

import pytest

from engine_setup import CONTRIB, IMAGE, TARE, WORK, new_name, run
from tare import eventually, read_text

cri = pytest.importorskip("cri", reason="no python3-grpcio here (tests/run --vm sid engines has it)")
yaml = pytest.importorskip("yaml", reason="no python3-yaml here (tests/run --vm sid engines has it)")


def test_manifests():
    """The RuntimeClass, the installer's nodes and what the installer calls the handler fit together."""
    with open(f"{CONTRIB}/kubernetes/runtimeclass.yaml", encoding="utf-8") as file:
        runtime_class = yaml.safe_load(file)
    with open(f"{CONTRIB}/kubernetes/node-installer.yaml", encoding="utf-8") as file:
        pod = yaml.safe_load(file)["spec"]["template"]["spec"]
    assert runtime_class["handler"] == "tare"
    assert runtime_class["scheduling"]["nodeSelector"] == pod["nodeSelector"]
    installer = pod["initContainers"][0]
    assert installer["securityContext"]["privileged"]
    assert "/" in [x["hostPath"]["path"] for x in pod["volumes"]]
    program, node = installer["command"]
    assert node in [x["mountPath"] for x in installer["volumeMounts"]]
    text = read_text(f"{CONTRIB}/kubernetes/Containerfile")
    assert f"install-node {os.path.dirname(program)}/" in text


@contextlib.contextmanager
def node(version):
    """A node: an overlay of this machine's root with a containerd that keeps all that is its own below it, and
    systemctl, which notes what it is asked."""
    directory = f"/run/{new_name()}"
    root = f"{directory}/root"
    os.mkdir(directory)
    run("mount", "-t", "tmpfs", "node", directory)
    for name in ("upper", "work", "root"):
        os.makedirs(f"{directory}/{name}")
    run("mount", "-t", "overlay", "-o", f"lowerdir=/,upperdir={directory}/upper,workdir={directory}/work", "node", root)
    try:
        with open(f"{root}/usr/bin/systemctl.new", "w", encoding="ascii") as file:
            file.write("#!/bin/sh\necho \"$@\" >> /asked\n")
        os.chmod(f"{root}/usr/bin/systemctl.new", 0o755)
        os.rename(f"{root}/usr/bin/systemctl.new", f"{root}/usr/bin/systemctl")
        for stale in (f"{root}{TARE}", f"{root}/asked"):
            if os.path.exists(stale):
                os.unlink(stale)
        shutil.rmtree(f"{root}/etc/crio", ignore_errors=True)
        os.makedirs(f"{root}/etc/containerd", exist_ok=True)
        with open(f"{root}/etc/containerd/config.toml", "w", encoding="ascii") as file:
            file.write(version)
        yield root
    finally:
        run("umount", root)
        run("umount", directory)


CONFIG_2 = """version = 2
[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
  [plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc.options]
    SystemdCgroup = true
"""


def test_install_node(get_engine):
    """The installer's image is made by podman and run as the manifest says; a second time it changes nothing; taken
    back, the configuration is as it was."""
    podman = get_engine("podman")
    context = podman.directory()
    for name in ("Containerfile", "install-node"):
        shutil.copy(f"{CONTRIB}/kubernetes/{name}", context)
    shutil.copy(TARE, f"{context}/tare")
    image = f"localhost/{new_name()}"
    podman.ok("build", "-t", image, "--build-arg", f"BASE={IMAGE}", context, timeout=300)
    with node(CONFIG_2) as root:
        def install(*words):
            return podman.ok("run", "--rm", "--privileged", "--network", "none", "-v", f"{root}:/host", image,
                             "/opt/tare/install-node", *words, "/host")
        assert "restarted containerd" in install()
        assert os.stat(f"{root}{TARE}").st_mode & 0o777 == 0o755
        assert read_text(f"{root}/asked") == "restart containerd\n"
        made = read_text(f"{root}/etc/containerd/config.toml")
        assert made.startswith(CONFIG_2) and made.count("SystemdCgroup = true") == 2
        assert install() == ""
        assert read_text(f"{root}/etc/containerd/config.toml") == made
        with own_containerd(root) as client:
            pod_by_handler(client)
        assert "restarted containerd" in install("--remove")
        assert read_text(f"{root}/etc/containerd/config.toml") == CONFIG_2
        assert not os.path.exists(f"{root}{TARE}")
    podman.ok("rmi", image)


@contextlib.contextmanager
def own_containerd(root):
    """containerd with the node's configuration, on a socket of its own."""
    place = f"{WORK}/{new_name()}"
    text = read_text(f"{root}/etc/containerd/config.toml").replace(
        "version = 2\n", f"version = 2\nroot = '{place}/root'\nstate = '{place}/state'\n", 1)
    text += f"[plugins.'io.containerd.grpc.v1.cri']\n  sandbox_image = '{IMAGE}'\n[grpc]\n  address = '{place}/socket'\n"
    with open(f"{place}.toml", "w", encoding="ascii") as file:
        file.write(text)
    with open(f"{place}.log", "wb") as log, subprocess.Popen(
            ["containerd", "--config", f"{place}.toml"], stdout=log, stderr=log) as process:
        try:
            eventually(lambda: os.path.exists(f"{place}/socket"), 60)
            run("ctr", "-a", f"{place}/socket", "-n", "k8s.io", "image", "import", f"{WORK}/image.tar")
            yield cri.Client(f"unix://{place}/socket")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def pod_by_handler(client):
    """A pod in the host's network whose RuntimeClass has the handler tare."""
    name = new_name()
    config = {"metadata": {"name": name, "uid": name, "namespace": "default"},
              "linux": {"cgroup_parent": "/kubepods.slice",
                        "security_context": {"namespace_options": {"network": 2, "pid": 1}}}}
    pod = client.RunPodSandbox(config=config, runtime_handler="tare").pod_sandbox_id
    try:
        made = client.CreateContainer(pod_sandbox_id=pod, sandbox_config=config, config={
            "metadata": {"name": "one"}, "image": {"image": IMAGE}, "command": ["sleep", "1000"]}).container_id
        client.StartContainer(container_id=made)
        assert client.ExecSync(container_id=made, cmd=["echo", "hello"], timeout=60).stdout == b"hello\n"
        assert os.path.isdir(f"/run/containerd/runc/k8s.io/{made}"), "it does not run on tare"
    finally:
        client.StopPodSandbox(pod_sandbox_id=pod)
        client.RemovePodSandbox(pod_sandbox_id=pod)
