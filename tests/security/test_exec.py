"""exec into a container whose processes are hostile: what they get hold of of the joining process, and what
words and files of the container can do to it.

TARE_EXECS: how many times the racing tests exec, 150 by default (10,000 takes some minutes).
"""
import os
import re
import shutil
import signal
import subprocess

import pytest

import tare
from callers import skip_peer
from descriptors import FORMS, inherited, links
from tare import eventually, promise, read_text, user_namespace

EXECS = int(os.environ.get("TARE_EXECS", "150"))
TRACER = ["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_SYS_ADMIN", "CAP_FOWNER",
          "CAP_CHOWN", "CAP_KILL"]


def hostile(runtime, capabilities, userns, own_pids=True):
    """A container whose program looks at all that comes."""
    container = runtime.container()
    shutil.copy(tare.build_program("hostile", f"{tare.TOP}/build-results"),
                f"{container.rootfs}/bin/hostile")
    shutil.copy(f"{container.rootfs}/bin/busybox", f"{container.rootfs}/bin/quick")
    config = container.config
    config["root"]["readonly"] = False
    config["process"]["args"] = ["/bin/hostile", f"{runtime.directory}/here"] + \
        (["--may-trace"] if capabilities and not userns else []) + ["hostile", "busybox", "true", "quick"]
    with open(f"{runtime.directory}/here", "w", encoding="ascii") as file:
        file.write("the host's")
    if capabilities:
        for which in ("bounding", "effective", "permitted"):
            config["process"]["capabilities"][which] = TRACER
    if userns:
        user_namespace(config)
        container.chown(100000)
    if not own_pids:
        config["linux"]["namespaces"] = [x for x in config["linux"]["namespaces"] if x["type"] != "pid"]
    container.create().start()
    eventually(lambda: "up" in container.output()[0])
    return container


@promise("CVE-2016-9962", "CVE-2019-5736", "R-DUMP", "R-CLOEXEC")
@pytest.mark.parametrize("userns", [False, True])
@pytest.mark.parametrize("capabilities", [False, True])
def test_a_hostile_container(runtime, binary, capabilities, userns):
    """It never sees a descriptor, a directory, an executable of the host, and it can trace what joins only
    where it may trace everybody (CAP_SYS_PTRACE without a user namespace of its own): then there is
    nothing of the host to be had either."""
    skip_peer(runtime, "crun", "its executable is in sight")
    signal.alarm(0)
    container = hostile(runtime, capabilities, userns)
    for number in range(EXECS):
        fds = inherited(runtime) if number % 10 == 0 else []
        result = container.exec("/bin/true", pass_fds=fds)
        for fd in fds:
            os.close(fd)
        assert result.rc == 0, f"{number}: {result}"
    container.kill("TERM")
    assert container.wait() == 0
    out = container.output()[0].splitlines()
    assert re.fullmatch(r"seen \d+", out[-1])
    assert out[:-1] == ["up"], "\n".join(out)
    if not userns:
        # the race was there to be won
        assert int(out[-1].split()[1]) > 0


def test_the_hostile_program_finds_what_there_is(runtime):
    """That the test above can fail: a process that holds the host's descriptors in sight of it is found."""
    container = hostile(runtime, True, False, own_pids=False)
    fd = os.open(runtime.directory, os.O_RDONLY)
    with subprocess.Popen(["sleep", "5"], pass_fds=[fd]) as process:
        try:
            eventually(lambda: f"descriptor of {process.pid} (sleep): {runtime.directory}" in
                       container.output()[0])
            eventually(lambda: f"root of {process.pid}" in container.output()[0])
        finally:
            process.kill()
    os.close(fd)
    container.kill("KILL")


def strace(runtime, *words):
    """The calls of exec as (process, text), the processes numbered as they are born."""
    log = f"{runtime.directory}/strace"
    runtime.wrapper = ["strace", "-f", "-o", log]
    try:
        result = runtime.call(*words)
    finally:
        runtime.wrapper = []
    assert result.rc == 0, result
    order, calls = [], []
    for line in read_text(log).splitlines():
        pid, text = line.split(None, 1)
        if pid not in order:
            order.append(pid)
        calls.append((order.index(pid), text))
    return calls


@promise("CVE-2016-9962", "CVE-2024-21626", "R-CLOEXEC")
@pytest.mark.parametrize("options", [(), ("--preserve-fds", "40")], ids=["plain", "more than there are"])
def test_the_order_of_joining(runtime, options):
    """The deterministic form: the process that the container can see is born by one that has closed what is
    the host's and joined all namespaces, and holds the streams and one socket."""
    if not runtime.is_tare:
        pytest.skip("a promise of tare's")
    if not shutil.which("strace") or "ASAN_OPTIONS" in os.environ:
        pytest.skip("takes strace, and a build without sanitizer")
    container = runtime.container(["/bin/sleep", "1000"])
    container.create().start()
    calls = strace(runtime, "exec", *options, container.id, "/bin/true")
    entrant = [text for side, text in calls if side == 1]
    names = [text.split("(")[0] for text in entrant]
    assert "CLONE_INTO_CGROUP" in next(text for side, text in calls if side == 0 and "clone3(" in text)
    close, join, clone = (len(names) - 1 - names[::-1].index("close_range"), names.index("setns"),
                          names.index("clone3"))
    assert close < join < clone
    for flag in ("NEWNS", "NEWCGROUP", "NEWUTS", "NEWIPC", "NEWPID", "NEWNET"):
        assert f"CLONE_{flag}" in entrant[join]
    ranges = [tuple(map(int, re.findall(r"\d+", text)[:2])) for text in entrant
              if text.startswith("close_range")]
    kept = [fd for fd in range(3, 64) if not any(a <= fd <= b for a, b in ranges)]
    missing = {int(m.group(1)) for m in (re.match(r"fcntl\((\d+), F_GETFD\) += -1", text) for text in entrant) if m}
    kept = [fd for fd in kept if fd not in missing]
    closed = [int(re.findall(r"\d+", text)[0]) for text in entrant[:clone] if text.startswith("close(")]
    assert len(set(kept) - set(closed)) == 1, f"kept {kept}, closed {closed}"
    assert not any(name in ("openat", "openat2", "open", "socket", "dup") for name in names[close:clone])
    # from its first call on it is not dumpable
    joined = [text for side, text in calls if side == 2]
    assert "PR_SET_DUMPABLE, SUID_DUMP_DISABLE" in joined[0]


@promise("CVE-2024-21626", "R-CWD")
@pytest.mark.parametrize("form", FORMS)
def test_working_directory_by_descriptor(runtime, form):
    container = runtime.container(["/bin/sleep", "1000"])
    links(container, range(24))
    container.create().start()
    fds = inherited(runtime)
    try:
        for number in range(3, 24):
            result = container.exec("/bin/ls", "-a", ".", options=("--cwd", form.format(number)),
                                    pass_fds=fds)
            assert result.rc != 0, f"{number}: {result}"
    finally:
        for fd in fds:
            os.close(fd)


@promise("CVE-2024-21626")
@pytest.mark.parametrize("form", ["/proc/self/fd/{}/bin/busybox", "/proc/self/fd/{}/usr/bin/env",
                                  "/link{}/usr/bin/env", "/proc/self/exe", "/proc/thread-self/exe"])
def test_program_by_descriptor(runtime, form):
    container = runtime.container(["/bin/sleep", "1000"])
    links(container, range(16))
    container.create().start()
    fds = inherited(runtime)
    try:
        for number in range(3, 16):
            result = container.exec(form.format(number), "--version", pass_fds=fds)
            assert result.rc != 0 and "version" not in result.out, f"{number}: {result}"
    finally:
        for fd in fds:
            os.close(fd)


@promise("CVE-2026-30892", "CVE-2016-3697")
@pytest.mark.parametrize("user", ["abc", "1x", "99999999999", ":5", "1:", "-1", "0x0", " 0", "0 ", "1:a",
                                  "4294967295", "1:4294967295", "1:2:3", "root", "+1"])
def test_users_are_numbers(runtime, user):
    if not runtime.is_tare:
        pytest.skip("the peers take some of them")
    container = runtime.container(["/bin/sleep", "1000"])
    container.create().start()
    result = container.exec("/bin/id", options=("--user", user))
    assert result.rc == 255 and result.out == "" and "--user" in result.err, result
    result = container.exec("/bin/id", options=("--additional-gids", user if user != "1:" else ""))
    assert result.rc == 255, result


@promise("CVE-2016-3697")
def test_a_user_that_the_image_has_as_a_name(runtime):
    container = runtime.container(["/bin/sleep", "1000"])
    with open(f"{container.rootfs}/etc/passwd", "w", encoding="ascii") as file:
        file.write("1000:x:0:0::/:/bin/sh\n")
    container.create().start()
    assert container.exec("/bin/sh", "-c", "id -u; id -g", options=("-u", "1000:1000")).out == "1000\n1000\n"


@promise("CVE-2016-3697")
@pytest.mark.parametrize("kind", ["fifo", "zero", "directory", "host"])
def test_a_passwd_that_is_none(runtime, kind, canary):
    """Replaced while the container runs: nothing hangs, nothing of the host is read."""
    container = runtime.container(["/bin/sleep", "1000"])
    container.config["root"]["readonly"] = False
    container.create().start()
    path = f"{container.rootfs}/etc/passwd"
    os.unlink(path)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        os.mkdir(path)
    else:
        os.symlink("/dev/zero" if kind == "zero" else f"/proc/self/root{canary.directory}", path)
    result = container.exec("/bin/sh", "-c", "echo $HOME", timeout=20)
    assert result.rc == 0 and result.out in ("/\n", "/root\n"), result


@promise("CVE-2025-52565", "R-PTY")
def test_a_terminal_that_is_none(runtime):
    """The container puts links where its devpts was."""
    if not runtime.is_tare:
        pytest.skip("a promise of tare's")
    container = runtime.container(["/bin/sleep", "1000"])
    config = container.config
    config["root"]["readonly"] = False
    config["mounts"] = [x for x in config["mounts"] if x["destination"] != "/dev/pts"]
    container.create().start()
    for place in ("/host", "/proc/self/root/dev/pts", "../../../../../../dev/pts"):
        done = subprocess.run(["nsenter", "-t", str(container.pid), "-m", "--root", "/bin/sh", "-c",
                               f"rm -rf /dev/pts; ln -s {place} /dev/pts"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done
        result = container.exec("/bin/true", options=("--tty",))
        assert result.rc == 255 and ("devpts" in result.err or "/dev/pts" in result.err), result


@promise("class: traversal")
@pytest.mark.parametrize("path", ["..", "../..", "a/../..", "/../x", "x/..", "..//"])
def test_cgroups_outside(runtime, path):
    skip_peer(runtime, "crun", "takes what leaves the container")
    container = runtime.container(["/bin/sleep", "1000"])
    container.create().start()
    result = container.exec("/bin/true", options=("--cgroup", path))
    assert result.rc == 255 and "sub cgroup path" in result.err


@promise("class: concurrency")
def test_against_kill_and_delete(runtime):
    """Whatever comes first: exec succeeds or says that there is no container, and nothing stays."""
    for number in range(max(EXECS // 15, 5)):
        container = runtime.container(["/bin/sleep", "1000"])
        container.create().start()
        processes = [runtime.popen("exec", container.id, "/bin/sleep", "1000", stderr=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL) for _ in range(3)]
        if number % 3:
            eventually(lambda p=processes[0]: os.path.exists(f"/proc/{p.pid}/task/{p.pid}/children") and
                       read_text(f"/proc/{p.pid}/task/{p.pid}/children") or p.poll() is not None)
        container.delete("--force")
        for process in processes:
            error = process.communicate(timeout=20)[1].decode()
            assert process.returncode in (137, 255, 1), (process.returncode, error)
            if process.returncode != 137:
                assert error.strip(), "a failure without a word"
