"""conmon, podman and CRI-O: create through the monitor, the direct calls, what is read from the
standard error."""
import json
import os
import re
import subprocess
import threading

import pytest

import callers
from tare import eventually, promise, read_text

LOOP = "trap 'exit 3' TERM; echo up; echo oops >&2; while :; do sleep 0.02; done"


@pytest.fixture
def conmon(runtime):
    """The monitor of a container that lives until SIGTERM."""
    caller = callers.Conmon(runtime.container(["/bin/sh", "-c", LOOP]))
    yield caller
    caller.close()


def created(caller):
    """A `create` that must succeed."""
    result = caller.create()
    assert result.rc == 0, result
    return caller


def as_caller(kind, conmon):
    """Another caller of the same container."""
    return kind(conmon.container)


@promise("contract:9", "contract:7.2")
def test_nothing_but_the_container_speaks(conmon):
    """The runtime's standard error is the container's: it must stay silent."""
    created(conmon)
    assert conmon.call("start", conmon.id) == (0, "", "")
    assert callers.read_line(conmon.out) == b"up\n"
    assert callers.read_line(conmon.err) == b"oops\n"
    conmon.call("kill", conmon.id, "TERM")
    assert conmon.container.wait() == 3
    assert os.read(conmon.err, 100) == b""


@promise("contract:9")
@pytest.mark.parametrize("args, words", [
    (["no-such-program"], "executable file"), (["/no/such"], "no such file or directory"),
    (["/etc/passwd"], "permission denied|operation not permitted")])
def test_errors_on_the_standard_error(conmon, args, words):
    conmon.container.config["process"]["args"] = args
    result = conmon.create()
    assert result.rc == 1
    assert re.search(words, result.err.lower())
    assert os.read(conmon.err, 100) == b"", "the error comes in one piece"
    if conmon.runtime.is_tare:  # runc warns first where there is no memory controller
        assert len(result.err.splitlines()) == 1
    assert not os.path.exists(conmon.pid_file)


@promise("contract:9")
def test_final_cgroup_when_the_pid_file_appears(conmon):
    """conmon looks for the memory events of the process's cgroup as soon as it knows the pid."""
    callers.skip_peer(conmon.runtime, "crun", "writes the pid file in place, where it is seen empty")
    conmon.container.config["linux"]["cgroupsPath"] = f"/{conmon.id}"
    seen, stop = [], threading.Event()

    def watch():
        while not seen and not stop.is_set():
            try:
                seen.append(read_text(f"/proc/{callers.strict_atoi(read_text(conmon.pid_file))}/cgroup"))
            except FileNotFoundError:
                continue
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        created(conmon)
        watcher.join(5)
    finally:
        stop.set()
        watcher.join()
    assert any(line.startswith("0::") and line.endswith(f"/{conmon.id}")
               for line in seen[0].splitlines()), seen


@promise("contract:10")
def test_podman_calls(conmon):
    podman = as_caller(callers.Podman, created(conmon))
    assert podman.call("start", podman.id) == (0, "", "")
    assert callers.read_line(conmon.out) == b"up\n"
    assert podman.call("kill", podman.id, "0").rc == 0
    assert podman.call("kill", podman.id, "15") == (0, "", "")
    assert conmon.container.wait() == 3
    assert podman.call("delete", "--force", podman.id) == (0, "", "")
    assert podman.call("delete", "--force", podman.id) == (0, "", "")


@promise("contract:10")
def test_podman_kills_all(conmon):
    podman = as_caller(callers.Podman, created(conmon))
    assert podman.call("start", podman.id).rc == 0
    assert podman.call("kill", "--all", podman.id, "9") == (0, "", "")
    assert conmon.container.wait() == 137


@promise("contract:10", "contract:4")
@pytest.mark.parametrize("form", [["--log-format=json", "--log={}"], ["--log", "{}", "--log-format", "json"]])
def test_podman_reads_the_log_as_one_object(conmon, form):
    """The whole file must be one JSON object, or podman falls back to the standard error."""
    conmon.container.config["process"]["args"] = ["/no/such"]
    log = f"{conmon.bundle}/oci-log"
    conmon.prefix = lambda: ["--root", conmon.runtime.state_root] + [x.format(log) for x in form]
    assert conmon.create().rc == 1
    if not conmon.runtime.is_tare and len(read_text(log).splitlines()) > 1:
        pytest.skip("runc warns first where there is no memory controller")
    entry = json.loads(read_text(log))
    assert entry["level"] == "error"
    assert callers.Podman.exit_code(entry["msg"]) == 127


@promise("contract:11", "contract:5")
def test_crio_reads_the_state(conmon):
    crio = as_caller(callers.Crio, created(conmon))
    for status in ("created", "running", "stopped"):
        answer = crio.call("state", crio.id)
        assert (answer.rc, answer.err) == (0, "")
        state = json.loads(answer.out)
        assert state["status"] == status
        assert state["pid"] == (0 if status == "stopped" else conmon.container.pid)
        assert state["id"] == crio.id and state["bundle"] == crio.bundle
        callers.parse_time(state["created"])
        if status == "created":
            assert crio.call("start", crio.id) == (0, "", "")
            assert callers.read_line(conmon.out) == b"up\n"
        elif status == "running":
            assert crio.call("kill", crio.id, "KILL") == (0, "", "")
            assert conmon.container.wait() == 137
    assert crio.call("delete", "--force", crio.id) == (0, "", "")
    gone = crio.call("state", crio.id)
    assert gone.rc == 1 and crio.is_gone(gone.err)


@promise("contract:11")
@pytest.mark.parametrize("words", [["{}", "TERM"], ["{}", "SIGTERM"], ["{}", "15"], ["{}", "term"],
                                   ["-a", "{}", "15"], ["--all", "{}", "TERM"]])
def test_crio_kills(conmon, words):
    crio = as_caller(callers.Crio, created(conmon))
    if words[1] == "term" and crio.runtime.path.endswith("crun"):
        pytest.skip("crun wants names in capitals")
    crio.call("start", crio.id)
    assert callers.read_line(conmon.out) == b"up\n"
    assert crio.call("kill", *[x.format(crio.id) for x in words]) == (0, "", "")
    assert conmon.container.wait() == 3 if "-" not in words[0] else conmon.container.wait() in (3, 143)
    gone = crio.call("kill", crio.id, "TERM")
    assert gone.rc == 1 and crio.is_gone(gone.err)


@promise("contract:11", "contract:5")
@pytest.mark.parametrize("words", [["--version"], ["-v"], ["features"]])
def test_crio_reads_both_outputs_as_one(conmon, words):
    crio = as_caller(callers.Crio, conmon)
    rc, output = crio.combined(*words)
    assert rc == 0
    if words == ["features"]:
        features = json.loads(output)
        assert features["ociVersionMin"] and features["ociVersionMax"]
    else:
        assert "version" in output.splitlines()[0]


@promise("contract:11", "contract:5")
def test_features_without_any_environment(conmon):
    done = subprocess.run(conmon.argv("features"), env={"PATH": os.environ["PATH"]}, cwd="/",
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    assert done.returncode == 0
    assert json.loads(done.stdout)


@promise("contract:9", "contract:7.2")
def test_monitor_need_not_wait_for_the_end_of_the_pipe(conmon):
    """create ends while the container's streams stay open: in init, and nowhere else."""
    created(conmon)
    assert eventually(lambda: callers.holders(conmon.err) == {conmon.container.pid})
    conmon.call("start", conmon.id)
    assert callers.read_line(conmon.out) == b"up\n"
    assert conmon.container.pid in callers.holders(conmon.err)


@promise("contract:10", "contract:11")
@pytest.mark.parametrize("kind", [callers.Podman, callers.Crio])
def test_pause_and_resume(conmon, kind):
    caller = as_caller(kind, created(conmon))
    assert caller.call("start", caller.id) == (0, "", "")
    assert callers.read_line(conmon.out) == b"up\n"
    assert caller.call("pause", caller.id) == (0, "", "")
    assert json.loads(caller.call("state", caller.id).out)["status"] == "paused"
    assert caller.call("resume", caller.id) == (0, "", "")
    assert json.loads(caller.call("state", caller.id).out)["status"] == "running"
    assert caller.call("pause", caller.id) == (0, "", "")
    assert caller.call("delete", "--force", caller.id) == (0, "", "")
    assert conmon.container.wait() == 137


@promise("contract:10", "contract:11", "contract:7.12")
@pytest.mark.parametrize("kind", [callers.Podman, callers.Crio])
def test_update(conmon, kind):
    """podman writes a file, CRI-O gives the resources on the standard input, without --systemd-cgroup."""
    caller = as_caller(kind, created(conmon))
    resources = json.dumps({"unified": {"cgroup.max.depth": "5"}})
    with open(f"{conmon.bundle}/resources.json", "w", encoding="utf-8") as file:
        file.write(resources)
    words = {callers.Podman: [f"--resources={conmon.bundle}/resources.json"],
             callers.Crio: ["--resources", "-"]}[kind]
    assert caller.call("update", *words, caller.id, input=resources) == (0, "", "")
    assert caller.call("delete", "--force", caller.id) == (0, "", "")
    assert conmon.container.wait() == 137
