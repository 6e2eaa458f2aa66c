"""Limits too small for the container itself, and the end of many processes and cgroups."""
import os
import subprocess
import time

import cgroups
import pytest

from tare import SCALE, promise, read_text

KIB = 1 << 10


NOTHING = "int main(void) { return 0; }\n"
MANY = r"""
#include <stdio.h>
#include <unistd.h>
int main(void)
{
	for (int i = 0; i < 1000; i++)
		if (fork() == 0)
			for (;;)
				pause();
	puts("started");
	fflush(stdout);
	for (;;)
		pause();
}
"""


def program(runtime, text):
    """A container of one static program."""
    container = runtime.container(["/bin/program"])
    source = f"{container.bundle}/program.c"
    with open(source, "w", encoding="ascii") as file:
        file.write(text)
    subprocess.run(["gcc", "-O1", "-static", "-o", f"{container.rootfs}/bin/program", source], check=True)
    return container


def small(runtime, limit):
    """A container of a program that does nothing, within a memory limit."""
    cgroups.need_controllers(runtime, "memory")
    container = program(runtime, NOTHING)
    container.config["linux"]["cgroupsPath"] = f"/{container.id}/above/it"
    container.config["linux"]["resources"]["memory"] = {"limit": limit, "swap": limit}
    return container


@promise("spec:36", "contract:14")
@pytest.mark.parametrize("limit", [4, 32])
def test_a_limit_too_small_for_init(runtime, limit):
    """The message says who killed it, during what and with which limit; the fixtures see that nothing is left, the
    cgroups above it neither."""
    container = small(runtime, limit * KIB)
    result = container.run()
    assert result.rc == 1
    assert "container init was OOM-killed (memory limit too low?)" in result.err
    assert "killed by the out-of-memory killer during " in result.err
    assert f"(limit {limit} KiB)" in result.err
    assert not os.path.exists(f"{runtime.view.cgroup2()}/{container.id}")


@promise("contract:14")
def test_kills_of_an_earlier_container(runtime):
    """A cgroup that was there keeps its counts, and the next container in it is not blamed for them."""
    container = small(runtime, 4 * KIB)
    place = f"{runtime.view.cgroup2()}/{container.id}-there"
    container.config["linux"]["cgroupsPath"] = f"/{container.id}-there"
    os.mkdir(place)
    try:
        assert "OOM-killed" in container.run().err
        container.config["linux"]["resources"]["memory"] = {"limit": 65536 * KIB, "swap": 65536 * KIB}
        container.config["process"]["args"] = ["/bin/absent"]
        result = container.run()
        assert result.rc == 1 and "OOM-killed" not in result.err, result
        container.config["process"]["args"] = ["/bin/program"]
        assert container.run("--keep").rc == 0
        assert container.state()["exit"]["oomKilled"] is False
        container.delete()
    finally:
        os.rmdir(place)


@promise("contract:11")
def test_half_a_mebibyte_is_enough(runtime):
    container = small(runtime, 512 * KIB)
    for _ in range(max(2, 20 // SCALE)):
        result = container.run()
        assert result.rc == 0, result


def alive(pid):
    """Whether a process runs still: a zombie, which its new parent has not reaped yet, does not."""
    try:
        return read_text(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@promise("contract:7.7")
def test_delete_of_a_thousand_processes(runtime):
    """In cgroups below cgroups: delete returns when all of it is gone."""
    cgroups.need_controllers(runtime, "pids")
    container = program(runtime, MANY)
    container.config["linux"]["namespaces"].remove({"type": "pid"})
    container.create().start()
    cgroups.wait_for_output(container, "started", seconds=90)
    top = cgroups.directory(container)
    inner = top
    for _ in range(10):
        for number in range(3):
            os.mkdir(f"{inner}/{number}")
        inner += "/0"
    with open(f"{top}/cgroup.procs", encoding="ascii") as file:
        processes = [int(line) for line in file]
    assert len(processes) >= 1001
    for number, place in enumerate((inner, os.path.dirname(inner), f"{top}/1")):
        for pid in processes[100 + 20 * number:120 + 20 * number]:
            with open(f"{place}/cgroup.procs", "w", encoding="ascii") as file:
                file.write(str(pid))
    began = time.monotonic()
    container.delete("--force")
    print(f"deleted in {time.monotonic() - began:.3f} s")
    assert not os.path.exists(top)
    assert not any(alive(pid) for pid in processes)
