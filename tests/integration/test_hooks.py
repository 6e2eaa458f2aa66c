"""Hooks: their order, the namespaces they run in, what they are given, how they end, and what a hook that
enters the container's mount namespace may change."""
import json
import os
import shlex
import signal
import subprocess
import time

import pytest

import faults
from tare import eventually, promise, read_text

KINDS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
ON_THE_HOST = [kind for kind in KINDS if kind != "startContainer"]  # whose paths are the host's
NAMESPACES = ["mnt", "pid", "net", "ipc", "uts", "cgroup", "user"]


def shell(script, **members):
    """A hook that runs a script."""
    return {"path": "/bin/sh", "args": ["sh", "-c", script], **members}


def life(container):
    """create, start, the program's end, delete."""
    container.create().start()
    container.wait()
    container.delete()


def out_of_reach(container, kind, name):
    """The path of a file as a hook of this kind names it, and as the test does."""
    if kind == "startContainer":
        return f"/tmp/{name}", f"{container.rootfs}/tmp/{name}"
    return (f"{container.bundle}/{name}",) * 2


def failure(container, kind):
    """The Result of the verb in which the hooks of this kind fail."""
    if kind in ("prestart", "createRuntime", "createContainer"):
        result = container.try_create()
    else:
        container.create()
        result = container.runtime.call("start", container.id)
    assert result.rc == 1, result
    return result


@pytest.fixture
def container(runtime):
    """A container whose program ends at once and whose root may be written to."""
    made = runtime.container(["/bin/true"])
    made.config["root"]["readonly"] = False
    return made


def test_no_signal_is_kept_from_hooks(container):
    """Whatever an attached run does with its own ones, which ignores SIGPIPE. (busybox's shell ignores SIGQUIT.)"""
    files = {kind: out_of_reach(container, kind, kind) for kind in KINDS}
    container.config["hooks"] = {kind: [shell(f"grep -E 'Sig(Ign|Blk)' /proc/self/status > {inner}")]
                                 for kind, (inner, _) in files.items()}
    assert container.run() == (0, "", "")
    for kind, (_, outer) in files.items():
        blocked, ignored = (int(x, 16) for x in read_text(outer).split()[1::2])
        assert (blocked, ignored & 1 << signal.SIGPIPE - 1) == (0, 0), (kind, read_text(outer))


@pytest.mark.parametrize("attached", [False, True])
@promise("spec:134", "spec:136", "spec:137", "spec:138", "spec:139", "spec:140", "spec:141")
def test_order(container, attached):
    """All kinds one after the other, those of one kind as they are listed; the program runs between
    startContainer and poststart or at the same time as the latter."""
    log, seen = f"{container.bundle}/log", f"{container.rootfs}/tmp/log"
    hooks = container.config["hooks"] = {
        kind: [shell(f"echo {kind} {number} >> {log}") for number in range(3)] for kind in KINDS}
    hooks["startContainer"] = [
        shell(f"echo startContainer {number} >> /tmp/log") for number in range(3)]
    container.config["process"]["args"] = ["/bin/sh", "-c", "echo program >> /tmp/log"]
    if attached:
        assert container.run().rc == 0
    else:
        container.create()
        assert read_text(log).split()[::2] == ["prestart"] * 3 + ["createRuntime"] * 3 + \
            ["createContainer"] * 3
        assert not os.path.exists(seen)
        container.start()
        container.wait()
        assert read_text(log).split()[-2] == "poststart"
        container.delete()
    assert read_text(log).splitlines() == [f"{kind} {number}" for kind in ON_THE_HOST
                                           for number in range(3)]
    assert read_text(seen).splitlines() == [f"startContainer {n}" for n in range(3)] + ["program"]


@pytest.mark.parametrize("kind", KINDS)
@promise("spec:15", "spec:16", "spec:17", "spec:135", "issue:7.5")
def test_state_on_stdin(container, kind):
    """The status of the moment, and the pid as the hook's side counts."""
    inner, outer = out_of_reach(container, kind, "state")
    container.config["annotations"] = {"org.example.key": "värde \"quoted\""}
    container.config["hooks"] = {kind: [shell(f"cat > {inner}"), shell(f"cat >> {inner}.second")]}
    life(container)
    text = read_text(outer)
    state = json.loads(text)
    status, pid = {"prestart": ("creating", container.pid), "createRuntime": ("creating", container.pid),
                   "createContainer": ("creating", 1), "startContainer": ("created", 1),
                   "poststart": ("running", container.pid), "poststop": ("stopped", 0)}[kind]
    assert (state["status"], state["pid"]) == (status, pid)
    assert state["id"] == container.id
    assert state["bundle"] == container.bundle
    assert state["ociVersion"] == container.config["ociVersion"]
    assert state["annotations"] == container.config["annotations"]
    assert read_text(f"{outer}.second") == text


@promise("spec:16")
def test_pid_in_a_shared_pid_namespace(container):
    """Without a pid namespace of its own the container counts as the host does."""
    container.config["linux"]["namespaces"] = [
        entry for entry in container.config["linux"]["namespaces"] if entry["type"] != "pid"]
    container.config["hooks"] = {"createContainer": [shell(f"cat > {container.bundle}/a")],
                                 "startContainer": [shell("cat > /tmp/b")]}
    life(container)
    for path in (f"{container.bundle}/a", f"{container.rootfs}/tmp/b"):
        assert json.loads(read_text(path))["pid"] == container.pid


@pytest.mark.parametrize("kind", KINDS)
@promise("spec:136", "spec:137", "spec:138", "spec:139", "spec:140", "spec:141")
def test_namespaces(container, kind):
    """By their inode numbers. createContainer: the container's namespaces, the host's paths."""
    inner, outer = out_of_reach(container, kind, "namespaces")
    names = " ".join(f"/proc/self/ns/{name}" for name in NAMESPACES)
    container.config["hooks"] = {kind: [shell(f"for x in {names}; do readlink $x; done > {inner}")]}
    container.create()
    inside = [os.readlink(f"/proc/{container.pid}/ns/{name}") for name in NAMESPACES]
    view = container.runtime.view.prefix()
    outside = subprocess.run(view + ["readlink"] + names.split(), check=True, capture_output=True,
                             text=True).stdout.split()
    container.start()
    container.wait()
    container.delete()
    seen = read_text(outer).split()
    assert inside[:-1] != outside[:-1]
    if kind in ("createContainer", "startContainer"):
        assert seen == inside
    else:
        assert seen == outside


@promise("spec:137", "spec:138")
def test_create_hooks_find_the_mounts_made(container):
    """Before pivot_root: the tree stands below root.path in the container's mount namespace, and only
    there."""
    out, root = f"{container.bundle}/seen", container.rootfs
    container.config["mounts"].append({"destination": "/mnt", "type": "tmpfs", "source": "tmpfs"})
    look = f"grep -c ' {root}/mnt ' /proc/$pid/mountinfo >> {out}"
    pid = 'pid=$(sed \'s/.*"pid":\\([0-9]*\\).*/\\1/\');'
    container.config["hooks"] = {
        "createRuntime": [shell(f"{pid} {look}; pid=self; {look}; true")],
        "createContainer": [shell(f"pid=self; {look}")]}
    container.create()
    assert read_text(out).split() == ["1", "0", "1"]


@promise("spec:139")
def test_start_container_is_inside(container):
    """Its path is the container's."""
    with open(f"{container.rootfs}/bin/only-inside", "w", encoding="ascii") as file:
        file.write("#!/bin/sh\nhostname > /tmp/seen\n")
    os.chmod(f"{container.rootfs}/bin/only-inside", 0o755)
    container.config["hooks"] = {"startContainer": [{"path": "/bin/only-inside"}]}
    life(container)
    assert read_text(f"{container.rootfs}/tmp/seen") == "tare\n"


@pytest.mark.parametrize("kind", KINDS)
@promise("spec:132", "contract:7.18")
def test_environment(container, kind):
    """Absent: the runtime's, in startContainer the container's. Given, also when empty: that one."""
    inner, outer = out_of_reach(container, kind, "env")
    report = "env | grep -Ev '^(PWD|OLDPWD|SHLVL|_)='"  # which shells set themselves
    container.config["process"]["env"] = ["PATH=/bin:/usr/bin", "OF_CONTAINER=yes"]
    container.config["hooks"] = {kind: [
        shell(f"{report} > {inner}.absent"),
        shell(f"{report} > {inner}.given", env=["PATH=/usr/bin:/bin", "B=2 3"]),
        shell(f"PATH=/usr/bin:/bin; {report} | grep -v ^PATH= > {inner}.empty; true", env=[])]}
    env = {"OF_RUNTIME": "yes"}
    container.create(env=env)
    container.runtime.ok("start", container.id, env=env)
    container.wait()
    container.runtime.ok("delete", container.id, env=env)
    container.reap()
    absent = read_text(f"{outer}.absent").splitlines()
    assert ("OF_RUNTIME=yes" in absent) == (kind != "startContainer")
    assert ("OF_CONTAINER=yes" in absent) == (kind == "startContainer")
    assert read_text(f"{outer}.given").splitlines() == ["PATH=/usr/bin:/bin", "B=2 3"]
    assert read_text(f"{outer}.empty") == ""


@pytest.mark.parametrize("kind", ["createRuntime", "createContainer", "startContainer"])
@promise("spec:132")
def test_arguments(container, kind):
    """args[0] is the hook's own name for itself; without args it is the path; nothing is split or
    looked up."""
    inner, outer = out_of_reach(container, kind, "args")
    program = out_of_reach(container, kind, "program")
    os.makedirs(os.path.dirname(program[1]), exist_ok=True)
    with open(program[1], "w", encoding="ascii") as file:
        file.write(f"#!/bin/sh\necho \"$0|$1|$2\" >> {inner}\n")
    os.chmod(program[1], 0o755)
    container.config["hooks"] = {kind: [
        {"path": "/bin/sh", "args": ["sh", "-c", f"echo \"$0|$1|$2\" > {inner}", "a b", "", "*"]},
        {"path": program[0]}, {"path": program[0], "args": ["replaced for scripts", "x  y", ""]}]}
    life(container)
    lines = read_text(outer).splitlines()
    assert lines[0] == "a b||*"
    assert lines[1] == f"{program[0]}||"
    assert lines[2] == f"{program[0]}|x  y|"


@promise("spec:132")
def test_first_argument_is_kept(container):
    out = f"{container.bundle}/zero"
    container.config["hooks"] = {"createRuntime": [
        {"path": "/bin/sh", "args": ["another name", "-c", f"echo \"$0\" > {out}"]}]}
    container.create()
    assert read_text(out) == "another name\n"


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer", "startContainer",
                                  "poststart"])
@promise("spec:133", "issue:7.5")
def test_timeout_kills_the_process_group(container, kind):
    """Also those that the hook started; one that ignores signals as well."""
    inner, outer = out_of_reach(container, kind, "pids")
    container.config["process"]["args"] = ["/bin/sleep", "1000"]
    # numbers of the host: where the hook's /proc is the container's, the processes are looked up later
    container.config["hooks"] = {kind: [shell(
        f"trap '' TERM INT HUP; sleep 977 & sleep 977 & echo started > {inner}; wait; sleep 977", timeout=1)]}
    begin = time.monotonic()
    result = failure(container, kind)
    assert 1 <= time.monotonic() - begin < 5
    assert "timed out after 1 s" in result.err and f"hooks.{kind}[0]" in result.err
    assert read_text(outer) == "started\n"
    container.runtime.ok("delete", "--force", container.id)
    container.reap()
    eventually(lambda: not sleepers("977"), 1)


def sleepers(seconds):
    """The processes `sleep SECONDS` of the machine, by number."""
    found = []
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            if read_text(f"/proc/{number}/cmdline") == f"sleep\0{seconds}\0":
                found.append(int(number))
        except OSError:
            continue
    return found


@promise("spec:133", "spec:35")
def test_poststop_timeout(container):
    """Killed with its group, warned about; the next one runs."""
    mark = f"{container.bundle}/mark"
    container.config["hooks"] = {"poststop": [
        shell("sleep 978 & sleep 978", timeout=1), shell(f"echo > {mark}")]}
    container.create()
    result = container.runtime.call("delete", container.id)
    container.reap()
    assert result.rc == 0 and "level=warning" in result.err and "timed out after 1 s" in result.err
    assert os.path.exists(mark) and sleepers("978") == []


@pytest.mark.parametrize("kind", KINDS)
@promise("spec:135", "issue:7.5")
def test_hook_that_never_reads(container, kind):
    """Nor does a state that is larger than a pipe hold the runtime up."""
    container.config["annotations"] = {f"org.example.{n}": "x" * 1000 for n in range(200)}
    container.config["hooks"] = {kind: [{"path": "/bin/true"}, shell("exec < /dev/null; sleep 0.1")]}
    begin = time.monotonic()
    life(container)
    assert time.monotonic() - begin < 8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("noisy", [False, True])
@promise("issue:7.5")
def test_hook_that_leaves_a_daemon(container, kind, noisy):
    """It holds the hook's three streams for as long as it likes, and may write to them without end: a
    hook is over when its process is."""
    if noisy and kind not in ("createRuntime", "createContainer"):
        return
    inner, outer = out_of_reach(container, kind, "daemon")
    # the streams' other ends are gone soon: yes is then killed by SIGPIPE
    daemon = "yes" if noisy else "sleep 20"
    container.config["process"]["args"] = ["/bin/sleep", "1000"]
    container.config["hooks"] = {kind: [shell(f"setsid sh -c 'echo $$ > {inner}; exec {daemon}' & while [ ! -s {inner} ]; do sleep 0.01; done")]}
    begin = time.monotonic()
    container.create().start()
    container.runtime.ok("delete", "--force", container.id)
    container.reap()
    assert time.monotonic() - begin < 8
    pid = int(read_text(outer))
    if kind in ("createContainer", "startContainer"):
        return  # it went with the container's pid namespace
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        assert noisy
    container.runtime.host.children()


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer", "startContainer",
                                  "poststart"])
@pytest.mark.parametrize("status", [1, 77, 128, 200, 255])
@promise("contract:7.18", "spec:25")
def test_exit_status_in_the_error(container, kind, status):
    if status != 200 and kind != "createRuntime":
        return
    container.config["process"]["args"] = ["/bin/sleep", "1000"]
    container.config["hooks"] = {kind: [{"path": "/bin/true"}, shell(
        f"echo to-out; echo to-err >&2; exit {status}"), shell("exit 99")]}
    result = failure(container, kind)
    assert (f"error running {kind} hook #1: exit status {status}, stdout: to-out, stderr: to-err"
            in result.err), result.err


@promise("contract:7.18")
def test_signal_in_the_error(container):
    container.config["hooks"] = {"createRuntime": [shell("echo words >&2; kill -TERM $$")]}
    result = failure(container, "createRuntime")
    assert "hook #0: signal: 15, stdout: , stderr: words" in result.err, result.err


@pytest.mark.parametrize("log_format", ["text", "json"])
@promise("contract:7.18", "issue:7.4")
def test_odd_output(container, log_format):
    """Bytes that are no text, control characters, several lines, more than fits: one line of log that can
    be read back."""
    odd = r'\001\033[31m\377\376 \303\050 \344 "q" \\ end\r\n second\tline\n\n'
    container.config["hooks"] = {"createRuntime": [
        shell(f"printf {shlex.quote(odd)} >&2; head -c 100000 /dev/zero | tr '\\0' x; exit 3")]}
    container.write()
    log = f"{container.bundle}/log"
    result = container.runtime.call("create", "--bundle", container.bundle, container.id,
                                    globals_=("--log", log, "--log-format", log_format))
    assert result.rc == 1
    with open(log, "rb") as file:
        data = file.read()
    assert data.count(b"\n") == 1 and data.endswith(b"\n")
    assert len(data) < 20000
    text = data.decode("utf-8")  # strict
    assert not [c for c in text[:-1] if ord(c) < 0x20]
    assert "exit status 3" in text and "second" in text and "line" in text
    if log_format == "json":
        message = json.loads(text)["msg"]
        assert "\x1b[31m" in message and '"q" \\ end' in message and "second\tline" in message


@pytest.mark.parametrize("how", ["tmpfs", "bind"])
@promise("issue:7.5", "spec:136")
def test_prestart_hook_that_mounts_into_the_container(container, how):
    """As those of GPUs do: it enters the child's mount namespace and mounts below root.path. The container
    has the mount, the host does not."""
    os.mkdir(f"{container.rootfs}/gpu")
    source = f"{container.bundle}/driver"
    os.mkdir(source)
    with open(f"{source}/file", "w", encoding="ascii") as file:
        file.write("from the host\n")
    target = f"{container.rootfs}/gpu"
    pid = 'pid=$(sed \'s/.*"pid":\\([0-9]*\\).*/\\1/\')'
    mount = (f"mount -t tmpfs of-the-hook {target} && echo 'from the host' > {target}/file"
             if how == "tmpfs" else f"mount --bind {source} {target}")
    container.config["root"]["readonly"] = True
    container.config["hooks"] = {"prestart": [
        shell(f"{pid}; nsenter -t $pid -m sh -c {shlex.quote(mount)}")]}
    container.config["process"]["args"] = [
        "/bin/sh", "-c", "cat /gpu/file; grep -c ' /gpu ' /proc/self/mountinfo"]
    container.write()
    scene = faults.Scene(container)
    before = container.runtime.view.mountinfo()
    assert container.run() == (0, "from the host\n1\n", "")
    assert container.runtime.view.mountinfo() == before
    assert os.listdir(target) == [] and os.listdir(source) == ["file"]
    assert scene.problems() == []


@promise("issue:7.5")
def test_mounts_of_a_hook_go_with_a_failed_create(container):
    os.mkdir(f"{container.rootfs}/gpu")
    pid = 'pid=$(sed \'s/.*"pid":\\([0-9]*\\).*/\\1/\')'
    container.config["hooks"] = {
        "prestart": [shell(f"{pid}; nsenter -t $pid -m mount -t tmpfs x {container.rootfs}/gpu")],
        "createContainer": [shell(f"grep -q ' {container.rootfs}/gpu ' /proc/self/mountinfo || exit 5; exit 6")]}
    container.write()
    scene = faults.Scene(container)
    result = container.try_create()
    assert result.rc == 1 and "exit status 6" in result.err, result
    assert scene.problems() == []


@promise("spec:141", "spec:34")
def test_poststop_comes_after_the_end(container):
    """Nothing of the container is there any more: its state, its cgroup; the id is free."""
    out = f"{container.bundle}/seen"
    runtime = container.runtime
    container.config["hooks"] = {"poststop": [shell(
        f"cat > {out}; ls -A {runtime.state_root} >> {out}; "
        f"find /sys/fs/cgroup -name '*{container.id}*' >> {out} 2> /dev/null; "
        f"{shlex.join(runtime.argv('state', container.id))} >> {out} 2>&1; echo rc $? >> {out}")]}
    life(container)
    text = read_text(out)
    state, end = json.JSONDecoder().raw_decode(text)
    assert (state["status"], state["pid"], state["id"]) == ("stopped", 0, container.id)
    rest = text[end:].strip().splitlines()
    assert len(rest) == 2 and "container does not exist" in rest[0] and rest[1] == "rc 1", text


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
@promise("spec:25", "spec:26", "spec:27", "spec:36")
def test_failed_create_hook_goes_to_the_end(container, kind):
    """The hooks after it do not run, poststop does, once, with the status stopped."""
    log = f"{container.bundle}/log"
    later = KINDS[KINDS.index(kind) + 1:-1]
    container.config["hooks"] = {name: [shell(f"echo {name} >> {log}")] for name in later}
    container.config["hooks"][kind] = [shell("exit 9"), shell(f"echo second >> {log}")]
    container.config["hooks"]["poststop"] = [shell(f"cat >> {log}")]
    assert container.try_create().rc == 1
    state = json.loads(read_text(log))
    assert (state["status"], state["id"]) == ("stopped", container.id)
    del container.config["hooks"]
    assert container.run().rc == 0


@pytest.mark.parametrize("kind", ["startContainer", "poststart"])
@promise("spec:29", "spec:31")
def test_failed_start_hook_goes_to_the_end(container, kind):
    """The container has stopped; delete runs poststop. `run` does all of it."""
    log = f"{container.bundle}/log"
    container.config["process"]["args"] = ["/bin/sleep", "1000"]
    container.config["hooks"] = {kind: [shell("exit 9"), {"path": "/nonexistent/second"}],
                                 "poststop": [shell(f"cat >> {log}")]}
    result = failure(container, kind)
    assert f"hooks.{kind}[0]" in result.err
    container.wait()
    assert container.status() == "stopped" and not os.path.exists(log)
    container.delete()
    assert json.loads(read_text(log))["status"] == "stopped"
    os.unlink(log)
    begin = time.monotonic()
    assert container.run().rc == 1
    assert time.monotonic() - begin < 5
    assert json.loads(read_text(log))["status"] == "stopped"
