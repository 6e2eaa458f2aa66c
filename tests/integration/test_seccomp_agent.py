"""SCMP_ACT_NOTIFY: the listener on its way to the agent of linux.seccomp.listenerPath, and what the example
agent of contrib answers."""
import json
import os
import socket
import subprocess
import threading

import pytest

from tare import TOP, eventually, promise, user_namespace

ASKED = ["mkdir", "mkdirat", "openat"]
SCRIPT = ("cat /agent/file; mkdir /forbidden 2>&1; mkdir /allowed && ls -d /allowed; "
          "ls -d /forbidden 2>/dev/null; readlink /proc/self/fd/3; true")
ANSWERED = "served by the agent\nmkdir: can't create directory '/forbidden': Invalid cross-device link\n" \
           "/allowed\n"


class Agent:
    """contrib/seccomp-agent, listening."""

    def __init__(self, program, directory):
        self.path = f"{directory}/agent.sock"
        self.output = f"{directory}/agent.out"
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen([program, self.path], stdout=output)
        eventually(lambda: "listening" in self.said())

    def said(self):
        with open(self.output, encoding="utf-8") as file:
            return file.read()

    def states(self):
        return [json.loads(line[6:]) for line in self.said().splitlines() if line.startswith("state ")]

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def agent_program(host):
    path = f"{host.directory}/seccomp-agent"
    subprocess.run(["gcc", "-static", "-O1", "-Wall", "-Wextra", "-Werror", "-o", path,
                    f"{TOP}/contrib/seccomp-agent.c"], check=True)
    return path


@pytest.fixture
def agent(agent_program, tmp_path):
    made = Agent(agent_program, tmp_path)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def needs_tare(runtime):
    if not runtime.is_tare:
        pytest.skip("when the listener is handed over, and the texts, are tare's own")
    if "libseccomp" not in runtime.ok("--version"):
        pytest.skip("a build without libseccomp")


def supervised(runtime, path, names=None, program=SCRIPT, **members):
    """A container whose calls of these names an agent answers."""
    container = runtime.container()
    container.config["process"]["args"] = ["/bin/sh", "-c", program]
    container.config["root"]["readonly"] = False
    container.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": str(path), **members,
        "syscalls": members.get("syscalls", []) + [{"names": names or ASKED,
                                                    "action": "SCMP_ACT_NOTIFY"}]}
    return container


class Listener:
    """An agent that takes one connection and answers nothing: what it received."""

    def __init__(self, directory, drop=False):
        self.path, self.drop = f"{directory}/listener.sock", drop
        self.text, self.fds, self.rest = b"", [], None
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(self.path)
        self.server.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        connection, _ = self.server.accept()
        with connection:
            if self.drop:
                return
            self.text, self.fds, _, _ = socket.recv_fds(connection, 65536, 8)
            self.rest = connection.recv(1000)

    def close(self):
        for fd in self.fds:
            os.close(fd)
        self.server.close()


@promise("spec:241", "spec:243", "spec:244", "spec:246", "spec:250", "issue:6.3")
@pytest.mark.parametrize("no_new_privileges", [True, False])
@pytest.mark.parametrize("compiler", ["tare", "libseccomp"])
def test_an_agent_answers(runtime, agent, no_new_privileges, compiler):
    runtime.seccomp_compiler = compiler
    container = supervised(runtime, agent.path, listenerMetadata='of "ours"')
    container.config["process"]["noNewPrivileges"] = no_new_privileges
    container.config["annotations"] = {"of": "ours"}
    result = container.run()
    assert result == (0, ANSWERED, ""), result
    assert not os.path.exists(f"{container.rootfs}/forbidden")
    state, = agent.states()
    assert state["fds"] == ["seccompFd"] and state["metadata"] == 'of "ours"'
    assert state["pid"] == state["state"]["pid"] > 1
    assert state["ociVersion"] == state["state"]["ociVersion"] == container.config["ociVersion"]
    assert state["state"]["id"] == container.id and state["state"]["annotations"] == {"of": "ours"}
    assert state["state"]["bundle"] == container.bundle
    assert "mkdir /forbidden" in agent.said() and "openat /agent/file: descriptor 3" in agent.said()


@promise("spec:241", "spec:243", "spec:249", "spec:250")
def test_one_connection_has_one_state(runtime, tmp_path):
    listener = Listener(tmp_path)
    container = supervised(runtime, listener.path, names=["mkdir", "mkdirat"], program="mkdir /a")
    container.create()
    assert listener.text == b""  # the filter is installed by start
    container.start()
    listener.thread.join(10)
    assert listener.rest == b"" and len(listener.fds) == 1
    state = json.loads(listener.text)
    assert "metadata" not in state and state["pid"] == container.pid
    assert state["state"]["status"] == "created"
    assert "seccomp" in os.readlink(f"/proc/self/fd/{listener.fds[0]}")
    container.kill("KILL")
    container.wait()
    listener.close()


@promise("spec:240")
def test_a_killed_caller_does_not_wait(runtime, agent):
    container = supervised(runtime, agent.path,
                           flags=["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", "SECCOMP_FILTER_FLAG_TSYNC"])
    result = container.run()
    assert result == (0, ANSWERED, ""), result


@promise("spec:241", "issue:6.3")
def test_exec_has_a_listener_of_its_own(runtime, agent):
    container = supervised(runtime, agent.path, program="sleep 1000").create().start()
    result = container.exec("/bin/sh", "-c", SCRIPT)
    assert result == (0, ANSWERED, ""), result
    first, second = agent.states()
    assert first["pid"] == container.pid != second["pid"]
    assert second["state"]["pid"] == container.pid and second["state"]["status"] == "running"
    agent.close()
    result = container.exec("/bin/true")
    assert result.rc != 0 and "failed to connect with seccomp agent" in result.err, result
    assert container.status() == "running"
    container.kill("KILL")
    container.wait()


@promise("spec:242")
def test_without_an_agent_nothing_starts(runtime, agent_program, tmp_path):
    container = supervised(runtime, f"{tmp_path}/agent.sock").create()
    result = runtime.call("start", container.id)
    assert result.rc != 0 and "failed to connect with seccomp agent" in result.err, result
    assert container.status() == "created"
    agent = Agent(agent_program, tmp_path)
    container.start()
    container.wait()
    assert container.output()[0] == ANSWERED
    agent.close()


@promise("spec:242")
def test_an_agent_that_goes_away_ends_the_start(runtime, tmp_path):
    listener = Listener(tmp_path, drop=True)
    container = supervised(runtime, listener.path, program="echo ran")
    container.config["hooks"] = {"startContainer": [{"path": "/bin/sleep", "args": ["sleep", "0.3"]}]}
    container.create()
    result = runtime.call("start", container.id)
    assert result.rc != 0 and "linux.seccomp.listenerPath: send to the agent" in result.err, result
    container.wait()
    assert container.status() == "stopped"
    listener.close()


@promise("spec:242")
def test_an_unused_path_is_ignored(runtime):
    container = supervised(runtime, "/no/such/socket", program="echo ran")
    container.config["linux"]["seccomp"]["syscalls"] = [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]
    assert container.run() == (0, "ran\n", "")


@promise("spec:7", "issue:6.3")
@pytest.mark.parametrize("name", ["write", "sendmsg"])
def test_what_would_wait_for_itself_is_refused(runtime, name):
    container = supervised(runtime, "/no/such/socket", names=[name])
    result = container.try_create()
    assert result.rc != 0
    assert f"SCMP_ACT_NOTIFY cannot be used for the {name} syscall" in result.err


@promise("issue:6.3")
def test_a_filter_that_keeps_its_listener_is_refused(runtime, agent):
    refuse = [{"names": ["sendmsg"], "action": "SCMP_ACT_ERRNO"}]
    container = supervised(runtime, agent.path, program="echo ran", syscalls=refuse).create()
    result = runtime.call("start", container.id)
    assert result.rc != 0 and "the filter must allow sendmsg" in result.err, result
    container.wait()
    assert container.output()[0] == ""


@promise("spec:241")
def test_in_a_user_namespace(runtime, agent):
    container = supervised(runtime, agent.path)
    user_namespace(container.config)
    container.chown(100000)
    result = container.run()
    assert result == (0, ANSWERED, ""), result
