"""Limits too small for the container itself, and the end of many processes and cgroups."""
import os
import subprocess
import time

import cgroups
import pytest

from tare import SCALE, promise

KIB = 1 << 10


def small(runtime, limit):
    """A container of one static program that does nothing, within a memory limit."""
    cgroups.need_controllers(runtime, "memory")
    container = runtime.container(["/bin/noop"])
    source = f"{container.bundle}/noop.c"
    with open(source, "w", encoding="ascii") as file:
        file.write("int main(void) { return 0; }\n")
    subprocess.run(["gcc", "-O1", "-static", "-o", f"{container.rootfs}/bin/noop", source], check=True)
    container.config["linux"]["cgroupsPath"] = f"/{container.id}/above/it"
    container.config["linux"]["resources"]["memory"] = {"limit": limit, "swap": limit}
    return container


@promise("spec:36", "contract:14")
@pytest.mark.parametrize("limit", [4, 64, 100, 128])
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


@promise("contract:11")
def test_half_a_mebibyte_is_enough(runtime):
    container = small(runtime, 512 * KIB)
    for _ in range(max(2, 20 // SCALE)):
        result = container.run()
        assert result.rc == 0, result


@promise("contract:7.7")
def test_delete_of_a_thousand_processes(runtime):
    """In cgroups below cgroups, sleeping and stopped: delete returns when all of it is gone."""
    cgroups.need_controllers(runtime, "pids")
    container = runtime.container(["/bin/sh", "-c", "i=0; while [ $i -lt 1000 ]; do sleep 1000 & i=$((i+1)); done; "
                                                    "echo started; wait"])
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
        for pid in processes[100 + 100 * number:200 + 100 * number]:
            with open(f"{place}/cgroup.procs", "w", encoding="ascii") as file:
                file.write(str(pid))
    began = time.monotonic()
    container.delete("--force")
    print(f"deleted in {time.monotonic() - began:.3f} s")
    assert not os.path.exists(top)
    assert not any(os.path.exists(f"/proc/{pid}/ns/pid") for pid in processes[1:])
