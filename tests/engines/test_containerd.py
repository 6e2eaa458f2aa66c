"""containerd by its own client, ctr, whose option --runc-binary names the runtime: the life of a task, terminals, user
namespaces, both cgroup drivers, containers that share namespaces."""
import contextlib
import os
import pty
import select
import subprocess

import pytest

from engine_setup import IMAGE, TARE, containerd_version, new_name, run
from tare import eventually, promise, read_text

LOOP = "trap 'exit 3' TERM; while :; do sleep 0.1; done"

pytestmark = pytest.mark.usefixtures("containerd")


def ctr_run(*words, name=None, args=("true",), **how):
    """`ctr run` in the foreground."""
    return run("ctr", "run", "--rm", "--runc-binary", TARE, *words, IMAGE, name or new_name(), *args, check=False,
               **how)


@contextlib.contextmanager
def task(*words, args=("sleep", "1000")):
    """A container that runs in the background, by its name. Nothing of it may be left afterwards."""
    name = new_name()
    run("ctr", "run", "-d", "--runc-binary", TARE, *words, IMAGE, name, *args)
    try:
        assert os.path.isdir(f"/run/containerd/runc/default/{name}"), "it does not run on tare"
        yield name
    finally:
        run("ctr", "task", "rm", "-f", name, check=False)
        run("ctr", "container", "rm", name)
    assert not os.path.exists(f"/run/containerd/runc/default/{name}")
    assert name not in read_text("/proc/self/mountinfo")
    assert run("find", "/sys/fs/cgroup", "-name", f"*{name}*", check=False).out == ""


def status(name):
    """(process id, status) of a task."""
    for line in run("ctr", "task", "ls").out.splitlines():
        if line.split()[0] == name:
            return int(line.split()[1]), line.split()[2]
    return None


@promise("contract:8")
def test_run():
    done = ctr_run("--env", "WORD=value", "--cwd", "/tmp", args=["sh", "-c", "echo $WORD; pwd; echo wrong >&2; exit 7"])
    assert done == (7, "value\n/tmp\n", "wrong\n")
    missing = ctr_run(args=["no-such-program"])
    assert missing.rc == 1 and "OCI runtime create failed" in missing.err
    assert 'exec: "no-such-program": executable file not found in $PATH' in missing.err
    assert run("ctr", "task", "ls", "-q").out.count("no-such") == 0


@promise("contract:8", "contract:7.8")
def test_life():
    with task(args=["sh", "-c", LOOP]) as name:
        pid, state = status(name)
        assert state == "RUNNING" and read_text(f"/proc/{pid}/comm") == "sh\n"
        done = run("ctr", "task", "exec", "--exec-id", "one", "--user", "1000", "--cwd", "/tmp", name, "sh", "-c",
                   "id -u; pwd; exit 5", check=False)
        assert done == (5, "1000\n/tmp\n", "")
        listed = run("ctr", "task", "ps", name).out
        assert str(pid) in listed
        run("ctr", "task", "pause", name)
        assert status(name) == (pid, "PAUSED")
        run("ctr", "task", "resume", name)
        assert status(name) == (pid, "RUNNING")
        run("ctr", "task", "kill", "-s", "TERM", name)
        eventually(lambda: status(name)[1] == "STOPPED", 20)
        removed = run("ctr", "task", "rm", name, check=False)
        assert removed.rc == 3 or "exit code 3" in removed.err, removed
        again = run("ctr", "task", "kill", name, check=False)
        assert again.rc and "not found" in again.err


def test_terminal():
    """`ctr run --tty` on a terminal: the program has one of its own, of the same size."""
    ours, theirs = pty.openpty()
    subprocess.run(["stty", "rows", "33", "cols", "77"], stdin=theirs, check=True)
    name = new_name()
    with subprocess.Popen(["ctr", "run", "--rm", "--tty", "--runc-binary", TARE, IMAGE, name, "sh", "-c",
                           "sleep 1; tty; stty size; read word; echo got $word; exit 9"],
                          stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        seen = b""

        def saw(word):
            nonlocal seen
            while select.select([ours], [], [], 0)[0]:
                seen += os.read(ours, 4096)
            return word in seen
        eventually(lambda: saw(b"77") and seen.split() == [b"/dev/pts/0", b"33", b"77"], 30)
        os.write(ours, b"word\n")
        assert process.wait(120) == 9
        with contextlib.suppress(OSError):  # what the last one to close it says
            saw(b"")
    os.close(ours)
    assert b"got word" in seen


@promise("contract:7.13", "contract:7.14")
@pytest.mark.parametrize("driver", ["cgroupfs", "systemd"])
def test_cgroup_drivers(driver):
    name = new_name()
    words = ["--cgroup", f"/tests/{name}"] if driver == "cgroupfs" else \
        ["--runc-systemd-cgroup", "--cgroup", f"system.slice:tests:{name}"]
    wanted = f"/tests/{name}" if driver == "cgroupfs" else f"/system.slice/tests-{name}.scope"
    with task(*words) as made:
        own = read_text(f"/proc/{status(made)[0]}/cgroup").strip().splitlines()[-1]
        assert own == f"0::{wanted}"
        joined = run("ctr", "task", "exec", "--exec-id", "one", made, "cat", "/proc/self/cgroup").out
        assert joined.strip().splitlines()[-1] == f"0::{wanted}"
        if driver == "systemd":
            assert run("systemctl", "is-active", f"tests-{name}.scope").out == "active\n"
    assert not os.path.exists(f"/sys/fs/cgroup{wanted}")


def test_limits():
    if "memory" not in read_text("/sys/fs/cgroup/cgroup.controllers"):
        pytest.skip("no controller memory here (tests/run --vm sid engines has it)")
    with task("--memory-limit", "50000000", "--cpus", "0.5") as name:
        own = read_text(f"/proc/{status(name)[0]}/cgroup").split("::")[1].strip()
        assert int(read_text(f"/sys/fs/cgroup{own}/memory.max")) == 50000000 // 4096 * 4096
        assert read_text(f"/sys/fs/cgroup{own}/cpu.max") == "50000 100000\n"
        assert "memory.usage" in run("ctr", "task", "metrics", name).out


def test_user_namespace():
    if containerd_version() < (2, 0):
        pytest.skip("ctr of containerd 1.7 forgets the runtime's path where ids are mapped")
    done = ctr_run("--uidmap", "0:200000:65536", "--gidmap", "0:200000:65536", "--remap-labels",
                   args=["sh", "-c", "cat /proc/self/uid_map; id -u; stat -c %u /bin/busybox; touch /file && echo ok"])
    assert done.rc == 0, done
    assert done.out.split() == ["0", "200000", "65536", "0", "0", "ok"]


@promise("contract:8")
def test_shared_namespaces():
    """What a pod's second container is: it joins the network, IPC and pid namespaces of the first, and ends when the
    first one's processes do; killing it kills it alone."""
    server = ["sh", "-c", "echo served > /tmp/index.html; exec httpd -f -p 80 -h /tmp"]
    with task(args=server) as first:
        pid = status(first)[0]
        spaces = [word for kind, file in (("network", "net"), ("ipc", "ipc"), ("pid", "pid"))
                  for word in ("--with-ns", f"{kind}:/proc/{pid}/ns/{file}")]
        done = ctr_run(*spaces, args=["sh", "-c", "until wget -q -O - http://127.0.0.1/; do sleep 0.1; done; "
                                      "ps -o args | grep -c '[h]ttpd -f'"])
        assert done.out == "served\n1\n", done
        with task(*spaces) as second:
            other = status(second)[0]
            for kind in ("net", "ipc", "pid"):
                assert os.readlink(f"/proc/{pid}/ns/{kind}") == os.readlink(f"/proc/{other}/ns/{kind}")
            assert os.readlink(f"/proc/{pid}/ns/mnt") != os.readlink(f"/proc/{other}/ns/mnt")
            run("ctr", "task", "exec", "-d", "--exec-id", "more", second, "sleep", "4321")
            run("ctr", "task", "kill", "-s", "KILL", second)
            eventually(lambda: status(second)[1] == "STOPPED", 20)
            # nothing of the second is left, and nothing of the first has gone
            listed = run("ctr", "task", "exec", "--exec-id", "look", first, "ps", "-o", "args").out
            assert "httpd -f" in listed and "sleep" not in listed
            assert status(first)[1] == "RUNNING"
