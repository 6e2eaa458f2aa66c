"""A user at a shell: the calls come from a login session, whose scope is the system manager's, so that the kernel does
not let them put processes into what was delegated to the user. The user's service manager does."""
import os
import subprocess

import pytest

import cgroups
from tare import default_config, promise, unprivileged

MIB = 1 << 20
USER = 1000
DRIVER = ["--systemd-cgroup"]
RUNTIME_DIR = f"/run/user/{USER}"
SLEEP = ["/bin/sleep", "1000"]


class Session:
    """Containers of a user, and calls from their session."""

    def __init__(self, runtime):
        self.runtime = runtime

    def container(self, args):
        """One that the user may run, not created yet."""
        self.runtime.user = USER
        made = self.runtime.container(config=unprivileged(default_config(args), USER, USER))
        self.runtime.user = None
        made.config["linux"]["resources"] = {}
        made.config["linux"]["cgroupsPath"] = f"tare-test.slice:tare:{made.id}"
        made.runtime.env.update(XDG_RUNTIME_DIR=RUNTIME_DIR)
        return made


def scope():
    """What stands before a command that runs as a session's, beside the sessions, but without the time that these
    take."""
    return ["systemd-run", "--quiet", "--scope", "--collect", f"--slice=user-{USER}.slice", f"--uid={USER}",
            f"--gid={USER}", "--"]


def login():
    """The same for a real session."""
    name = subprocess.run(["id", "-nu", str(USER)], capture_output=True, text=True, check=True).stdout.strip()
    return ["su", "-l", name, "-s", "/bin/sh", "-c", 'exec "$0" "$@"', "--"]


def by_user(*words):
    """Runs a command as the user, in no session. Returns its standard output."""
    done = subprocess.run(["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *words],
                          env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": RUNTIME_DIR}, capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done
    return done.stdout


@pytest.fixture
def session(runtime):
    """Calls come from a scope beside the user's sessions."""
    cgroups.need_systemd()
    if not os.path.exists(f"{RUNTIME_DIR}/systemd/private"):
        pytest.skip("no service manager of a user's here (tests/run --vm has it)")
    cgroups.need_controllers(runtime, "memory", "pids")
    subprocess.run(["chown", f"{USER}:{USER}", runtime.directory], check=True)
    runtime.wrapper = scope()
    yield Session(runtime)
    for made in runtime.containers:
        subprocess.run(["systemctl", "--user", f"--machine={USER}@.host", "stop", f"tare-{made.id}.scope"],
                       capture_output=True, check=False)


def show(made, *names):
    """Properties of the scope, as the user's manager has them."""
    words = [word for name in names for word in ("-p", name)]
    return dict(line.split("=", 1) for line in
                by_user("systemctl", "--user", "show", f"tare-{made.id}.scope", *words).splitlines())


def no_unit(made):
    return by_user("systemctl", "--user", "list-units", "--all", "--no-legend", "--plain", f"tare-{made.id}.scope") == ""


@promise("contract:7.13", "contract:7.14")
@pytest.mark.parametrize("way", [scope, login], ids=["scope", "login"])
def test_life_cycle_with_limits(session, way):
    session.runtime.wrapper = way()
    container = session.container(SLEEP)
    container.config["linux"]["resources"] = {"memory": {"limit": 64 * MIB}, "pids": {"limit": 50}}
    container.create(globals_=DRIVER)
    place = cgroups.directory(container)
    assert f"/user@{USER}.service/" in place and place.endswith(f"/tare-{container.id}.scope")
    # it alone: neither the placeholder nor what it was cloned from
    assert cgroups.read(container, "cgroup.procs") == str(container.pid)
    assert cgroups.read(container, "memory.max") == str(64 * MIB)
    assert cgroups.read(container, "pids.max") == "50"
    assert show(container, "MemoryMax", "TasksMax", "ActiveState") == {
        "MemoryMax": str(64 * MIB), "TasksMax": "50", "ActiveState": "active"}
    container.start()
    seen = container.exec("/bin/cat", "/proc/self/cgroup")
    assert (seen.rc, seen.out) == (0, "0::/\n"), seen
    added = container.exec_detached(*SLEEP)
    assert sorted(cgroups.read(container, "cgroup.procs").split()) == sorted([str(container.pid), str(added)])
    session.runtime.ok("update", "--memory", "128M", container.id)
    assert cgroups.read(container, "memory.max") == str(128 * MIB)
    assert show(container, "MemoryMax") == {"MemoryMax": str(128 * MIB)}
    container.end_added()
    container.kill("KILL")
    assert container.wait() == 137
    container.delete()
    assert no_unit(container) and not os.path.exists(place)


def test_run(session):
    container = session.container(["/bin/sh", "-c", "exit 7"])
    assert container.run(globals_=DRIVER).rc == 7
    assert no_unit(container)


@promise("spec:36")
def test_a_failed_create_leaves_nothing(session):
    container = session.container(["/nonesuch"])
    result = container.try_create(globals_=DRIVER)
    assert result.rc == 1 and "/nonesuch" in result.err, result
    assert no_unit(container)


@promise("contract:14")
def test_without_the_manager_the_rule_is_said(session):
    container = session.container(SLEEP)
    container.create(globals_=DRIVER).start()
    nowhere = f"{container.bundle}/nonexistent"
    nobody = {"XDG_RUNTIME_DIR": nowhere, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={nowhere}"}
    result = container.exec("/bin/true", env=nobody)
    assert result.rc != 0
    for words in (f"tare-{container.id}.scope", "connect to the user's service manager", "nearest cgroup above both",
                  "systemd-run --user --scope -p Delegate=yes"):
        assert words in result.err, result
    before = cgroups.read(container, "pids.max")
    result = session.runtime.call("update", "--pids-limit", "77", container.id, env=nobody)
    assert result.rc == 1 and "unable to change unit" in result.err, result
    assert cgroups.read(container, "pids.max") == before, "what systemd does not know of must not hold"
    container.delete("--force")


@promise("contract:14")
def test_limits_by_the_file_system_say_how_to_get_delegation(session):
    container = session.container(SLEEP)
    del container.config["linux"]["cgroupsPath"]
    container.config["linux"]["resources"] = {"pids": {"limit": 50}}
    result = container.try_create()
    assert result.rc == 1 and "rootless needs no limits" in result.err, result
    assert "systemd-run --user --scope -p Delegate=yes" in result.err and "--systemd-cgroup" in result.err
