"""Linux 6.18 kills whatever is cloned into a cgroup when cgroup.kill was ever written in that one, or in the one it is
cloned from, and not in the other. Containers are made there all the same, and processes added to them."""
import os

import pytest

from tare import default_config, promise, read_text, user_namespace

SLEEP = ["/bin/sleep", "100"]


def kill_in(place):
    """Writes cgroup.kill where nothing lives."""
    if not os.path.exists(f"{place}/cgroup.kill"):
        pytest.skip("no cgroup.kill (Linux 5.14)")
    with open(f"{place}/cgroup.kill", "w", encoding="ascii") as file:
        file.write("1")


@pytest.fixture(params=["caller", "container"])
def killed(request, runtime):
    """A runtime whose calls come from a cgroup of their own, and the place of the container's cgroup; one of both was
    killed before."""
    base = runtime.view.cgroup2()
    if not base:
        pytest.skip("no cgroup2 file system is mounted")
    top = f"{base}/{runtime.host.name()}"
    for name in ("", "/caller", "/container"):
        os.mkdir(top + name)
    kill_in(f"{top}/{request.param}")
    runtime.wrapper = ["sh", "-c", f'echo $$ > {top}/caller/cgroup.procs && exec "$@"', "sh"]
    yield runtime, f"{top}/container"
    runtime.wrapper = []
    runtime.finish()
    for name in ("/caller", "/container", ""):
        os.rmdir(top + name)


def container_in(killed, args, config=None):
    runtime, place = killed
    container = runtime.container(args, config=config)
    container.config["linux"]["cgroupsPath"] = place[len(runtime.view.cgroup2()):]
    return container


@promise("issue:7.4", "contract:7.1")
def test_run(killed):
    result = container_in(killed, ["/bin/sh", "-c", "exit 3"]).run()
    assert (result.rc, result.err) == (3, "")


@promise("issue:7.4", "contract:7.9")
def test_create_and_exec(killed):
    container = container_in(killed, SLEEP)
    container.create().start()
    # and not in the caller's, nor has it that as its root
    assert read_text(f"{killed[1]}/cgroup.procs").split() == [str(container.pid)]
    own = container.exec("/bin/cat", "/proc/self/cgroup")
    assert own.rc == 0 and "0::/\n" in own.out, own
    added = container.exec_detached("/bin/sleep", "100")
    assert str(added) in read_text(f"{killed[1]}/cgroup.procs").split()
    container.delete("--force")


@pytest.mark.parametrize("kind", ["user namespace", "joined pid namespace", "pids.max"])
def test_with(killed, kind):
    runtime, _ = killed
    if kind == "user namespace":
        container = container_in(killed, SLEEP, user_namespace(default_config(SLEEP)))
        container.chown(100000)
    else:
        container = container_in(killed, SLEEP)
    if kind == "joined pid namespace":
        other = runtime.container(SLEEP).create()
        namespace = next(x for x in container.config["linux"]["namespaces"] if x["type"] == "pid")
        namespace["path"] = f"/proc/{other.pid}/ns/pid"
    if kind == "pids.max":
        # not known to this hierarchy on some machines
        if "pids" not in read_text(f"{os.path.dirname(killed[1])}/cgroup.controllers").split():
            pytest.skip("no controller pids here (tests/run --vm has it)")
        container.config["linux"]["resources"]["pids"] = {"limit": 1}
    container.create().start()
    assert read_text(f"{killed[1]}/cgroup.procs").split() == [str(container.pid)]
    assert container.status() == "running"
    container.delete("--force")


def test_a_failure_is_reported_as_ever(killed):
    result = container_in(killed, ["/nonesuch"]).try_create()
    assert result.rc == 1 and "/nonesuch" in result.err and "no such file or directory" in result.err, result
    assert read_text(f"{killed[1]}/cgroup.procs") == ""
