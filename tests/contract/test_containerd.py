"""containerd's shim, docker behind it: go-runc's command lines, the pid file, the log file, what is
read from errors, the container's streams and its parent."""
import json
import os
import select
import socket
import subprocess

import pytest

import callers
import console
from tare import eventually, in_own_ids, promise, read_text, unprivileged, user_namespace

LOOP = "trap 'exit 3' TERM; echo up; while :; do sleep 0.02; done"


@pytest.fixture
def shim(runtime):
    """The shim of a container that says "up" and lives until SIGTERM."""
    caller = callers.Shim(runtime.container(["/bin/sh", "-c", LOOP]))
    yield caller
    caller.close()


def created(shim, *options, **how):
    """A `create` that must succeed."""
    result = shim.create(*options, **how)
    assert result.rc == 0, result
    return shim


def started(shim):
    """Created, started, and up."""
    created(shim)
    assert shim.call("start", shim.id) == (0, "", "")
    assert callers.read_line(shim.out) == b"up\n"
    return shim


@promise("contract:7.2", "contract:7.3")
def test_life_without_privileges(unprivileged_runtime):
    """What rootless engines do: the same verbs as an ordinary user."""
    runtime = unprivileged_runtime
    container = runtime.container(["/bin/sh", "-c", LOOP])
    unprivileged(container.config, os.geteuid() or 1000, os.getegid() or 1000)
    container.create()
    assert container.status() == "created"
    assert callers.parent_of(container.pid) == os.getpid()
    container.start()
    eventually(lambda: container.output() == ("up\n", ""))
    assert runtime.call("delete", container.id).rc == 1
    container.kill("TERM")
    assert container.wait() == 3
    container.delete()
    assert runtime.ids() == []


def ends(descriptor, timeout=5):
    """Whether a pipe comes to its end in time."""
    return bool(select.select([descriptor], [], [], timeout)[0]) and os.read(descriptor, 1) == b""


@promise("contract:8", "contract:7.2", "contract:7.3", "contract:5")
def test_life(runtime_in_view):
    shim = callers.Shim(runtime_in_view.container(["/bin/sh", "-c", LOOP]))
    created(shim)
    pid = shim.container.pid
    assert callers.parent_of(pid) == os.getpid(), "init must come to the caller's subreaper"
    assert callers.holders(shim.out) == {pid}, "only init may hold the streams"
    assert callers.holders(shim.err) == {pid}
    rc, output = shim.combined("state", shim.id)
    state = json.loads(output)
    assert (rc, state["status"], state["pid"], state["bundle"]) == (0, "created", pid, shim.bundle)
    assert shim.call("start", shim.id) == (0, "", "")
    assert callers.read_line(shim.out) == b"up\n"
    assert shim.call("kill", shim.id, "15") == (0, "", "")
    assert shim.container.wait() == 3
    assert ends(shim.out) and ends(shim.err)
    assert shim.call("delete", shim.id) == (0, "", "")
    assert not [x for x in shim.entries() if x["level"] == "error"]
    shim.close()


@pytest.fixture
def other_user_namespace(host):
    """A user namespace with ids from 100000 on, made by somebody else: the path to it."""
    words = ["setpriv", "--pdeathsig", "KILL", "sleep", "infinity"]
    words = ["unshare", "--user", *words] if os.geteuid() == 0 else in_own_ids(words)
    with subprocess.Popen(words, stdin=subprocess.DEVNULL) as holder:
        host.holders.add(holder.pid)
        path = f"/proc/{holder.pid}/ns/user"
        eventually(lambda: os.readlink(path) != os.readlink("/proc/self/ns/user"))
        for ids in ("uid", "gid") if os.geteuid() == 0 else ():
            with open(f"/proc/{holder.pid}/{ids}_map", "w", encoding="ascii") as file:
                file.write("0 100000 65536\n")
        yield path
        holder.kill()
        holder.wait()
        host.holders.discard(holder.pid)


@promise("contract:7.2", "contract:7.3")
@pytest.mark.parametrize("mode", ["plain", "user", "joined user", "host pid", "hooks", "time", "no-pivot"])
def test_init_alone_holds_the_streams(shim, other_user_namespace, mode):
    """No helper, intermediate or hook process stays behind, and init comes to the caller."""
    config, options = shim.container.config, []
    namespaces = config["linux"]["namespaces"]
    if mode == "user":
        user_namespace(config)
        shim.container.chown(100000)
    elif mode == "joined user":
        namespaces.append({"type": "user", "path": other_user_namespace})
        shim.container.chown(100000)
    elif mode == "host pid":
        namespaces[:] = [x for x in namespaces if x["type"] != "pid"]
    elif mode == "hooks":
        config["hooks"] = {kind: [{"path": "/bin/true"}] for kind in
                           ("prestart", "createRuntime", "createContainer", "startContainer")}
    elif mode == "time":
        namespaces.append({"type": "time"})
        config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000}}
    else:
        options = ["--no-pivot"] if mode == "no-pivot" else []
    created(shim, *options)
    pid = shim.container.pid
    assert callers.parent_of(pid) == os.getpid()
    assert callers.holders(shim.out) == callers.holders(shim.err) == {pid}
    assert shim.call("start", shim.id) == (0, "", "")
    assert callers.read_line(shim.out) == b"up\n"
    assert pid in callers.holders(shim.out)
    assert shim.call("kill", shim.id, "9") == (0, "", "")
    assert shim.container.wait() == 137
    assert shim.call("delete", shim.id) == (0, "", "")
    assert callers.holders(shim.out) == set()


@promise("contract:8", "contract:5")
def test_pid_file_is_strict(shim):
    created(shim)
    assert read_text(shim.pid_file) == str(shim.container.pid)
    assert [x for x in os.listdir(shim.bundle) if x.startswith(".")] == [], "no temporary file is left"


@promise("contract:8", "contract:5")
def test_pid_file_of_a_detached_run(shim):
    callers.skip_peer(shim.runtime, "crun", "knows no option with one dash")
    shim.container.write()
    done = shim.runtime.call("run", "--detach", "--bundle", shim.bundle, "--pid-file", shim.pid_file,
                             "-no-subreaper", shim.id)
    assert done.rc == 0, done
    pid = callers.strict_atoi(read_text(shim.pid_file))
    assert callers.parent_of(pid) == os.getpid()
    shim.container.pid, shim.container.pidfd = pid, os.pidfd_open(pid)
    shim.container.delete("--force")


@promise("contract:8")
@pytest.mark.parametrize("options", [["--no-pivot"], ["--no-new-keyring"],
                                     ["--no-pivot", "--no-new-keyring"], ["--preserve-fds", "0"]])
def test_options_of_create(shim, options):
    created(shim, *options)
    assert shim.call("start", shim.id).rc == 0
    assert callers.read_line(shim.out) == b"up\n"
    assert shim.call("delete", "--force", shim.id) == (0, "", "")
    shim.container.reap()


@promise("contract:8", "contract:4")
def test_errors_come_through_the_log(shim):
    shim.container.config["process"]["args"] = ["/no/such/program"]
    result = shim.create()
    assert result.rc == 1
    message = shim.last_error()
    assert "no such file or directory" in message.lower()
    assert message in result.err, "and stand on the standard error as well"
    assert not result.err.startswith(("time=", "{")), "plainly"
    if not shim.runtime.path.endswith("crun"):
        assert "create failed: " in message


@promise("contract:8", "contract:4")
def test_many_calls_share_one_log(shim):
    shim.container.config["process"]["args"] = ["/no/such/program"]
    assert shim.create().rc == 1
    first = shim.last_error()
    shim.close()
    shim.container.config["process"]["args"] = ["/bin/sh", "-c", LOOP]
    created(shim)
    assert shim.last_error() == first, "a success adds no error"
    assert shim.call("start", "no-such-container").rc == 1
    assert "does not exist" in shim.last_error()
    assert shim.call("start", shim.id).rc == 0
    assert shim.call("start", shim.id).rc == 1
    assert shim.last_error() != first
    assert len([x for x in shim.entries() if x["level"] == "error"]) == 3
    assert shim.call("delete", "--force", shim.id).rc == 0
    shim.container.reap()


@promise("contract:8", "contract:4")
def test_odd_bytes_in_the_log(shim):
    """What stands in a config comes into the log as JSON, whatever it is."""
    shim.container.config["process"]["args"] = ['/no "such"\n\tpro\\gram\u20ac\x01']
    assert shim.create().rc == 1
    assert 'no "such"' in shim.last_error() or r'no \"such\"' in shim.last_error()


@promise("contract:8", "contract:14")
def test_kill_errors_are_not_found(shim):
    rc, output = shim.combined("kill", "no-such-container", "9")
    assert rc == 1 and shim.classify_kill(output) == "NotFound", output
    started(shim)
    assert shim.call("kill", shim.id, "9") == (0, "", "")
    assert shim.container.wait() == 137
    rc, output = shim.combined("kill", shim.id, "9")
    assert rc == 1 and shim.classify_kill(output) == "NotFound", output
    if not shim.runtime.path.endswith("crun"):
        assert shim.call("kill", "--all", shim.id, "9").rc == 0, "kill --all of a stopped one"
    assert shim.call("delete", shim.id) == (0, "", "")
    rc, output = shim.combined("delete", shim.id)
    if not shim.runtime.path.endswith("crun"):  # "cannot open directory"
        assert rc == 1 and "does not exist" in output
    assert shim.combined("delete", "--force", shim.id) == (0, "")


@promise("contract:8", "contract:7.8")
@pytest.mark.parametrize("words", [["--all"], ["-a"], []])
def test_kill_of_all_in_a_shared_pid_namespace(runtime_in_view, words):
    runtime = runtime_in_view
    shim = callers.Shim(runtime.container(
        ["/bin/sh", "-c", "setsid sleep 100 > /dev/null 2>&1 & echo up; wait"]))
    config = shim.container.config
    config["linux"]["namespaces"] = [x for x in config["linux"]["namespaces"] if x["type"] != "pid"]
    config["linux"]["cgroupsPath"] = f"/{shim.id}"
    started(shim)
    child = shim.container.runtime.view.cgroup2() + f"/{shim.id}/cgroup.procs"
    eventually(lambda: len(read_text(child).split()) == 2)
    if not words and runtime.path.endswith("crun"):
        pytest.skip("crun kills only init without --all")
    assert shim.call("kill", *words, shim.id, "9").rc == 0
    assert shim.container.wait() == 137
    eventually(lambda: read_text(child) == "")
    assert shim.call("delete", shim.id) == (0, "", "")
    shim.close()


@promise("contract:8", "contract:7.7", "contract:14")
def test_delete_of_a_running_container(shim):
    started(shim)
    result = shim.call("delete", shim.id)
    assert result.rc == 1
    if not shim.runtime.path.endswith("crun"):
        assert f"cannot delete container {shim.id} that is not stopped: running" in shim.last_error()
    assert shim.call("delete", "--force", shim.id) == (0, "", "")
    assert shim.container.wait() == 137
    assert shim.call("delete", "--force", shim.id) == (0, "", "")


@promise("contract:8", "contract:7.7")
def test_delete_of_a_created_container(shim):
    created(shim)
    assert shim.call("delete", shim.id) == (0, "", "")
    assert shim.container.wait() == 137
    assert ends(shim.out)


@promise("contract:8", "contract:14")
def test_start_twice_and_after_the_end(shim):
    started(shim)
    assert shim.call("start", shim.id).rc == 1
    if not shim.runtime.path.endswith("crun"):
        assert "cannot start an already running container" in shim.last_error()
    shim.call("kill", shim.id, "9")
    shim.container.wait()
    assert shim.call("start", shim.id).rc == 1
    if not shim.runtime.path.endswith("crun"):
        assert "cannot start a container that has stopped" in shim.last_error()


@promise("contract:8", "contract:5")
def test_list(shim):
    answer = shim.call("list", "--format=json")
    if answer.rc == 0:
        assert json.loads(answer.out) in (None, []) and answer.err == ""
    started(shim)
    answer = shim.call("list", "--format=json")
    assert (answer.rc, answer.err) == (0, "")
    row, = json.loads(answer.out)
    assert (row["id"], row["pid"], row["status"]) == (shim.id, shim.container.pid, "running")
    callers.parse_time(row["created"])


@promise("contract:8", "contract:5")
def test_features(shim):
    """containerd decides by these about recursive read-only mounts and user namespaces."""
    answer = shim.call("features")
    assert answer.rc == 0
    features = json.loads(answer.out)
    assert "rro" in features["mountOptions"]
    assert "user" in features["linux"]["namespaces"]
    assert features["linux"]["mountExtensions"]["idmap"]["enabled"] is True
    assert features["ociVersionMin"] == "1.0.0"
    assert features["ociVersionMax"].startswith("1.")


@promise("contract:8", "contract:7.5")
def test_console_socket(shim):
    shim.container.config["process"]["terminal"] = True
    with console.Console(shim.bundle) as terminal:
        created(shim, "--console-socket", terminal.path)
        terminal.accept()
        assert 0 < len(terminal.payload) <= 4096
        assert callers.holders(shim.out) == set(), "a terminal takes the streams' place"
        assert shim.call("start", shim.id) == (0, "", "")
        terminal.read_until(b"up\r\n")
        shim.call("kill", shim.id, "15")
        assert shim.container.wait() == 3
        terminal.read_until()


@promise("contract:8", "contract:7.5")
def test_pidfd_socket(shim):
    callers.skip_peer(shim.runtime, "crun", "has no --pidfd-socket")
    with console.Console(shim.bundle) as receiver:
        created(shim, "--pidfd-socket", receiver.path)
        receiver.accept()
        assert receiver.payload == b"standard"
        text = read_text(f"/proc/self/fdinfo/{receiver.master}")
        assert f"Pid:\t{shim.container.pid}\n" in text


@promise("contract:8", "contract:14")
@pytest.mark.parametrize("terminal, option", [(True, False), (False, True)])
def test_terminal_without_socket_and_back(shim, terminal, option):
    shim.container.config["process"]["terminal"] = terminal
    with console.Console(shim.bundle) as receiver:
        result = shim.create(*(["--console-socket", receiver.path] if option else []))
    if shim.runtime.path.endswith("crun") and option:
        return  # crun takes a socket that it does not need
    assert result.rc == 1
    if not shim.runtime.path.endswith("crun"):
        name = os.path.basename(shim.runtime.path)
        assert (f"cannot allocate tty if {name} will detach without setting console socket" if terminal
                else f"cannot use console socket if {name} will not detach or allocate tty"
                ) in shim.last_error() or "if runc will" in shim.last_error()


@promise("contract:8")
@pytest.mark.parametrize("count", [1, 3])
def test_preserve_fds(runtime, count):
    shim = callers.Shim(runtime.reporter("fds"))
    pairs = [socket.socketpair() for _ in range(count)]
    # the descriptors from 3 on, as a caller arranges them
    saved = []
    for number, pair in enumerate(pairs):
        target = 3 + number
        saved.append((target, os.dup(target) if os.path.exists(f"/proc/self/fd/{target}") else None))
    try:
        result = preserved(shim, pairs, count)
    finally:
        for pair in pairs:
            pair[0].close()
            pair[1].close()
        for _, copy in saved:
            if copy is not None:
                os.close(copy)
    assert result.rc == 0, result
    assert shim.call("start", shim.id).rc == 0
    assert shim.container.wait() == 0
    seen = json.loads(os.read(shim.out, 65536))["fds"]
    assert sorted(seen) == [str(x) for x in range(3 + count)]
    assert all(seen[str(3 + x)].startswith("socket:") for x in range(count))
    shim.close()


def preserved(shim, pairs, count):
    """A create whose runtime has the sockets as its descriptors from 3 on."""
    numbers = [pair[1].fileno() for pair in pairs]
    moves = " ".join(f"{3 + i}<&{n}" for i, n in enumerate(numbers) if n != 3 + i)
    closes = " ".join(f"{n}<&-" for n in numbers if n >= 3 + count)
    words = shim.argv
    try:
        shim.argv = lambda *args: ["bash", "-c", f'exec {moves} && exec {closes or ":"}'
                                   f' && exec "$@"'.replace("exec : &&", ""), "bash", *words(*args)]
        return shim.create("--preserve-fds", str(count), pass_fds=numbers)
    finally:
        shim.argv = words


@promise("contract:12")
def test_docker_reads_the_version(shim):
    docker = callers.Docker(shim.container)
    rc, output = docker.combined("--version")
    name, version, commit = docker.parse_version(output)
    assert rc == 0
    assert name == os.path.basename(shim.runtime.path)
    assert version and " " not in version
    assert commit


@promise("contract:12", "contract:10", "contract:7.4", "contract:14")
@pytest.mark.parametrize("program, docker_says, podman_says", [
    ("no-such-program", 127, 127), ("/no/such/program", 127, 127), ("/no-exec", 126, 126),
    ("/etc", 126, None), ("./no-such-program", 127, 127)])
def test_exit_codes_from_texts(shim, program, docker_says, podman_says):
    """A missing program is found at create, and every engine tells it from one that may not run."""
    with open(f"{shim.container.rootfs}/no-exec", "w", encoding="ascii") as file:
        file.write("not a program\n")
    shim.container.config["process"]["args"] = [program]
    result = shim.create()
    assert result.rc == 1
    message = shim.last_error()
    if program in ("/etc", "/no-exec"):
        callers.skip_peer(shim.runtime, "crun", "says that it is not permitted, 128 for docker")
    assert callers.Docker.exit_code(message) == docker_says, message
    if podman_says:
        assert callers.Podman.exit_code(result.err) == podman_says, result.err


@promise("contract:8", "contract:5")
def test_pause_resume_ps(shim):
    """Task.Pause, Resume, Pids and docker top, whose output is read together with the errors."""
    started(shim)
    assert shim.call("pause", shim.id) == (0, "", "")
    assert json.loads(shim.combined("state", shim.id)[1])["status"] == "paused"
    rc, output = shim.combined("ps", "--format", "json", shim.id)
    assert rc == 0 and shim.container.pid in json.loads(output)
    assert shim.call("resume", shim.id) == (0, "", "")
    callers.skip_peer(shim.runtime, "crun", "has no table of ps(1)")
    rc, output = shim.combined("ps", "--format", "table", shim.id, "-o", "pid,args", "-e")
    assert rc == 0 and output.splitlines()[0].split()[0] == "PID"
    assert str(shim.container.pid) in {line.split()[0] for line in output.splitlines()[1:]}
    assert shim.call("kill", shim.id, "9").rc == 0
    assert shim.container.wait() == 137
    result = shim.call("pause", shim.id)
    assert result.rc == 1 and shim.classify_kill(result.err) == "NotFound"
    assert "not running" in shim.last_error()


@promise("contract:8", "contract:7.12")
def test_update_from_standard_input(shim):
    """Task.Update: the resources of config.json as CRI or docker changed them, on the standard input."""
    started(shim)
    done = shim.call("update", "--resources=-", shim.id,
                     input=json.dumps({"unified": {"cgroup.max.depth": "5"}}))
    assert done == (0, "", "")
    done = shim.call("update", "--resources=-", shim.id, input='{"unified": {"cgroup.max.depth": "x"}}')
    assert done.rc == 1 and "cgroup.max.depth" in shim.last_error()


@promise("contract:8", "contract:5")
def test_stats_and_events(shim):
    callers.skip_peer(shim.runtime, "crun", "has no events")
    if "memory" not in read_text(f"{shim.runtime.view.cgroup2()}/cgroup.controllers"):
        callers.skip_peer(shim.runtime, "runc", "prints no statistics without the controllers")
    started(shim)
    rc, output = shim.combined("events", "--stats", shim.id)
    event = json.loads(output)
    assert (rc, event["type"], event["id"]) == (0, "stats", shim.id)
    assert {"cpu", "memory", "pids", "blkio", "hugetlb"} <= set(event["data"])
    with subprocess.Popen(shim.argv("events", "--interval=1s", shim.id), stdout=subprocess.PIPE,
                          env=shim.environment()) as events:
        assert json.loads(callers.read_line(events.stdout))["type"] == "stats"
        assert shim.call("kill", shim.id, "9").rc == 0
        assert shim.container.wait() == 137
        assert events.wait(20) == 0
    assert shim.call("events", "--stats", shim.id).rc == 1
    assert "is not running" in shim.last_error()
