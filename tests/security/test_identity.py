"""Who a container's program is: ids are numbers that no file of the image can change, and no capability
is there that was not asked for."""
import json
import os

import pytest

from tare import capability_names, promise

EVIL_PASSWD = "1000:x:0:0::/:/bin/sh\nroot:x:0:0::/:/bin/sh\n0:x:4:4::/:/bin/sh\n"
SETS = ("inheritable", "permitted", "effective", "bounding", "ambient")


def set_file(container, name, kind):
    """Puts something unusual in the place of a file of the image."""
    path = f"{container.rootfs}/etc/{name}"
    os.unlink(path)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "endless":
        os.symlink("/dev/zero", path)
    elif kind == "loop":
        os.symlink(name, path)
    elif kind == "directory":
        os.mkdir(path)
    elif kind == "huge":
        with open(path, "w", encoding="ascii") as file:
            file.write("x" * 40_000_000)
    elif kind == "long line":
        with open(path, "w", encoding="ascii") as file:
            file.write("user:x:1000:1000:" + "x" * 1_000_000 + ":/home:/bin/sh\n")
    elif kind == "evil":
        with open(path, "w", encoding="ascii") as file:
            file.write(EVIL_PASSWD)


@promise("CVE-2016-3697")
@pytest.mark.parametrize("kind", ["evil", "missing", "fifo", "endless", "loop", "directory", "huge",
                                  "long line"])
def test_ids_do_not_come_from_the_image(runtime, kind):
    container = runtime.reporter("identity")
    container.config["process"]["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [7]}
    set_file(container, "passwd", kind)
    set_file(container, "group", kind)
    result = container.run(timeout=15)
    assert result.rc == 0 or runtime.path.endswith("runc"), result
    if result.rc == 0:
        identity = json.loads(result.out)["identity"]
        assert (identity["uid"], identity["gid"]) == ([1000] * 3, [1000] * 3)
        assert identity["groups"] == [7]


@promise("CVE-2016-3697")
def test_passwd_is_a_link_to_the_host(runtime, canary):
    """HOME may be looked up there: in the image's own file only."""
    with open(f"{canary.directory}/file", "r+", encoding="ascii") as file:
        file.write("user:x:1000:1000::/canary:/bin/sh\n")
    canary.before = canary.look()
    container = runtime.reporter("env")
    container.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    os.unlink(f"{container.rootfs}/etc/passwd")
    os.symlink("../" * 30 + canary.directory[1:] + "/file", f"{container.rootfs}/etc/passwd")
    assert "canary" not in json.dumps(container.report()["env"])


@promise("CVE-2022-24769", "R-CAP")
def test_capabilities_of_the_spec_that_is_written(runtime):
    bundle = runtime.container().bundle
    done = runtime.call("spec", "--bundle", bundle)
    assert done.rc == 0, done
    with open(f"{bundle}/config.json", encoding="utf-8") as file:
        capabilities = json.load(file)["process"]["capabilities"]
    assert not capabilities.get("inheritable") and not capabilities.get("ambient")
    assert capabilities["bounding"]


@promise("CVE-2022-24769", "R-CAP")
@pytest.mark.parametrize("user", [0, 1000])
def test_nothing_is_inheritable_that_was_not_asked_for(runtime, user):
    container = runtime.reporter("capabilities")
    container.config["process"]["user"] = {"uid": user, "gid": user}
    seen = container.report()["capabilities"]
    assert seen["inheritable"] == 0 and seen["ambient"] == 0
    wanted = set(container.config["process"]["capabilities"]["bounding"])
    for name in SETS:
        assert capability_names(seen[name]) <= wanted, name


@promise("R-CAP")
@pytest.mark.parametrize("asked", [{}, {"bounding": []}, {"bounding": ["CAP_KILL"]},
                                   {"effective": ["CAP_KILL"], "permitted": ["CAP_KILL"]}])
def test_no_set_is_larger_than_asked(runtime, asked):
    container = runtime.reporter("capabilities")
    container.config["process"]["capabilities"] = asked
    result = container.run()
    if result.rc:
        return
    seen = json.loads(result.out)["capabilities"]
    allowed = {"CAP_KILL"} if asked else set()
    for name in SETS:
        assert capability_names(seen[name]) <= allowed, name


@promise("R-CAP")
def test_inherited_capabilities_of_the_caller_do_not_reach_the_container(runtime):
    """The runtime is called by someone with inheritable and ambient capabilities."""
    container = runtime.reporter("capabilities")
    container.write()
    runtime.wrapper = ["setpriv", "--inh-caps", "+sys_chroot,+kill", "--ambient-caps",
                       "+sys_chroot,+kill"]
    result = runtime.call("run", "--bundle", container.bundle, container.id)
    runtime.wrapper = []
    assert result.rc == 0, result
    seen = json.loads(result.out)["capabilities"]
    assert seen["inheritable"] == 0 and seen["ambient"] == 0
    assert "CAP_SYS_CHROOT" not in capability_names(seen["bounding"] | seen["permitted"])


@promise("R-CAP", "CVE-2022-24769")
def test_a_file_with_inheritable_capabilities_gains_nothing(runtime):
    container = runtime.reporter("capabilities")
    container.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    container.config["process"]["noNewPrivileges"] = False
    container.config["process"]["capabilities"] = {"bounding": ["CAP_KILL", "CAP_NET_RAW"]}
    # version 2, not effective: permitted none, inheritable CAP_NET_RAW (13)
    os.setxattr(f"{container.rootfs}/bin/report", "security.capability",
                (0x02000001).to_bytes(4, "little") + bytes(4) + (1 << 13).to_bytes(4, "little") +
                bytes(8))
    seen = container.report()["capabilities"]
    assert (seen["permitted"], seen["effective"], seen["ambient"]) == (0, 0, 0)
