"""What podman has beside docker's ways: pods, user namespaces made to measure, Kubernetes' descriptions, systemd in a
container; as root and as a user."""
import os

import pytest

from engine_setup import IMAGE, MACHINE_ROOT, USER, new_name, run
from tare import eventually, promise, read_text


def gone(podman, *names):
    """Pods by these names are taken away."""
    for name in names:
        podman.call("pod", "rm", "-f", "-t", "0", name)
        assert podman.call("pod", "exists", name).rc == 1


@promise("contract:9", "contract:10")
def test_pod(podman):
    """Two containers of a pod share its network, its IPC and its name, and, when asked, its processes."""
    pod = new_name()
    try:
        podman.ok("pod", "create", "--name", pod, "--share", "net,ipc,uts,pid", "--infra-image", IMAGE,
                  "--infra-command", "sleep 100000", "--hostname", "podded")
        first = podman.ok("run", "-d", "--pod", pod, IMAGE, "sh", "-c",
                          "echo served > /tmp/index.html; exec httpd -f -p 80 -h /tmp").strip()
        script = "until wget -q -O - http://127.0.0.1/; do sleep 0.1; done; hostname; ps -o args | grep -c '[h]ttpd -f'"
        assert podman.ok("run", "--rm", "--pod", pod, IMAGE, "sh", "-c", script) == "served\npodded\n1\n"
        second = podman.ok("run", "-d", "--pod", pod, IMAGE).strip()
        pids = [podman.pid(name) for name in (first, second)]
        for kind, shared in (("net", True), ("ipc", True), ("uts", True), ("pid", True), ("mnt", False)):
            spaces = {os.readlink(f"/proc/{pid}/ns/{kind}") for pid in pids}
            assert len(spaces) == (1 if shared else 2), kind
        podman.ok("pod", "pause", pod)
        assert podman.inspect(first, "{{.State.Status}}") == "paused"
        podman.ok("pod", "unpause", pod)
        podman.ok("pod", "stop", "-t", "0", pod)
        assert podman.inspect(first, "{{.State.Status}}") == "exited"
    finally:
        gone(podman, pod)


def test_user_namespace(get_engine):
    """podman chooses ids that no other container has; a volume comes out with the container's owner."""
    podman = get_engine("podman")
    maps = []
    run("sh", "-c", "id -u containers || useradd --system containers; grep -q ^containers: /etc/subuid || "
        "for x in uid gid; do echo containers:1000000:262144 >> /etc/sub$x; done")
    for _ in range(2):
        maps.append(podman.ok("run", "--rm", "--userns=auto", IMAGE, "sh", "-c",
                              "touch /tmp/file; stat -c %u:%g /tmp/file; cat /proc/self/uid_map"))
    assert all(text.startswith("0:0\n") and int(text.split()[2]) >= 1000000 for text in maps), maps
    with podman.container("--userns=auto") as one, podman.container("--userns=auto") as other:
        first, second = (read_text(f"/proc/{podman.pid(x)}/uid_map").split()[1] for x in (one, other))
        assert first != second
        assert podman.ok("exec", one, "id", "-u") == "0\n"


def test_keep_id(get_engine):
    """A user is themselves in the container, and so is what they own."""
    podman = get_engine("rootless")
    directory = podman.directory()
    done = podman.ok("run", "--rm", "--userns=keep-id", "-v", f"{directory}:/bound", IMAGE, "sh", "-c",
                     "id -u; touch /bound/file; stat -c %u /bound/file")
    assert done == f"{USER}\n{USER}\n"
    assert os.stat(f"{directory}/file").st_uid == USER
    assert podman.ok("run", "--rm", "-v", f"{directory}:/bound", IMAGE, "stat", "-c", "%u", "/bound/file") == "0\n"


POD = """
apiVersion: v1
kind: Pod
metadata:
  name: {name}
spec:
  containers:
    - name: server
      image: {image}
      command: ["sh", "-c", "echo served > /tmp/index.html; exec httpd -f -p 80 -h /tmp"]
      livenessProbe:
        exec: {{command: ["sh", "-c", "wget -q -O - http://127.0.0.1/ && echo probed >> /tmp/probes"]}}
        periodSeconds: 1
        timeoutSeconds: 60
        failureThreshold: 100
      securityContext: {{readOnlyRootFilesystem: false}}
    - name: client
      image: {image}
      command: ["sh", "-c", "until wget -q -O - http://127.0.0.1/; do sleep 0.1; done; exec sleep 1000"]
      env: [{{name: WORD, value: value}}]
      securityContext: {{runAsUser: 1000, capabilities: {{drop: [ALL]}}}}
"""


def test_kube_play(podman):
    """A pod of two containers with a probe, as Kubernetes describes it."""
    name = new_name()
    path = f"{podman.directory()}/pod.yaml"
    with open(path, "w", encoding="ascii") as file:
        file.write(POD.format(name=name, image=IMAGE))
    try:
        podman.ok("kube", "play", path, timeout=300)
        eventually(lambda: "served" in podman.ok("logs", f"{name}-client"), 60)
        done = podman.ok("exec", f"{name}-client", "sh", "-c", "id -u; echo $WORD; grep CapEff /proc/self/status")
        assert done.split() == ["1000", "value", "CapEff:", "0000000000000000"]
        eventually(lambda: "probed" in podman.call("exec", f"{name}-server", "cat", "/tmp/probes").out, 60)
        eventually(lambda: podman.inspect(f"{name}-server", "{{.State.Health.Status}}") == "healthy", 60)
        podman.ok("kube", "down", path, timeout=300)
        assert podman.call("pod", "exists", name).rc == 1
    finally:
        gone(podman, name)


UNIT = """
[Unit]
Description=Shows that systemd has started units
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'cat /proc/self/cgroup > /run/started'
"""


@promise("contract:7.17")
def test_systemd(podman):
    """The machine's own systemd as a container's first process, on an overlay of the machine's root: it starts a unit
    in a cgroup of its own, and ends when it is told to."""
    if not os.path.exists("/lib/systemd/systemd"):
        pytest.skip("no systemd here")
    directory, name = podman.directory(), new_name()
    with open(f"{directory}/probe.service", "w", encoding="ascii") as file:
        file.write(UNIT)
    try:
        podman.ok("run", "-d", "--name", name, "--systemd=always", "--network=none",
                  "-v", f"{directory}/probe.service:/run/systemd/system/probe.service:ro",
                  "--rootfs", f"{MACHINE_ROOT}:O", "/lib/systemd/systemd", "--unit=probe.service", timeout=300)
        started = eventually(lambda: podman.call("exec", name, "cat", "/run/started").out, 60)
        assert "0::/system.slice/probe.service" in started.splitlines()
        assert podman.ok("exec", name, "systemctl", "is-active", "probe.service") == "active\n"
        podman.ok("stop", "-t", "60", name)
        assert podman.inspect(name, "{{.State.ExitCode}}") in ("0", "130")
    finally:
        podman.call("rm", "-f", "-t", "0", name)
