"""tare of one version and containers of another: what older ones have recorded (tests/data/records) is driven by
this one, what a newer one has recorded is refused by name, and the executable may be replaced while containers run.

At a release: TARE_RECORD=0.2 tests/run -k record_is_kept integration, which writes the records that this version
makes into tests/data/records/0.2, where they stay for good.
"""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess

import pytest

import callers
import tare
from tare import eventually, promise, read_text

RECORDS = f"{tare.TOP}/tests/data/records"
VERSIONS = sorted(os.listdir(RECORDS)) if os.path.isdir(RECORDS) else []
FILES = ["state.json", "exec.json", "seccomp.bpf"]

# libcontainer/process/channel.h: the messages of the start socket, type, value and length of the text; a container
# that was created by an older version speaks these as long as it lives
HEADER = "=IiI"
ERROR, EXECUTING, START, PROTOCOL = 2, 6, 11, 1


def small(container):
    """As little as a container can have."""
    for name in ("hostname", "mounts"):
        del container.config[name]
    container.config["linux"] = {"namespaces": [{"type": "mount"}, {"type": "pid"}]}


def full(container):
    """One with what a record can tell."""
    config, linux = container.config, container.config["linux"]
    tare.user_namespace(config)
    container.chown(100000)
    linux["namespaces"].append({"type": "time"})
    linux["cgroupsPath"] = f"/{container.id}"
    linux["resources"] = {"unified": {"cgroup.max.depth": "5"},
                          "devices": [{"allow": False, "access": "rwm"},
                                      {"allow": True, "type": "c", "major": 10, "minor": 200, "access": "rw"}]}
    linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW",
                        "syscalls": [{"names": ["chmod", "fchmod", "fchmodat"], "action": "SCMP_ACT_ERRNO"}]}
    config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "hard": 512, "soft": 256}]
    config["process"]["oomScoreAdj"] = 5
    config["annotations"] = {"org.example.key": "value \u20ac", "run.oci.delegate-cgroup": "inner"}
    config["hooks"] = {kind: [{"path": "/bin/sh", "args": ["sh", "-c", f'cat > "$OUT/{kind}"'],
                               "env": ["OUT=@BUNDLE@", "PATH=/bin:/usr/bin"], "timeout": 20}]
                       for kind in ("poststart", "poststop")}


KINDS = {"small": small, "full": full}


def made(runtime, kind):
    """A created container of this kind; its hooks' files are in its bundle."""
    if not runtime.is_tare:
        pytest.skip("another runtime has records of its own")
    container = runtime.container(["/bin/sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.05; done"])
    KINDS[kind](container)
    container.config = json.loads(json.dumps(container.config).replace("@BUNDLE@", container.bundle))
    return container.create()


def directory(container):
    return f"{container.runtime.state_root}/{container.id}"


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def store(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)


def identity(pid):
    """Who a process is, as version 1 of the record says it."""
    pidfd = os.pidfd_open(pid)
    try:
        fields = read_text(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
        return {"pid": pid, "startTime": int(fields[19]), "pidNs": os.stat("/proc/self/ns/pid").st_ino,
                "pidfsId": os.fstat(pidfd).st_ino}
    finally:
        os.close(pidfd)


def put_back(container, source, pid):
    """Gives a container the record that another version made of one like it: only its names and its process are
    this one's."""
    text = read_text(f"{source}/state.json")
    old = json.loads(text)
    text = text.replace(old["bundle"], container.bundle).replace(old["id"], container.id)
    record = json.loads(text)
    known = set(record["init"])
    record["init"] = {key: value for key, value in identity(pid).items() if key in known}
    if record.get("cgroup"):
        lines = read_text(f"/proc/{container.pid}/cgroup").splitlines()
        own = next(x[3:] for x in lines if x.startswith("0::")).removesuffix("/inner")
        assert own.endswith(f"/{container.id}")
        record["cgroup"] = container.runtime.view.cgroup2() + own
    store(f"{directory(container)}/state.json", record)
    for name in FILES[1:]:
        if os.path.exists(f"{source}/{name}"):
            shutil.copy(f"{source}/{name}", f"{directory(container)}/{name}")
        elif os.path.exists(f"{directory(container)}/{name}"):
            os.unlink(f"{directory(container)}/{name}")


@pytest.mark.parametrize("kind", KINDS)
def test_record_is_kept(runtime, kind):
    """What this version records holds all that the one before did, under the same names: members may be added."""
    container = made(runtime, kind)
    where = os.environ.get("TARE_RECORD")
    if where:
        os.makedirs(f"{RECORDS}/{where}/{kind}", exist_ok=True)
        for name in FILES:
            if os.path.exists(f"{directory(container)}/{name}"):
                shutil.copyfile(f"{directory(container)}/{name}", f"{RECORDS}/{where}/{kind}/{name}")
    record = load(f"{directory(container)}/state.json")
    for version in VERSIONS:
        old = load(f"{RECORDS}/{version}/{kind}/state.json")
        if old["version"] == record["version"]:
            assert set(old) - set(record) == set()
            assert {key: type(old[key]) for key in old} == {key: type(record[key]) for key in old}


@promise("contract:7.9", "contract:7.12", "contract:7.7")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", VERSIONS)
def test_older_record(runtime, version, kind):
    """Every verb, on a container whose record an older version wrote."""
    container = made(runtime, kind)
    put_back(container, f"{RECORDS}/{version}/{kind}", container.pid)
    state = json.loads(runtime.ok("state", container.id))
    assert (state["status"], state["pid"], state["bundle"]) == ("created", container.pid, container.bundle)
    assert state.get("annotations") == container.config.get("annotations")
    runtime.ok("start", container.id)
    assert runtime.ids() == [container.id] and container.status() == "running"
    assert runtime.ok("exec", container.id, "/bin/id", "-u") == "0\n"
    assert container.pid in json.loads(runtime.ok("ps", "--format", "json", container.id))
    runtime.ok("pause", container.id)
    assert container.status() == "paused"
    runtime.ok("resume", container.id)
    assert json.loads(runtime.ok("events", "--stats", container.id))["id"] == container.id
    if kind == "full":
        assert read_text(f"{container.bundle}/poststart")
        seen = runtime.ok("exec", container.id, "/bin/grep", "-E", "^Seccomp:|^0::", "/proc/self/status",
                          "/proc/self/cgroup")
        assert seen == "/proc/self/status:Seccomp:\t2\n/proc/self/cgroup:0::/inner\n"
        resources = json.dumps({"unified": {"cgroup.max.depth": "6"}})
        runtime.ok("update", "--resources", "-", container.id, stdin=resources)
        assert load(f"{directory(container)}/state.json")["resources"]["unified"] == {"cgroup.max.depth": "6"}
    runtime.ok("kill", container.id, "TERM")
    assert container.wait() == 3
    assert container.status() == "stopped"
    runtime.ok("delete", container.id)
    if kind == "full":
        assert json.loads(read_text(f"{container.bundle}/poststop"))["status"] == "stopped"


@pytest.mark.parametrize("answer, words", [(None, None), ("no such thing", "no such thing")])
@pytest.mark.parametrize("version", VERSIONS)
def test_start_of_an_older_container(runtime, version, answer, words):
    """The init of an older version hears what it knows, and its answers are understood."""
    container = made(runtime, "small")
    path = f"{directory(container)}/start.sock"
    os.unlink(path)
    here = os.getcwd()
    with subprocess.Popen(["sleep", "100"]) as process, \
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        os.chdir(directory(container))  # the whole path may be too long for the address
        listener.bind("start.sock")
        os.chdir(here)
        listener.listen(5)
        put_back(container, f"{RECORDS}/{version}/small", process.pid)
        call = runtime.popen("start", container.id, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                heard = connection.recv(100)
                if not heard:
                    continue  # a look at the state
                assert struct.unpack(HEADER, heard) == (START, PROTOCOL, 0)
                listener.close()
                text = (answer or "").encode()
                connection.send(struct.pack(HEADER, *((ERROR, 5, len(text)) if answer else (EXECUTING, 0, 0)))
                                + text)
            break
        out, err = call.communicate(timeout=20)
        assert (call.returncode, out) == (1 if answer else 0, "")
        assert words in err if words else err == ""
        process.kill()
    os.kill(container.pid, signal.SIGKILL)
    container.wait()


VERBS = [["state"], ["start"], ["exec", "{}", "/bin/true"], ["kill"], ["delete"], ["delete", "--force"], ["pause"],
         ["resume"], ["ps"], ["update", "--pids-limit", "5"], ["events", "--stats"], ["wait"]]


@pytest.mark.parametrize("words", VERBS, ids=lambda x: " ".join(x[:2]))
def test_newer_record(runtime, words):
    """An older tare says who must do it, and changes nothing: least of all does it delete the container."""
    container = made(runtime, "small")
    path = f"{directory(container)}/state.json"
    kept = load(path)
    store(path, dict(kept, version=kept["version"] + 1, invented={"by": "a newer one"}))
    before = read_text(path)
    words = [x.format(container.id) for x in words]
    result = runtime.call(*words, *([] if container.id in words else [container.id]))
    assert result.rc == (255 if words[0] == "exec" else 1)
    assert "it was written by a newer tare (record version 2, this one knows 1): use that one" in result.err
    assert read_text(path) == before and os.path.exists(f"/proc/{container.pid}")
    result = runtime.call("create", "--bundle", container.bundle, container.id)
    assert result.rc == 1 and os.path.exists(f"/proc/{container.pid}"), result
    store(path, kept)
    assert container.status() == "created"


def test_newer_record_in_a_list(runtime):
    """The others are listed all the same."""
    newer, known = made(runtime, "small"), made(runtime, "small")
    path = f"{directory(newer)}/state.json"
    kept = load(path)
    store(path, dict(kept, version=kept["version"] + 1))
    result = runtime.call("list", "-q")
    assert known.id in result.out.split()
    assert "newer tare" in result.err
    store(path, kept)


def test_members_that_are_not_known(runtime):
    """A newer version that adds something an older one may ignore leaves the number as it is."""
    container = made(runtime, "full")
    for name in FILES[:2]:
        path = f"{directory(container)}/{name}"
        store(path, dict(load(path), invented=[1, {"x": None}]))
    container.start()
    assert runtime.ok("exec", container.id, "/bin/echo", "hello") == "hello\n"
    container.kill("KILL")
    container.wait()
    container.delete()


@promise("contract:7.2", "CVE-2019-5736")
@pytest.mark.parametrize("kind", KINDS)
def test_replaced_executable(runtime, kind):
    """A package is upgraded while containers are created, run, and are attended to."""
    if not runtime.is_tare:
        pytest.skip("of tare's own executable")
    original, runtime.path = runtime.path, f"{runtime.directory}/tare"
    shutil.copy(original, runtime.path)
    container = made(runtime, kind)
    attended = runtime.container(["/bin/sh", "-c", "echo up; read x; exit 7"])
    attended.write()
    with runtime.popen("run", "--bundle", attended.bundle, attended.id, stdin=subprocess.PIPE,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
        assert callers.read_line(process.stdout) == b"up\n"
        before = os.stat(runtime.path).st_ino
        shutil.copy(original, f"{runtime.path}.new")
        os.rename(f"{runtime.path}.new", runtime.path)
        assert os.stat(runtime.path).st_ino != before
        assert container.status() == "created"
        runtime.ok("start", container.id)
        assert runtime.ok("exec", container.id, "/bin/echo", "hello") == "hello\n"
        assert runtime.ok("exec", attended.id, "/bin/echo", "hello") == "hello\n"
        container.kill("TERM")
        assert container.wait() == 3
        container.delete()
        process.stdin.write(b"\n")
        assert process.wait(20) == 7
        assert process.stderr.read() == b""
    eventually(lambda: runtime.ids() == [])
