"""What callers have come to rely on without asking: section 7 of the contract, and the environment."""
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios

import pytest

import callers
import console
from tare import eventually, promise, read_text

pytestmark = pytest.mark.without("open_tree_ns", "pidfs_id")


def environment(seen):
    """A report's environment as a dictionary, which must be no shorter."""
    values = dict(x.split("=", 1) for x in seen["env"])
    assert len(values) == len(seen["env"]), "a variable is there twice"
    return values


@promise("contract:7.11")
@pytest.mark.parametrize("uid, env, home", [
    (0, [], "/root"), (1000, [], "/home"), (4242, [], "/"), (1000, ["HOME="], "/home"),
    (1000, ["HOME=/elsewhere"], "/elsewhere"), (0, ["HOME=/a", "HOME=/b"], "/b")])
def test_home(runtime, uid, env, home):
    """From the container's /etc/passwd where the config has none, else "/"."""
    container = runtime.reporter("env")
    if env == ["HOME="]:
        callers.skip_peer(runtime, "crun", "keeps an empty HOME")
    container.config["process"]["user"] = {"uid": uid, "gid": uid}
    container.config["process"]["env"] += env
    assert environment(container.report())["HOME"] == home


@promise("contract:7.11")
def test_home_without_passwd(runtime):
    container = runtime.reporter("env")
    os.unlink(f"{container.rootfs}/etc/passwd")
    assert environment(container.report())["HOME"] in ("/", "/root")


@promise("contract:7.11")
def test_last_one_of_a_variable_wins(runtime):
    container = runtime.reporter("env")
    container.config["process"]["env"] += ["A=1", "B=x", "A=2", "A=3=4"]
    seen = environment(container.report())
    assert (seen["A"], seen["B"]) == ("3=4", "x")


@promise("contract:7.11")
@pytest.mark.parametrize("uid", [0, 1000])
def test_working_directory_is_made(runtime, uid):
    container = runtime.reporter("cwd", "access=/new/deep")
    container.config["root"]["readonly"] = False
    container.config["process"].update(cwd="/new/deep", user={"uid": uid, "gid": uid})
    seen = container.report()
    assert seen["cwd"] == "/new/deep"
    assert seen["access"]["/new/deep"]["mode"] == 0o755


@promise("contract:7.11")
@pytest.mark.parametrize("mode, owner, uid", [(0o700, 1000, 1000), (0o700, 0, 0)])
def test_working_directory_of_a_user_alone(runtime, mode, owner, uid):
    """A directory that only the program's user, without any capability, may enter."""
    container = runtime.reporter("cwd")
    os.mkdir(f"{container.rootfs}/private", mode)
    os.chown(f"{container.rootfs}/private", owner, owner)
    container.config["process"].update(cwd="/private", user={"uid": uid, "gid": uid})
    container.config["process"]["capabilities"] = {}
    assert container.report()["cwd"] == "/private"


@promise("contract:7.11")
def test_umask(runtime):
    """0022 whatever the caller's is."""
    container = runtime.reporter("identity")
    container.write()
    before = os.umask(0o077)
    try:
        result = runtime.call("run", "--bundle", container.bundle, container.id)
    finally:
        os.umask(before)
    assert json.loads(result.out)["identity"]["umask"] == 0o022


@promise("contract:7.11")
def test_session_keyring(runtime):
    seen = runtime.reporter("keyring").report()["keyring"]
    if seen is None:
        pytest.skip("this kernel has no keyrings")
    callers.skip_peer(runtime, "crun", "names it by the id alone")
    assert seen.rsplit(";", 1)[1] == f"_ses.{runtime.containers[0].id}"


@promise("contract:7.11")
def test_no_new_keyring(runtime):
    container = runtime.reporter("keyring")
    seen = container.report("--no-new-keyring")["keyring"]
    if seen is None:
        pytest.skip("this kernel has no keyrings")
    assert container.id not in seen


@promise("contract:7.11")
def test_loopback_and_core(runtime):
    container = runtime.container(["/bin/sh", "-c", "cat /sys/class/net/lo/flags; readlink /dev/core"])
    result = container.run()
    flags, core = result.out.split("\n")[:2]
    assert int(flags, 16) & 1, "the loopback interface must be up"
    assert core == "/proc/kcore" or not os.path.exists("/proc/kcore")


@promise("contract:7.11")
def test_cpu_affinity_is_reset(runtime):
    every = sorted(os.sched_getaffinity(0))
    if len(every) < 2:
        pytest.skip("one processor")
    container = runtime.reporter("scheduling")
    container.write()
    os.sched_setaffinity(0, {every[-1]})
    try:
        result = runtime.call("run", "--bundle", container.bundle, container.id)
    finally:
        os.sched_setaffinity(0, every)
    assert json.loads(result.out)["scheduling"]["affinity"] == every


@promise("contract:3")
@pytest.mark.parametrize("count", [1, 2])
def test_listen_fds(runtime, count):
    """Socket activation: the descriptors are handed on, and the program finds LISTEN_PID=1."""
    callers.skip_peer(runtime, "crun", "hands the descriptors on without the variables")
    container = runtime.reporter("fds", "env", "process")
    container.write()
    pipes = [os.pipe() for _ in range(count)]
    # the shell puts the pipes where systemd has them, and tells its own pid, which the runtime keeps
    moves = " ".join(f"{3 + i}<&{100 + i}" for i in range(count))
    ends = " ".join(f"{100 + i}<&-" for i in range(count))
    for i, (read, _) in enumerate(pipes):
        os.dup2(read, 100 + i, inheritable=True)
    words = runtime.argv("run", "--bundle", container.bundle, container.id)
    try:
        done = subprocess.run(
            ["bash", "-c", f'exec {moves} {ends}; export LISTEN_FDS={count} LISTEN_PID=$$; exec "$@"',
             "bash", *words], pass_fds=range(100, 100 + count), env=runtime.env,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    finally:
        for i, pair in enumerate(pipes):
            for descriptor in (*pair, 100 + i):
                os.close(descriptor)
    assert done.returncode == 0, done
    seen = json.loads(done.stdout)
    assert sorted(seen["fds"]) == [str(x) for x in range(3 + count)]
    values = environment(seen)
    assert (values["LISTEN_FDS"], values["LISTEN_PID"]) == (str(count), "1")


@promise("contract:7.6", "contract:13")
def test_terminal_of_a_foreground_run(runtime):
    """Raw, resized with the caller's, and put back in the end."""
    callers.skip_peer(runtime, "crun", "sets the size after the program's start")
    container = runtime.container(["/bin/sh", "-c",
                                   "trap 'stty size' WINCH; stty size; while :; do sleep 0.02; done"])
    container.config["process"]["terminal"] = True
    container.write()
    terminal = console.Console(container.bundle)
    terminal.master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    with terminal:
        fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 60, 0, 0))
        words = runtime.argv("run", "--bundle", container.bundle, container.id)
        process = subprocess.Popen(["setsid", "--ctty", "--wait", *words], stdin=slave, stdout=slave,
                                   stderr=slave, env=runtime.env)
        terminal.read_until(b"20 60\r\n")
        assert not termios.tcgetattr(slave)[3] & (termios.ICANON | termios.ECHO)
        terminal.resize(33, 77)  # the kernel sends SIGWINCH to the foreground group
        terminal.read_until(b"33 77\r\n")
        terminal.write(b"\x03")  # a byte for the runtime, an interrupt for the container
        assert process.wait(20) == 130
        assert termios.tcgetattr(slave) == before, "the caller's terminal as it was"
        os.close(slave)


@promise("contract:7.6")
def test_standard_input_reaches_the_program(runtime):
    container = runtime.container(["/bin/cat"])
    assert container.run(stdin="line one\nline two\n").out == "line one\nline two\n"


@promise("contract:8", "contract:7.7")
@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
def test_a_create_that_dies_with_its_shim(runtime, kind):
    """The shim asks for SIGKILL at its own death: what a half-done create leaves, delete --force ends,
    and the name is free again."""
    callers.skip_peer(runtime, "crun", "leaves the hook's process")
    callers.skip_peer(runtime, "runc", "leaves the hook's process")
    shim = callers.Shim(runtime.container(["/bin/true"]))
    flag = f"{shim.container.rootfs}/tmp/flag"
    shim.container.config["hooks"] = {kind: [
        {"path": "/bin/sh", "args": ["sh", "-c", f"touch {flag} || touch /tmp/flag; exec sleep 60"]}]}
    shim.container.write()
    process = subprocess.Popen(shim.argv(*shim.create_words(), shim.id), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=shim.environment())
    eventually(lambda: os.path.exists(flag) or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert shim.call("delete", "--force", shim.id) == (0, "", "")
    assert shim.call("state", shim.id).rc == 1
    del shim.container.config["hooks"]
    assert shim.create().rc == 0
    assert shim.call("delete", shim.id) == (0, "", "")
    shim.close()


@promise("contract:7.9", "contract:7.8")
def test_kill_when_init_is_gone_but_others_live(runtime):
    """With a shared pid namespace the cgroup may outlive init: kill and delete --force still reach it."""
    container = runtime.container(["/bin/sh", "-c", "setsid sleep 100 & sleep 0.1"])
    config = container.config
    config["linux"]["namespaces"] = [x for x in config["linux"]["namespaces"] if x["type"] != "pid"]
    config["linux"]["cgroupsPath"] = f"/{container.id}"
    container.create().start()
    assert container.wait() == 0
    procs = f"{runtime.view.cgroup2()}/{container.id}/cgroup.procs"
    assert len(read_text(procs).split()) == 1
    callers.skip_peer(runtime, "crun", "does not find them")
    container.kill("KILL")
    eventually(lambda: read_text(procs) == "")
    container.delete()


@promise("contract:7.9", "contract:14")
@pytest.mark.parametrize("words", [["KILL"], ["--all", "KILL"]], ids=["init", "all"])
def test_kill_when_the_cgroup_is_gone(runtime, words):
    """A stop that races with the end of the cgroup ends the init all the same, and says then that nothing runs."""
    callers.skip_peer(runtime, "crun", "has no word that its callers know for it")
    callers.skip_peer(runtime, "runc", "kills nobody then (unable to kill all processes: cgroup not exist)")
    container = runtime.container(["/bin/sleep", "1000"])
    config = container.config
    config["linux"]["namespaces"] = [x for x in config["linux"]["namespaces"] if x["type"] != "pid"]
    config["linux"]["cgroupsPath"] = f"/{container.id}"
    container.create().start()
    with open(f"{runtime.view.cgroup2()}/cgroup.procs", "w", encoding="ascii") as file:
        file.write(str(container.pid))
    os.rmdir(f"{runtime.view.cgroup2()}/{container.id}")
    runtime.ok("kill", *words[:-1], container.id, words[-1])
    assert container.wait() == 137
    result = runtime.call("kill", container.id, "KILL")
    assert result.rc == 1 and "container not running" in result.err, result
    container.delete()


@promise("contract:7.2", "contract:9")
def test_create_with_closed_streams(runtime):
    """A caller that has closed all three gets no surprise descriptors in the container."""
    container = runtime.reporter("fds")
    container.write()
    words = runtime.argv("create", "--bundle", container.bundle, "--pid-file", f"{container.bundle}/pid",
                         container.id)
    done = subprocess.run(["bash", "-c", 'exec 0<&- 1>&- 2>&-; exec "$@"', "bash", *words],
                          env=runtime.env, timeout=30, check=False)
    assert done.returncode == 0
    pid = callers.strict_atoi(read_text(f"{container.bundle}/pid"))
    container.pid, container.pidfd = pid, os.pidfd_open(pid)
    runtime.ok("start", container.id)
    assert container.wait() in (0, 1)  # 1: the report could not be written
    container.delete()
