"""What a container and its hooks can reach of the host through descriptors: nothing. And no working
directory, no program, is reached through /proc/self/fd."""
import json
import os
import re
import stat
import subprocess

import pytest

from descriptors import FORMS, inherited, links
from tare import promise


@promise("CVE-2024-21626", "R-CWD")
@pytest.mark.parametrize("form", FORMS)
def test_working_directory_by_descriptor(runtime, form):
    container = runtime.container(["/bin/ls", "-a", "."])
    links(container, range(24))
    fds = inherited(runtime)
    try:
        for number in range(3, 24):
            container.config["process"]["cwd"] = form.format(number)
            result = container.run(pass_fds=fds)
            assert result.rc != 0, f"{number}: {result}"
    finally:
        for fd in fds:
            os.close(fd)


@promise("CVE-2024-21626")
@pytest.mark.parametrize("form", ["/proc/self/fd/{}/bin/busybox", "/proc/self/fd/{}/usr/bin/env",
                                  "/link{}/usr/bin/env", "/proc/self/fd/{}/../usr/bin/env"])
def test_program_by_descriptor(runtime, form):
    container = runtime.container()
    links(container, range(16))
    fds = inherited(runtime)
    try:
        for number in range(3, 16):
            container.config["process"]["args"] = [form.format(number), "true"]
            result = container.run(pass_fds=fds)
            assert result.rc != 0, f"{number}: {result}"
    finally:
        for fd in fds:
            os.close(fd)


@promise("R-CWD")
@pytest.mark.parametrize("user", [0, 1000])
def test_working_directory_is_in_the_container(runtime, canary, user):
    """A link of the image leads to a directory of its own, not of the host."""
    container = runtime.reporter("cwd")
    container.config["process"]["user"] = {"uid": user, "gid": user}
    os.makedirs(container.rootfs + canary.directory)
    os.symlink(canary.directory, f"{container.rootfs}/where")
    container.config["process"]["cwd"] = "/where"
    os.chmod(canary.directory, 0o755)
    canary.before = canary.look()
    assert container.report()["cwd"] == canary.directory
    os.rmdir(container.rootfs + canary.directory)
    assert container.run().rc != 0 or not os.listdir(container.rootfs + canary.directory)


def host_things(pid):
    """What the descriptors of a process show of the host: those beyond the standard streams that are
    neither sockets, pipes nor anonymous."""
    found = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        link = os.readlink(f"/proc/{pid}/fd/{number}")
        if int(number) > 2 and not link.startswith(("socket:", "pipe:", "anon_inode:")):
            found[number] = link
    return found


@promise("CVE-2024-21626", "CVE-2016-9962", "R-CLOEXEC")
@pytest.mark.parametrize("hooks", [False, True])
def test_the_waiting_init_holds_nothing_of_the_host(runtime, hooks):
    if not runtime.is_tare:
        pytest.skip("a promise of tare's (the peers wait on a FIFO in their state directory)")
    container = runtime.container(["/bin/true"])
    if hooks:
        container.config["hooks"] = {"startContainer": [{"path": "/bin/true"}],
                                     "createRuntime": [{"path": "/bin/true"}]}
    fds = inherited(runtime)
    try:
        container.create(pass_fds=fds)
    finally:
        for fd in fds:
            os.close(fd)
    assert host_things(container.pid) == {}
    assert os.readlink(f"/proc/{container.pid}/cwd") == "/"
    for line in open(f"/proc/{container.pid}/mountinfo", encoding="utf-8"):
        assert runtime.directory not in line.split()[4], line
    root, host_root = os.stat(f"/proc/{container.pid}/root"), os.stat("/")
    assert (root.st_dev, root.st_ino) != (host_root.st_dev, host_root.st_ino)


@promise("CVE-2024-21626", "R-CLOEXEC")
def test_the_program_has_its_standard_streams_only(runtime):
    container = runtime.reporter("fds")
    fds = inherited(runtime)
    try:
        seen = container.report(pass_fds=fds)["fds"]
    finally:
        for fd in fds:
            os.close(fd)
    assert sorted(seen) == ["0", "1", "2"]


@promise("CVE-2024-21626", "R-CLOEXEC")
@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer", "startContainer",
                                  "poststart", "poststop"])
def test_hooks_have_their_standard_streams_only(runtime, kind):
    """ls itself opens one more, on the directory it lists."""
    container = runtime.container(["/bin/true"])
    container.config["root"]["readonly"] = False
    inside = kind == "startContainer"
    output = "/tmp/seen" if inside else f"{runtime.directory}/seen"
    container.config["hooks"] = {kind: [{
        "path": "/bin/sh", "args": ["sh", "-c", f"ls -l /proc/self/fd > {output}"]}]}
    fds = inherited(runtime)
    try:
        container.create(pass_fds=fds)
    finally:
        for fd in fds:
            os.close(fd)
    container.start()
    container.wait()
    container.delete()
    path = f"{container.rootfs}/tmp/seen" if inside else output
    with open(path, encoding="utf-8") as file:
        links = re.findall(r" (\d+) -> (.*)", file.read())
    others = {number: link for number, link in links if int(number) > 2 and not link.endswith("/fd")}
    assert not others, others


@promise("R-CLOEXEC", "CVE-2024-21626")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_not_filled_by_something_of_the_host(runtime, closed):
    """What the runtime opens first must not land at 0, 1, 2 and stay there."""
    container = runtime.container(["/bin/sh", "-c", "ls -l /proc/1/fd > /tmp/seen"])
    container.config["root"]["readonly"] = False
    container.write()
    subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh",
                    *runtime.argv("run", "--bundle", container.bundle, container.id)],
                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                   env=runtime.env, timeout=20, check=runtime.is_tare)
    with open(f"{container.rootfs}/tmp/seen", encoding="utf-8") as file:
        links = dict(re.findall(r" (\d+) -> (.*)", file.read()))
    for number in ("0", "2"):
        assert number not in links or links[number] == "/dev/null" or \
            links[number].startswith(("pipe:", "/fd", "/proc")), links


@promise("R-CLOEXEC")
def test_preserved_descriptors_are_the_asked_ones(runtime):
    """--preserve-fds 1 keeps descriptor 3 and no further."""
    container = runtime.reporter("fds")
    fds = inherited(runtime)
    try:
        container.write()
        shell = "exec 3< /dev/null; exec \"$@\""
        runtime.wrapper = ["sh", "-c", shell, "sh"]
        result = container.run("--preserve-fds", "1", pass_fds=fds)
        runtime.wrapper = []
    finally:
        for fd in fds:
            os.close(fd)
    assert result.rc == 0, result
    seen = json.loads(result.out)["fds"]
    assert sorted(seen) == ["0", "1", "2", "3"]


@promise("R-CLOEXEC", "CVE-2024-21626")
def test_preserved_descriptors_that_are_not_there(runtime):
    """Numbers that the caller has promised and not opened are those of tare's own: the waiting init has none."""
    container = runtime.container(["/bin/sleep", "1000"])
    container.create("--preserve-fds", "30")
    for number in os.listdir(f"/proc/{container.pid}/fd"):
        kind = os.stat(f"/proc/{container.pid}/fd/{number}").st_mode
        # of tare's own it has sockets alone, by which it waits for start
        assert int(number) < 3 or stat.S_ISSOCK(kind), os.readlink(f"/proc/{container.pid}/fd/{number}")
    container.start()
    assert sorted(os.listdir(f"/proc/{container.pid}/fd")) == ["0", "1", "2"]
