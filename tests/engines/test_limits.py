"""Limits as the engines set, change and show them, and what the kernel has of them, under docker and podman, as root
and as a user; with systemd's driver, which is the engines' own choice here, and podman's other one."""
import pytest

from engine_setup import IMAGE
from tare import eventually, promise, read_text

MIB = 1 << 20


def cgroup(engine, name):
    """Where the cgroup of a container's first process is."""
    return "/sys/fs/cgroup" + read_text(f"/proc/{engine.pid(name)}/cgroup").split("::")[1].strip()


@pytest.fixture(autouse=True)
def controllers(machine):  # pylint: disable=unused-argument
    """The controllers that a user is delegated, too."""
    have = read_text("/sys/fs/cgroup/cgroup.controllers").split()
    for controller in ("cpu", "memory", "pids"):
        if controller not in have:
            pytest.skip(f"no controller {controller} here (tests/run --vm sid engines has it)")


@promise("contract:7.12", "contract:7.13", "contract:7.14")
def test_limits_and_update(engine):
    """The limits are in the container's cgroup, stats shows them, and update changes what it names alone."""
    with engine.container("--memory", "64m", "--memory-swap", "64m", "--cpus", "0.5", "--pids-limit", "77") as name:
        place = cgroup(engine, name)
        full = engine.inspect(name, "{{.Id}}")
        assert place.split("/")[-1] in (f"docker-{full}.scope", f"libpod-{full}.scope", "container"), place

        def limits():
            return [read_text(f"{place}/{x}").strip() for x in ("memory.max", "memory.swap.max", "cpu.max", "pids.max")]
        assert limits() == [str(64 * MIB), "0", "50000 100000", "77"]
        # within the container the same
        assert engine.ok("exec", name, "cat", "/sys/fs/cgroup/memory.max").strip() == str(64 * MIB)
        shown = engine.ok("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", name)
        assert "64MiB" in shown or "67.11MB" in shown, shown
        assert shown.split()[-1] == "1", shown
        engine.ok("update", "--memory", "96m", "--memory-swap", "96m", "--pids-limit", "55", name)
        assert limits() == [str(96 * MIB), "0", "50000 100000", "55"]
        shown = engine.ok("stats", "--no-stream", "--format", "{{.MemUsage}}", name)
        assert "96MiB" in shown or "100.7MB" in shown, shown


@promise("contract:7.14")
def test_too_much_memory(engine):
    """The engine learns that a container was killed for want of memory."""
    with engine.container("--memory", "16m", "--memory-swap", "16m",
                          args=["sh", "-c", "sleep 1; exec tail -c 100m /dev/zero"]) as name:
        eventually(lambda: engine.inspect(name, "{{.State.Status}}") == "exited", 60)
        assert engine.inspect(name, "{{.State.ExitCode}}") == "137"
        assert engine.inspect(name, "{{.State.OOMKilled}}") == "true"


def test_podman_cgroupfs(get_engine):
    """podman with the other driver. The host's cgroup namespace shows where the container is; what is mounted is its own
    cgroup alone."""
    podman = get_engine("podman")
    done = podman.ok("--cgroup-manager=cgroupfs", "run", "--rm", "--memory", "64m", "--cgroupns=host", IMAGE,
                     "sh", "-c", "cat /proc/self/cgroup /sys/fs/cgroup/memory.max")
    place, limit = done.split()
    assert "/libpod_parent/" in place and ".scope" not in place
    assert limit == str(64 * MIB)


def test_docker_usage(docker):
    """What docker stats counts is what the program takes."""
    with docker.container(args=["sh", "-c", "sleep 1000 & sleep 1000 & while :; do :; done"]) as name:
        def stats():
            return docker.ok("stats", "--no-stream", "--format", "{{.CPUPerc}} {{.PIDs}}", name).split()
        assert stats()[1] == "3"
        assert float(stats()[0].rstrip("%")) > 0
