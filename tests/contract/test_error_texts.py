"""The texts that callers look for in errors, of the verbs that there are: each row makes one mistake in
a config or a call. runc says the same; crun has words of its own, so it is left out here."""
import os
import re

import pytest

import callers
from tare import eventually, promise, unprivileged, user_namespace


@pytest.fixture
def container(runtime):
    """A container to make mistakes with."""
    callers.skip_peer(runtime, "crun", "has texts of its own")
    return runtime.container(["/bin/sleep", "100"])


def error_of(container, *options):
    """The message of a `create` that must fail, as the log has it."""
    shim = callers.Shim(container)
    result = shim.create(*options)
    shim.close()
    assert result.rc == 1, result
    message = shim.last_error()
    assert shim.call("state", shim.id).rc == 1, "nothing may be left of it"
    return message


def namespaces(config, *kinds, **changes):
    """Replaces the list of namespaces."""
    config["linux"]["namespaces"] = [dict(type=kind, **changes.get(kind, {})) for kind in kinds]
    for ids in ("uidMappings", "gidMappings"):
        config["linux"].pop(ids, None)


ALL = ("pid", "network", "ipc", "uts", "mount", "cgroup")


def no_uts(config):
    """hostname without a uts namespace"""
    namespaces(config, "pid", "network", "ipc", "mount")


def twice(config):
    """one namespace twice"""
    namespaces(config, *ALL, "pid")


def no_mappings(config):
    """a user namespace without mappings"""
    namespaces(config, *ALL, "user")


def sysctl(name, value, *kinds):
    """one sysctl, with these namespaces alone"""
    def change(config):
        namespaces(config, "mount", *kinds)
        if "uts" not in kinds:
            config.pop("hostname")
        config["linux"]["sysctl"] = {name: value}
    return change


def mount(**row):
    """one more mount"""
    return lambda config: config["mounts"].append(row)


def process(**changes):
    """other members of process"""
    return lambda config: config["process"].update(changes)


def seccomp(**profile):
    """a profile"""
    return lambda config: config["linux"].update(seccomp=profile)


CONFIGS = [
    ("args empty", process(args=[]), "args must not be empty"),
    ("cwd empty", process(cwd=""), "Cwd must be an absolute path|Cwd property must not be empty"),
    ("cwd relative", process(cwd="tmp"), "Cwd must be an absolute path"),
    ("not in PATH", process(args=["x-none"]),
     'exec: "x-none": executable file not found in $PATH'),
    ("not there", process(args=["/x-none"]),
     'exec: "/x-none": stat /x-none: no such file or directory'),
    ("a directory", process(args=["/etc"]), 'exec: "/etc": is a directory'),
    ("no permission", process(args=["/etc/passwd"]), 'exec: "/etc/passwd": permission denied'),
    ("hostname", no_uts, "unable to set hostname without a private UTS namespace"),
    ("namespace twice", twice, "malformed spec file: duplicated ns"),
    ("no mappings", no_mappings,
     "user namespaces enabled, but no namespace path to join nor mappings to apply specified"
     "|user namespaces enabled, but no uid mappings found"),
    ("sysctl of the host's ipc", sysctl("kernel.shmmax", "1000000"),
     'sysctl "kernel.shmmax" is not allowed in the hosts ipc namespace'
     '|sysctl "kernel.shmmax" is not in a separate kernel namespace'),
    ("sysctl of nobody", sysctl("vm.swappiness", "10", "ipc", "network", "uts"),
     'sysctl "vm.swappiness" is not in a separate kernel namespace'),
    ("sysctl of the host's network", sysctl("net.ipv4.ip_forward", "1", "ipc", "uts"),
     'sysctl "net.ipv4.ip_forward" not allowed in host network namespace'),
    ("sysctl against hostname", sysctl("kernel.hostname", "x", "ipc", "uts"),
     'conflicts with the OCI "hostname" field'),
    ("source is missing", mount(destination="/mnt", source="/no/such", type="none", options=["bind"]),
     'error mounting "/no/such" to rootfs at "/mnt"&no such file or directory'
     '|failed to fulfil mount request: open /no/such: no such file or directory'),
    ("inside proc", mount(destination="/proc/irq", source="tmpfs", type="tmpfs"),
     "cannot be mounted because it is inside /proc"),
    ("notify write", seccomp(defaultAction="SCMP_ACT_ALLOW", syscalls=[
        {"names": ["write"], "action": "SCMP_ACT_NOTIFY"}], listenerPath="/no/such"),
     "SCMP_ACT_NOTIFY cannot be used for the write syscall"),
    ("rlimit", process(rlimits=[{"type": "RLIMIT_X", "hard": 1, "soft": 1}]), "RLIMIT_X"),
    ("seccomp action", seccomp(defaultAction="SCMP_ACT_X"), "SCMP_ACT_X"),
]


def says(message, wanted):
    """"a&b": both; "a|b": one of them."""
    return any(all(part in message for part in choice.split("&")) for choice in wanted.split("|"))


@promise("contract:14")
@pytest.mark.parametrize("change, wanted", [x[1:] for x in CONFIGS], ids=[x[0] for x in CONFIGS])
def test_config(container, change, wanted):
    change(container.config)
    message = error_of(container)
    assert says(message, wanted), message
    assert "create failed: " in message


@promise("contract:14")
def test_no_config(container):
    answer = container.runtime.call("create", "--bundle", container.bundle, container.id)
    assert answer.rc == 1
    assert "JSON specification file config.json not found" in answer.err


@promise("contract:14", "contract:7.1")
@pytest.mark.parametrize("name, wanted", [("a/b", "invalid container ID format"),
                                          ("..", "invalid container ID format"),
                                          ("", "container id cannot be empty|invalid container ID")])
def test_names(container, name, wanted):
    container.write()
    answer = container.runtime.call("create", "--bundle", container.bundle, name)
    assert answer.rc == 1
    assert says(answer.err, wanted), answer


@promise("contract:14")
def test_id_taken(container):
    container.create()
    for verb in ("create", "run"):
        answer = container.runtime.call(verb, "--bundle", container.bundle, container.id)
        assert answer.rc == 1
        assert f"{verb} failed: container with given ID already exists" in answer.err
    assert container.status() == "created"


@promise("contract:14", "contract:7.18")
@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
def test_hooks(container, kind):
    script = "echo to-out; echo to-err >&2; exit 1"
    container.config["hooks"] = {kind: [
        {"path": "/bin/true"}, {"path": "/bin/sh", "args": ["sh", "-c", script]}]}
    message = error_of(container)
    assert f"error running {kind} hook #1: exit status 1, stdout: to-out" in message, message
    assert "stderr: to-err" in message


@promise("contract:14")
def test_proc_on_a_link(container):
    os.rmdir(f"{container.rootfs}/proc")
    os.symlink("tmp", f"{container.rootfs}/proc")
    assert says(error_of(container), "must be mounted on ordinary directory|must not be a symlink")


@promise("contract:14", "contract:7.13")
def test_cgroup_with_processes(container):
    runtime = container.runtime
    path = f"/{container.id}-other"
    other = runtime.container(["/bin/sleep", "100"])
    other.config["linux"]["cgroupsPath"] = path
    other.create().start()
    container.config["linux"]["cgroupsPath"] = path
    message = error_of(container)
    assert "container's cgroup is not empty: 1 process(es) found" in message, message
    assert other.status() == "running", "the others are left alone"


@promise("contract:14", "contract:7.13")
def test_frozen_cgroup(container):
    directory = f"{container.runtime.view.cgroup2()}/{container.id}-frozen"
    os.mkdir(directory)
    try:
        with open(f"{directory}/cgroup.freeze", "w", encoding="ascii") as file:
            file.write("1")
        container.config["linux"]["cgroupsPath"] = f"/{container.id}-frozen"
        message = error_of(container)
        assert "container's cgroup unexpectedly frozen" in message, message
    finally:
        with open(f"{directory}/cgroup.freeze", "w", encoding="ascii") as file:
            file.write("0")
        eventually(lambda: rmdir(directory))


def rmdir(path):
    """True when the cgroup is away."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


@promise("contract:14")
@pytest.mark.parametrize("name", ["FOO", "SIGFOO", "-1", "65", "999", "RTMIN+99"])
def test_unknown_signal(container, name):
    container.create()
    answer = container.runtime.call("kill", container.id, name)
    assert answer.rc == 1
    if container.runtime.is_tare or not name.lstrip("-").isdigit():
        assert f'unknown signal \\"{name}\\"' in answer.err or f'unknown signal "{name}"' in answer.err


@promise("contract:14", "contract:7.8")
def test_signal_to_a_stopped_one(container):
    container.config["process"]["args"] = ["/bin/true"]
    container.create().start()
    assert container.wait() == 0
    answer = container.runtime.call("kill", container.id, "TERM")
    assert answer.rc == 1 and "container not running" in answer.err
    assert container.runtime.call("kill", "--all", container.id, "TERM").rc == 0


@promise("contract:14")
def test_start_of_the_unknown(container):
    for words in (["start"], ["state"], ["kill"], ["delete"]):
        answer = container.runtime.call(*words, "no-such")
        assert answer.rc == 1 and "container does not exist" in answer.err, (words, answer)


@promise("contract:14", "spec:112")
def test_ungrantable_capabilities_warn(container):
    """Unknown ones and those that the caller has not got: a warning, and the container runs."""
    if not container.runtime.is_tare:
        pytest.skip("the peers refuse what the caller has not got")
    container.config["process"]["args"] = ["/bin/echo", "ran"]
    container.config["process"]["capabilities"]["bounding"].append("CAP_X_UNKNOWN")
    container.write()
    answer = container.runtime.call("run", "--bundle", container.bundle, container.id)
    assert (answer.rc, answer.out) == (0, "ran\n")
    assert "ignoring unknown or unavailable capabilities: [CAP_X_UNKNOWN]" in answer.err


@promise("contract:14")
def test_time_offsets_with_a_path(container):
    config = container.config
    config["linux"]["namespaces"].append({"type": "time", "path": "/proc/self/ns/time"})
    config["linux"]["timeOffsets"] = {"monotonic": {"secs": 1}}
    assert "time namespace enabled, but both namespace path and time offsets specified" in \
        error_of(container)


@promise("contract:14")
def test_memory_without_a_controller(container):
    """Where the controller is missing, the limit is refused by its name, not dropped."""
    if not container.runtime.is_tare:
        pytest.skip("the peers leave the limit out without a word, or say something else")
    top = container.runtime.view.cgroup2()
    with open(f"{top}/cgroup.controllers", encoding="ascii") as file:
        if "memory" in file.read().split():
            pytest.skip("this machine has the memory controller")
    container.config["linux"]["resources"]["memory"] = {"limit": 100 << 20}
    assert "memory" in error_of(container)


@promise("contract:14")
def test_user_namespace_is_fine_with_mappings(container):
    """The other side of the row "no mappings"."""
    user_namespace(container.config)
    container.chown(100000)
    container.create()
    assert container.status() == "created"


@promise("contract:14", "contract:7.9")
@pytest.mark.parametrize("path, wanted", [("../x", "../x is not a sub cgroup path"),
                                          ("/a/../../x", "/a/../../x is not a sub cgroup path"),
                                          ("no/such", r"adding pid \d+ to cgroups.*: no such file or directory")])
def test_cgroup_of_exec(container, path, wanted):
    container.create().start()
    answer = container.runtime.call("exec", "--cgroup", path, container.id, "/bin/true")
    assert answer.rc == 255 and re.search(wanted, answer.err.lower()), answer
    if container.runtime.is_tare and ".." in path:  # runc's next version says this
        assert "bad sub cgroup path: " in answer.err


@promise("contract:14", "spec:6")
def test_no_process(container):
    """tare makes the container, as the specification has it, and says at start what runc says at create."""
    del container.config["process"]
    if not container.runtime.is_tare:
        assert "process property must not be empty" in error_of(container)
        return
    container.create()
    answer = container.runtime.call("start", container.id)
    assert answer.rc == 1
    assert "cannot start a container without a process (config.json has no process)" in answer.err


@promise("contract:14")
def test_cgroup_that_may_not_be_made(unprivileged_runtime):
    """By a user who asks for one that is not delegated: the words that engines know, and nothing is left."""
    callers.skip_peer(unprivileged_runtime, "crun", "has texts of its own")
    if os.geteuid() and any(os.access(f"{top}/cgroup.procs", os.W_OK)
                            for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")):
        pytest.skip("all cgroups that this user sees are delegated (tests/run --user)")
    container = unprivileged_runtime.container(["/bin/true"])
    unprivileged(container.config, os.geteuid() or 1000, os.getegid() or 1000)
    container.config["linux"]["cgroupsPath"] = f"/{container.id}"
    container.write()
    answer = unprivileged_runtime.call("create", "--bundle", container.bundle, container.id)
    assert answer.rc == 1 and "permission denied" in answer.err.lower(), answer
    assert says(answer.err, "unable to apply cgroup configuration|rootless needs no limits + no cgrouppath when no "
                            "permission is granted for cgroups"), answer
