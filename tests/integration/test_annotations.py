"""crun's annotations that change a native container: the same meaning here. Each is one that callers set: podman
(keep-groups), toolkits that log their hooks, and monitors that want a pidfd."""
import base64
import os
import socket
import struct
import subprocess

import pytest

import callers
from tare import promise, read_text

KINDS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]


def annotate(container, **annotations):
    """Sets run.oci.NAME, an underscore at its beginning being a dot: hooks_stdout is hooks.stdout."""
    container.config["annotations"] = {f"run.oci.{name.replace('__', '.')}": value
                                       for name, value in annotations.items()}


@promise("contract:13")
def test_keep_original_groups(runtime):
    """The caller's groups stay, and process.user.additionalGids do not replace them."""
    container = runtime.container(["/bin/sh", "-c", "id -G"])
    container.config["process"]["user"]["additionalGids"] = [77]
    annotate(container, keep_original_groups="1")
    container.write()
    process = subprocess.run(
        ["setpriv", "--groups", "5,6", *runtime.argv("run", "--bundle", container.bundle,
                                                     container.id)],
        env=runtime.env, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout) == (0, "0 5 6\n"), process


def test_keep_original_groups_in_a_user_namespace(runtime):
    """Groups that are not mapped are nobody's there, and still the caller's."""
    container = runtime.container(["/bin/sh", "-c", "grep Groups /proc/self/status"])
    container.config["linux"]["namespaces"].append({"type": "user"})
    for key in ("uidMappings", "gidMappings"):
        container.config["linux"][key] = [{"containerID": 0, "hostID": 100000, "size": 100}]
    container.chown(100000)
    annotate(container, keep_original_groups="1")
    container.write()
    process = subprocess.run(
        ["setpriv", "--groups", "5", *runtime.argv("run", "--bundle", container.bundle,
                                                   container.id)],
        env=runtime.env, capture_output=True, text=True, check=False)
    assert process.stdout.split() == ["Groups:", "65534"], process


def test_groups_are_set_all_the_same(runtime):
    """"0" is no."""
    container = runtime.container(["/bin/sh", "-c", "id -G"])
    container.config["process"]["user"]["additionalGids"] = [77]
    annotate(container, keep_original_groups="0")
    assert container.run() == (0, "0 77\n", "")


def test_files_of_hooks(runtime):
    """Every kind of hook appends to the two files, and nothing of them is held by the program."""
    container = runtime.container(["/bin/sh", "-c", "ls -l /proc/self/fd"])
    out, errors = f"{container.bundle}/hooks.out", f"{container.bundle}/hooks.err"
    with open(out, "w", encoding="utf-8") as file:
        file.write("before\n")
    annotate(container, hooks__stdout=out, hooks__stderr=errors)
    container.config["hooks"] = {
        kind: [{"path": "/bin/sh", "args": ["sh", "-c", f"echo {kind}; echo not {kind} >&2"]}]
        for kind in KINDS}
    result = container.run()
    assert result.rc == 0 and "hooks." not in result.out, result
    with open(out, encoding="utf-8") as file:
        assert file.read().split() == ["before", *KINDS]
    with open(errors, encoding="utf-8") as file:
        assert file.read().splitlines() == [f"not {kind}" for kind in KINDS]


def test_a_failing_hook_with_files(runtime):
    """It is still told, without what it wrote; a file that can't be opened keeps the container from being."""
    container = runtime.container(["/bin/true"])
    annotate(container, hooks__stderr=f"{container.bundle}/hooks.err")
    container.config["hooks"] = {"createRuntime": [
        {"path": "/bin/sh", "args": ["sh", "-c", "echo bad >&2; exit 3"]}]}
    result = container.run()
    assert result.rc == 1 and "error running createRuntime hook #0: exit status 3" in result.err
    assert "bad" not in result.err
    annotate(container, hooks__stdout="/nonexistent/file")
    result = container.run()
    assert result.rc == 1
    assert "annotations[run.oci.hooks.stdout]: open /nonexistent/file" in result.err
    assert runtime.ids() == []


def test_pidfd_receiver(runtime):
    """As --pidfd-socket."""
    container = runtime.container(["/bin/sleep", "100"])
    path = f"{container.bundle}/pidfd"
    annotate(container, pidfd_receiver=path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(1)
        container.create()
        connection, _ = listener.accept()
        with connection:
            _, descriptors, _, _ = socket.recv_fds(connection, 100, 1)
    with open(f"/proc/self/fdinfo/{descriptors[0]}", encoding="utf-8") as file:
        assert f"\nPid:\t{container.pid}\n" in file.read()
    os.close(descriptors[0])
    annotate(container, pidfd_receiver="/nonexistent")
    container.id += "-2"
    result = container.try_create()
    assert result.rc == 1 and "annotations[run.oci.pidfd_receiver]" in result.err
    container.id = container.id[:-2]


@pytest.mark.parametrize("name, value, words", [
    ("handler", "krun", 'annotations[run.oci.handler]: there is no handler \\"krun\\"'),
    ("mount_context_type", "x", 'annotations[run.oci.mount_context_type]: \\"x\\" is none of'),
    ("seccomp.receiver", "/run/agent", "run.oci.seccomp.receiver]: not supported: say linux.seccomp.listenerPath"),
    ("seccomp.plugins", "x.so", "run.oci.seccomp.plugins]: not supported"),
    ("systemd.force_cgroup_v1", "/sys/fs/cgroup", "force_cgroup_v1]: not supported: tare uses cgroup v2 alone"),
    ("delegate-cgroup", "../x", 'annotations[run.oci.delegate-cgroup]: \\"../x\\" has a \\"..\\" in it'),
    ("seccomp_bpf_data", "@@@", "invalid seccomp BPF data: not base64"),
    ("seccomp_bpf_data", "", "0 bytes are not 1 to 4096 instructions"),
    ("seccomp_bpf_data", base64.b64encode(b"12345").decode(), "5 bytes are not 1 to 4096 instructions"),
])
def test_refused(runtime, name, value, words):
    callers.skip_peer(runtime, "crun", "has other words, and handles some of them")
    callers.skip_peer(runtime, "runc", "does not know crun's annotations")
    container = runtime.container(["/bin/true"])
    annotate(container, **{name: value})
    result = container.run()
    assert result.rc == 1 and words in result.err, result
    assert runtime.ids() == []


def test_no_handler(runtime):
    """An empty one is the native one."""
    container = runtime.container(["/bin/true"])
    annotate(container, handler="")
    assert container.run().rc == 0


def program(*instructions):
    """struct sock_filter, as the annotation carries it."""
    return base64.b64encode(b"".join(struct.pack("=HBBI", *x) for x in instructions)).decode()


def denying(number, code):
    """A filter: this system call fails with this errno."""
    return program((0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x50000 | code), (0x06, 0, 0, 0x7fff0000))


MKDIR = {"x86_64": 83, "aarch64": 34}
PROFILE = {"defaultAction": "SCMP_ACT_ALLOW",
           "syscalls": [{"names": ["chmod", "fchmod", "fchmodat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}
TRIES = "mkdir /tmp/x; chmod 0700 /tmp; grep Seccomp: /proc/self/status"


@pytest.mark.parametrize("no_new_privs", [True, False])
@pytest.mark.parametrize("text", [None, lambda x: x[:10] + "\n " + x[10:]], ids=["plain", "white space"])
def test_filter_as_it_is(runtime, no_new_privs, text):
    """The instructions take the profile's place, for exec as well."""
    callers.skip_peer(runtime, "runc", "does not know crun's annotations")
    data = denying(MKDIR[os.uname().machine], 13)
    container = runtime.container(["/bin/sleep", "100"])
    container.config["root"]["readonly"] = False
    container.config["process"]["noNewPrivileges"] = no_new_privs
    if not no_new_privs:
        container.config["process"]["capabilities"] = {
            x: ["CAP_SYS_ADMIN", "CAP_SETPCAP"] for x in ("bounding", "effective", "permitted")}
    container.config["linux"]["seccomp"] = PROFILE
    annotate(container, seccomp_bpf_data=text(data) if text else data)
    container.create().start()
    result = runtime.call("exec", container.id, "/bin/sh", "-c", TRIES)
    assert "mkdir: can't create directory '/tmp/x': Permission denied" in result.err
    assert "chmod" not in result.err, "the profile is not in force"
    assert result.out == "Seccomp:\t2\n"
    seen = read_text(f"/proc/{container.pid}/status")
    assert "\nSeccomp:\t2\n" in seen and "\nSeccomp_filters:\t1\n" in seen


def test_filter_that_the_kernel_refuses(runtime):
    """It is said by the verb that installs it, and the container never runs its program unfiltered."""
    container = runtime.container(["/bin/touch", "/tmp/ran"])
    container.config["root"]["readonly"] = False
    annotate(container, seccomp_bpf_data=base64.b64encode(b"\xff" * 8).decode())
    result = container.run()
    assert result.rc == 1 and "nvalid argument" in result.err, result
    assert not os.path.exists(f"{container.rootfs}/tmp/ran")


@pytest.mark.parametrize("value, known", [("1", True), ("", True), ("0", False), (None, False)])
def test_unknown_system_calls(runtime, value, known):
    """Skipped, unless the annotation is there and not "0"."""
    callers.skip_peer(runtime, "runc", "does not know crun's annotations")
    container = runtime.container(["/bin/true"])
    container.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "no_such_call"], "action": "SCMP_ACT_ERRNO"}]}
    if value is not None:
        annotate(container, seccomp_fail_unknown_syscall=value)
    result = container.run()
    assert result.rc == int(known)
    if known:
        assert "invalid seccomp syscall" in result.err and "no_such_call" in result.err
    if known and runtime.is_tare:
        assert "linux.seccomp.syscalls[0].names[1]" in result.err


def own_cgroup(text):
    """The cgroup v2 of /proc/PID/cgroup."""
    return next(x[3:] for x in text.splitlines() if x.startswith("0::"))


@pytest.mark.parametrize("namespace", [True, False], ids=["namespace", "host's"])
@pytest.mark.parametrize("wanted, below", [("inner", "inner"), ("a//b/", "a/b"), ("", "")])
def test_delegated_cgroup(runtime, namespace, wanted, below):
    """The program's cgroup lies below the container's, which is the root that it sees, and limits hold above it."""
    callers.skip_peer(runtime, "runc", "does not know crun's annotations")
    container = runtime.container(["/bin/sleep", "100"])
    linux = container.config["linux"]
    linux["cgroupsPath"] = f"/{container.id}"
    if not namespace:
        linux["namespaces"] = [x for x in linux["namespaces"] if x["type"] != "cgroup"]
    container.config["annotations"] = {"run.oci.delegate-cgroup": wanted}
    container.create().start()
    inner = f"/{container.id}/{below}".rstrip("/")
    assert own_cgroup(read_text(f"/proc/{container.pid}/cgroup")) == inner
    result = runtime.call("exec", container.id, "/bin/cat", "/proc/self/cgroup")
    assert own_cgroup(result.out) == (f"/{below}" if namespace else inner)
    runtime.ok("pause", container.id)
    assert container.status() == "paused"
    runtime.ok("resume", container.id)
    runtime.ok("kill", "--all", container.id, "KILL")
    container.wait()
    runtime.ok("delete", container.id)
    assert not os.path.exists(f"{runtime.view.cgroup2()}/{container.id}")


def test_delegated_cgroup_belongs_to_the_user(runtime):
    """With a user namespace and a writable cgroup mount the program may make cgroups there."""
    callers.skip_peer(runtime, "crun", "gives it to nobody")
    callers.skip_peer(runtime, "runc", "does not know crun's annotations")
    container = runtime.container(["/bin/sh", "-c", "mkdir /sys/fs/cgroup/inner/more && rmdir /sys/fs/cgroup/inner/more"])
    container.config["linux"]["namespaces"].append({"type": "user"})
    for key in ("uidMappings", "gidMappings"):
        container.config["linux"][key] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    container.chown(100000)
    container.config["mounts"][-1]["options"].remove("ro")
    container.config["linux"]["cgroupsPath"] = f"/{container.id}"
    container.config["annotations"] = {"run.oci.delegate-cgroup": "inner"}
    assert container.run() == (0, "", "")


def test_exec_when_the_delegated_cgroup_was_removed(runtime):
    """It is the container's to remove: what is added goes where the init is."""
    callers.skip_peer(runtime, "crun", "refuses it")
    container = runtime.container(["/bin/sleep", "1000"])
    container.config["linux"]["cgroupsPath"] = f"/{container.id}"
    container.config["annotations"] = {"run.oci.delegate-cgroup": "inner"}
    container.create().start()
    directory = f"{runtime.view.cgroup2()}/{container.id}"
    os.mkdir(f"{directory}/other")
    with open(f"{directory}/other/cgroup.procs", "w", encoding="ascii") as file:
        file.write(str(container.pid))
    os.rmdir(f"{directory}/inner")
    result = container.exec("/bin/cat", "/proc/self/cgroup")
    assert result.rc == 0 and result.out.endswith("/other\n"), result


def test_nothing_is_left_of_a_delegated_cgroup(runtime):
    """A create that fails in a cgroup that was there before takes its own cgroups away, and leaves that one."""
    callers.skip_peer(runtime, "crun", "removes the cgroup that was there before")
    directory = f"{runtime.view.cgroup2()}/there-before"
    os.mkdir(directory)
    try:
        container = runtime.container(["/bin/true"])
        container.config["linux"]["cgroupsPath"] = "/there-before"
        container.config["annotations"] = {"run.oci.delegate-cgroup": "inner"}
        result = container.try_create("--pid-file", "/nonexistent/file")
        assert result.rc == 1, result
        assert [x for x in os.scandir(directory) if x.is_dir()] == []
    finally:
        os.rmdir(directory)
