"""A container's control group as the tests read it, and what a machine must have for a test."""
import contextlib
import fcntl
import os

import pytest

from tare import eventually, read_text


def directory(container):
    """Where the cgroup of a container's process is, seen from the tests."""
    path = next(line[3:] for line in read_text(f"/proc/{container.pid}/cgroup").splitlines()
                if line.startswith("0::"))
    return container.runtime.view.cgroup2() + path


def read(container, name):
    """A file of the container's cgroup, without the newline at its end."""
    return read_text(f"{directory(container)}/{name}").rstrip("\n")


def table(container, name):
    """A file of lines "key value", such as memory.events, as {key: number}."""
    return {key: int(value) for key, value in
            (line.split() for line in read(container, name).splitlines())}


def need_controllers(runtime, *names):
    """Skips the test, by name, where the caller's cgroup has not got a controller."""
    top = runtime.view.cgroup2()
    if not top:
        pytest.skip("no cgroup2 file system is mounted")
    own = next(line[3:] for line in read_text("/proc/self/cgroup").splitlines()
               if line.startswith("0::"))
    # a container is made beside the caller, and for root controllers are enabled on the way there
    above = "" if os.geteuid() == 0 else os.path.dirname(own)
    available = read_text(f"{top}{above}/cgroup.controllers").split()
    for name in names:
        if name not in available:
            pytest.skip(f"no controller {name} here (tests/run --vm has it)")


def need_systemd():
    """Skips the test where systemd is not PID 1."""
    if not os.path.isdir("/run/systemd/system"):
        pytest.skip("systemd does not run here (tests/run --vm has it)")


@contextlib.contextmanager
def exact_values(changed=False):
    """While it lasts no other test has systemd read its files anew. With that it writes the limits of every unit once
    more, as it keeps them: whole percents of a processor, the usual period where there is no quota, one task instead
    of none. So whoever compares such a value takes this, and whoever calls daemon-reload takes it with changed, alone."""
    fd = os.open("/run/systemd/system", os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if changed else fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)


def wait_for_output(container, text, stream=0, seconds=30):
    """Waits until the program has written this. stream: 0 for the standard output, 1 for the standard error."""
    eventually(lambda: text in container.output()[stream], seconds)
