"""One container under docker and podman, as root and as a user: what a program sees and how it ends, exec, signals,
pausing, restarts, terminals."""
import os

from engine_setup import IMAGE, new_name
from tare import eventually, promise, read_text

# A program that says when it runs, and how it was asked to end.
POLITE = "trap 'echo bye; exit 3' TERM; trap 'echo once' USR1; echo up; while :; do sleep 0.1; done"


@promise("contract:8", "contract:9", "contract:10", "contract:12")
def test_run(engine):
    """Both streams, the environment, the working directory and the exit status."""
    result = engine.call("run", "--rm", "-i", "-e", "WORD=value", "-w", "/var/tmp", "--hostname", "here",
                         IMAGE, "sh", "-c", "cat; echo $WORD; pwd; hostname; echo wrong >&2; exit 7",
                         input=b"typed\n")
    assert result == (7, "typed\nvalue\n/var/tmp\nhere\n", "wrong\n")


@promise("contract:10", "contract:12", "contract:14")
def test_what_cannot_run(engine):
    """The engines tell a program that is not there (127) from one that can't be executed (126) by tare's words, and
    nothing is left of the container."""
    name = new_name()
    missing = engine.call("run", "--rm", "--name", name, IMAGE, "no-such-program")
    assert missing.rc == 127 and "executable file not found in $PATH" in missing.err
    directory = engine.call("run", "--rm", "--name", name, IMAGE, "/etc")
    assert directory.rc == 126, directory
    assert "is a directory" in directory.err or "permission denied" in directory.err.lower()
    assert name not in engine.ok("ps", "-a", "--format", "{{.Names}}")


@promise("contract:8", "contract:9")
def test_exec(engine):
    with engine.container("-e", "FROM=config") as name:
        done = engine.call("exec", "-i", "-e", "WORD=value", "-u", "1000:5", "-w", "/var/tmp", name, "sh", "-c",
                           "cat; echo $FROM $WORD; id -u; id -g; pwd; exit 5", input=b"typed\n")
        assert done == (5, "typed\nconfig value\n1000\n5\n/var/tmp\n", "")
        missing = engine.call("exec", name, "no-such-program")
        # docker tells the two apart since 28
        assert missing.rc == (126 if not engine.is_podman and engine.version() < 28 else 127)
        assert "executable file not found" in missing.err + missing.out
        engine.ok("exec", "-d", name, "sh", "-c", "echo $$ > /tmp/pid; exec sleep 1000")
        assert eventually(lambda: engine.call("exec", name, "cat", "/tmp/pid").out, 20)
        assert "sleep 1000\n" in engine.ok("exec", name, "ps", "-o", "args")
        assert engine.ok("exec", "--privileged", name, "grep", "CapEff", "/proc/self/status") > \
            engine.ok("exec", name, "grep", "CapEff", "/proc/self/status")


def test_terminal(engine):
    with engine.container("-t", args=["sh", "-c", "tty; stty size; exec cat"]) as name:
        eventually(lambda: "/dev/pts/0" in engine.ok("logs", name), 20)
        # within the container the terminal is the console, too
        assert engine.ok("exec", name, "sh", "-c", "test -c /dev/console && echo yes") == "yes\n"
    done = engine.call("run", "--rm", "-t", IMAGE, "sh", "-c", "test -t 0 && test -t 1 && test -t 2; echo $?")
    assert done.rc == 0 and done.out == "0\r\n"


@promise("contract:7.8")
def test_stop_and_signals(engine):
    with engine.container(args=["sh", "-c", POLITE]) as name:
        eventually(lambda: "up" in engine.ok("logs", name), 20)
        engine.ok("kill", "-s", "USR1", name)
        eventually(lambda: "once" in engine.ok("logs", name), 20)
        engine.ok("stop", "-t", "30", name)
        assert engine.inspect(name, "{{.State.Status}} {{.State.ExitCode}}") == "exited 3"
        assert "bye" in engine.ok("logs", name)
        # once more, the same container
        engine.ok("start", name)
        eventually(lambda: engine.ok("logs", name).count("up") == 2, 20)
        engine.ok("kill", name)
        assert engine.ok("wait", name).strip() == "137"
    with engine.container(args=["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"]) as name:
        eventually(lambda: "up" in engine.ok("logs", name), 20)
        engine.ok("stop", "-t", "1", name)
        assert engine.inspect(name, "{{.State.ExitCode}}") == "137"


def test_pause(engine):
    """What is paused stands still, and can't be joined; it goes on as if nothing had been."""
    script = "while :; do echo tick; sleep 0.1; done"
    with engine.container(args=["sh", "-c", script]) as name:
        cgroup = read_text(f"/proc/{engine.pid(name)}/cgroup").split("::")[1].strip()
        engine.ok("pause", name)
        assert engine.inspect(name, "{{.State.Status}}") == "paused"
        assert "frozen 1" in read_text(f"/sys/fs/cgroup{cgroup}/cgroup.events")
        frozen = engine.ok("logs", name)
        assert engine.call("exec", name, "true").rc
        assert engine.ok("logs", name) == frozen
        engine.ok("unpause", name)
        assert "frozen 0" in read_text(f"/sys/fs/cgroup{cgroup}/cgroup.events")
        eventually(lambda: len(engine.ok("logs", name)) > len(frozen), 20)
        assert engine.ok("exec", name, "echo", "again") == "again\n"


def test_top(engine):
    with engine.container(args=["sh", "-c", "sleep 4321 & exec sleep 1234"]) as name:
        listed = eventually(lambda: "4321" in (top := engine.ok("top", name)) and top, 20)
        assert "sleep 1234" in listed and len(listed.splitlines()) == 3


def test_restart(engine):
    """A container whose program fails is started again as often as was said, one that is to run always is."""
    with engine.container("--restart", "on-failure:2", lasts=False, args=["sh", "-c", "echo up; exit 9"]) as name:
        eventually(lambda: engine.inspect(name, "{{.RestartCount}} {{.State.Status}}") == "2 exited", 60)
        assert engine.inspect(name, "{{.State.ExitCode}}") == "9"
        assert engine.ok("logs", name) == "up\n" * 3
    with engine.container("--restart", "always") as name:
        first = engine.pid(name)
        os.kill(first, 9)
        eventually(lambda: engine.pid(name) not in (0, first), 60)
        assert engine.ok("exec", name, "echo", "again") == "again\n"


def test_init(engine):
    """The engine's small init is the first process, and takes orphans."""
    with engine.container("--init", args=["sh", "-c", "(sleep 1 &); exec sleep 1000"]) as name:
        first = engine.ok("exec", name, "cat", "/proc/1/comm").strip()
        assert first in ("docker-init", "catatonit", "tini", "podman-init"), first
        # of the two that slept one is left, and no zombie
        eventually(lambda: engine.ok("exec", name, "ps", "-o", "comm").split().count("sleep") == 1, 20)
