"""The life of a container and the operations on it (runtime.md), each rule once and as a whole; what is special
about one of them is tested beside it in the other suites."""
import json
import os
import shutil
import signal
import subprocess

import pytest

from tare import eventually, promise, unprivileged


def sleeper(runtime):
    """A container whose program stays."""
    return runtime.container(["/bin/sleep", "100"])


def as_was(container, status):
    """That a refused call has changed nothing."""
    assert container.status() == status and container.runtime.ids() == [container.id]


@promise("spec:4", "spec:5", "spec:21", "spec:71")
def test_the_bundle(runtime):
    """config.json by that name, in the bundle's root; the root where root.path says."""
    container = runtime.container(["/bin/cat", "/mark"])
    with open(f"{container.rootfs}/mark", "w", encoding="ascii") as file:
        file.write("here")
    container.write()
    os.rename(container.rootfs, f"{container.bundle}/other")
    result = runtime.call("run", "--bundle", container.bundle, container.id)
    assert result.rc == 1 and "rootfs" in result.err
    container.config["root"]["path"] = "other"
    assert container.run().out == "here"
    container.config["root"]["path"] = f"{container.bundle}/other"
    assert container.run().out == "here"
    os.rename(f"{container.bundle}/config.json", f"{container.bundle}/Config.json")
    result = runtime.call("run", "--bundle", container.bundle, container.id)
    assert result.rc == 1 and "config.json" in result.err
    container.config["root"]["path"] = "other/bin/busybox"
    result = container.run()
    assert result.rc == 1 and "not a directory" in result.err


@promise("spec:9")
@pytest.mark.parametrize("user", [None, 1000])
def test_whoever_creates_it_can_do_the_rest(make_runtime, user):
    if user is None and os.geteuid() != 0:
        pytest.skip("needs root")
    container = sleeper(make_runtime(user=user))
    if user:
        unprivileged(container.config)
    container.create().start()
    assert container.status() == "running"
    container.kill("KILL")
    container.wait()
    container.delete()


@promise("spec:10", "spec:11", "spec:12", "spec:13", "spec:14", "spec:17", "spec:18", "spec:19", "spec:40")
def test_state(runtime):
    container = sleeper(runtime)
    container.config["annotations"] = {"com.example.key": "value", "com.example.empty": ""}
    container.create()
    state = container.state()
    assert state["ociVersion"] and state["id"] == container.id and state["status"] == "created"
    assert state["pid"] == container.pid and state["bundle"] == container.bundle
    assert state["annotations"] == container.config["annotations"]
    container.start()
    assert container.status() == "running"
    container.kill("KILL")
    container.wait()
    assert container.status() == "stopped"
    assert state["rootfs"] == container.rootfs and "created" in state  # further members may be there


@promise("spec:23", "spec:30", "spec:44", "spec:51")
def test_the_program_runs_at_start_and_not_before(runtime):
    container = runtime.container(["/bin/sh", "-c", "echo ran; exit 3"]).create()
    assert container.output() == ("", "")
    with open(f"/proc/{container.pid}/cmdline", encoding="utf-8") as file:
        assert "echo ran" not in file.read()
    container.start()
    assert container.wait() == 3
    assert container.output() == ("ran\n", "")


@promise("spec:24")
def test_config_json_is_read_once(runtime):
    container = runtime.container(["/bin/echo", "before"]).create()
    container.config["process"]["args"] = ["/bin/echo", "after"]
    container.config["hooks"] = {"poststart": [{"path": "/bin/false"}], "poststop": [{"path": "/bin/false"}]}
    container.write()
    container.start()
    assert container.wait() == 0 and container.output()[0] == "before\n"
    os.unlink(f"{container.bundle}/config.json")
    assert container.status() == "stopped"
    assert runtime.call("delete", container.id) == (0, "", "")


@promise("spec:43", "spec:45", "spec:22")
def test_create_applies_all_but_the_program(runtime):
    """What can be seen from outside of a container that waits: namespaces, root, mounts, user, limits."""
    container = sleeper(runtime)
    container.config["process"]["user"] = {"uid": 12, "gid": 13}
    container.config["process"]["noNewPrivileges"] = True
    container.config["mounts"].append({"destination": "/mnt", "type": "tmpfs", "source": "mark"})
    container.create()
    with open(f"/proc/{container.pid}/mountinfo", encoding="utf-8") as file:
        assert " /mnt " in file.read()
    with open(f"/proc/{container.pid}/status", encoding="utf-8") as file:
        fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    assert fields["Uid"].split() == ["12"] * 4 and fields["Gid"].split() == ["13"] * 4
    assert fields["NoNewPrivs"] == "1"
    for kind in ("pid", "net", "ipc", "uts", "mnt", "cgroup"):
        assert os.readlink(f"/proc/{container.pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}")


@promise("spec:47", "spec:8", "spec:7")
def test_a_bad_file_is_refused_before_anything_is_made(runtime):
    container = sleeper(runtime)
    container.config["process"]["rlimits"] = [{"type": "RLIMIT_X", "soft": 1, "hard": 1}]
    result = container.try_create()
    assert result.rc == 1 and "process.rlimits[0].type" in result.err
    assert runtime.ids() == []


@promise("spec:48", "spec:52", "spec:100")
def test_without_a_process(runtime):
    container = sleeper(runtime)
    del container.config["process"]
    container.create()
    assert container.status() == "created"
    result = runtime.call("start", container.id)
    assert result.rc == 1 and "without a process" in result.err
    container.delete("--force")


@promise("spec:28", "spec:33", "spec:38", "spec:41", "spec:49", "spec:53", "spec:56")
@pytest.mark.parametrize("verb", ["state", "create", "start", "kill", "delete"])
def test_without_an_id(runtime, verb):
    result = runtime.call(verb)
    assert result.rc == 1 and "argument" in result.err


@promise("spec:39", "spec:50", "spec:54", "spec:57")
@pytest.mark.parametrize("words", [["state"], ["start"], ["kill"], ["delete"]])
def test_of_an_unknown_id(runtime, words):
    sleeper(runtime).create()
    result = runtime.call(*words, "nobody")
    assert result.rc == 1 and "container does not exist" in result.err
    assert len(runtime.ids()) == 1


@promise("spec:41", "spec:42")
def test_ids(runtime):
    """A name that is taken, or is none."""
    container = sleeper(runtime).create()
    other = sleeper(runtime)
    other.write()
    for name in (container.id, "a/b", "..", "", "x" * 256, "a b"):
        result = runtime.call("create", "--bundle", other.bundle, name)
        assert result.rc == 1, name
        as_was(container, "created")
    shutil.rmtree(other.bundle)
    assert runtime.call("create", "--bundle", other.bundle, "x1").rc == 1
    as_was(container, "created")


@promise("spec:50")
def test_start_of_what_is_not_created(runtime):
    container = sleeper(runtime).create().start()
    result = runtime.call("start", container.id)
    assert result.rc == 1 and "cannot start an already running container" in result.err
    as_was(container, "running")
    container.kill("KILL")
    container.wait()
    assert runtime.call("start", container.id).rc == 1
    as_was(container, "stopped")


@promise("spec:54")
def test_kill_of_what_has_stopped(runtime):
    container = sleeper(runtime).create().start()
    container.kill("KILL")
    container.wait()
    result = runtime.call("kill", container.id, "TERM")
    assert result.rc == 1 and "container not running" in result.err
    as_was(container, "stopped")


@promise("spec:55", "spec:32")
@pytest.mark.parametrize("words, number", [(["KILL"], 9), ([], 15), (["USR1"], 10), (["SIGINT"], 2), (["3"], 3)])
def test_kill_sends_the_signal(runtime, words, number):
    """Also before the program runs, whatever that means to it."""
    name = signal.Signals(number).name.removeprefix("SIG")
    script = f"trap 'echo got {name}; exit 7' {name}; echo ready; while :; do sleep 0.05; done"
    container = runtime.container(["/bin/sh", "-c", script]).create().start()
    eventually(lambda: container.output()[0] == "ready\n")
    container.kill(*words)
    if number == 9:
        assert container.wait() == 137
    else:
        assert container.wait() == 7
        assert container.output()[0] == f"ready\ngot {name}\n"


@promise("spec:55")
def test_kill_before_start(runtime):
    container = sleeper(runtime).create()
    container.kill("KILL")
    assert container.wait() == 137
    assert container.status() == "stopped"


@promise("spec:32")
@pytest.mark.parametrize("script, status", [("exit 0", 0), ("exit 42", 42), ("kill -SEGV $$", 139)])
def test_it_may_end_by_itself(runtime, script, status):
    """As the first process of a pid namespace it can't kill itself: there a child crashes."""
    container = runtime.container(["/bin/sh", "-c", script])
    namespaces = container.config["linux"]["namespaces"]
    namespaces[:] = [n for n in namespaces if n["type"] != "pid"]
    container.create().start()
    assert container.wait() == status
    assert container.status() == "stopped"


@promise("spec:57")
def test_delete_of_what_runs(runtime):
    container = sleeper(runtime).create().start()
    result = runtime.call("delete", container.id)
    assert result.rc == 1 and "that is not stopped: running" in result.err
    as_was(container, "running")
    # the departure that engines rely on: what was never started can be deleted
    other = sleeper(runtime).create()
    other.delete()


@promise("spec:34", "spec:58", "spec:60")
def test_delete_removes_what_create_made(runtime, host):
    before = host.snapshot()
    container = sleeper(runtime).create()
    assert host.cgroups() - before["cgroups"] or "pure" not in host.views
    container.delete()
    after = host.snapshot()
    assert {k: v - before[k] for k, v in after.items()} == {k: set() for k in after}
    assert container.id not in os.listdir(runtime.state_root)
    container.create()  # the name is free again
    container.delete()


@promise("spec:59")
def test_delete_leaves_what_was_there(runtime):
    """Namespaces that were joined, the bundle, what was bound into it."""
    container = sleeper(runtime)
    with subprocess.Popen(["unshare", "--net", "--ipc", "--uts", "sleep", "infinity"]) as holder:
        try:
            eventually(lambda: os.readlink(f"/proc/{holder.pid}/ns/uts") != os.readlink("/proc/self/ns/uts"))
            for entry in container.config["linux"]["namespaces"]:
                name = {"network": "net", "ipc": "ipc", "uts": "uts"}.get(entry["type"])
                if name:
                    entry["path"] = f"/proc/{holder.pid}/ns/{name}"
            shared = f"{runtime.directory}/shared"
            os.mkdir(shared)
            container.config["mounts"].append({"destination": "/mnt", "source": shared, "type": "bind",
                                               "options": ["rbind"]})
            container.create().start()
            container.delete("--force")
            assert holder.poll() is None and os.path.isdir(shared)
            assert os.path.exists(f"{container.rootfs}/bin/busybox")
        finally:
            holder.kill()


@promise("spec:37")
def test_a_warning_changes_nothing(runtime):
    container = runtime.container(["/bin/echo", "goes on"])
    container.config["process"]["capabilities"]["bounding"] = ["CAP_WHATEVER"]
    container.config["hooks"] = {"poststop": [{"path": "/bin/false"}]}
    result = container.run()
    assert (result.rc, result.out) == (0, "goes on\n") and "CAP_WHATEVER" in result.err
    assert runtime.ids() == []


@promise("spec:61", "spec:63")
def test_only_the_standard_streams_stay_open(runtime):
    end, other = os.pipe()
    try:
        container = runtime.reporter("fds")
        assert set(container.report(pass_fds=(end, other))["fds"]) == {"0", "1", "2"}
        container = runtime.container(["/bin/cat"])
        assert container.run().out == ""  # its input is empty, not closed
    finally:
        os.close(end)
        os.close(other)


@promise("spec:62")
def test_further_descriptors_on_request(runtime):
    end, other = os.pipe()
    try:
        container = runtime.container(["/bin/sh", "-c", "echo through >&3"])
        container.write()
        os.dup2(other, 3, inheritable=True) if other != 3 else None  # pylint: disable=expression-not-assigned
        result = runtime.call("run", "--preserve-fds", "1", "--bundle", container.bundle, container.id,
                              pass_fds=(3,))
        assert result.rc == 0 and os.read(end, 100) == b"through\n"
    finally:
        for fd in {end, other, 3}:
            os.close(fd)


@promise("spec:144", "spec:145", "spec:142", "spec:143")
def test_annotations_are_kept_whatever_they_say(runtime):
    container = sleeper(runtime)
    keys = ["os", "os.version", "os.features", "architecture", "variant", "author", "created", "stopSignal"]
    annotations = {f"org.opencontainers.image.{key}": key for key in keys}
    annotations |= {"org.opencontainers.image.stopSignal": "SIGUSR1", "unheard.of": "", "x": "y"}
    container.config["annotations"] = annotations
    assert json.loads(runtime.ok("state", container.create().id))["annotations"] == annotations
