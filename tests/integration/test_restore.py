"""restore on any machine, with a library that has no CRIU behind it (tests/lib/fakecriu.c)."""
import json
import os
import subprocess

import pytest

import resctrlfs
from criu import LOOP, Fake, checkpoint, joining, restore, running, write_image
from tare import eventually, parse_mountinfo, read_text


@pytest.fixture
def fake(runtime):
    return Fake(f"{runtime.directory}/fake")


def test_restore_attached(runtime, fake):
    container = runtime.container(LOOP)
    write_image(container)
    fake.play("1 7")
    assert restore(container, fake) == (7, "", "")
    calls = fake.calls()
    assert f"set_root {container.rootfs}" in calls
    assert runtime.ids() == []


@pytest.mark.parametrize("readonly", [True, False])
def test_restore_detached(runtime, fake, readonly):
    """It is a container as any other, its root read-only where config.json says so, of which CRIU 4.1 knows nothing."""
    container = runtime.container(LOOP)
    container.config["root"]["readonly"] = readonly
    write_image(container)
    fake.play("100 0")
    assert restore(container, fake, "--detach", "--pid-file", f"{container.bundle}/pid") == (0, "", "")
    pid = int(read_text(f"{container.bundle}/pid"))
    state = container.state()
    assert (state["status"], state["pid"]) == ("running", pid)
    root = parse_mountinfo(read_text(f"/proc/{pid}/mountinfo"))["/"]
    assert ("ro" in root["options"]) is readonly and "rw" in parse_mountinfo(runtime.view.mountinfo())["/"]["options"]
    container.kill("KILL")
    eventually(lambda: container.status() == "stopped")
    container.delete()
    os.waitpid(pid, os.WNOHANG)


@pytest.mark.parametrize("options, image, mode", [
    ([], {}, 3), (["--manage-cgroups-mode", "ignore"], {}, 0), ([], {"noCgroups": True}, 0)])
def test_restored_into_its_cgroup(runtime, fake, options, image, mode):
    """By CRIU, or where that leaves cgroups alone, or has saved none, by tare."""
    container = runtime.container(LOOP)
    write_image(container, **image)
    fake.play("100 0")
    assert restore(container, fake, "--detach", "--pid-file", f"{container.bundle}/pid", *options) == (0, "", "")
    pid = int(read_text(f"{container.bundle}/pid"))
    assert [x for x in fake.calls() if x.startswith("manage_cgroups_mode")][-1] == f"manage_cgroups_mode {mode}"
    record = json.loads(read_text(f"{runtime.state_root}/{container.id}/state.json"))
    assert read_text(f"{record['cgroup']}/cgroup.procs").split() == [str(pid)]
    container.delete("--force")
    os.waitpid(pid, os.WNOHANG)


def test_restored_elsewhere(runtime, fake):
    """A process that its limits do not hold is not the container's."""
    container = runtime.container(LOOP)
    write_image(container)
    fake.play("100 0 stray")
    result = restore(container, fake, "--detach")
    assert result.rc == 1 and "CRIU has left the init in the cgroup" in result.err
    assert runtime.ids() == []


@pytest.mark.parametrize("kind, flag", [("ipc", 0x8000000), ("uts", 0x4000000), ("time", 0x80)])
def test_joined_namespaces(runtime, fake, kind, flag):
    """They are joined again."""
    path = f"/proc/{os.getpid()}/ns/{kind}"
    if not os.path.exists(path):
        pytest.skip(f"this kernel has no {kind} namespaces")
    container = joining(runtime.container(LOOP), kind, path)
    container.create().start()
    assert checkpoint(container, fake) == (0, "", "")
    assert json.loads(read_text(f"{container.bundle}/images/tare-checkpoint.json"))["joined"] == flag
    container.delete()
    fake.calls()
    fake.play("0 0")
    write_image(container, joined=flag)
    assert restore(container, fake) == (0, "", "")
    assert f"join_ns_add {kind} {path}" in fake.calls()


@pytest.mark.parametrize("kind, flag", [("network", 0x40000000), ("pid", 0x20000000), ("uts", 0x4000000),
                                        ("time", 0x80)])
def test_namespaces_of_another_kind(runtime, fake, kind, flag):
    """A path is neither passed over nor missed."""
    file = {"network": "net"}.get(kind, kind)
    container = joining(runtime.container(LOOP), kind, f"/proc/{os.getpid()}/ns/{file}")
    write_image(container, joined=0)
    result = restore(container, fake)
    assert result.rc == 1 and \
        f"the {kind} namespace of the checkpoint was not given by a path, and config.json has one" in result.err
    joining(container, kind, None)
    write_image(container, joined=flag)
    result = restore(container, fake)
    assert result.rc == 1 and f"the {kind} namespace of the checkpoint was given by a path" in result.err
    assert fake.calls() == [] and runtime.ids() == []


def test_orphans_of_a_restored_container(runtime, fake):
    """They do not come to tare, no more than with run."""
    container = runtime.container(LOOP)
    container.config["root"]["readonly"] = False  # which is the tests' own here
    write_image(container)
    fake.play("2 5 orphan")
    process = runtime.popen("restore", "--image-path", f"{container.bundle}/images", "--bundle", container.bundle,
                            container.id, env=fake.env, stdin=subprocess.DEVNULL)
    parent = f"{fake.directory}/parent"
    eventually(lambda: os.path.exists(parent) and read_text(parent).strip())
    assert int(read_text(parent)) != process.pid
    assert process.wait(20) == 5


def test_restored_into_its_class(runtime, fake):
    """Of Intel RDT, before it has forked: the hooks of that moment see it there."""
    if not os.path.exists("/dev/fuse"):
        pytest.skip("there is no FUSE on this machine")
    directory = f"{runtime.directory}/resctrl"
    os.mkdir(directory)
    container = runtime.container(LOOP)
    container.config["linux"]["intelRdt"] = {"l3CacheSchema": "L3:0=f;1=f"}
    with resctrlfs.Resctrl(directory) as resctrl:
        fake.env["TARE_RESCTRL"] = directory
        out = f"{container.bundle}/tasks"
        container.config["hooks"] = {"createRuntime": [
            {"path": "/bin/sh", "args": ["sh", "-c", f"cat {directory}/{container.id}/tasks > {out}"]}]}
        write_image(container)
        fake.play("0 0")
        assert restore(container, fake) == (0, "", "")
        assert len(read_text(out).split()) == 1
        assert resctrl.groups() == set()


def test_restore_gives_streams_and_mounts(runtime, fake):
    container = runtime.container(LOOP)
    container.config["mounts"].append({"destination": "/mnt", "type": "bind", "options": ["rbind"],
                                       "source": f"{container.bundle}/data"})
    os.mkdir(f"{container.bundle}/data")
    mounts = [{"destination": name, "attributes": 0} for name in ("/mnt", "/mnt/below", "/proc/kcore")]
    container.config["linux"]["maskedPaths"] = ["/proc/kcore"]
    write_image(container, mounts=mounts, streams=["pipe:[1]", "pipe:[2]", "pipe:[2]"])
    fake.play("fail")  # before anything is done to mounts that are the tests' own
    assert restore(container, fake).rc == 1
    calls = fake.calls()
    for line in (f"add_external mnt[/mnt]:{container.bundle}/data",
                 f"add_external mnt[/mnt/below]:{container.bundle}/data/below",
                 "add_external mnt[/proc/kcore]:/dev/null", "add_inherit_fd open pipe:[1]"):
        assert line in calls
    assert calls.count("add_inherit_fd open pipe:[2]") == 1


def test_restore_makes_mount_points(runtime, fake):
    """The root may come from elsewhere, without what create had made in it."""
    container = runtime.container(LOOP)
    with open(f"{container.bundle}/hosts", "w", encoding="ascii") as file:
        file.write("here\n")
    for name in ("hosts", "data"):
        container.config["mounts"].append({"destination": f"/made/{name}", "type": "bind", "options": ["bind"],
                                           "source": f"{container.bundle}/{name}"})
    os.mkdir(f"{container.bundle}/data")
    write_image(container)
    fake.play("fail")
    assert restore(container, fake).rc == 1
    assert os.path.isfile(f"{container.rootfs}/made/hosts") and os.path.isdir(f"{container.rootfs}/made/data")
    container.config["mounts"][-1]["source"] = "/nowhere/data"
    container.write()
    result = restore(container, fake)
    assert result.rc == 1 and "/nowhere/data: no such file or directory" in result.err


def test_restore_runs_hooks(runtime, fake):
    container = runtime.container(LOOP)
    out = f"{container.bundle}/hooks"
    container.config["hooks"] = {
        kind: [{"path": "/bin/sh", "args": ["sh", "-c", f"echo {kind} >> {out}"]}]
        for kind in ("prestart", "createRuntime", "poststop")}
    write_image(container)
    fake.play("0 0")
    assert restore(container, fake) == (0, "", "")
    assert read_text(out).split() == ["prestart", "createRuntime", "poststop"]


def test_failed_restore(runtime, fake):
    """Nothing is left."""
    container = runtime.container(LOOP)
    write_image(container)
    fake.play("fail")
    result = restore(container, fake, "--detach", "--pid-file", f"{container.bundle}/pid")
    assert result.rc == 1 and "restore.log: Error (criu/one.c:1): the first" in result.err
    container.config["hooks"] = {"createRuntime": [{"path": "/bin/false"}]}
    container.write()
    fake.play("100 0")
    result = restore(container, fake, "--detach", "--pid-file", f"{container.bundle}/pid")
    assert result.rc == 1 and "error running createRuntime hook #0" in result.err
    assert runtime.ids() == [] and not os.path.exists(f"{container.bundle}/pid")


@pytest.mark.parametrize("what, text", [
    ("no directory", "image directory"),
    ("no file", "there is no checkpoint of tare's"),
    ("broken", "tare-checkpoint.json"),
    ("newer", "it was written by a newer tare (version 2, this one knows 1)"),
    ("mount", "the container had something of the host at /gone, and config.json mounts nothing there"),
    ("network", "the network namespace of the checkpoint was given by a path")])
def test_bad_images(runtime, fake, what, text):
    container = runtime.container(LOOP)
    write_image(container, **{"newer": {"version": 2}, "network": {"network": True},
                              "mount": {"mounts": [{"destination": "/gone", "attributes": 0}]}}.get(what, {}))
    path = f"{container.bundle}/images"
    if what in ("no directory", "no file"):
        os.unlink(f"{path}/tare-checkpoint.json")
    if what == "no directory":
        os.rmdir(path)
    if what == "broken":
        with open(f"{path}/tare-checkpoint.json", "w", encoding="ascii") as file:
            file.write("{")
    result = restore(container, fake)
    assert result.rc == 1 and text in result.err
    assert fake.calls() == [] and runtime.ids() == []


def test_taken_name(runtime, fake):
    container = running(runtime)
    write_image(container)
    result = restore(container, fake, "--detach")
    assert result.rc == 1 and "container with given ID already exists" in result.err
    assert container.status() == "running"
    container.delete("--force")
