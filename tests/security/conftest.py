"""The security suite: a test for every known attack on runtimes of this kind, as far as it concerns run,
create, start, exec, state, kill, delete, list and spec. `tests/run --promises` lists which test keeps which row.
The races are in their deterministic form: see tests/lib/stepper.c.

Later, with their verbs:

  attack                                concerns
  CVE-2024-3154                         the systemd driver: properties in annotations
  CVE-2023-25809, the rootless half     unprivileged containers with a cgroup of their own
"""
import hashlib
import os
import shutil
import stat
import tempfile

import pytest

import host as host_module
import stepper
import tare


@pytest.fixture
def canary():
    """A directory of the host that nobody may touch, with files named as those that runtimes make."""
    base = tempfile.mkdtemp(prefix="tare-canary-")
    made = stepper.Canary(f"{base}/host")
    yield made
    try:
        made.check("at the end")
    finally:
        shutil.rmtree(base, ignore_errors=True)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


@pytest.fixture
def binary(runtime):
    """The executable, a copy for this test; it must be the same file with the same content afterwards."""
    copy = f"{runtime.directory}/{os.path.basename(runtime.path)}"
    shutil.copy(runtime.path, copy)
    runtime.path = copy
    before = (digest(runtime.path), os.stat(runtime.path).st_ino, os.stat(runtime.path).st_mtime_ns)
    yield runtime.path
    assert before == (digest(runtime.path), os.stat(runtime.path).st_ino,
                      os.stat(runtime.path).st_mtime_ns)


@pytest.fixture
def make_node(runtime):
    """make_node(path, source): a character device like the host's @source. Where mknod(2) is refused, in a user
    namespace, the host's is mounted there."""
    mounted = []

    def make(path, source):
        number = os.stat(source).st_rdev
        if not tare.IN_NAMESPACES:
            os.mknod(path, 0o666 | stat.S_IFCHR, number)
            return
        with open(path, "x", encoding="ascii"):
            pass
        host_module.mount(source, path, None, host_module.MS_BIND)
        mounted.append(path)

    yield make
    for path in mounted:
        host_module.umount(path)
