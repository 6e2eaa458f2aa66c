"""tare under a service manager: NOTIFY_SOCKET and LISTEN_FDS. The manager is the test: it reads the
datagrams with their senders, and makes the sockets. The programs are Debian's python3, bound into the
container."""
import array
import os
import socket
import struct
import subprocess
import threading

import pytest

from tare import eventually, promise, read_text, user_namespace

NOTIFY = """
import os, socket, sys
address = os.environ["NOTIFY_SOCKET"]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("\\0" + address[1:] if address[0] == "@" else address)
s.send(b"READY=1\\nSTATUS=up")
r, w = os.pipe()
socket.send_fds(s, [b"BARRIER=1"], [w])
os.close(w)
os.read(r, 1)
print(address)
"""

SERVE = """
import os, socket
assert int(os.environ["LISTEN_PID"]) == os.getpid(), os.environ
names = os.environ["LISTEN_FDNAMES"].split(":")
for i in range(int(os.environ["LISTEN_FDS"])):
    s = socket.socket(fileno=3 + i)
    c, _ = s.accept()
    c.sendall(f"{names[i]} {c.recv(100).decode()}".encode())
    c.close()
"""


class Manager:
    """The receiving end of sd_notify(3): messages as (text, pid of the sender, descriptors)."""

    def __init__(self, address):
        self.address = address
        self.messages = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind("\0" + address[1:] if address[0] == "@" else address)
        if address[0] == "/":
            os.chmod(address, 0o777)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            text, ancillary, _, _ = self.socket.recvmsg(4096, 1000)
            if text == b"end":
                return
            pid, n_fds = 0, 0
            for _, kind, data in ancillary:
                if kind == socket.SCM_CREDENTIALS:
                    pid = struct.unpack("3i", data)[0]
                elif kind == socket.SCM_RIGHTS:
                    fds = array.array("i", data)
                    n_fds = len(fds)
                    for fd in fds:
                        os.close(fd)
            self.messages.append((text.decode(), pid, n_fds))

    def texts(self):
        """The messages' texts."""
        return [text for text, _, _ in self.messages]

    def close(self):
        """Ends the thread."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"end", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


@pytest.fixture
def manager(runtime):
    made = Manager(f"{runtime.directory}/notify")
    yield made
    made.close()


def python(runtime, script):
    """A container whose program is a Python script."""
    container = runtime.container(["/usr/bin/python3", "-c", script])
    for path in ("/usr", "/lib", "/lib64"):
        container.config["mounts"].append({"destination": path, "source": os.path.realpath(path),
                                           "type": "none", "options": ["rbind", "ro"]})
    return container


@promise("contract:3")
@pytest.mark.parametrize("userns", [False, True])
def test_notify(runtime, manager, userns):
    """Messages, barriers and who has sent them reach the manager; of a run that waits nothing else does."""
    container = python(runtime, NOTIFY)
    if userns:
        user_namespace(container.config)
        container.chown(100000)
    result = container.run(env={"NOTIFY_SOCKET": manager.address})
    assert (result.rc, result.out) == (0, "/run/notify/notify.sock\n"), result
    assert manager.texts() == ["READY=1\nSTATUS=up", "BARRIER=1"]
    assert manager.messages[1][2] == 1


@promise("contract:3")
def test_notify_of_a_detached_container(runtime, manager):
    """The manager hears of the main process before that can say anything; nobody stays."""
    container = python(runtime, NOTIFY)
    container.write()
    pid_file = f"{container.bundle}/pid"
    runtime.ok("run", "--detach", "--pid-file", pid_file, "--bundle", container.bundle, container.id,
               env={"NOTIFY_SOCKET": manager.address})
    pid = int(read_text(pid_file))
    eventually(lambda: len(manager.messages) == 4)
    assert manager.texts() == [f"MAINPID={pid}", "BARRIER=1", "READY=1\nSTATUS=up", "BARRIER=1"]
    assert manager.messages[0][1] != pid and manager.messages[2][1] == pid


@promise("contract:3")
def test_notify_with_create_and_start(runtime, manager):
    container = python(runtime, NOTIFY)
    container.create(env={"NOTIFY_SOCKET": manager.address})
    assert manager.texts() == []
    runtime.ok("start", container.id, env={"NOTIFY_SOCKET": manager.address})
    assert container.wait() == 0
    assert manager.texts()[:3] == [f"MAINPID={container.pid}", "BARRIER=1", "READY=1\nSTATUS=up"]


@promise("contract:3")
def test_start_for_somebody_elses_manager(runtime, manager):
    """An engine that is a service itself starts a container that has no such socket."""
    container = runtime.container(["/bin/true"]).create()
    runtime.ok("start", container.id, env={"NOTIFY_SOCKET": manager.address})
    assert container.wait() == 0
    assert manager.texts() == []


def test_notify_as_an_engine_arranges_it(runtime, manager):
    """config.json names a socket itself, as podman's does with --sdnotify=container."""
    container = runtime.container(["/bin/sh", "-c", "echo $NOTIFY_SOCKET; ls /run"])
    container.config["process"]["env"].append("NOTIFY_SOCKET=/mine")
    container.create(env={"NOTIFY_SOCKET": manager.address})
    runtime.ok("start", container.id, env={"NOTIFY_SOCKET": manager.address})
    assert container.wait() == 0
    assert container.output()[0].split()[0] == "/mine" and "notify" not in container.output()[0]
    assert manager.texts() == []


def test_notify_by_an_abstract_socket(runtime):
    manager = Manager(f"@tare-test-{os.getpid()}")
    try:
        container = python(runtime, NOTIFY)
        result = container.run(env={"NOTIFY_SOCKET": manager.address})
        assert result.rc == 1 and "abstract socket" in result.err
        container.config["linux"]["namespaces"] = [
            ns for ns in container.config["linux"]["namespaces"] if ns["type"] != "network"]
        result = container.run(env={"NOTIFY_SOCKET": manager.address})
        assert (result.rc, result.out) == (0, manager.address + "\n")
        assert manager.texts() == ["READY=1\nSTATUS=up", "BARRIER=1"]
    finally:
        manager.close()


def test_notify_without_a_manager(runtime):
    result = runtime.container(["/bin/true"]).run(env={"NOTIFY_SOCKET": "/no/such/socket"})
    assert result.rc == 1
    assert "NOTIFY_SOCKET (/no/such/socket -> /run/notify/notify.sock)" in result.err
    assert runtime.container(["/bin/true"]).run(env={"NOTIFY_SOCKET": ""}).rc == 0


@promise("contract:3", "contract:9")
@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("more", [0, 2])
def test_listen_fds_are_served(runtime, private, more):
    """Sockets that the manager made are served by the program; further descriptors come behind them."""
    container = python(runtime, SERVE + f"for fd in range(5, {5 + more}): os.write(fd, b'x')\n"
                                        # the first socket is closed by now, and the directory is open
                                        "fds = os.listdir('/proc/self/fd')\n"
                                        f"assert len(fds) == {5 + more}, fds\n")
    if not private:
        container.config["linux"]["namespaces"] = [
            ns for ns in container.config["linux"]["namespaces"] if ns["type"] != "pid"]
    container.write()
    listeners = []
    for name in ("one", "two"):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(f"{runtime.directory}/{name}")
        listener.listen(1)
        listeners.append(listener)
    reader, writer = os.pipe()

    def arrange():
        # as systemd does: from 3 on, without close-on-exec
        fds = [os.dup(fd) for fd in (listeners[0].fileno(), listeners[1].fileno(), writer, writer)]
        high = [os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i)
        os.environ["LISTEN_PID"] = str(os.getpid())

    words = runtime.argv("run", "--bundle", container.bundle, "--preserve-fds", str(more), container.id)
    with subprocess.Popen(
            ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *words], preexec_fn=arrange,
            env=dict(runtime.env, LISTEN_FDS="2", LISTEN_FDNAMES="web:admin"), close_fds=False,
            stderr=subprocess.PIPE, text=True) as process:
        os.close(writer)
        for listener, name in zip(listeners, ("web", "admin")):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(20)
                client.connect(listener.getsockname())
                client.sendall(b"hello")
                assert client.recv(100) == f"{name} hello".encode()
            listener.close()
        err = process.stderr.read()
        assert (process.wait(10), err) == (0, "")
    assert os.read(reader, 10) == b"x" * more
    os.close(reader)


@pytest.mark.parametrize("value", ["x", "-1", "", "99999999999"])
def test_wrong_listen_fds(runtime, value):
    container = runtime.container(["/bin/true"])
    container.write()
    words = runtime.argv("run", "--bundle", container.bundle, container.id)
    done = subprocess.run(["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *words], text=True,
                          env=dict(runtime.env, LISTEN_FDS=value), capture_output=True, check=False)
    assert done.returncode == 1 and "LISTEN_FDS" in done.stderr
