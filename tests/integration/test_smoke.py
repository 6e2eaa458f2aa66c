"""The first things that must work: a program runs, its exit status comes back, a container lives."""
import json
import os

import pytest

import console
from tare import eventually, promise, unprivileged

pytestmark = pytest.mark.without("detached", "pidns_option", "open_tree_ns", "pidfs_id")


@promise("contract:6")
def test_run_prints_and_returns(runtime_in_view):
    result = runtime_in_view.container(["/bin/echo", "hello from the container"]).run()
    assert (result.rc, result.out, result.err) == (0, "hello from the container\n", "")


@promise("contract:6")
@pytest.mark.parametrize("command, status", [("exit 0", 0), ("exit 7", 7), ("exit 255", 255),
                                             ("sh -c 'kill -KILL $$'; exit $?", 137)])
def test_exit_status(runtime, command, status):
    assert runtime.container(["/bin/sh", "-c", command]).run().rc == status


@promise("contract:7.2", "contract:7.3", "contract:5")
def test_life_cycle(runtime_in_view):
    runtime = runtime_in_view
    container = runtime.container(["/bin/sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done"])
    container.create()
    assert container.status() == "created"
    assert container.state()["pid"] == container.pid
    assert container.output()[0] == ""
    container.start()
    eventually(lambda: container.output()[0] == "up\n")
    assert container.status() == "running"
    assert runtime.ids() == [container.id]
    container.kill("TERM")
    assert container.wait() == 3
    assert container.status() == "stopped"
    container.delete()
    assert runtime.ids() == []


@promise("contract:7.7")
def test_delete_of_a_created_container(runtime):
    container = runtime.container(["/bin/echo", "never"]).create()
    container.delete()
    assert container.output()[0] == ""
    assert runtime.call("state", container.id).rc == 1


@promise("contract:7.7", "contract:14")
def test_delete_of_a_running_container_is_refused(runtime):
    container = runtime.container(["/bin/sleep", "100"]).create().start()
    result = runtime.call("delete", container.id)
    assert result.rc == 1
    if not runtime.path.endswith("crun"):
        assert f"cannot delete container {container.id} that is not stopped: running" in result.err
    container.delete("--force")


@promise("contract:14")
def test_unknown_container(runtime):
    result = runtime.call("state", "no-such-container")
    assert result.rc == 1
    assert "does not exist" in result.err


@promise("contract:14")
def test_id_taken(runtime):
    container = runtime.container(["/bin/sleep", "100"]).create()
    result = runtime.call("create", "--bundle", container.bundle, container.id)
    assert result.rc == 1
    assert "already exist" in result.err or "exists" in result.err


@promise("contract:7.4")
def test_missing_program_is_found_at_create(runtime):
    result = runtime.container(["no-such-program"]).try_create()
    assert result.rc == 1
    assert "executable file" in result.err and "not found in $PATH" in result.err


def test_report_sees_the_identity(runtime):
    container = runtime.reporter("identity", "cwd", "uts", "no_new_privs", "fds")
    container.config["process"]["user"] = {"uid": 7, "gid": 8, "additionalGids": [9, 10]}
    container.config["process"]["cwd"] = "/tmp"
    seen = container.report()
    assert seen["identity"] == {"uid": [7, 7, 7], "gid": [8, 8, 8], "umask": 0o022,
                                "groups": [9, 10]}
    assert seen["cwd"] == "/tmp"
    assert seen["uts"]["hostname"] == "tare"
    assert seen["no_new_privs"] == 1
    assert sorted(seen["fds"]) == ["0", "1", "2"]


@promise("contract:7.5")
def test_terminal(runtime):
    container = runtime.reporter("terminal", "dev")
    container.config["process"]["terminal"] = True
    container.config["process"]["consoleSize"] = {"height": 33, "width": 77}
    with console.Console(container.bundle) as terminal:
        container.create("--console-socket", terminal.path)
        terminal.accept()
        assert terminal.size() == (33, 77)
        container.start()
        seen = json.loads(terminal.read_until())
        assert container.wait() == 0
    assert (seen["terminal"]["rows"], seen["terminal"]["columns"]) == (33, 77)
    assert seen["terminal"]["controlling"]
    assert set(seen["terminal"]["streams"]) == {"/dev/pts/0"}
    if not runtime.path.endswith("crun"):  # which makes a link of it
        assert seen["dev"]["console"]["rdev"][0] == 136


def test_unprivileged_user(unprivileged_runtime):
    container = unprivileged_runtime.reporter("identity", "namespaces")
    unprivileged(container.config, os.geteuid() or 1000, os.getegid() or 1000)
    seen = container.report()
    assert seen["identity"]["uid"] == [0, 0, 0]
    assert seen["namespaces"]["uid_map"].split() == ["0", str(os.geteuid() or 1000), "1"]
