"""kill and delete from the command line: signals by name and number, and what is left when."""
import json

import pytest

from callers import log_text, skip_peer
from tare import eventually, promise

# ---- kill ----

@promise("contract:2", "contract:14")
@pytest.mark.parametrize("name", ["FOO", "SIG", "65", "-1", "9x", "RTMIN+31", "RTMAX-31", "RTMIN-1",
                                  "SIGSIGTERM", "999999999999"])
def test_unknown_signals(runtime, name):
    result = runtime.call("kill", "none", name)
    assert (result.rc, log_text(result)) == (1, f'unknown signal "{name}"')


@promise("contract:2", "contract:8", "contract:11")
@pytest.mark.parametrize("words, answer", [
    (["USR1"], "USR1"), (["SIGUSR1"], "USR1"), (["sigusr1"], "USR1"), (["uSr1"], "USR1"),
    (["10"], "USR1"), (["1"], "HUP"), (["hup"], "HUP"), (["SIGWINCH"], "WINCH"),
    (["RTMIN+2"], "RT36"), (["sigrtmin+2"], "RT36"), (["36"], "RT36"), (["RTMAX-1"], "RT63"),
])
def test_kill_names(sleeper, words, answer):
    sleeper.kill(*words)
    eventually(lambda: answer in sleeper.output()[0])


@promise("contract:2", "contract:7.8", "contract:14")
def test_kill_default_and_stopped(sleeper):
    runtime = sleeper.runtime
    sleeper.kill()
    assert sleeper.wait() == 3
    for words in (["TERM"], ["KILL"], []):
        result = runtime.call("kill", sleeper.id, *words)
        assert (result.rc, log_text(result)) == (1, "container not running")
    assert runtime.call("kill", "--all", sleeper.id, "9") == (0, "", "")
    assert runtime.call("kill", "-a", sleeper.id, "KILL") == (0, "", "")


@promise("contract:2")
def test_kill_with_an_empty_signal(sleeper):
    """A script's variable that is empty: `kill $id "$signal"`."""
    skip_peer(sleeper.runtime, "crun", "knows no signal of that name")
    assert sleeper.runtime.call("kill", sleeper.id, "") == (0, "", "")
    assert sleeper.wait() == 3


@promise("contract:1")
def test_kill_options_end_at_the_first_operand(sleeper):
    result = sleeper.runtime.call("kill", sleeper.id, "--all")
    assert result.rc == 1
    assert log_text(result) == 'unknown signal "--all"'


@promise("contract:7.8")
@pytest.mark.parametrize("words", [["KILL"], ["9"]])
def test_kill_all_of_a_shared_pid_namespace(runtime, words):
    container = runtime.container(["/bin/sh", "-c", "sleep 1000 & sleep 1000 & echo up; wait"])
    container.config["linux"]["namespaces"] = [
        x for x in container.config["linux"]["namespaces"] if x["type"] != "pid"]
    container.create().start()
    eventually(lambda: container.output()[0] == "up\n")
    container.kill(*words)
    assert container.wait() == 137
    # while one of the others is still dying, kill rightly finds it and succeeds
    eventually(lambda: "container not running" in runtime.call("kill", container.id, "9").err)


@promise("contract:7.8", "contract:7.7")
def test_processes_that_outlive_init(runtime):
    container = runtime.container(["/bin/sh", "-c", "setsid sleep 1000 & echo up"])
    container.config["linux"]["namespaces"] = [
        x for x in container.config["linux"]["namespaces"] if x["type"] != "pid"]
    container.create().start()
    assert container.wait() == 0
    assert container.status() == "stopped"
    container.kill("0")
    container.delete()


# ---- delete ----

@promise("contract:7.7", "contract:14")
def test_delete_running(sleeper):
    result = sleeper.runtime.call("delete", sleeper.id)
    assert (result.rc, log_text(result)) == \
        (1, f"cannot delete container {sleeper.id} that is not stopped: running")
    assert sleeper.status() == "running"
    sleeper.delete("--force")
    assert sleeper.runtime.call("state", sleeper.id).rc == 1


@promise("contract:7.7")
def test_delete_created(runtime):
    container = runtime.container(["/bin/true"]).create()
    container.delete()
    assert runtime.ids() == []


@promise("spec:35", "spec:141", "contract:7.7", "contract:7.18")
def test_poststop_hooks(runtime):
    container = runtime.container(["/bin/true"])
    seen = f"{runtime.directory}/seen"
    container.config["hooks"] = {"poststop": [
        {"path": "/bin/sh", "args": ["sh", "-c", "exit 1"]},
        {"path": "/bin/sh", "args": ["sh", "-c", f"cat > {seen}"]}]}
    container.create()
    result = runtime.call("delete", container.id)
    assert result.rc == 0
    assert "level=warning" in result.err and "poststop hook #" in result.err
    with open(seen, encoding="utf-8") as file:
        state = json.load(file)
    assert (state["id"], state["status"], state["pid"]) == (container.id, "stopped", 0)
