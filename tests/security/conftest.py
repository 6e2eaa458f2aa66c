"""The security suite: a test for every known attack on runtimes of this kind, as far as it concerns run,
create, start, state, kill, delete, list and spec. `tests/run --promises` lists which test keeps which row.
The races are in their deterministic form: see tests/lib/stepper.c.

Later, with their verbs:

  attack                                concerns
  CVE-2016-9962                         exec: what a process that joins a container still holds
  CVE-2019-5736 (b), the exec half      exec (the waiting init's half is in test_executable.py)
  CVE-2016-3697, the half of --user     exec --user
  CVE-2022-29162                        exec --cap
  CVE-2026-30892                        exec --user
  CVE-2024-21626, the half of --cwd     exec --cwd
  CVE-2024-3154                         the systemd driver: properties in annotations
  CVE-2023-25809, the rootless half     unprivileged containers with a cgroup of their own
  concurrency of exec                   exec against delete
"""
import shutil
import tempfile

import pytest

import stepper


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
