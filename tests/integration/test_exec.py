"""exec: a further process in a container: what it is, where it is, how its end and its failure reach the
caller; in each mode of namespaces."""
import array
import json
import os
import signal
import socket
import subprocess
import time

import pytest

import console
from callers import skip_peer
from desk import Desk
from joined import NAMESPACES, cgroup_line, namespaces_of, report, running
from tare import eventually, promise, read_text

pytestmark = pytest.mark.without("open_tree_ns", "pidfs_id")


@pytest.fixture
def desk():
    with Desk(31, 97) as made:
        yield made


@pytest.fixture
def container(runtime):
    return running(runtime.container())


# ---- what it is ----

@promise("contract:7.10")
def test_it_is_where_the_container_is(container):
    skip_peer(container.runtime, "crun", "leaves the limits to the first process")
    seen = report(container, "namespaces", "cwd", "env", "identity", "rlimits", "capabilities",
                  "no_new_privs", "fds", "uts")
    assert {name: seen["namespaces"][name] for name in NAMESPACES} == namespaces_of(container.pid)
    assert seen["cwd"] == "/"
    assert sorted(seen["env"]) == sorted(container.config["process"]["env"] + ["HOME=/root"])
    assert seen["identity"]["uid"] == [0, 0, 0] and seen["identity"]["umask"] == 0o022
    assert seen["rlimits"]["RLIMIT_NOFILE"] == [1024, 1024]
    assert sorted(seen["fds"]) == ["0", "1", "2"]
    assert seen["uts"]["hostname"] == "tare"


@promise("contract:7.10")
def test_it_is_in_the_cgroup_of_the_container(runtime_in_view):
    container = running(runtime_in_view.container())
    pid = container.exec_detached("/bin/sleep", "1000")
    assert cgroup_line(read_text(f"/proc/{pid}/cgroup")) == \
        cgroup_line(read_text(f"/proc/{container.pid}/cgroup"))
    assert namespaces_of(pid) == namespaces_of(container.pid)


def test_what_the_configuration_says_of_the_process(runtime):
    """All of it holds for what is added as well, but its arguments."""
    skip_peer(runtime, "crun", "takes the working directory from the command line alone")
    container = runtime.container()
    container.config["process"].update(
        user={"uid": 7, "gid": 8, "additionalGids": [9], "umask": 0o27}, cwd="/home",
        oomScoreAdj=500, noNewPrivileges=False)
    container.config["linux"]["personality"] = {"domain": "LINUX32"}
    running(container)
    seen = report(container, "identity", "cwd", "oom_score_adj", "no_new_privs", "personality")
    identity = seen["identity"]
    assert (identity["uid"], identity["gid"], identity["groups"]) == ([7] * 3, [8] * 3, [9])
    assert identity["umask"] == 0o27
    assert seen["cwd"] == "/home" and seen["no_new_privs"] == 0
    if os.path.basename(container.runtime.path) != "crun":
        assert int(seen["oom_score_adj"]) == 500
    assert seen["personality"] == 8


def test_options(runtime):
    skip_peer(runtime, "crun", "has no --additional-gids")
    container = runtime.container()
    container.config["process"]["user"] = {"uid": 0, "gid": 3, "additionalGids": [4]}
    container.config["process"]["noNewPrivileges"] = False
    running(container)
    seen = report(container, "identity", "env", "cwd", "no_new_privs", options=(
        "--user", "5:6", "-g", "7", "-g=8", "--env", "A=1,B=2", "--env", "PATH=/bin",
        "--env", "A=3", "--cwd", "/tmp", "--no-new-privs"))
    assert seen["identity"]["uid"] == [5] * 3 and seen["identity"]["gid"] == [6] * 3
    assert sorted(seen["identity"]["groups"]) == [4, 7, 8]
    assert "A=3" in seen["env"] and "A=1,B=2" not in seen["env"]
    assert seen["env"].count("PATH=/bin") == 1 and \
        sum(x.startswith("PATH=") for x in seen["env"]) == 1
    assert seen["cwd"] == "/tmp" and seen["no_new_privs"] == 1
    # the group stays when only the user is given
    identity = report(container, "identity", options=("-u", "5"))["identity"]
    assert (identity["uid"], identity["gid"], identity["groups"]) == ([5] * 3, [3] * 3, [4])


@promise("contract:7.11")
def test_home(container):
    def home(*options):
        env = report(container, "env", options=options)["env"]
        return [x for x in env if x.startswith("HOME=")]
    assert home("--user", "1000") == ["HOME=/home"]
    assert home("--user", "4321") == ["HOME=/"]
    assert home("--env", "HOME=/x") == ["HOME=/x"]


@promise("spec:122", "spec:123")
@pytest.mark.parametrize("affinity, last", [
    ({"initial": "0", "final": "1"}, "1"), ({"initial": "0"}, "0"), ({"final": "0"}, "0"), (None, None)])
def test_processors(runtime, affinity, last):
    if os.cpu_count() < 2:
        pytest.skip("one processor")
    skip_peer(runtime, "crun", "leaves the affinity alone")
    container = runtime.container()
    if affinity:
        container.config["process"]["execCPUAffinity"] = affinity
    running(container)
    every = sorted(os.sched_getaffinity(container.pid))
    runtime.wrapper = ["taskset", "-c", "1"]
    out = container.exec("/bin/grep", "Cpus_allowed_list", "/proc/self/status").out.split()[1]
    runtime.wrapper = []
    assert out == (last or read_text(f"/proc/{container.pid}/status").split("Cpus_allowed_list:")[1].split()[0])
    assert len(every) >= 2


def test_scheduling(runtime):
    skip_peer(runtime, "crun", "leaves it to the first process")
    container = runtime.container()
    container.config["process"]["scheduler"] = {"policy": "SCHED_BATCH", "nice": 7}
    container.config["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": 6}
    running(container)
    here, there = report(container, "scheduling"), container.pid
    assert os.sched_getscheduler(there) == os.SCHED_BATCH
    assert here["scheduling"]["policy"] == os.SCHED_BATCH, here
    assert here["scheduling"]["nice"] == 7, here


@promise("contract:7.10")
def test_scheduling_that_a_file_leaves_open(runtime):
    """It is the container's then, as with runc: a probe is no way out of an idle class."""
    skip_peer(runtime, "crun", "leaves it to the first process")
    container = runtime.container()
    container.config["process"]["scheduler"] = {"policy": "SCHED_BATCH", "nice": 7}
    container.config["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": 6}
    running(container)
    path = container.process_file(["/bin/report", "scheduling"])
    seen = json.loads(container.exec(options=("--process", path)).out)["scheduling"]
    assert (seen["policy"], seen["nice"], seen["ioprio"]) == (os.SCHED_BATCH, 7, 2 << 13 | 6)
    path = container.process_file(["/bin/report", "scheduling"],
                                  scheduler={"policy": "SCHED_OTHER", "nice": 9},
                                  ioPriority={"class": "IOPRIO_CLASS_BE", "priority": 7})
    seen = json.loads(container.exec(options=("--process", path)).out)["scheduling"]
    assert (seen["policy"], seen["nice"], seen["ioprio"]) == (os.SCHED_OTHER, 9, 2 << 13 | 7)


@promise("CVE-2022-29162")
def test_added_capabilities(container):
    sets = report(container, "capabilities", options=("--cap", "CAP_SYS_TIME", "--cap",
                                                      "CAP_NET_ADMIN"))["capabilities"]
    added = 1 << 25 | 1 << 12
    for name in ("bounding", "effective", "permitted"):
        assert sets[name] & added == added, name
    assert sets["inheritable"] == sets["ambient"] == 0
    for unknown in ("CAP_FOO", "CAP_SYS_TIME,CAP_NET_ADMIN", "sys_time", "CAP_SYS_TIME "):
        skip_peer(container.runtime, "crun", "takes the beginning of a name")
        result = container.exec("/bin/report", "capabilities", options=("--cap", unknown))
        assert json.loads(result.out)["capabilities"]["bounding"] & added == 0
        assert "ignoring unknown or unavailable capabilities" in result.err


def test_what_a_filter_forbids(runtime):
    """linux.seccomp is in force for added processes, with and without no_new_privs, also where the caller
    has no CAP_SYS_ADMIN in the container."""
    for no_new_privileges in (True, False):
        container = runtime.container()
        container.config["process"]["noNewPrivileges"] = no_new_privileges
        container.config["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [{"names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 99}]}
        running(container)
        seen = report(container, "seccomp", "capabilities", "call=140:0:0")
        assert seen["seccomp"] == 2
        assert seen["call"]["140:0:0"] in (-99, 99), seen
        assert not seen["capabilities"]["permitted"] & 1 << 21
        container.delete("--force")


def test_a_process_from_a_file(container):
    """-p starts from nothing; what it leaves open of the confinement is the container's."""
    path = container.process_file(["/bin/report"], env=["A=b", "A=c"], cwd="/tmp", user={"uid": 3, "gid": 4},
                                  rlimits=[{"type": "RLIMIT_NOFILE", "soft": 55, "hard": 66}])
    seen = json.loads(container.exec(options=("--process", path)).out)
    if container.runtime.is_tare:
        assert sorted(seen["env"]) == ["A=c", "HOME=/"]
    assert seen["cwd"] == "/tmp" and seen["identity"]["uid"] == [3] * 3
    assert seen["identity"]["groups"] == []
    assert seen["rlimits"]["RLIMIT_NOFILE"] == [55, 66]
    given = sum(1 << {"CAP_AUDIT_WRITE": 29, "CAP_KILL": 5, "CAP_NET_BIND_SERVICE": 10}[x]
                for x in container.config["process"]["capabilities"]["bounding"])
    assert seen["capabilities"]["bounding"] == given
    path = container.process_file(["/bin/report"], capabilities={})
    seen = json.loads(container.exec(options=("-p", path)).out)
    assert set(seen["capabilities"].values()) == {0}


@pytest.mark.parametrize("members, words", [
    ({"args": []}, "args must not be empty"),
    ({"cwd": "tmp"}, "Cwd must be an absolute path"),
    ({"user": {"uid": "0", "gid": 0}}, "user.uid"),
    ({"rlimits": [{"type": "RLIMIT_FOO", "soft": 1, "hard": 1}]}, "rlimits[0].type"),
    ({"oomScoreAdj": 4000}, "oomScoreAdj"),
])
def test_a_wrong_file(container, members, words):
    if not container.runtime.is_tare:
        pytest.skip("a promise of tare's: the place in the file")
    path = container.process_file(**members)
    result = container.exec(options=("--process", path))
    assert result.rc == 255 and words in result.err, result


def test_oom_score_that_is_refused(container):
    """An engine that is a user's service has another lower bound than the caller of create had: no reason to fail."""
    if not container.runtime.is_tare:
        pytest.skip("a promise of tare's: the warning")
    path = container.process_file(["/bin/cat", "/proc/self/oom_score_adj"], oomScoreAdj=-900)
    own = read_text("/proc/self/oom_score_adj")
    argv = container.runtime.argv("exec", "--process", path, container.id)
    drop = ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-all"] if os.geteuid() == 0 else []
    done = subprocess.run([*drop, *argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          env=container.runtime.env)
    assert (done.returncode, done.stdout) == (0, own) and "process.oomScoreAdj" in done.stderr, done


def test_keyring(runtime):
    """The container's session keyring is joined, not a new one made."""
    if not runtime.is_tare:
        pytest.skip("a promise of tare's")
    container = runtime.container()
    container.config["root"]["readonly"] = False
    running(container)
    first, second = (report(container, "keyring")["keyring"] for _ in range(2))
    assert first == second


def test_streams_belong_to_the_user(container):
    result = container.exec("/bin/sh", "-c", "echo x > /proc/self/fd/1", options=("--user", "1000"))
    assert result.rc in (0, 1)  # a file of the caller's keeps its owner
    reader, writer = os.pipe()
    process = container.runtime.popen("exec", "--user", "1000", container.id, "/bin/sh", "-c",
                                      "echo again > /proc/self/fd/1", stdout=writer)
    os.close(writer)
    assert process.wait(20) == 0
    assert os.read(reader, 100) == b"again\n"
    os.close(reader)


def test_preserved_descriptors(container):
    container.runtime.wrapper = ["sh", "-c", 'exec 3</dev/null 4</dev/null 5</dev/null; exec "$@"', "sh"]
    seen = report(container, "fds", options=("--preserve-fds", "2"))["fds"]
    container.runtime.wrapper = []
    assert sorted(seen) == ["0", "1", "2", "3", "4"]


# ---- its end, its failure ----

@promise("contract:6")
@pytest.mark.parametrize("script, status", [("exit 0", 0), ("exit 77", 77), ("kill -9 $$", 137),
                                            ("kill -TERM $$", 143), ("exit 255", 255)])
def test_exit_status(container, script, status):
    assert container.exec("/bin/sh", "-c", script).rc == status


@promise("contract:6", "contract:14")
@pytest.mark.parametrize("words, text", [
    (["nosuch"], 'exec: "nosuch": executable file not found in $PATH'),
    (["/nosuch"], 'exec: "/nosuch": stat /nosuch: no such file or directory'),
    (["/etc"], 'exec: "/etc": is a directory'),
    (["/etc/passwd"], 'exec: "/etc/passwd": permission denied'),
    ([], "exec args cannot be empty"),
])
def test_what_cannot_be_executed(container, words, text):
    skip_peer(container.runtime, "crun", "says it otherwise")
    pid_file = f"{container.bundle}/exec.pid"
    for options in ((), ("--detach",)):
        result = container.exec(*words, options=("--pid-file", pid_file, *options))
        assert result.rc == 255
        assert text in result.err.replace('\\"', '"')
        assert not os.path.exists(pid_file)


def test_what_has_a_wrong_format(container):
    """That the kernel does not know it is seen by execve alone."""
    skip_peer(container.runtime, "crun", "has an exit status of its own")
    path = f"{container.rootfs}/wrong"
    with open(path, "w", encoding="ascii") as file:
        file.write("\x7fELF")
    os.chmod(path, 0o755)
    result = container.exec("/wrong")
    assert result.rc == 255 and "exec format error" in result.err, result


@promise("contract:7.9")
def test_no_directory_is_made(container):
    result = container.exec("/bin/true", options=("--cwd", "/tmp/missing"))
    assert result.rc != 0 and "o such file or directory" in result.err
    assert not os.path.exists(f"{container.rootfs}/tmp/missing")


@promise("contract:7.9")
def test_states(runtime):
    container = runtime.container(["/bin/sleep", "1000"])
    container.write()
    result = container.exec("/bin/true")
    assert result.rc != 0 and "does not exist" in result.err
    container.create()
    # its namespaces are there: engines run probes of a container that is not started yet
    assert container.exec("/bin/echo", "up").out == "up\n"
    container.start()
    assert container.exec("/bin/echo", "up").out == "up\n"
    container.kill("KILL")
    container.wait()
    result = container.exec("/bin/true")
    assert result.rc != 0
    if os.path.basename(runtime.path) != "crun":
        assert result.rc == 255 and "cannot exec in a stopped container" in result.err


@promise("contract:7.9")
def test_an_init_that_waits_for_its_processes(runtime):
    """Killed, but not gone before all of its pid namespace are: an added process that nobody has reaped yet."""
    container = running(runtime.container())
    pid = container.exec_detached("/bin/sleep", "1000")
    container.kill("KILL")
    eventually(lambda: "Z" in read_text(f"/proc/{pid}/stat").rsplit(")", 1)[1])
    result = container.exec("/bin/true")
    assert result.rc != 0
    if runtime.is_tare:
        assert result.rc == 255 and "cannot exec in a stopped container" in result.err
    os.waitpid(pid, 0)
    container.wait()


def test_usage(container):
    """Words that are not understood are the caller's mistake: 1, with the usage."""
    skip_peer(container.runtime, "crun", "has an exit status of its own")
    for words in (["--bogus", container.id, "true"], [], ["--preserve-fds", "x", container.id, "true"]):
        result = container.runtime.call("exec", *words)
        assert result.rc == 1 and "USAGE" in result.out, result
    # what follows the name is the program's
    assert container.exec("/bin/echo", "--bogus", "-d").out == "--bogus -d\n"


def freeze(container, word):
    """As `pause` does, without it."""
    path = cgroup_line(read_text(f"/proc/{container.pid}/cgroup"))
    with open(f"{container.runtime.view.cgroup2()}{path}/cgroup.freeze", "w", encoding="ascii") as file:
        file.write(word)


@promise("contract:7.9")
def test_paused(runtime_in_view):
    skip_peer(runtime_in_view, "crun", "says it otherwise and has no --ignore-paused")
    container = running(runtime_in_view.container())
    freeze(container, "1")
    try:
        eventually(lambda: container.status() == "paused")
        result = container.exec("/bin/true")
        assert result.rc == 255
        assert "cannot exec in a paused container (use --ignore-paused to override)" in result.err
        if not runtime_in_view.is_tare:
            return
        process = runtime_in_view.popen("exec", "--ignore-paused", container.id, "/bin/sh", "-c",
                                        "exit 5")
        time.sleep(0.2)
        assert process.poll() is None
    finally:
        freeze(container, "0")
    assert process.wait(20) == 5


def test_a_caller_that_gives_up_while_it_is_paused(runtime_in_view):
    if not runtime_in_view.is_tare:
        pytest.skip("a promise of tare's")
    container = running(runtime_in_view.container())
    freeze(container, "1")
    eventually(lambda: container.status() == "paused")
    process = runtime_in_view.popen("exec", "--ignore-paused", container.id, "/bin/sh", "-c",
                                    "echo ran > /tmp/ran")
    time.sleep(0.2)
    process.terminate()
    assert process.wait(20) == -signal.SIGTERM
    freeze(container, "0")
    alone(container)
    assert not os.path.exists(f"{container.rootfs}/tmp/ran")


def alone(container):
    """Waits until the init is the only process of the container."""
    path = cgroup_line(read_text(f"/proc/{container.pid}/cgroup"))
    procs = f"{container.runtime.view.cgroup2()}{path}/cgroup.procs"
    eventually(lambda: read_text(procs).split() == [str(container.pid)])


# ---- attended and detached ----

@promise("contract:7.6")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1,
                                    signal.SIGRTMIN + 3, signal.SIGABRT, signal.SIGSEGV])
def test_signals(container, number):
    skip_peer(container.runtime, "crun", "forwards none of them in exec")
    script = f"trap 'exit 9' {int(number)}; echo up; while :; do sleep 0.02; done"
    process = container.runtime.popen("exec", container.id, "/bin/sh", "-c", script,
                                      stdout=subprocess.PIPE)
    assert process.stdout.read(3) == b"up\n"
    process.send_signal(number)
    assert process.wait(20) == 9
    process.stdout.close()


def test_detached(container):
    pid = container.exec_detached("/bin/sh", "-c", "exit 3")
    # we are its subreaper, as an engine's monitor is
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 3


def test_the_program_outlives_a_killed_caller(container):
    """What runs is the container's; only what is not there yet dies with its caller."""
    pid_file = f"{container.bundle}/exec.pid"
    process = container.runtime.popen("exec", "--pid-file", pid_file, container.id, "/bin/sh", "-c",
                                      "echo up; sleep 1000", stdout=subprocess.PIPE)
    assert process.stdout.read(3) == b"up\n"
    pid = int(eventually(lambda: os.path.exists(pid_file) and read_text(pid_file)))
    process.kill()
    process.wait()
    process.stdout.close()
    assert os.path.exists(f"/proc/{pid}")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_terminal(container, desk):
    """At a person's terminal: its size, its modes, its input."""
    if not container.runtime.is_tare:
        pytest.skip("the peers make the pty and the modes in another order")
    before = desk.modes()
    desk.lead(container.runtime, "exec", "--tty", container.id, "/bin/sh")
    eventually(desk.is_raw)
    desk.write(b"stty size; echo $((41 + 1)); ls -l /dev/console /proc/self/fd/2; exit 7\n")
    desk.read_until(b"31 97\r\n42\r\n")
    assert desk.wait() == 7
    assert desk.modes() == before


@promise("contract:7.5", "contract:8")
def test_console_socket(container):
    path = container.process_file(["/bin/sh", "-c", "tty; read x; echo got $x"], terminal=True,
                                  env=["PATH=/bin"], consoleSize={"height": 12, "width": 34})
    with console.Console(container.bundle) as terminal:
        container.exec_detached(options=("--process", path, "--console-socket", terminal.path))
        terminal.accept()
        assert terminal.size() == (12, 34)
        terminal.read_until(b"/dev/pts/0\r\n")
        terminal.write(b"it\n")
        terminal.read_until(b"got it\r\n")


@pytest.mark.parametrize("options, text", [
    (["-t", "-d"], "will detach without setting console socket"),
    (["--console-socket", "/nosuch"], "will not detach or allocate tty"),
    (["-t", "-d", "--console-socket", "/nosuch"], "no such file or directory"),
])
def test_terminals_that_cannot_be(container, options, text):
    skip_peer(container.runtime, "crun", "says it otherwise")
    result = container.exec("/bin/true", options=options)
    assert result.rc == 255 and text in result.err, result


@promise("contract:7.5")
def test_pidfd_socket(container):
    skip_peer(container.runtime, "crun", "has no --pidfd-socket")
    path = f"{container.bundle}/pidfd"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        pid = container.exec_detached("/bin/sleep", "1000", options=("--pidfd-socket", path))
        listener.settimeout(5)
        connection, _ = listener.accept()
    with connection:
        payload, control, _, _ = connection.recvmsg(100, socket.CMSG_SPACE(4))
    assert payload == b"setns"
    pidfd = array.array("i", control[0][2][:4])[0]
    assert f"Pid:\t{pid}\n" in read_text(f"/proc/self/fdinfo/{pidfd}")
    signal.pidfd_send_signal(pidfd, signal.SIGTERM)
    os.close(pidfd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM
