"""What `features` lists is real: each item is used in a container that runs, not only planned."""
import json
import os
import platform

import pytest

from tare import IN_NAMESPACES, promise, user_namespace


@pytest.fixture
def features(runtime):
    return json.loads(runtime.ok("features"))


def runs(container, args=("/bin/true",), out=""):
    container.config["process"]["args"] = list(args)
    result = container.run()
    assert (result.rc, result.out) == (0, out), result


@promise("spec:260")
def test_versions(runtime, features):
    for version in (features["ociVersionMin"], features["ociVersionMax"]):
        container = runtime.container()
        container.config["ociVersion"] = version
        runs(container)


@promise("spec:261")
def test_hooks(runtime, features):
    container = runtime.container()
    record = f"{runtime.directory}/hooks"
    container.config["root"]["readonly"] = False
    container.config["hooks"] = {}
    for kind in features["hooks"]:
        path = "/hooks" if kind == "startContainer" else record
        container.config["hooks"][kind] = [
            {"path": "/bin/sh", "args": ["sh", "-c", f"echo {kind} >> {path}"]}]
    runs(container, ["/bin/cat", "/hooks"], "startContainer\n")
    with open(record, encoding="utf-8") as file:
        seen = file.read().split()
    assert sorted(seen + ["startContainer"]) == sorted(features["hooks"])


@promise("spec:262", "spec:263")
def test_mount_options(runtime, features):
    """Each on a bind, but those that are for something else."""
    container = runtime.container()
    user_namespace(container.config)
    container.chown(100000)
    paths = []
    for number, name in enumerate(features["mountOptions"]):
        destination = f"/mnt/{number}"
        mount = {"destination": destination, "source": "/tmp", "type": "none",
                 "options": ["rbind" if name.startswith("r") else "bind", name]}
        if name == "tmpcopyup":
            mount.update(type="tmpfs", source="tmpfs", options=[name])
        elif name == "remount":
            container.config["mounts"].append(dict(mount, options=["bind"]))
            mount["options"] += ["ro"]
        container.config["mounts"].append(mount)
        paths.append(destination)
    runs(container, ["/bin/sh", "-c", f"for m in {' '.join(paths)}; do grep -q \" $m \" "
                                      "/proc/self/mountinfo || echo no $m; done"])


@promise("spec:264")
def test_namespaces(runtime, features):
    container = runtime.container()
    container.config["linux"]["namespaces"] = [
        {"type": kind} for kind in features["linux"]["namespaces"] if kind != "user"]
    user_namespace(container.config)
    container.chown(100000)
    assert "user" in features["linux"]["namespaces"]
    runs(container)


@promise("spec:265")
def test_capabilities(runtime, features):
    container = runtime.container()
    for kind in container.config["process"]["capabilities"]:
        container.config["process"]["capabilities"][kind] = features["linux"]["capabilities"]
    container.config["process"]["args"] = ["/bin/true"]
    result = container.run()
    # a capability that this kernel lacks is warned about, one that tare lacks is not known
    assert result.rc == 0 and "unknown" not in result.err.replace("unknown or unavailable", "")


@promise("spec:267")
def test_seccomp(runtime, features):
    seccomp = features["linux"]["seccomp"]
    if not seccomp["enabled"]:
        pytest.skip("a build without libseccomp")
    machine = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}.get(platform.machine())
    assert machine in seccomp["archs"]
    assert set(seccomp["supportedFlags"]) <= set(seccomp["knownFlags"])
    for action in seccomp["actions"]:
        if action == "SCMP_ACT_NOTIFY":
            continue  # takes an agent
        container = runtime.container()
        container.config["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW", "architectures": [machine],
            "syscalls": [{"names": ["vhangup"], "action": action}]}
        runs(container)
    container = runtime.container()
    container.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW", "architectures": [machine],
        "syscalls": [{"names": ["vhangup"], "action": "SCMP_ACT_ERRNO",
                      "args": [{"index": 0, "value": 1, "valueTwo": 2, "op": operator}]}
                     for operator in seccomp["operators"]]}
    runs(container)
    for arch in seccomp["archs"]:
        container = runtime.container()
        container.config["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW", "architectures": sorted({machine, arch}),
            "syscalls": [{"names": ["vhangup"], "action": "SCMP_ACT_ERRNO"}]}
        container.write()
        runtime.ok("plan", "--bundle", container.bundle)
    for flag in seccomp["supportedFlags"]:
        if flag == "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV":
            continue  # takes an agent
        container = runtime.container()
        container.config["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW", "architectures": [machine], "flags": [flag],
            "syscalls": [{"names": ["vhangup"], "action": "SCMP_ACT_ERRNO"}]}
        runs(container)


@promise("spec:272")
def test_memory_policies(runtime, features):
    """Each mode and flag is recognised; what a kernel does not know is its word."""
    listed = features["linux"]["memoryPolicy"]
    assert len(listed["modes"]) == 7 and len(listed["flags"]) == 3
    for mode in listed["modes"]:
        for flags in [[]] + [[flag] for flag in listed["flags"]]:
            container = runtime.container(["/bin/true"])
            container.config["linux"]["memoryPolicy"] = {"mode": mode, "flags": flags}
            if mode not in ("MPOL_DEFAULT", "MPOL_LOCAL"):
                container.config["linux"]["memoryPolicy"]["nodes"] = "0"
            container.write()
            result = runtime.call("plan", "--bundle", container.bundle)
            assert result.rc == 0 or "unknown" not in result.err and flags, result


@promise("spec:266")
def test_systemd_is_what_features_say(runtime, features):
    container = runtime.container(["/bin/true"])
    container.config["linux"]["cgroupsPath"] = f"system.slice:tare:{container.id}"
    container.write()
    result = runtime.call("run", "--bundle", container.bundle, container.id,
                          globals_=["--systemd-cgroup"])
    if not features["linux"]["cgroup"]["systemd"]:
        assert result.rc == 1 and "without the systemd cgroup driver" in result.err
    elif not os.path.isdir("/run/systemd/system"):
        user = os.geteuid() != 0 or IN_NAMESPACES
        words = "the systemd driver needs a user session" if user else "connect to systemd by /run/systemd/private"
        assert result.rc == 1 and words in result.err
    else:
        assert result.rc == 0, result
