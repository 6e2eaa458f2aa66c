"""The systemd driver where systemd does not run: with a service manager that has nothing behind it
(tests/lib/fakemanager.c). What systemd itself does is in tests/cgroup/test_systemd.py."""
import os
import subprocess

import pytest

from tare import TOP, eventually, promise, read_text

DRIVER = ["--systemd-cgroup"]
SLEEP = ["/bin/sleep", "1000"]
LOOK = ["ListUnitsByNames", "GetUnitProcesses"]  # whether nobody is in a scope


class Manager:
    """It, and what was asked of it."""

    def __init__(self, runtime):
        self.directory = f"{runtime.directory}/manager"
        os.makedirs(f"{self.directory}/systemd")
        self.slice = f"{runtime.view.cgroup2()}/tare-test-{os.getpid()}.slice"
        os.mkdir(self.slice)
        with open(f"{self.directory}/cgroup", "w", encoding="ascii") as file:
            file.write(self.slice)
        program = f"{self.directory}/fakemanager"
        subprocess.run(["cc", "-O1", "-D_GNU_SOURCE", "-o", program, f"{TOP}/tests/lib/fakemanager.c", "-lsystemd"],
                       check=True)
        self.process = subprocess.Popen([program, self.directory])
        socket = f"{self.directory}/systemd/private"
        runtime.env.update(XDG_RUNTIME_DIR=self.directory, DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={socket}")
        eventually(lambda: os.path.exists(socket))

    def calls(self, container):
        """The calls about its unit."""
        lines = [line.split() for line in read_text(f"{self.directory}/calls").splitlines()]
        return [line[0] for line in lines if line[1:] == [f"tare-{container.id}.scope"]]

    def scope(self, container):
        """The cgroup."""
        return f"{self.slice}/tare-{container.id}.scope"


@pytest.fixture
def manager(runtime):
    if not os.path.exists("/usr/include/systemd/sd-bus.h"):
        pytest.skip("no headers of libsystemd here (Debian's libsystemd-dev)")
    if not runtime.view.cgroup2():
        pytest.skip("no cgroup2 file system is mounted")
    if "+SYSTEMD" not in runtime.ok("--version"):
        pytest.skip("this tare was built without the systemd driver")
    made = Manager(runtime)
    yield made
    made.process.kill()
    made.process.wait()
    eventually(lambda: not any(name.endswith(".scope") for name in os.listdir(made.slice)))
    os.rmdir(made.slice)


def container_of(runtime, args=None, **annotations):
    """A container with a unit."""
    container = runtime.container(args or SLEEP)
    container.config["linux"]["cgroupsPath"] = f"tare-test.slice:tare:{container.id}"
    container.config["annotations"] = {f"org.systemd.property.{name}": value for name, value in annotations.items()}
    return container


def ended(container):
    """The container when its program has ended, and with it the scope."""
    container.create(globals_=DRIVER).start()
    eventually(lambda: container.status() == "stopped")
    return container


@promise("contract:7.14")
def test_scope(runtime, manager):
    container = container_of(runtime).create(globals_=DRIVER)
    # the placeholder is gone
    assert read_text(f"{manager.scope(container)}/cgroup.procs").split() == [str(container.pid)]
    container.start()
    container.delete("--force")
    assert not os.path.exists(manager.scope(container))
    assert manager.calls(container) == ["StartTransientUnit"]


@promise("contract:7.14")
def test_a_job_that_does_not_end(runtime, manager):
    """After 30 seconds, which pass faster for the helper, create fails, and nothing is left."""
    hurry = f"{manager.directory}/hurry.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", hurry, f"{TOP}/tests/lib/hurry.c", "-ldl"], check=True)
    with open(f"{manager.directory}/script", "w", encoding="ascii") as file:
        file.write("hang")
    container = container_of(runtime)
    result = container.try_create(globals_=DRIVER, env={"LD_PRELOAD": hurry})
    assert result.rc == 1
    assert f'unable to start unit "tare-{container.id}.scope": no end within 30 seconds' in \
        result.err.replace("\\", ""), result
    assert manager.calls(container) == ["StartTransientUnit", "StopUnit", "ResetFailedUnit"]
    assert runtime.call("state", container.id).rc == 1
    eventually(lambda: not os.path.exists(manager.scope(container)))


@promise("contract:7.14")
def test_a_failed_unit_is_reset(runtime, manager):
    """It stays by itself only where CollectMode says so."""
    container = ended(container_of(runtime, ["/bin/true"], CollectMode="'inactive'"))
    eventually(lambda: not os.path.exists(manager.scope(container)))
    container.delete()
    assert manager.calls(container) == ["StartTransientUnit", "StopUnit", "ResetFailedUnit"]
    container = ended(container_of(runtime, ["/bin/true"]))
    container.delete()
    assert manager.calls(container) == ["StartTransientUnit"]


@promise("contract:7.7", "contract:7.14")
def test_a_unit_that_is_anothers_by_now(runtime, manager):
    """The scope of an ended container is gone; one of the same name is neither emptied nor stopped."""
    first = ended(container_of(runtime, ["/bin/true"], CollectMode="'inactive'"))
    eventually(lambda: not os.path.exists(manager.scope(first)))
    second = container_of(runtime)
    second.config["linux"]["cgroupsPath"] = first.config["linux"]["cgroupsPath"]
    second.create(globals_=DRIVER).start()
    first.delete()
    assert second.status() == "running"
    assert manager.calls(first) == ["StartTransientUnit", "StartTransientUnit", *LOOK]
    second.delete("--force")
    assert not os.path.exists(manager.scope(first))


@promise("contract:7.14")
def test_a_scope_that_goes_late(runtime, manager):
    """The moment is seen at which it goes: what is there a few seconds later is another's, and nobody is asked to stop
    it."""
    container = container_of(runtime).create(globals_=DRIVER)
    with open(f"{manager.directory}/script", "w", encoding="ascii") as file:
        file.write("late")
    container.delete("--force")
    assert manager.calls(container) == ["StartTransientUnit"]
    eventually(lambda: os.path.exists(manager.scope(container)))
    assert manager.calls(container) == ["StartTransientUnit"]
    os.rmdir(manager.scope(container))


def deserted(manager, container):
    """From now on there is a scope of that name that stays until it is stopped."""
    with open(f"{manager.directory}/script", "w", encoding="ascii") as file:
        file.write("deserted")
    os.mkdir(manager.scope(container))


@promise("contract:7.14")
def test_a_scope_that_nobody_is_in(runtime, manager):
    """systemd takes it for active, because it has not seen its only process die. The name is free all the same."""
    container = container_of(runtime)
    deserted(manager, container)
    container.create(globals_=DRIVER)
    assert manager.calls(container) == ["StartTransientUnit", *LOOK, "StopUnit", "ResetFailedUnit",
                                        "ResetFailedUnit", "StartTransientUnit"]
    container.delete("--force")


@promise("contract:7.14")
def test_a_scope_that_somebody_is_in(runtime, manager):
    container = container_of(runtime)
    deserted(manager, container)
    with subprocess.Popen(SLEEP) as process:
        with open(f"{manager.scope(container)}/cgroup.procs", "w", encoding="ascii") as file:
            file.write(str(process.pid))
        result = container.try_create(globals_=DRIVER)
        assert result.rc == 1 and "there is a unit of that name already" in result.err
        assert "StopUnit" not in manager.calls(container)
        process.kill()
    os.rmdir(manager.scope(container))


@promise("contract:7.14")
def test_what_a_killed_create_leaves_of_its_scope(runtime, manager):
    """Also before tare was told where the scope is: what is empty goes with the name, what has processes stays."""
    container = container_of(runtime)
    for somebody in (False, True):
        with open(f"{manager.directory}/script", "w", encoding="ascii") as file:
            file.write("hang")
        container.write()
        with runtime.popen("create", "--bundle", container.bundle, container.id, globals_=DRIVER,
                           stdin=subprocess.DEVNULL) as create:
            eventually(lambda: os.path.exists(f"{manager.directory}/calls") and
                       "StartTransientUnit" in manager.calls(container))
            create.kill()
        eventually(lambda: not os.path.exists(manager.scope(container)))
        deserted(manager, container)
        with subprocess.Popen(SLEEP) as process:
            if somebody:
                with open(f"{manager.scope(container)}/cgroup.procs", "w", encoding="ascii") as file:
                    file.write(str(process.pid))
            runtime.ok("delete", "--force", container.id)
            assert os.path.exists(manager.scope(container)) is somebody
            assert ("StopUnit" in manager.calls(container)) is not somebody
            process.kill()
        if somebody:
            os.rmdir(manager.scope(container))
        os.unlink(f"{manager.directory}/calls")
    assert runtime.ids() == []
