"""The container's cgroup: where it is, what holds in it, what is refused, and that it goes."""
import json
import os
import subprocess

import pytest

from tare import default_config, eventually, promise, read_text, unprivileged

SLEEP = ["/bin/sleep", "100"]


def directory(runtime, path):
    """A cgroup's directory as the tests can reach it."""
    base = runtime.view.cgroup2()
    if not base:
        pytest.skip("no cgroup2 file system is mounted")
    return f"{base}/{path.strip('/')}"


def bound_to_v1(controller):
    """Whether cgroup v1 has taken the controller."""
    if not os.path.exists("/proc/cgroups"):
        return False
    lines = [line.split() for line in read_text("/proc/cgroups").splitlines()[1:]]
    return any(fields[0] == controller and fields[1] != "0" for fields in lines)


@promise("spec:178", "spec:183", "spec:213", "spec:214")
@pytest.mark.parametrize("form", ["/{}", "{}", "//./{}/"])
def test_place_and_limits(runtime_in_view, form):
    container = runtime_in_view.container(SLEEP)
    place = directory(runtime_in_view, container.id)
    container.config["linux"]["cgroupsPath"] = form.format(container.id)
    container.config["linux"]["resources"]["unified"] = {"cgroup.max.depth": "3"}
    container.create()
    assert read_text(f"{place}/cgroup.procs").split() == [str(container.pid)]
    assert read_text(f"{place}/cgroup.max.depth") == "3\n"
    container.start()
    container.delete("--force")
    assert not os.path.exists(place)


@promise("spec:36", "spec:183")
def test_what_was_made_above_goes_as_well(runtime_in_view):
    """The cgroups above that create made, with the container that they were made for, unless others are in them."""
    containers = []
    for number in (1, 2):
        container = runtime_in_view.container(SLEEP)
        container.config["linux"]["cgroupsPath"] = f"/{runtime_in_view.containers[0].id}/a/{number}"
        containers.append(container.create())
    place = directory(runtime_in_view, containers[0].id)
    containers[1].delete("--force")
    assert os.listdir(f"{place}/a").count("2") == 0
    assert os.path.isdir(f"{place}/a/1")
    containers[0].delete("--force")
    assert not os.path.exists(place)
    # nor does a failed creation leave any
    container = runtime_in_view.container(["/nonesuch"])
    container.config["linux"]["cgroupsPath"] = f"/{container.id}/a/b"
    assert container.try_create().rc == 1
    assert not os.path.exists(directory(runtime_in_view, container.id))


@promise("spec:181", "contract:7.13")
def test_beside_the_caller_by_default(runtime):
    container = runtime.container(["/bin/cat", "/proc/self/cgroup"])
    container.config["linux"]["namespaces"].remove({"type": "cgroup"})
    own = next(line[3:] for line in read_text("/proc/self/cgroup").splitlines()
               if line.startswith("0::"))
    result = container.run()
    assert f"0::{os.path.dirname(own).rstrip('/')}/{container.id}\n" in result.out


@promise("spec:192")
def test_device_rules_in_order(runtime):
    """No driver has the device: an open that the filter lets through fails with ENXIO."""
    container = runtime.container(["/bin/sh", "-c", "cd /dev; mknod a c 4000 1; mknod b c 4000 2; "
                                                    "cat a; cat b; cat null; echo x > full"])
    container.config["linux"]["resources"]["devices"] += [
        {"allow": True, "type": "c", "major": 4000, "access": "rw"},
        {"allow": False, "type": "c", "major": 4000, "minor": 2, "access": "r"}]
    for kind in ("bounding", "effective", "permitted"):
        container.config["process"]["capabilities"][kind] = ["CAP_MKNOD"]
    result = container.run()
    assert "'a': No such device or address" in result.err
    assert "'b': Operation not permitted" in result.err
    assert "null" not in result.err
    assert "No space left on device" in result.err


@promise("spec:176", "spec:177", "contract:14")
def test_a_cgroup_in_use_is_refused(runtime):
    first = runtime.container(SLEEP)
    first.config["linux"]["cgroupsPath"] = f"/{first.id}"
    first.create().start()
    second = runtime.container(SLEEP)
    second.config["linux"]["cgroupsPath"] = f"/{first.id}"
    result = second.try_create()
    assert result.rc == 1
    assert "container's cgroup is not empty: 1 process(es) found" in result.err
    assert first.status() == "running"


@promise("spec:176", "spec:177", "contract:14")
def test_a_cgroup_that_was_there(runtime):
    """A frozen one is refused; an empty one is used, and left where it was."""
    container = runtime.container(SLEEP)
    place = directory(runtime, container.id)
    container.config["linux"]["cgroupsPath"] = f"/{container.id}"
    os.mkdir(place)
    try:
        with open(f"{place}/cgroup.freeze", "w", encoding="ascii") as file:
            file.write("1")
        result = container.try_create()
        assert result.rc == 1
        assert "container's cgroup unexpectedly frozen" in result.err
        with open(f"{place}/cgroup.freeze", "w", encoding="ascii") as file:
            file.write("0")
        container.create().start()
        container.delete("--force")
        assert os.path.isdir(place)
    finally:
        eventually(lambda: "populated 0" in read_text(f"{place}/cgroup.events"))
        os.rmdir(place)


def ended(runtime, path, shared):
    """A container that has ended, and that nobody has deleted; with shared it has no pid namespace of its own."""
    container = runtime.container(["/bin/true"])
    container.config["linux"]["cgroupsPath"] = path
    if shared:
        container.config["linux"]["namespaces"].remove({"type": "pid"})
    container.create().start()
    eventually(lambda: container.status() == "stopped")
    return container


def forget_identity(container):
    """As an earlier tare has recorded it."""
    file = f"{container.runtime.state_root}/{container.id}/state.json"
    record = json.loads(read_text(file))
    assert record.pop("cgroupId") > 1
    with open(file, "w", encoding="utf-8") as out:
        json.dump(record, out)


@promise("contract:7.7", "contract:7.8", "contract:7.13")
@pytest.mark.parametrize("how", ["taken over", "taken over, older record", "made anew"])
@pytest.mark.parametrize("shared", [False, True])
def test_a_cgroup_that_is_anothers_by_now(runtime, how, shared):
    """What is done with a container that has ended does not touch a newer one in the cgroup of the same name."""
    path = f"/{runtime.container(SLEEP).id}/it"
    place = directory(runtime, path)
    first = ended(runtime, path, shared)
    if how == "made anew":
        os.rmdir(place)
        os.rmdir(os.path.dirname(place))
    elif how != "taken over":
        forget_identity(first)
    second = runtime.container(SLEEP)
    second.config["linux"]["cgroupsPath"] = path
    second.create().start()
    assert json.loads(runtime.ok("ps", "--format", "json", first.id)) in ([], None)
    assert "container not running" in runtime.call("kill", first.id, "KILL").err
    runtime.ok("kill", "--all", first.id, "KILL")
    first.delete()
    assert second.status() == "running"
    assert read_text(f"{place}/cgroup.procs").split() == [str(second.pid)]
    # which removes what the first has made
    second.delete("--force")
    assert not os.path.exists(os.path.dirname(place))


@promise("contract:7.7")
def test_a_cgroup_is_removed_by_its_last_user(runtime):
    path = f"/{runtime.container(SLEEP).id}/it"
    first, second = ended(runtime, path, False), ended(runtime, path, False)
    second.delete()
    assert not os.path.exists(os.path.dirname(directory(runtime, path)))
    first.delete()


@promise("contract:7.7")
def test_a_cgroup_that_was_made_anew_by_others(runtime):
    path = f"/{runtime.container(SLEEP).id}"
    place = directory(runtime, path)
    first = ended(runtime, path, False)
    os.rmdir(place)
    os.mkdir(place)
    with subprocess.Popen(["sleep", "100"]) as other:
        try:
            with open(f"{place}/cgroup.procs", "w", encoding="ascii") as file:
                file.write(str(other.pid))
            runtime.ok("kill", "--all", first.id, "KILL")
            first.delete("--force")
            assert other.poll() is None
            assert os.path.isdir(place)
        finally:
            other.kill()
            other.wait()
            eventually(lambda: "populated 0" in read_text(f"{place}/cgroup.events"))
            os.rmdir(place)


@promise("spec:215")
def test_a_missing_controller_is_named(runtime):
    if not bound_to_v1("pids"):
        pytest.skip("cgroup v1 has not taken the controller pids here")
    container = runtime.container(SLEEP)
    container.config["linux"]["resources"]["pids"] = {"limit": 10}
    result = container.try_create()
    assert result.rc == 1
    assert "linux.resources.pids.limit: the controller pids is bound to a cgroup v1" in result.err


@promise("spec:182")
@pytest.mark.parametrize("path", ["/../x", "a/../../b", "/"])
def test_bad_places_are_refused(runtime, path):
    container = runtime.container(SLEEP)
    container.config["linux"]["cgroupsPath"] = path
    result = container.try_create()
    assert result.rc == 1
    assert "linux.cgroupsPath" in result.err


@promise("spec:112", "spec:113", "contract:14")
def test_capabilities_that_cannot_be_given_are_warned_about(runtime):
    container = runtime.container(["/bin/echo", "done"])
    for kind in ("bounding", "effective", "permitted"):
        container.config["process"]["capabilities"][kind] = ["CAP_KILL", "CAP_TELEPORT"]
    container.config["process"]["capabilities"]["ambient"] = ["CAP_KILL"]
    result = container.run()
    assert (result.rc, result.out) == (0, "done\n")
    assert "ignoring unknown or unavailable capabilities: [CAP_TELEPORT]" in result.err
    assert "can't raise ambient capability CAP_KILL: " in result.err


@promise("contract:14")
def test_limits_without_delegation_say_how_to_get_it(unprivileged_runtime):
    """Without limits the container runs in the caller's cgroup; with them that is an error, and what helps is said."""
    container = unprivileged_runtime.container(config=unprivileged(default_config(["/bin/true"])))
    assert container.run().rc == 0
    container.config["linux"]["resources"] = {"unified": {"cgroup.max.depth": "3"}}
    result = container.run()
    assert result.rc == 1
    assert "rootless needs no limits + no cgrouppath when no permission is granted for cgroups" in result.err
    assert "systemd-run --user --scope -p Delegate=yes -- COMMAND" in result.err


@promise("spec:191")
def test_owner_without_the_kernels_list(runtime):
    """Where the kernel does not say what may be delegated, it is the three files that always may."""
    runtime.wrapper = ["unshare", "-m", "--propagation", "private", "sh", "-c",
                       'mount -t tmpfs tmpfs /sys/kernel/cgroup && exec "$@"', "sh"]
    container = runtime.container(SLEEP)
    place = directory(runtime, container.id)
    container.config["linux"]["cgroupsPath"] = f"/{container.id}"
    container.config["process"]["user"] = {"uid": 1000, "gid": 1001}
    for entry in container.config["mounts"]:
        if entry["destination"] == "/sys/fs/cgroup":
            entry["options"] = []
    container.create()
    owned = {name for name in os.listdir(place) if os.stat(f"{place}/{name}").st_uid == 1000}
    assert owned == {"cgroup.procs", "cgroup.subtree_control", "cgroup.threads"}
    assert (os.stat(place).st_uid, os.stat(place).st_gid) == (1000, 1001)
    container.delete("--force")


VERBS = {  # what ends, signals or counts all that is in a container's cgroup
    "delete": ("delete", "--force", "{}"),
    "kill": ("kill", "--all", "{}", "WINCH"),  # which no process minds
    "kill at once": ("kill", "--all", "{}", "KILL"),
    "ps": ("ps", "{}"),
}


@promise("class:path-parser")
@pytest.mark.parametrize("verb", VERBS)
def test_the_root_of_the_hierarchy_is_no_containers(runtime, verb):
    """Whatever a record says: everything on the machine is below it. In a view in which the hierarchy can't be
    changed, so that nothing is lost should it be tried."""
    top = directory(runtime, "").rstrip("/")
    container = runtime.container(SLEEP).create().start()
    path = f"{runtime.state_root}/{container.id}/state.json"
    text = read_text(path)
    record = dict(json.loads(text), cgroup=top)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(record, file)
    runtime.wrapper = ["unshare", "--mount", "sh", "-ec",
                       'mount -o remount,bind,ro "$0"; exec "$@"', top]
    result = runtime.call(*(word.format(container.id) for word in VERBS[verb]))
    runtime.wrapper = []
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    assert result.rc == 1 and f"{top} is the root of the hierarchy" in result.err, result
