"""checkpoint and restore on any machine: what reaches libcriu, and what happens when CRIU fails. The library is one
that has no CRIU behind it (tests/lib/fakecriu.c)."""
import json
import os
import socket
import subprocess

import pytest

from criu import LOOP, Fake, checkpoint, joining, restore, running, write_image
from tare import eventually, promise, read_text


@pytest.fixture
def fake(runtime):
    return Fake(f"{runtime.directory}/fake")


def test_checkpoint_ends_the_container(runtime, fake):
    container = running(runtime)
    assert checkpoint(container, fake) == (0, "", "")
    assert container.status() == "stopped"
    calls = fake.calls()
    assert f"pid {container.pid}" in calls and "dump" in calls
    assert "orphan_pts_master 1" in calls and "manage_cgroups_mode 3" in calls
    assert not any(line.startswith(("leave_running", "tcp", "shell_job")) for line in calls)
    images = os.listdir(f"{container.bundle}/images")
    assert {"tare-checkpoint.json", "descriptors.json"} <= set(images)
    assert not os.path.exists(f"{runtime.state_root}/{container.id}/criu")
    container.delete()


def test_externals_are_told(runtime, fake):
    """Binds of the host's, masks that are files, and streams; not what is the container's own."""
    container = runtime.container(LOOP)
    os.mkdir(f"{container.bundle}/data")
    container.config["mounts"].append({"destination": "/mnt", "type": "bind", "options": ["bind", "ro"],
                                       "source": f"{container.bundle}/data"})
    container.config["linux"]["maskedPaths"] = ["/etc/passwd", "/proc/scsi"]
    container.create().start()
    assert checkpoint(container, fake) == (0, "", "")
    externals = [line.split(" ", 1)[1] for line in fake.calls() if line.startswith("add_external")]
    assert "mnt[/mnt]:/mnt" in externals and "mnt[/etc/passwd]:/etc/passwd" in externals
    assert not any(x.startswith(("mnt[/proc]", "mnt[/dev]", "mnt[/]", "mnt[/proc/scsi]")) for x in externals)
    # standard input, output and errors are files of the tests
    assert len([x for x in externals if x.startswith("file[")]) == 3
    image = json.loads(read_text(f"{container.bundle}/images/tare-checkpoint.json"))
    mount = next(x for x in image["mounts"] if x["destination"] == "/mnt")
    assert mount["attributes"] & 1  # MOUNT_ATTR_RDONLY
    descriptors = json.loads(read_text(f"{container.bundle}/images/descriptors.json"))
    assert [os.path.basename(x).split(".")[1] for x in descriptors] == ["in", "out", "err"]
    container.delete()


def test_streams_of_its_own(runtime, fake):
    """A pipe or socket is the host's when it was given; what the program has put in its place is not."""
    # dash keeps what is behind << in a pipe
    container = runtime.container(["/bin/sh", "-c", "exec 0<<.\nx\n.\necho ready; while :; do sleep 1; done"])
    container.write()
    process = runtime.popen("run", "--detach", "--bundle", container.bundle, container.id, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.wait(20) == 0
    assert process.stdout.readline() == b"ready\n"
    pid = container.state()["pid"]
    links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)]
    assert links[0].startswith("pipe:")
    assert checkpoint(container, fake) == (0, "", "")
    image = json.loads(read_text(f"{container.bundle}/images/tare-checkpoint.json"))
    assert image["streams"] == ["", links[1], links[1]]
    container.delete()
    process.stdin.close()
    process.stdout.close()


def test_a_socket_of_its_own(runtime, fake):
    """CRIU is told of the one that was given alone."""
    ours, its = socket.socketpair()
    container = runtime.container(LOOP)
    container.write()
    with ours, its:
        process = runtime.popen("run", "--detach", "--bundle", container.bundle, container.id, stdin=its,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert process.wait(20) == 0
        link = os.readlink(f"/proc/{container.state()['pid']}/fd/0")
        path = f"{runtime.state_root}/{container.id}/state.json"
        record = json.loads(read_text(path))
        assert record["streams"] == [link, "", ""]
        for streams, told in ((["socket:[1]", "", ""], False), ([link, "", ""], True), (None, True)):
            record["streams"] = streams
            if not streams:
                del record["streams"]  # as an earlier tare has it
            with open(path, "w", encoding="utf-8") as file:
                json.dump(record, file)
            assert checkpoint(container, fake, "--leave-running") == (0, "", "")
            assert any(x.startswith("add_external unix[") for x in fake.calls()) == told
    container.delete("--force")


@promise("contract:2")
def test_options_reach_criu(runtime, fake):
    container = running(runtime)
    assert checkpoint(container, fake, "--leave-running", "--tcp-established", "--tcp-close",
                      "--tcp-skip-in-flight", "--ext-unix-sk", "--shell-job", "--file-locks", "--link-remap",
                      "--auto-dedup", "--manage-cgroups-mode", "strict", "--empty-ns", "network",
                      "--network-lock", "nftables", "--page-server", "[::1]:1234") == (0, "", "")
    calls = fake.calls()
    for line in ("leave_running 1", "tcp_established 1", "tcp_close 1", "tcp_skip_in_flight 1", "ext_unix_sk 1",
                 "shell_job 1", "file_locks 1", "link_remap 1", "auto_dedup 1", "manage_cgroups_mode 5",
                 f"empty_ns {0x40000000}", "network_lock 2", "page_server ::1 1234"):
        assert line in calls
    assert container.status() == "running"
    container.delete("--force")


@promise("contract:2")
def test_empty_values_are_as_none(runtime, fake):
    """A script's variable that is empty, as runc takes it."""
    container = running(runtime)
    words = [x for name in ("work-path", "parent-path", "manage-cgroups-mode", "page-server", "network-lock")
             for x in (f"--{name}", "")]
    assert checkpoint(container, fake, *words) == (0, "", "")
    calls = fake.calls()
    assert "manage_cgroups_mode 3" in calls
    assert not [x for x in calls if x.startswith(("page_server", "set_parent_images", "network_lock"))]
    container.delete()
    write_image(container)
    fake.play("100 0")
    words = [x for name in ("lsm-profile", "lsm-mount-context", "parent-path") for x in (f"--{name}", "")]
    assert restore(container, fake, "--detach", "--pid-file", f"{container.bundle}/pid", *words) == (0, "", "")
    assert not [x for x in fake.calls() if x.startswith(("lsm", "set_lsm", "set_parent_images"))]
    pid = int(read_text(f"{container.bundle}/pid"))
    container.delete("--force")
    os.waitpid(pid, os.WNOHANG)


def test_pre_dump_and_parent(runtime, fake):
    container = running(runtime)
    result = runtime.call("checkpoint", "--pre-dump", "--image-path", f"{container.bundle}/parent", container.id,
                          env=fake.env)
    assert result == (0, "", "")
    calls = fake.calls()
    assert "pre_dump" in calls and "track_mem 1" in calls
    assert container.status() == "running"
    assert checkpoint(container, fake, "--parent-path", "../parent") == (0, "", "")
    assert "set_parent_images ../parent" in fake.calls()
    container.delete()


def test_lazy_pages_and_configuration(runtime, fake):
    """What libcriu has no functions for goes by a configuration file, the user's options behind it."""
    container = runtime.container(LOOP)
    with open(f"{container.bundle}/criu.conf", "w", encoding="ascii") as file:
        file.write("ghost-limit 1M\n")
    container.config["annotations"] = {"org.criu.config": f"{container.bundle}/criu.conf"}
    container.create().start()
    reading, writing = os.pipe()
    assert checkpoint(container, fake, "--lazy-pages", "--page-server", "127.0.0.1:27", "--status-fd",
                      writing, pass_fds=[writing]) == (0, "", "")
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"\0"
    calls = fake.calls()
    assert [line for line in calls if line.startswith("config")] == [
        "config lazy-pages", "config address 127.0.0.1", "config port 27", "config ghost-limit 1M"]
    assert not any(line.startswith("page_server") for line in calls)
    container.delete()


@promise("contract:14")
@pytest.mark.parametrize("option, value, text", [
    ("--parent-path", "/tmp", "--parent-path must be relative"),
    ("--parent-path", "nowhere", "invalid --parent-path"),
    ("--page-server", "host", "use --page-server ADDRESS:PORT"),
    ("--page-server", "host:0", "use --page-server ADDRESS:PORT"),
    ("--manage-cgroups-mode", "some", "for --manage-cgroups-mode"),
    ("--empty-ns", "pid", "for --empty-ns"),
    ("--network-lock", "ropes", "for --network-lock"),
    ("--status-fd", "77", "--status-fd 77: bad file descriptor"),
    ("--status-fd", "x", "for --status-fd"),
    ("--work-path", "/proc/nowhere/x", "mkdir /proc/nowhere")])
def test_bad_values(runtime, fake, option, value, text):
    container = running(runtime)
    result = checkpoint(container, fake, option, value)
    assert result.rc == 1 and text in result.err
    assert container.status() == "running" and fake.calls() == []
    container.delete("--force")


@promise("contract:14")
def test_states(runtime, fake):
    container = runtime.container(LOOP).create()
    result = checkpoint(container, fake)
    assert result.rc == 1 and "Container cannot be checkpointed in created state" in result.err
    container.kill("KILL")
    container.wait()
    result = checkpoint(container, fake)
    assert result.rc == 1 and "Container cannot be checkpointed in stopped state" in result.err
    assert not os.path.exists(f"{container.bundle}/images")
    result = runtime.call("checkpoint", "nobody", env=fake.env)
    assert result.rc == 1 and "container does not exist" in result.err
    container.delete()


def test_paused(runtime, fake):
    """Callers pause a container before they save it; it is paused afterwards, or ended."""
    container = running(runtime)
    runtime.ok("pause", container.id)
    assert checkpoint(container, fake, "--leave-running") == (0, "", "")
    assert container.status() == "paused"
    assert checkpoint(container, fake) == (0, "", "")
    assert container.status() == "stopped"
    container.delete()


def test_paused_before_it_started(runtime, fake):
    container = runtime.container(LOOP).create()
    runtime.ok("pause", container.id)
    result = checkpoint(container, fake)
    assert result.rc == 1 and "Container cannot be checkpointed in created state" in result.err
    container.delete("--force")


def test_ended_meanwhile(runtime, fake):
    """CRIU knows the init by its number, which may be another's by then."""
    container = running(runtime)
    fake.play("end")
    result = checkpoint(container, fake)
    assert result.rc == 1 and "the container ended while it was checkpointed" in result.err
    assert "dumped" not in fake.calls()
    assert not os.path.exists(f"{container.bundle}/images/tare-checkpoint.json")
    container.delete()


@promise("contract:7.7")
def test_deleted_by_force_while_it_hangs(runtime, fake):
    """Neither the dump nor its helper is left."""
    container = running(runtime)
    fake.play("hang")
    with runtime.popen("checkpoint", "--image-path", f"{container.bundle}/images", container.id, env=fake.env) as dump:
        eventually(lambda: os.path.exists(f"{fake.directory}/calls") and
                   "dump" in read_text(f"{fake.directory}/calls").splitlines())
        runtime.ok("delete", "--force", container.id)
        assert dump.wait(30) == -9
    assert not os.path.exists(f"{runtime.state_root}/{container.id}")


def test_nobody_reads_the_status(runtime, fake):
    """Then it fails, and leaves nothing."""
    container = running(runtime)
    reading, writing = os.pipe()
    os.close(reading)
    result = checkpoint(container, fake, "--status-fd", writing, pass_fds=[writing])
    os.close(writing)
    assert result.rc == 1 and "--status-fd: broken pipe" in result.err
    assert container.status() == "running" and "dumped" not in fake.calls()
    assert not os.path.exists(f"{container.bundle}/images/tare-checkpoint.json")
    assert not os.path.exists(f"{runtime.state_root}/{container.id}/criu")
    container.delete("--force")


def test_failed_pre_dump_keeps_an_earlier_checkpoint(runtime, fake):
    container = running(runtime)
    assert checkpoint(container, fake, "--leave-running") == (0, "", "")
    fake.play("fail")
    assert checkpoint(container, fake, "--pre-dump").rc == 1
    names = os.listdir(f"{container.bundle}/images")
    assert {"tare-checkpoint.json", "descriptors.json"} <= set(names)
    container.delete("--force")


def test_state_root_with_a_colon(runtime, fake):
    """The directory of CRIU's cgroup yard is below it."""
    root = f"{runtime.directory}/a:b"
    container = runtime.container(LOOP)
    container.write()
    runtime.ok("run", "--detach", "--bundle", container.bundle, container.id, globals_=["--root", root])
    result = checkpoint(container, fake, globals_=["--root", root])
    runtime.ok("delete", "--force", container.id, globals_=["--root", root])
    assert result == (0, "", "")


def test_what_cannot_be_saved(runtime, fake):
    container = runtime.container(LOOP)
    container.create("--layers", container.rootfs).start()
    result = checkpoint(container, fake)
    assert result.rc == 1 and "cannot be checkpointed: its root is an overlay" in result.err
    container.delete("--force")


def test_no_criu(runtime, fake):
    container = running(runtime)
    os.unlink(f"{fake.directory}/libcriu.so.2")
    fake.env["LD_LIBRARY_PATH"] = "/nowhere"
    result = checkpoint(container, fake)
    if result.rc == 0 or "libcriu.so.2" not in result.err:
        pytest.skip("this machine has a libcriu of its own")
    assert "install libcriu2 and criu" in result.err
    fake.env["PATH"] = "/nowhere"
    result = checkpoint(container, fake)
    assert result.rc == 1 and "criu was not found in PATH" in result.err
    assert container.status() == "running"
    container.delete("--force")


def test_old_libcriu(runtime):
    """A function that an older library lacks is missed only when its option is given."""
    old = Fake(f"{runtime.directory}/old", ["-DOLD"])
    container = runtime.container(LOOP)
    write_image(container)
    result = restore(container, old, "--detach", "--lsm-mount-context", "x")
    assert result.rc == 1 and "libcriu.so.2 is too old: it has no criu_local_set_lsm_mount_context" in result.err


def test_failed_checkpoint(runtime, fake):
    """The container runs on, and the error has CRIU's own words."""
    container = running(runtime)
    fake.play("fail")
    result = checkpoint(container, fake)
    assert result.rc == 1
    assert f"({container.bundle}/images/dump.log: Error (criu/one.c:1): the first; " \
           "Error (criu/two.c:2): the cause)" in result.err
    assert container.status() == "running"
    assert os.listdir(f"{container.bundle}/images") == ["dump.log"]
    assert not os.path.exists(f"{runtime.state_root}/{container.id}/criu")
    fake.play("die")
    result = checkpoint(container, fake)
    assert result.rc == 1 and "tare-criu has ended without an answer" in result.err
    container.delete("--force")


def test_joined_cgroup_namespace(runtime, fake):
    """CRIU can't join one. The caller's own is as if none were named."""
    other = runtime.container(LOOP).create()
    container = joining(runtime.container(LOOP), "cgroup", f"/proc/{other.pid}/ns/cgroup")
    container.create().start()
    result = checkpoint(container, fake)
    assert result.rc == 1 and "cannot be checkpointed: its cgroup namespace was given by a path" in result.err
    container.delete("--force")


def test_without_a_cgroup(runtime, fake):
    """CRIU leaves the hierarchies alone, else it mounts them itself."""
    disabled = ["--cgroup-manager", "disabled"]
    container = runtime.container(LOOP)
    container.config["linux"].pop("resources", None)
    container.config["linux"].pop("cgroupsPath", None)
    container.write()
    runtime.ok("run", "--detach", "--bundle", container.bundle, container.id, globals_=disabled)
    assert checkpoint(container, fake, globals_=disabled) == (0, "", "")
    calls = fake.calls()
    assert [x for x in calls if x.startswith("manage_cgroups_mode")][-1] == "manage_cgroups_mode 0"
    assert json.loads(read_text(f"{container.bundle}/images/tare-checkpoint.json"))["noCgroups"]
    runtime.ok("delete", container.id)
    fake.play("0 3")
    write_image(container)
    assert restore(container, fake, globals_=disabled).rc == 3
    calls = fake.calls()
    assert [x for x in calls if x.startswith("manage_cgroups_mode")][-1] == "manage_cgroups_mode 0"
    assert not any(x.startswith(("add_cg_yard", "add_cg_root")) for x in calls)


@promise("contract:10")
def test_probes(runtime):
    """What podman asks before it offers checkpoints."""
    result = runtime.call("checkpoint", "--help")
    assert result.rc == 0 and "tare checkpoint" in result.out
    result = runtime.call("restore", "--lsm-mount-context")
    assert result.rc == 1 and "flag needs an argument: -lsm-mount-context" in result.out + result.err


@promise("contract:5")
def test_features(runtime, fake):
    features = json.loads(runtime.ok("features", env=fake.env))
    assert features["annotations"]["org.opencontainers.runc.checkpoint.enabled"] == "true"
    fake.env["PATH"] = "/nowhere"
    features = json.loads(runtime.ok("features", env=fake.env))
    assert features["annotations"]["org.opencontainers.runc.checkpoint.enabled"] == "false"
