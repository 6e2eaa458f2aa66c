"""Logs that the journal or syslog keep: the test is their daemon, at sockets in a mount namespace where /run
and /dev are empty."""
import re
import socket
import subprocess

import pytest

from tare import promise

VIEW = """
mount -t tmpfs tmpfs /run && touch /run/null && mount --bind /dev/null /run/null &&
mount -t tmpfs tmpfs /dev && touch /dev/null && mount --bind /run/null /dev/null || exit 99
mkdir -p /run/systemd/journal
[ -z "$0" ] || ln -s "$0" /run/systemd/journal/socket
[ -z "$0" ] || ln -s "$0" /dev/log
exec "$@"
"""


def call(runtime, address, *words):
    """A call with somebody at both sockets, or nobody."""
    return subprocess.run(
        ["unshare", "-m", "--propagation", "private", "sh", "-c", VIEW, address, runtime.path,
         "--root", runtime.state_root, *words],
        capture_output=True, text=True, check=False, env=runtime.env, timeout=20)


@pytest.fixture
def daemon(runtime):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"{runtime.directory}/daemon")
        listener.settimeout(10)
        yield listener


@promise("contract:2", "contract:4")
def test_journal(runtime, daemon):
    done = call(runtime, daemon.getsockname(), "--log", "journald:box", "state", "nothing")
    assert (done.returncode, done.stderr) == (1, "container does not exist\n")
    assert daemon.recv(4096) == (b"PRIORITY=3\nMESSAGE=container does not exist\n"
                                 b"SYSLOG_IDENTIFIER=box\n")


def test_journal_of_several_lines(runtime, daemon):
    done = call(runtime, daemon.getsockname(), "--log", "journald:box", "kill", "x", "a\nb")
    assert done.returncode == 1
    text = b'unknown signal "a\nb"'
    assert daemon.recv(4096) == (b"PRIORITY=3\nMESSAGE\n" + len(text).to_bytes(8, "little") + text +
                                 b"\nSYSLOG_IDENTIFIER=box\n")


@promise("contract:2", "contract:4")
def test_syslog(runtime, daemon):
    done = call(runtime, daemon.getsockname(), "--log", "syslog:box", "state", "nothing")
    assert (done.returncode, done.stderr) == (1, "container does not exist\n")
    line = daemon.recv(4096)
    assert re.fullmatch(rb"<27>.*box\[\d+\]: container does not exist\n?\0?", line), line


def test_syslog_by_stream(runtime):
    """As some syslog daemons listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(f"{runtime.directory}/stream")
        listener.listen(4)
        listener.settimeout(10)
        done = call(runtime, listener.getsockname(), "--log", "syslog:box", "state", "nothing")
        assert done.returncode == 1
        seen = b""
        for _ in range(2):  # one looks whether somebody is there
            connection, _ = listener.accept()
            with connection:
                seen += connection.recv(4096)
        assert b"container does not exist" in seen


@pytest.mark.parametrize("target, path", [("journald:x", "/run/systemd/journal/socket"),
                                          ("syslog:x", "/dev/log")])
def test_nobody_is_there(runtime, target, path):
    done = call(runtime, "", "--log", target, "list")
    assert done.returncode == 1
    assert f"--log {target}: connect to {path}: no such file or directory" in done.stderr
    done = call(runtime, f"{runtime.directory}/nobody", "--log", target, "list")
    assert done.returncode == 1 and f"connect to {path}" in done.stderr


def test_success_says_nothing(runtime, daemon):
    done = call(runtime, daemon.getsockname(), "--log", "journald:box", "spec", "--bundle",
                runtime.directory)
    assert (done.returncode, done.stderr) == (0, "")
    daemon.settimeout(0.1)
    with pytest.raises(socket.timeout):
        daemon.recv(4096)
