"""The systemd driver on a machine with systemd: the scope and its properties, what the kernel has of them, and that
nothing stays, whatever happens."""
import os
import signal
import subprocess
import time

import pytest

import cgroups
from tare import eventually, promise, read_text

MIB = 1 << 20
DRIVER = ["--systemd-cgroup"]


@pytest.fixture
def container(caller_runtime):
    """A container that is not created yet, of a runtime that takes the driver."""
    cgroups.need_systemd()
    if caller_runtime.for_user:
        directory = f"/run/user/{os.geteuid()}"
        if not os.path.exists(f"{directory}/systemd/private"):
            pytest.skip("no service manager of the user's here (tests/run --vm has it)")
        caller_runtime.env["XDG_RUNTIME_DIR"] = directory
    cgroups.need_controllers(caller_runtime, "memory", "pids")
    made = caller_runtime.container(["/bin/sleep", "1000"])
    made.config["linux"]["cgroupsPath"] = f"tare-test.slice:tare:{made.id}"
    yield made
    systemctl(made, "stop", unit(made), check=False)


def unit(made):
    return f"tare-{made.id}.scope"


def systemctl(made, *words, check=True):
    manager = ["--user"] if made.runtime.for_user else []
    done = subprocess.run(["systemctl", *manager, *words], env=dict(os.environ, **made.runtime.env),
                          capture_output=True, text=True, timeout=60, check=False)
    assert not check or done.returncode == 0, done
    return done.stdout


def reload(made):
    """systemd reads its files anew, and writes to the cgroups what it keeps."""
    with cgroups.exact_values(changed=True):
        systemctl(made, "daemon-reload")


def show(made, *names):
    """Properties of the scope as systemd has them."""
    words = [word for name in names for word in ("-p", name)]
    return dict(line.split("=", 1) for line in systemctl(made, "show", unit(made), *words).splitlines())


def no_unit(made):
    """Neither systemd nor the kernel knows of a scope."""
    listed = systemctl(made, "list-units", "--all", "--no-legend", "--plain", unit(made))
    transient = "/run/systemd/transient" if not made.runtime.for_user else \
        f"{made.runtime.env['XDG_RUNTIME_DIR']}/systemd/transient"
    return listed == "" and not os.path.exists(f"{transient}/{unit(made)}")


@promise("contract:7.13", "contract:7.14")
def test_scope(container):
    container.create(globals_=DRIVER)
    path = cgroups.directory(container)
    assert path.endswith(f"/tare.slice/tare-test.slice/{unit(container)}")
    # the init alone: it was born there, and the placeholder is gone
    assert cgroups.read(container, "cgroup.procs") == str(container.pid)
    assert show(container, "Description", "Slice", "Delegate", "DefaultDependencies", "ActiveState") == {
        "Description": f"tare container {container.id}", "Slice": "tare-test.slice", "Delegate": "yes",
        "DefaultDependencies": "no", "ActiveState": "active"}
    container.start()
    container.delete("--force")
    assert no_unit(container) and not os.path.exists(path)


@promise("contract:7.13")
def test_default_place(container):
    del container.config["linux"]["cgroupsPath"]
    container.create(globals_=DRIVER)
    user = container.runtime.for_user
    assert cgroups.directory(container).endswith(
        f"/{'user' if user else 'system'}.slice/{unit(container)}")
    container.delete("--force")
    assert no_unit(container)


@promise("contract:7.14", "contract:7.15")
def test_limits_are_properties(container):
    cgroups.need_controllers(container.runtime, "cpu")
    container.config["linux"]["resources"].update({
        "memory": {"limit": 64 * MIB, "swap": 96 * MIB, "reservation": 32 * MIB},
        "cpu": {"shares": 512, "quota": 12345, "period": 50000}, "pids": {"limit": 50},
        "unified": {"memory.high": str(48 * MIB)}})
    expected = {"memory.max": str(64 * MIB), "memory.swap.max": str(32 * MIB), "memory.low": str(32 * MIB),
                "memory.high": str(48 * MIB), "cpu.weight": "59", "cpu.max": "12345 50000", "pids.max": "50"}
    with cgroups.exact_values():
        container.create(globals_=DRIVER)
        files = {name: cgroups.read(container, name) for name in expected}
    assert show(container, "MemoryMax", "MemorySwapMax", "MemoryLow", "MemoryHigh", "CPUWeight",
                "CPUQuotaPerSecUSec", "CPUQuotaPeriodUSec", "TasksMax") == {
        "MemoryMax": str(64 * MIB), "MemorySwapMax": str(32 * MIB), "MemoryLow": str(32 * MIB),
        "MemoryHigh": str(48 * MIB), "CPUWeight": "59", "CPUQuotaPerSecUSec": "250ms",
        "CPUQuotaPeriodUSec": "50ms", "TasksMax": "50"}
    assert files == expected
    reload(container)
    # systemd keeps whole percents, the next one above
    assert cgroups.read(container, "cpu.max") in ("12345 50000", "12500 50000")
    expected.pop("cpu.max")
    assert {name: cgroups.read(container, name) for name in expected} == expected
    container.delete("--force")
    assert no_unit(container)


@promise("contract:7.14")
def test_cpuset_and_weight(container):
    cgroups.need_controllers(container.runtime, "cpuset", "io")
    container.config["linux"]["resources"].update({"cpu": {"cpus": "0", "mems": "0"}, "blockIO": {"weight": 500}})
    container.create(globals_=DRIVER)
    assert show(container, "AllowedCPUs", "AllowedMemoryNodes", "IOWeight") == {
        "AllowedCPUs": "0", "AllowedMemoryNodes": "0", "IOWeight": "4950"}
    assert cgroups.read(container, "cpuset.cpus") == "0"
    assert cgroups.read(container, "io.weight") == "default 4950"
    container.delete("--force")


@promise("spec:211", "contract:7.15")
@pytest.mark.parametrize("limit, known", [(0, "1"), (1, "1"), (3, "3")])
def test_few_tasks(container, limit, known):
    """With the placeholder in the scope such a limit would forbid the birth of the init."""
    container.config["linux"]["resources"]["pids"] = {"limit": limit}
    with cgroups.exact_values():
        container.create(globals_=DRIVER)
        assert cgroups.read(container, "pids.max") == str(limit)
    assert show(container, "TasksMax") == {"TasksMax": known}
    container.start()
    container.delete("--force")
    assert no_unit(container)


@promise("contract:7.14")
def test_annotations(container):
    container.config["annotations"] = {
        "org.systemd.property.TimeoutStopUSec": "uint64 5000000",
        "org.systemd.property.RuntimeMaxSec": "600",
        "org.systemd.property.JobRunningTimeoutUSec": "uint64 7000000",
        "org.systemd.property.CollectMode": "'inactive'"}
    container.create(globals_=DRIVER)
    assert show(container, "TimeoutStopUSec", "RuntimeMaxUSec", "JobRunningTimeoutUSec", "CollectMode") == {
        "TimeoutStopUSec": "5s", "RuntimeMaxUSec": "10min", "JobRunningTimeoutUSec": "7s",
        "CollectMode": "inactive"}
    container.delete("--force")
    assert no_unit(container)


@promise("contract:7.14")
def test_delete_resets_a_failed_unit(container):
    """By its CollectMode it would stay for ever, and keep its name."""
    container.config["annotations"] = {
        "org.systemd.property.CollectMode": "'inactive'", "org.systemd.property.RuntimeMaxSec": "1",
        "org.systemd.property.TimeoutStopSec": "1"}
    container.create(globals_=DRIVER).start()
    eventually(lambda: show(container, "ActiveState") == {"ActiveState": "failed"}, 60)
    assert container.status() == "stopped"
    container.delete()
    eventually(lambda: no_unit(container))


def test_unknown_property(container):
    container.config["annotations"] = {"org.systemd.property.NoSuchProperty": "true"}
    result = container.try_create(globals_=DRIVER)
    assert result.rc == 1 and "NoSuchProperty" in result.err and unit(container) in result.err, result
    assert no_unit(container)


@promise("contract:7.12")
def test_update(container):
    container.config["linux"]["resources"].update({"memory": {"limit": 64 * MIB}, "pids": {"limit": 50}})
    container.create(globals_=DRIVER).start()
    with cgroups.exact_values():
        container.runtime.ok("update", "--memory", "128M", "--cpu-quota", "12345", "--cpu-period", "50000",
                             container.id)
        assert cgroups.read(container, "cpu.max") == "12345 50000"
    assert show(container, "MemoryMax", "CPUQuotaPerSecUSec", "TasksMax") == {
        "MemoryMax": str(128 * MIB), "CPUQuotaPerSecUSec": "250ms", "TasksMax": "50"}
    assert cgroups.read(container, "memory.max") == str(128 * MIB)
    reload(container)
    assert cgroups.read(container, "memory.max") == str(128 * MIB)
    assert cgroups.read(container, "pids.max") == "50"
    container.delete("--force")
    assert no_unit(container)


def test_oom_group_survives_changes(container):
    """systemd writes this file with every change of a limit, by the scope's policy."""
    container.config["linux"]["resources"]["unified"] = {"memory.oom.group": "1"}
    container.create(globals_=DRIVER)
    assert cgroups.read(container, "memory.oom.group") == "1"
    if not show(container, "OOMPolicy"):
        container.delete("--force")
        pytest.skip("scopes have no OOMPolicy before systemd 253")
    assert show(container, "OOMPolicy") == {"OOMPolicy": "kill"}
    container.runtime.ok("update", "--memory", "128M", container.id)
    reload(container)
    assert cgroups.read(container, "memory.oom.group") == "1"
    container.delete("--force")
    assert no_unit(container)


def test_the_error_says_how_to_get_a_controller(container):
    if not container.runtime.for_user:
        pytest.skip("root has every controller")
    uid = os.geteuid()
    own = f"/sys/fs/cgroup/user.slice/user-{uid}.slice/user@{uid}.service/cgroup.controllers"
    if not os.path.exists(own) or "io" in read_text(own).split():
        pytest.skip("this user has the controller io")
    container.config["linux"]["resources"]["blockIO"] = {"weight": 100}
    result = container.try_create(globals_=DRIVER)
    assert result.rc == 1 and "linux.resources.blockIO.weight" in result.err and "controller io" in result.err, result
    assert "Delegate=" in result.err, result
    assert no_unit(container)


def test_device_filter_survives_a_reload(container):
    if container.runtime.for_user:
        pytest.skip("a user has no device filter")
    container.config["process"]["args"] = [
        "/bin/sh", "-c", "mknod /full c 1 7; while :; do cat /full > /dev/null 2> /tmp/e || echo refused; sleep 1; done"]
    container.config["linux"]["resources"]["devices"] = [
        {"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "access": "m"},
        {"allow": False, "type": "c", "major": 1, "minor": 7, "access": "rw"}]
    for names in container.config["process"].get("capabilities", {}).values():
        if "CAP_MKNOD" not in names:
            names.append("CAP_MKNOD")
    container.create(globals_=DRIVER).start()
    eventually(lambda: "refused" in container.output()[0])
    reload(container)
    systemctl(container, "set-property", "--runtime", unit(container), "MemoryMax=1G", "CPUWeight=50")
    before = container.output()[0].count("refused")
    eventually(lambda: container.output()[0].count("refused") > before + 1)
    container.delete("--force")


def test_exec_is_born_in_the_scope(container):
    container.create(globals_=DRIVER).start()
    container.runtime.ok("exec", container.id, "/bin/true")
    container.delete("--force")
    assert no_unit(container)


def test_a_scope_that_ended_leaves_nothing(container):
    container.config["process"]["args"] = ["/bin/true"]
    container.create(globals_=DRIVER).start()
    eventually(lambda: container.status() == "stopped")
    container.delete()
    assert no_unit(container)
    # and the name is free at once
    container.create(globals_=DRIVER)
    container.delete("--force")
    assert no_unit(container)


def test_stopped_by_systemd(container):
    # the first process of a pid namespace does not hear SIGTERM unless it listens
    container.config["annotations"] = {"org.systemd.property.TimeoutStopSec": "1"}
    container.create(globals_=DRIVER).start()
    systemctl(container, "stop", unit(container))
    eventually(lambda: container.status() == "stopped")
    container.delete()
    assert no_unit(container)


def test_run(container):
    container.config["process"]["args"] = ["/bin/sh", "-c", "exit 7"]
    assert container.run(globals_=DRIVER).rc == 7
    assert no_unit(container)


@promise("spec:36")
@pytest.mark.parametrize("what", ["limit", "mount", "hook", "program", "bundle"])
def test_a_failed_create_leaves_no_unit(container, what):
    """But the slice, whose limits are a pod's."""
    config = container.config
    # its own: another's failed create would not be seen in one that is in use
    pod = f"taretest{container.id.replace('-', '')}.slice"
    config["linux"]["cgroupsPath"] = f"{pod}:tare:{container.id}"
    systemctl(container, "start", pod)
    group = systemctl(container, "show", "--value", "-p", "ControlGroup", pod).strip()
    before = os.stat(f"/sys/fs/cgroup{group}").st_ino
    if what == "limit":
        config["linux"]["resources"]["unified"] = {"memory.max": "nonsense"}
    elif what == "mount":
        config["mounts"].append({"destination": "/x", "type": "bind", "source": f"{container.bundle}/nonexistent",
                                 "options": ["bind"]})
    elif what == "hook":
        config["hooks"] = {"createRuntime": [{"path": "/bin/false"}]}
    elif what == "program":
        config["process"]["args"] = ["/nonexistent"]
    else:
        config["root"]["path"] = "nonexistent"
    assert container.try_create(globals_=DRIVER).rc == 1
    assert no_unit(container)
    assert os.stat(f"/sys/fs/cgroup{group}").st_ino == before
    systemctl(container, "stop", pod)


def test_a_unit_that_is_there_already(container):
    other = container.runtime.container(["/bin/sleep", "1000"])
    other.config["linux"]["cgroupsPath"] = container.config["linux"]["cgroupsPath"]
    container.create(globals_=DRIVER)
    result = other.try_create(globals_=DRIVER)
    assert result.rc == 1 and "there is a unit of that name already" in result.err, result
    # which is not touched
    assert container.status() == "created"
    assert cgroups.read(container, "cgroup.procs") == str(container.pid)
    container.delete("--force")


def test_killed_create(container):
    """At moments all along the way; the scope ends with its placeholder or with the init."""
    container.write()
    for moment in (0.02, 0.05, 0.1, 0.2, 0.4, 0.8):
        process = container.runtime.popen("create", "--bundle", container.bundle, container.id, globals_=DRIVER,
                                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                          stderr=subprocess.DEVNULL)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
        deleted = container.runtime.call("delete", "--force", container.id)
        try:
            eventually(lambda: no_unit(container))
        except AssertionError as error:
            left = systemctl(container, "show", "--all", unit(container))
            raise AssertionError(f"killed after {moment} s, then {deleted}:\n{left}") from error


def test_dead_bus(container):
    nowhere = f"{container.bundle}/nonexistent"
    env = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={nowhere}", "DBUS_SESSION_BUS_ADDRESS": f"unix:path={nowhere}",
           "XDG_RUNTIME_DIR": nowhere}
    result = container.try_create(globals_=DRIVER, env=env)
    assert result.rc == 1 and unit(container) in result.err and "connect to" in result.err, result
    assert "no such file or directory" in result.err


def test_by_the_bus_daemon(container):
    """Without the manager's own socket."""
    if container.runtime.for_user:
        address = f"unix:path={container.runtime.env['XDG_RUNTIME_DIR']}/bus"
        env = {"DBUS_SESSION_BUS_ADDRESS": address, "XDG_RUNTIME_DIR": f"{container.bundle}/nonexistent"}
    else:
        address = "unix:path=/run/dbus/system_bus_socket"
        env = {"DBUS_SYSTEM_BUS_ADDRESS": address}
    if not os.path.exists(address.split("=", 1)[1]):
        pytest.skip("there is no bus here")
    container.create(globals_=DRIVER, env=env)
    assert show(container, "ActiveState") == {"ActiveState": "active"}
    container.delete("--force")
    assert no_unit(container)


def test_the_helper_is_gone_when_create_returns(container):
    container.create(globals_=DRIVER)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            name = read_text(f"/proc/{pid}/comm").strip()
        except OSError:
            continue
        assert name not in ("tare-systemd", "tare:scope")
    container.delete("--force")


@promise("contract:7.14")
@pytest.mark.parametrize("delegated", [None, "inner"])
def test_subgroup(container, delegated):
    """crun's annotations: the container lives below the scope, whose limits hold for it, and sees no more."""
    container.config["linux"]["resources"].update({"memory": {"limit": 64 * MIB}, "pids": {"limit": 50}})
    container.config["annotations"] = {"run.oci.systemd.subgroup": "payload"}
    if delegated:
        container.config["annotations"]["run.oci.delegate-cgroup"] = delegated
    container.create(globals_=DRIVER).start()
    path, below = cgroups.directory(container), "/payload" + (f"/{delegated}" if delegated else "")
    assert path.endswith(unit(container) + below)
    scope = path.removesuffix(below)
    assert read_text(f"{scope}/memory.max") == f"{64 * MIB}\n"
    assert read_text(f"{scope}/cgroup.procs") == ""
    inside = container.runtime.ok("exec", container.id, "/bin/cat", "/proc/self/cgroup")
    assert inside.splitlines()[-1] == "0::/" + (delegated or "")
    container.runtime.ok("update", "--pids-limit", "60", container.id)
    assert read_text(f"{scope}/pids.max") == "60\n"
    container.delete("--force")
    assert no_unit(container) and not os.path.exists(scope)
