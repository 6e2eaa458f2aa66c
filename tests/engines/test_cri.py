"""Kubernetes' side of containerd: pods by the container runtime interface, as the kubelet asks for them."""
import contextlib
import json
import os
import time

import pytest

from engine_setup import IMAGE, TARE, containerd_version, new_name, run
from tare import eventually, promise, read_text

cri = pytest.importorskip("cri", reason="no python3-grpcio here (tests/run --vm sid engines has it)")

OWN_PROCESSES = {"namespace_options": {"pid": 1}}  # NamespaceMode CONTAINER, as the kubelet says by default
CGROUP_PARENT = "/kubepods.slice"
SERVER = ["sh", "-c", "echo served > /tmp/index.html; exec httpd -f -p 80 -h /tmp"]
LOGS = "/var/log/pods"


@pytest.fixture(scope="module")
def client(containerd):  # pylint: disable=unused-argument
    """A connection to containerd, whose CRI is ready."""
    made = cri.Client()
    eventually(lambda: all(x.status for x in made.Status().status.conditions), 60)
    return made


@contextlib.contextmanager
def sandbox(client, linux=None, handler="", **more):
    """A pod without containers: (its id, its configuration)."""
    name = new_name()
    os.makedirs(f"{LOGS}/{name}", exist_ok=True)
    config = {"metadata": {"name": name, "uid": name, "namespace": "default"}, "hostname": "podded",
              "log_directory": f"{LOGS}/{name}",
              "linux": {"cgroup_parent": CGROUP_PARENT,
                        **(linux or {"security_context": OWN_PROCESSES})}, **more}
    pod = client.RunPodSandbox(config=config, runtime_handler=handler).pod_sandbox_id
    try:
        assert os.path.isdir(f"/run/containerd/runc/k8s.io/{pod}"), "it does not run on tare"
        yield pod, config
    finally:
        client.StopPodSandbox(pod_sandbox_id=pod)
        client.RemovePodSandbox(pod_sandbox_id=pod)
    assert not os.path.exists(f"/run/containerd/runc/k8s.io/{pod}")
    assert pod not in read_text("/proc/self/mountinfo")


def start(client, pod, command, **more):
    """A container in a pod; its id. `more`: fields of its configuration."""
    pod_id, pod_config = pod
    name = new_name()
    config = {"metadata": {"name": name}, "image": {"image": IMAGE}, "command": command, "log_path": f"{name}.log",
              "linux": {"security_context": OWN_PROCESSES}, **more}
    made = client.CreateContainer(pod_sandbox_id=pod_id, config=config, sandbox_config=pod_config).container_id
    client.StartContainer(container_id=made)
    return made


def status(client, container):
    """The status of a container, and its process, as containerd knows them."""
    answer = client.ContainerStatus(container_id=container, verbose=True)
    return answer.status, json.loads(answer.info["info"]).get("pid")


def execute(client, container, *words):
    """(exit status, standard output) of a program that is run in a container, as a probe is."""
    answer = client.ExecSync(container_id=container, cmd=words, timeout=60)
    return answer.exit_code, answer.stdout.decode()


@promise("contract:8")
def test_runtime(client):
    """containerd has asked tare what it can do, and believes that it does what Kubernetes needs of it."""
    answer = client.Status(verbose=True)
    if containerd_version() >= (2, 0):
        handlers = {x.name: x.features for x in answer.runtime_handlers}
        for name in ("", "tare"):
            assert handlers[name].recursive_read_only_mounts and handlers[name].user_namespaces
    assert TARE in answer.info["config"]


@promise("contract:8", "contract:7.2")
def test_pod(client):
    """A pod of two containers: their network, host name and IPC are the pod's; exec, logs, exit status, and the end."""
    with sandbox(client) as pod:
        address = client.PodSandboxStatus(pod_sandbox_id=pod[0]).status.network.ip
        assert address.startswith("10.88.77.")
        server = start(client, pod, SERVER)
        fetch = "until wget -q -O - http://127.0.0.1/; do sleep 0.1; done; echo wrong >&2; exit 3"
        visitor = start(client, pod, ["sh", "-c", fetch], envs=[{"key": "WORD", "value": "value"}])
        state = client.types.ContainerState
        eventually(lambda: status(client, visitor)[0].state == state.Value("CONTAINER_EXITED"), 60)
        assert status(client, visitor)[0].exit_code == 3
        lines = read_text(status(client, visitor)[0].log_path).splitlines()
        assert sorted(line.split(" ", 1)[1] for line in lines) == ["stderr F wrong", "stdout F served"]
        assert execute(client, server, "sh", "-c", "hostname; exit 5") == (5, "podded\n")
        assert execute(client, server, "cat", "/tmp/index.html") == (0, "served\n")
        pause = json.loads(client.PodSandboxStatus(pod_sandbox_id=pod[0], verbose=True).info["info"])["pid"]
        first = status(client, server)[1]
        for kind, shared in (("net", True), ("ipc", True), ("uts", True), ("pid", False), ("mnt", False)):
            same = os.readlink(f"/proc/{pause}/ns/{kind}") == os.readlink(f"/proc/{first}/ns/{kind}")
            assert same == shared, kind
        place = read_text(f"/proc/{first}/cgroup").split("::")[1].strip()
        assert place == f"{CGROUP_PARENT}/cri-containerd-{server}.scope"
        client.StopContainer(container_id=server, timeout=1)
        assert status(client, server)[0].exit_code == 137
        client.RemoveContainer(container_id=server)


def test_shared_processes(client):
    """A pod whose containers share the processes (shareProcessNamespace)."""
    options = {"pid": client.types.NamespaceMode.Value("POD")}
    linux = {"security_context": {"namespace_options": options}}
    with sandbox(client, linux) as pod:
        server = start(client, pod, SERVER, linux=linux)
        other = start(client, pod, ["sleep", "1000"], linux=linux)
        listed = execute(client, other, "ps", "-o", "args")[1]
        assert "httpd -f" in listed and "sleep 1000000" in listed, "neither the neighbour nor the pause program"
        client.StopContainer(container_id=other, timeout=0)
        assert "httpd -f" in execute(client, server, "ps", "-o", "args")[1]


@promise("contract:8")
def test_user_namespace(client):
    """A pod with a user namespace (hostUsers: false): root in it is nobody on the host, and its files are its own."""
    mapping = [{"host_id": 300000, "container_id": 0, "length": 65536}]
    options = {"userns_options": {"mode": client.types.NamespaceMode.Value("POD"), "uids": mapping,
                                  "gids": mapping}}
    linux = {"security_context": {"namespace_options": options}}
    with sandbox(client, linux) as pod:
        made = start(client, pod, ["sleep", "1000"], linux=linux)
        pid = status(client, made)[1]
        assert read_text(f"/proc/{pid}/uid_map").split() == ["0", "300000", "65536"]
        assert os.stat(f"/proc/{pid}").st_uid == 300000
        script = "id -u; stat -c %u /bin/busybox; touch /file && stat -c %u /file /dev"
        assert execute(client, made, "sh", "-c", script)[1].split() == ["0", "0", "0", "0"]


@promise("contract:8")
def test_recursive_read_only(client):
    """A volume with another mounted in it, neither of which the container can write to."""
    if containerd_version() < (2, 0):
        pytest.skip("containerd 1.7 has no recursive read-only mounts")
    volume = f"/run/{new_name()}"
    os.makedirs(f"{volume}/inner")
    run("mount", "-t", "tmpfs", "inner", f"{volume}/inner")
    try:
        with sandbox(client) as pod:
            mounts = [{"host_path": volume, "container_path": place, "readonly": True,
                       "recursive_read_only": deep, "propagation": 0}
                      for place, deep in (("/shallow", False), ("/deep", True))]
            made = start(client, pod, ["sleep", "1000"], mounts=mounts)
            script = "for x in /shallow /shallow/inner /deep /deep/inner; do touch $x/f 2>/dev/null && echo $x; done"
            assert execute(client, made, "sh", "-c", script)[1].split() == ["/shallow/inner"]
    finally:
        run("umount", f"{volume}/inner")
        run("rm", "-r", volume)


@promise("contract:7.8")
def test_security_context(client):
    """What a pod's restricted security context sets."""
    context = {**OWN_PROCESSES, "run_as_user": {"value": 1000}, "run_as_group": {"value": 1001}, "supplemental_groups": [1002],
               "readonly_rootfs": True, "no_new_privs": True, "capabilities": {"drop_capabilities": ["ALL"]},
               "seccomp": {"profile_type": 0}, "masked_paths": ["/proc/keys"], "readonly_paths": ["/proc/sys"]}
    with sandbox(client) as pod:
        made = start(client, pod, ["sleep", "1000"], linux={"security_context": context})
        script = "id; touch /file; grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status; wc -c < /proc/keys"
        words = execute(client, made, "sh", "-c", script)[1].split()
        assert words[:2] == ["uid=1000(user)", "gid=1001"] and "1002" in words[2]
        assert words[3:] == ["CapEff:", "0000000000000000", "NoNewPrivs:", "1", "Seccomp:", "2", "0"]


def test_many_probes(client):
    """Probes that run again and again leave neither processes nor descriptors of the shim's."""
    with sandbox(client) as pod:
        made = start(client, pod, ["sleep", "1000"])
        pid = status(client, made)[1]
        shim = int(read_text(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[1])
        execute(client, made, "true")
        before = len(os.listdir(f"/proc/{shim}/fd"))
        for number in range(20):
            assert execute(client, made, "sh", "-c", f"exit {number}") == (number, "")
        time.sleep(0.5)
        assert len(os.listdir(f"/proc/{shim}/fd")) <= before + 4
        place = read_text(f"/proc/{pid}/cgroup").split("::")[1].strip()
        assert read_text(f"/sys/fs/cgroup{place}/cgroup.procs").split() == [str(pid)]
