"""Memory limits against a kernel that has the controller."""
import cgroups
from tare import eventually, promise

MIB = 1 << 20

# dd's buffer is all of it: touched, because it is read into
EAT = "dd if=/dev/zero of=/dev/null bs=64M count=1"


def wait_for_output(container, text):
    """The program has written this."""
    eventually(lambda: text in container.output()[0])


@promise("spec:193", "spec:194")
def test_limit_is_written(caller_runtime):
    cgroups.need_controllers(caller_runtime, "memory")
    container = caller_runtime.container(["/bin/sleep", "100"])
    container.config["linux"]["resources"]["memory"] = {"limit": 64 * MIB, "reservation": 32 * MIB,
                                                        "swap": 96 * MIB}
    container.create()
    assert cgroups.read(container, "memory.max") == str(64 * MIB)
    assert cgroups.read(container, "memory.low") == str(32 * MIB)
    assert cgroups.read(container, "memory.swap.max") == str(32 * MIB)
    container.start()
    container.delete("--force")


@promise("spec:193")
def test_the_limit_kills(caller_runtime):
    """More than the limit: the kernel's out-of-memory killer ends the program, and counts it."""
    cgroups.need_controllers(caller_runtime, "memory")
    container = caller_runtime.container(["/bin/sh", "-c", f"{EAT}; echo status $?; exec sleep 100"])
    container.config["linux"]["resources"]["memory"] = {"limit": 16 * MIB, "swap": 16 * MIB}
    container.create().start()
    wait_for_output(container, "status 137")
    assert cgroups.table(container, "memory.events")["oom_kill"] == 1
    container.delete("--force")


@promise("spec:193")
def test_below_the_limit_nothing_happens(caller_runtime):
    cgroups.need_controllers(caller_runtime, "memory")
    container = caller_runtime.container(["/bin/sh", "-c", f"{EAT} 2> /dev/null; echo status $?; "
                                                           "exec sleep 100"])
    container.config["linux"]["resources"]["memory"] = {"limit": 128 * MIB}
    container.create().start()
    wait_for_output(container, "status 0")
    assert cgroups.table(container, "memory.events")["oom_kill"] == 0
    container.delete("--force")
