"""kill and delete of all containers whose names match an expression."""
import pytest

from tare import promise


@pytest.fixture
def three(runtime):
    containers = [runtime.container(["/bin/sleep", "100"], name=f"{runtime.host.name()}-{word}")
                  for word in ("web1", "web2", "db")]
    for container in containers:
        container.create()
    return containers


@promise("contract:2")
@pytest.mark.parametrize("flag", ["-r", "--regex"])
def test_kill(runtime, three, flag):
    for container in three:
        container.start()
    runtime.ok("kill", flag, "web[0-9]+$", "KILL")
    assert [container.wait() for container in three[:2]] == [137, 137]
    assert three[2].status() == "running"
    result = runtime.call("kill", flag, "^.*-(web2|db)$", "KILL")
    assert result.rc == 1 and f"{three[1].id}: container not running" in result.err
    assert three[2].wait() == 137


@promise("contract:2")
def test_delete(runtime, three):
    three[0].start()
    result = runtime.call("delete", "-r", "web")
    assert result.rc == 1 and f"{three[0].id}: cannot delete container" in result.err
    assert sorted(runtime.ids()) == sorted([three[0].id, three[2].id])
    runtime.ok("delete", "--force", "--regex", "^.*-(web1|db)$")
    assert runtime.ids() == []
    runtime.ok("delete", "-r", "nothing")


@pytest.mark.parametrize("verb", ["kill", "delete"])
def test_no_expression(runtime, verb):
    result = runtime.call(verb, "-r", "(")
    assert result.rc == 1 and "--regex (: " in result.err
