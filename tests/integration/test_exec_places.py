"""exec: in which cgroup and in which namespaces the further process is."""
import os

import pytest

from callers import skip_peer
from joined import cgroup_line, namespaces_of, report, running, seen_namespaces
from tare import promise, read_text, unprivileged, user_namespace

pytestmark = pytest.mark.without("open_tree_ns", "pidfs_id")


@pytest.fixture
def container(runtime):
    return running(runtime.container())

# ---- cgroups ----

def directory_of(container):
    path = cgroup_line(read_text(f"/proc/{container.pid}/cgroup"))
    return f"{container.runtime.view.cgroup2()}{path}"


def cgroup_of_exec(container, *options):
    pid = container.exec_detached("/bin/sleep", "1000", options=options)
    path = cgroup_line(read_text(f"/proc/{pid}/cgroup"))
    container.end_added()
    return path


@promise("contract:14")
def test_a_cgroup_below(runtime_in_view):
    container = running(runtime_in_view.container())
    own = cgroup_line(read_text(f"/proc/{container.pid}/cgroup"))
    os.makedirs(f"{directory_of(container)}/a/b")
    for option, place in (("/", ""), ("a", "/a"), ("/a/b", "/a/b")):
        assert cgroup_of_exec(container, "--cgroup", option) == own + place
    skip_peer(runtime_in_view, "crun", "takes what leaves the container")
    for option, text in (("../x", "sub cgroup path"), ("/a/../../x", "sub cgroup path"),
                         ("memory:/a", "unknown controller memory"), ("/none", "no such file")):
        result = container.exec("/bin/true", options=("--cgroup", option))
        assert result.rc == 255 and text in result.err, result


@promise("contract:7.9")
def test_a_container_with_cgroups_of_its_own(runtime_in_view):
    """As systemd does: processes only in the leaves, controllers enabled above them."""
    skip_peer(runtime_in_view, "crun", "finds another place for it")
    container = running(runtime_in_view.container())
    top = directory_of(container)
    controllers = read_text(f"{top}/cgroup.controllers").split()
    if not controllers:
        # the test's own parent may have to pass one on
        parent = os.path.dirname(top)
        usable = read_text(f"{parent}/cgroup.controllers").split()
        if not usable:
            pytest.skip("no controller in cgroup2")
        with open(f"{parent}/cgroup.subtree_control", "w", encoding="ascii") as file:
            file.write(f"+{usable[0]}")
        controllers = usable
    os.mkdir(f"{top}/init.scope")
    with open(f"{top}/init.scope/cgroup.procs", "w", encoding="ascii") as file:
        file.write(str(container.pid))
    with open(f"{top}/cgroup.subtree_control", "w", encoding="ascii") as file:
        file.write(f"+{controllers[0]}")
    assert cgroup_of_exec(container).endswith("/init.scope")
    result = container.exec("/bin/true", options=("--cgroup", "/"))
    assert result.rc != 0 and "resource busy" in result.err, result


# ---- namespaces ----

def test_in_a_user_namespace(runtime):
    container = runtime.container()
    user_namespace(container.config)
    container.chown(100000)
    running(container)
    assert seen_namespaces(container) == namespaces_of(container.pid)
    identity = report(container, "identity", options=("--user", "5:6"))["identity"]
    assert identity["uid"] == [5] * 3 and identity["gid"] == [6] * 3
    result = container.exec("/bin/true", options=("--user", "70000"))
    assert result.rc != 0
    if runtime.is_tare:
        assert "no mapping in the container's user namespace" in result.err


@pytest.mark.parametrize("user", [False, True])
def test_without_a_pid_namespace(runtime, user):
    if user and not runtime.is_tare:
        pytest.skip("the peers need /proc in the container")
    container = runtime.container()
    linux = container.config["linux"]
    linux["namespaces"] = [x for x in linux["namespaces"] if x["type"] != "pid"]
    if user:
        user_namespace(container.config)
        container.chown(100000)
        # sysfs and procfs take namespaces of the container's own
        container.config["mounts"] = [x for x in container.config["mounts"]
                                      if x["type"] not in ("proc",)]
        linux["maskedPaths"] = linux["readonlyPaths"] = []
    running(container)
    if user:
        assert container.exec("/bin/sh", "-c", "exit 6").rc == 6
    else:
        assert seen_namespaces(container) == namespaces_of(container.pid)
    pid = container.exec_detached("/bin/sleep", "1000")
    assert namespaces_of(pid) == namespaces_of(container.pid)


def test_with_joined_namespaces(runtime):
    """A pod: the second container lives in namespaces of the first."""
    first = running(runtime.container())
    container = runtime.container()
    for namespace in container.config["linux"]["namespaces"]:
        name = {"network": "net"}.get(namespace["type"], namespace["type"])
        if name in ("net", "ipc", "pid", "uts"):
            namespace["path"] = f"/proc/{first.pid}/ns/{name}"
    del container.config["hostname"]
    running(container)
    seen = seen_namespaces(container)
    assert seen == namespaces_of(container.pid)
    for name in ("net", "pid", "ipc", "uts"):
        assert seen[name] == namespaces_of(first.pid)[name]
    container.delete("--force")  # our child in the other's pid namespace, which ends after it


def test_with_a_joined_user_namespace(runtime):
    first = runtime.container()
    user_namespace(first.config)
    first.chown(100000)
    running(first)
    container = runtime.container()
    user_namespace(container.config)
    container.config["linux"]["namespaces"][-1]["path"] = f"/proc/{first.pid}/ns/user"
    container.chown(100000)
    running(container)
    seen = seen_namespaces(container)
    assert seen == namespaces_of(container.pid)
    assert seen["user"] == namespaces_of(first.pid)["user"]


def test_with_a_time_namespace(runtime):
    container = runtime.container()
    container.config["linux"]["namespaces"].append({"type": "time"})
    container.config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000, "nanosecs": 0}}
    if container.try_create().rc:
        pytest.skip("the runtime has no time namespaces")
    container.delete("--force")
    running(container)
    assert seen_namespaces(container) == namespaces_of(container.pid)
    uptime = float(container.exec("/bin/cat", "/proc/uptime").out.split()[0])
    assert uptime > 1000000


def test_without_a_mount_namespace(runtime):
    """The container's root is its init's alone then."""
    if not runtime.is_tare:
        pytest.skip("the peers mount in the caller's namespace")
    container = runtime.container()
    linux = container.config["linux"]
    linux["namespaces"] = [x for x in linux["namespaces"] if x["type"] != "mount"]
    container.config["mounts"] = linux["maskedPaths"] = linux["readonlyPaths"] = []
    container.config["root"]["readonly"] = False
    running(container)
    result = container.exec("/bin/sh", "-c", "pwd; ls /; test -e /../work && echo out")
    assert result.out.split()[0] == "/" and "out" not in result.out
    assert set(result.out.split()[1:]) == set(os.listdir(container.rootfs))


def test_without_privileges(unprivileged_runtime):
    """Rootless, with the own id alone."""
    if not unprivileged_runtime.is_tare:
        pytest.skip("the peers need a cgroup that is delegated")
    container = unprivileged_runtime.container()
    unprivileged(container.config, os.geteuid() or 1000, os.getegid() or 1000)
    running(container)
    assert seen_namespaces(container) == namespaces_of(container.pid)
    assert container.exec("/bin/sh", "-c", "id -u; exit 4") == (4, "0\n", "")
    result = container.exec("/bin/true", options=("--user", "5"))
    assert result.rc == 255 and "no mapping" in result.err


def test_another_user_may_not(make_runtime):
    """What somebody else made cannot be entered, and it is said why."""
    if os.geteuid():
        pytest.skip("needs root")
    runtime = make_runtime()
    if not runtime.is_tare:
        pytest.skip("the state directories of the peers")
    container = running(runtime.container())
    os.chmod(runtime.state_root, 0o755)
    runtime.user = 1000
    result = container.exec("/bin/true")
    runtime.user = None
    assert result.rc == 255 and "permission" in result.err.lower(), result
