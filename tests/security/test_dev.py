"""/dev: what a runtime creates, masks with and binds there must not follow what an image or a volume has
put in its place."""
import os
import shutil
import subprocess

import pytest

from console_socket import create_with_terminal
from tare import promise

HOST_DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9),
                "tty": (5, 0)}


def without(container, *destinations):
    """Takes mounts out of the configuration."""
    container.config["mounts"] = [mount for mount in container.config["mounts"]
                                  if mount["destination"] not in destinations]


NO_DEV = ("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")


def replace_dev(container, target):
    shutil.rmtree(f"{container.rootfs}/dev")
    os.symlink(target, f"{container.rootfs}/dev")


@promise("CVE-2026-41579", "CVE-2026-47766")
@pytest.mark.parametrize("mounted", [True, False], ids=["mounted", "bare"])
@pytest.mark.parametrize("link", ["absolute", "relative", "inner", "chain"])
@pytest.mark.parametrize("files", [(), ("ptmx",), ("ptmx", "null", "console")], ids=len)
def test_dev_is_a_link(runtime, canary, mounted, link, files):
    """files: what is there already where the link leads; a wrong file in a device's place ends a creation
    early, so it is tried without."""
    canary.keep("file", "inner/file", *files)
    container = runtime.container(["/bin/ls", "/"])
    container.config["root"]["readonly"] = False
    container.config["linux"]["devices"] = [{"path": "/dev/fuse", "type": "c", "major": 10,
                                             "minor": 229, "fileMode": 0o666, "uid": 0, "gid": 0}]
    target = {"absolute": canary.directory, "relative": "../" * 30 + canary.directory[1:],
              "inner": f"..{canary.directory}/inner", "chain": "/first"}[link]
    os.symlink(f"../../../../../../..{canary.directory}", f"{container.rootfs}/first")
    replace_dev(container, target)
    if not mounted:
        without(container, *NO_DEV)
    container.run()
    canary.check()


@promise("CVE-2026-41579")
def test_directories_of_dev_are_links(runtime, canary):
    """Without a mount of its own, each thing that belongs in /dev is a link to the host already."""
    container = runtime.container(["/bin/true"])
    container.config["root"]["readonly"] = False
    for name in ("ptmx", "fd", "stdin", "stdout", "stderr", "core", "console", "pts", "shm",
                 "mqueue", *HOST_DEVICES):
        os.symlink(f"{canary.directory}/{name if name in ('ptmx', 'null', 'console') else 'file'}",
                   f"{container.rootfs}/dev/{name}")
    without(container, *NO_DEV)
    container.run()
    canary.check()


@promise("CVE-2025-24965", "CVE-2019-18837")
def test_devices_at_planted_links(runtime, canary):
    """linux.devices at paths where the image has put links, below directories that are links."""
    container = runtime.container(["/bin/true"])
    container.config["root"]["readonly"] = False
    os.symlink(f"{canary.directory}/new", f"{container.rootfs}/device")
    os.symlink(canary.directory, f"{container.rootfs}/directory")
    os.symlink(f"{canary.directory}/file", f"{container.rootfs}/existing")
    for path in ("/device", "/directory/new", "/directory/inner/file", "/existing",
                 "/dev/../directory/new", f"/../../../../../..{canary.directory}/new"):
        container.config["linux"]["devices"] = [{"path": path, "type": "c", "major": 1, "minor": 3,
                                                 "fileMode": 0o777, "uid": 0, "gid": 0}]
        container.run()
        canary.check(path)


def masked_container(runtime, dev):
    """A container that shows what covers its masked file; /dev is the directory on the host."""
    container = runtime.container(["/bin/stat", "-c", "%F %t:%T", "/masked", "/proc/timer_list"])
    with open(f"{container.rootfs}/masked", "w", encoding="ascii") as file:
        file.write("secret\n")
    container.config["linux"]["maskedPaths"] = ["/masked", "/proc/timer_list"]
    without(container, *NO_DEV)
    container.config["mounts"].append({"destination": "/dev", "type": "bind", "source": dev,
                                       "options": ["rbind", "rw"]})
    return container


def put_null(path, kind, canary, make_node):
    if kind == "link":
        os.symlink(f"{canary.directory}/file", path)
    elif kind == "link to zero":
        os.symlink("zero", path)
    elif kind == "zero":
        make_node(path, "/dev/zero")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "file":
        with open(path, "w", encoding="ascii") as file:
            file.write("not null\n")
    elif kind == "directory":
        os.mkdir(path)


@promise("CVE-2025-31133")
@pytest.mark.parametrize("kind", ["missing", "link", "link to zero", "zero", "fifo", "file",
                                  "directory"])
def test_masks_where_null_is_replaced(runtime, canary, make_node, kind):
    dev = f"{runtime.directory}/dev"
    os.mkdir(dev)
    make_node(f"{dev}/zero", "/dev/zero")
    put_null(f"{dev}/null", kind, canary, make_node)
    container = masked_container(runtime, dev)
    result = container.run()
    if result.rc == 0:
        expected = "character special file 1:3\n"
        assert result.out in (expected * 2, expected) and "/masked" not in result.err
    else:
        assert "secret" not in result.out and result.err
    canary.check()


@promise("CVE-2025-31133")
@pytest.mark.parametrize("kind", ["link", "zero", "fifo", "file"])
def test_masks_where_the_image_has_a_null(runtime, canary, make_node, kind):
    """/dev/null of the image itself, with no mount on /dev."""
    container = masked_container(runtime, "/nowhere")
    without(container, "/dev")
    container.config["root"]["readonly"] = False
    put_null(f"{container.rootfs}/dev/null", kind, canary, make_node)
    result = container.run()
    if result.rc == 0:
        assert result.out == "character special file 1:3\n" * 2
    canary.check()


@promise("CVE-2026-88264", "CVE-2025-52565")
@pytest.mark.parametrize("mounted", [True, False], ids=["mounted", "bare"])
@pytest.mark.parametrize("what", ["host", "dangling", "inner", "loop", "directory", "fifo"])
def test_console_is_a_link(runtime, canary, mounted, what):
    container = runtime.container(["/bin/stat", "-L", "-c", "%F %t", "/dev/console"])
    container.config["root"]["readonly"] = False
    if mounted:
        dev = f"{runtime.directory}/dev"
        os.mkdir(dev)
        without(container, "/dev")
        container.config["mounts"].insert(1, {"destination": "/dev", "type": "bind", "source": dev,
                                              "options": ["rbind", "rw"]})
        for name in ("pts", "shm", "mqueue"):
            os.mkdir(f"{dev}/{name}")
    else:
        dev = f"{container.rootfs}/dev"
        without(container, "/dev", "/dev/shm", "/dev/mqueue")
    if what == "directory":
        os.mkdir(f"{dev}/console")
    elif what == "fifo":
        os.mkfifo(f"{dev}/console")
    else:
        os.symlink({"host": f"{canary.directory}/console", "dangling": f"{canary.directory}/new",
                    "inner": "/etc/passwd", "loop": "console"}[what], f"{dev}/console")
    result, printed = create_with_terminal(container)
    canary.check()
    if result.rc == 0:
        assert printed == "character special file 88\n"
    if what == "inner":
        with open(f"{container.rootfs}/etc/passwd", encoding="ascii") as file:
            assert "root" in file.read()


@promise("CVE-2025-52565")
@pytest.mark.parametrize("what", ["links", "fake ptmx", "ptmx link"])
def test_pts_is_a_volume(runtime, canary, make_node, what):
    """A bind mount on /dev/pts with links to a file of the host where the peers of a pty would be."""
    pts = f"{runtime.directory}/pts"
    os.mkdir(pts)
    if what == "fake ptmx":
        make_node(f"{pts}/ptmx", "/dev/null")
    elif what == "ptmx link":
        os.symlink("/dev/tty", f"{pts}/ptmx")
    else:
        make_node(f"{pts}/ptmx", "/dev/ptmx")
    for number in range(10):
        os.symlink(f"{canary.directory}/file", f"{pts}/{number}")
    container = runtime.container(["/bin/stat", "-L", "-c", "%F %t", "/dev/console"])
    without(container, "/dev/pts")
    container.config["mounts"].insert(2, {"destination": "/dev/pts", "type": "bind", "source": pts,
                                          "options": ["rbind", "rw"]})
    result, printed = create_with_terminal(container)
    canary.check()
    assert result.rc != 0 or printed == "character special file 88\n"


@promise("CVE-2026-88264")
def test_terminal_works_without_tricks(runtime):
    """What the tests above refuse is the trick, not the terminal."""
    container = runtime.container(["/bin/stat", "-L", "-c", "%F %t", "/dev/console"])
    result, printed = create_with_terminal(container)
    assert result.rc == 0, result
    assert printed == "character special file 88\n"


@promise("CVE-2026-88265")
@pytest.mark.parametrize("mounted", [True, False], ids=["mounted", "bare"])
def test_null_is_a_link_and_the_streams_are_closed(runtime, canary, mounted):
    """With closed standard streams something must be opened in their place, and is given to the user:
    that must not be the host's file."""
    container = runtime.container(["/bin/true"])
    container.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    container.config["root"]["readonly"] = False
    if mounted:
        dev = f"{runtime.directory}/dev"
        os.mkdir(dev)
        without(container, *NO_DEV)
        container.config["mounts"].append({"destination": "/dev", "type": "bind", "source": dev,
                                           "options": ["rbind", "rw"]})
    else:
        dev = f"{container.rootfs}/dev"
        without(container, *NO_DEV)
    os.symlink(f"{canary.directory}/null", f"{dev}/null")
    before = os.stat("/dev/null")
    container.write()
    process = subprocess.Popen(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh",
         *runtime.argv("run", "--bundle", container.bundle, container.id)], env=runtime.env)
    process.wait(20)
    canary.check()
    after = os.stat("/dev/null")
    assert (before.st_uid, before.st_gid, before.st_mode) == (after.st_uid, after.st_gid,
                                                              after.st_mode)
