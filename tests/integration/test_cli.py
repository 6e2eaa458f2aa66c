"""The command line: option forms, messages, exit statuses, log formats, what is printed where. What
callers rely on is in these tests' promises; the texts are those that engines match."""
import json
import os
import pwd
import re
import stat
import subprocess

import pytest

from callers import TIME, bare, log_text
from tare import eventually, promise

VERBS = ["create", "delete", "events", "features", "kill", "list", "mounts", "pause", "plan", "ps", "resume", "run", "spec",
         "start", "state", "update"]

# ---- help, version, mistakes of the user ----

@promise("contract:1")
@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"], [],
                                   *[[verb, flag] for verb in VERBS for flag in ("--help", "-h")]])
def test_help(runtime, words):
    done = bare(runtime, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "USAGE:" in done.stdout


@promise("contract:5", "contract:11", "contract:12")
@pytest.mark.parametrize("flag", ["--version", "-v", "-version"])
def test_version(runtime, flag):
    done = bare(runtime, flag)
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"tare version \S+", lines[0])
    assert lines[1].startswith("commit: ")
    assert "spec: 1.3.0" in lines
    assert all(word.startswith("+") for word in lines[-1].split())


@promise("contract:2")
def test_features_of_the_version(runtime):
    """Its last line says the same as `features`."""
    words = runtime.ok("--version").splitlines()[-1].split()
    linux = json.loads(runtime.ok("features"))["linux"]
    assert ("+SYSTEMD" in words) is linux["cgroup"]["systemd"]
    assert ("+SECCOMP" in words) is linux["seccomp"]["enabled"]
    assert ("+LIBMNL" in words) is linux["netDevices"]["enabled"]
    assert {"+SELINUX", "+APPARMOR", "+CAP", "+EBPF", "+CRIU", "+YAJL"} <= set(words)


@promise("contract:1")
@pytest.mark.parametrize("words, message", [
    (["start"], '"start" requires exactly 1 argument(s)'),
    (["start", "a", "b"], '"start" requires exactly 1 argument(s)'),
    (["state"], '"state" requires exactly 1 argument(s)'),
    (["create"], '"create" requires exactly 1 argument(s)'),
    (["run"], '"run" requires exactly 1 argument(s)'),
    (["delete"], '"delete" requires exactly 1 argument(s)'),
    (["kill"], '"kill" requires a minimum of 1 argument(s)'),
    (["kill", "a", "9", "x"], '"kill" requires a maximum of 2 argument(s)'),
    (["events"], '"events" requires exactly 1 argument(s)'),
    (["update", "--memory"], "flag needs an argument: -memory"),
    (["update"], '"update" requires exactly 1 argument(s)'),
    (["pause"], '"pause" requires exactly 1 argument(s)'),
    (["resume", "a", "b"], '"resume" requires exactly 1 argument(s)'),
    (["ps"], '"ps" requires a minimum of 1 argument(s)'),
    (["ps", "-e", "a"], "flag provided but not defined: -e"),
    (["list", "a"], '"list" requires exactly 0 argument(s)'),
    (["state", "--no-such", "a"], "flag provided but not defined: -no-such"),
    (["state", "-x", "a"], "flag provided but not defined: -x"),
    (["create", "a", "--bundle"], "flag needs an argument: -bundle"),
    (["create", "a", "-b"], "flag needs an argument: -b"),
    (["create", "--preserve-fds", "x", "a"], 'invalid value "x" for flag -preserve-fds'),
    (["create", "--preserve-fds=-1", "a"], 'invalid value "-1" for flag -preserve-fds'),
    (["delete", "--force=maybe", "a"], 'invalid boolean value "maybe" for -force'),
])
def test_misuse(runtime, words, message):
    result = runtime.call(*words)
    assert result.rc == 1
    assert message in log_text(result)
    assert result.out.startswith("Incorrect Usage") and "USAGE:" in result.out


@promise("contract:1", "contract:6")
def test_unknown_verb(runtime):
    result = runtime.call("foo")
    assert (result.rc, result.out) == (3, "")
    assert "No help topic for 'foo'" in result.err


@promise("contract:1")
@pytest.mark.parametrize("globals_, message", [
    (["--log-format", "xml"], "invalid log-format: xml"),
    (["--log-level", "loud"], "invalid log-level: loud"),
    (["--cgroup-manager", "x"], "invalid cgroup-manager: x"),
    (["--rootless", "maybe"], "invalid rootless: maybe"),
    (["--log", "/nonexistent/log"], "open /nonexistent/log: "),
    (["--no-such"], "flag provided but not defined: -no-such"),
    (["--root"], "flag needs an argument: -root"),
])
def test_wrong_global_options(runtime, globals_, message):
    done = bare(runtime, *globals_, *(["list"] if globals_ != ["--root"] else []))
    assert done.returncode == 1
    assert message in done.stderr


@promise("contract:1")
def test_output_that_cannot_be_written(runtime):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([runtime.path, "features"], stdout=full, stderr=subprocess.PIPE,
                              text=True, check=False)
    assert done.returncode == 1
    assert "write to standard output" in done.stderr


@promise("contract:1")
def test_closed_streams(runtime):
    script = f'exec "{runtime.path}" --root "{runtime.state_root}" state none <&- >&- 2>&-'
    assert subprocess.run(["sh", "-c", script], check=False).returncode == 1


# ---- the log ----

@promise("contract:4")
def test_log_text_on_stderr(runtime):
    result = runtime.call("state", "none")
    assert (result.rc, result.out) == (1, "")
    assert log_text(result) == "container does not exist"


@promise("contract:4")
def test_log_json_on_stderr(runtime):
    result = runtime.call("state", "none", globals_=["--log-format", "json"])
    assert list(json.loads(result.err)) == ["level", "msg", "time"]


@promise("contract:4", "contract:8", "contract:10")
@pytest.mark.parametrize("prefix", ["", "file:"])
def test_log_json_file(runtime, prefix):
    path = f"{runtime.directory}/log.json"
    wanted = [f'unknown signal "{x}"' for x in ('a"b', "a\\b", "a\nb", "\x01", "\u00e4")]
    for name in ('a"b', "a\\b", "a\nb", "\x01", "\u00e4"):
        result = runtime.call("kill", "none", name,
                              globals_=[f"--log={prefix}{path}", "--log-format=json"])
        assert (result.rc, result.out) == (1, "")
        assert result.err == f'unknown signal "{name}"\n'
    with open(path, encoding="utf-8") as file:
        entries = [json.loads(line) for line in file]
    assert [entry["msg"] for entry in entries] == wanted
    for entry in entries:
        assert list(entry) == ["level", "msg", "time"]
        assert entry["level"] == "error" and re.fullmatch(TIME, entry["time"])
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o644


@promise("contract:4")
def test_log_text_file(runtime):
    path = f"{runtime.directory}/log"
    result = runtime.call("kill", "none", 'a"b', globals_=["--log", path])
    assert result.err == 'unknown signal "a"b"\n'
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert re.fullmatch(rf'time="{TIME}" level=error msg="unknown signal \\"a\\"b\\""\n', text)


@promise("contract:4")
@pytest.mark.parametrize("form", ["text", "json"])
def test_log_of_the_longest_text(runtime, form):
    result = runtime.call("kill", "none", "\x01" * 5000, globals_=["--log-format", form])
    assert result.rc == 1 and "unknown signal" in result.err and result.err.endswith("\n")
    if form == "json":
        assert json.loads(result.err)["level"] == "error"


@promise("contract:4", "contract:9")
def test_success_logs_nothing(runtime):
    path = f"{runtime.directory}/log"
    container = runtime.container(["/bin/true"])
    container.write()
    result = runtime.call("run", "--bundle", container.bundle, container.id,
                          globals_=["--log", path, "--log-format", "json"])
    assert (result.rc, result.out, result.err) == (0, "", "")
    assert os.path.getsize(path) == 0


# ---- names and the state root ----

@promise("contract:7.1", "contract:14", "spec:38", "spec:39", "spec:42")
@pytest.mark.parametrize("verb", ["state", "start", "kill", "delete", "create", "run", "pause", "ps"])
@pytest.mark.parametrize("name, message", [
    ("", "container id cannot be empty"), ("a/b", "invalid container ID format"),
    ("..", "invalid container ID format"), (".", "invalid container ID format"),
    ("a b", "invalid container ID format"), ("x" * 256, "invalid container ID format"),
])
def test_bad_names(runtime, verb, name, message):
    options = ["--bundle", runtime.container().bundle] if verb in ("create", "run") else []
    if options:
        runtime.containers.pop().write()
    result = runtime.call(verb, *options, name)
    assert result.rc == 1
    assert message in log_text(result)


@promise("contract:14", "spec:39")
@pytest.mark.parametrize("words", [["state"], ["start"], ["kill"], ["delete"], ["pause"], ["resume"], ["ps"],
                                   ["events"], ["update"]])
def test_unknown_container(runtime, words):
    result = runtime.call(*words, "none")
    assert (result.rc, log_text(result)) == (1, "container does not exist")
    assert not os.path.exists(runtime.state_root)


@promise("contract:7.7")
def test_delete_force_of_nothing(runtime):
    assert runtime.call("delete", "--force", "none") == (0, "", "")
    assert runtime.call("delete", "none", "-f") == (0, "", "")


@promise("contract:7.7")
@pytest.mark.parametrize("force, rc", [(["--force"], 0), ([], 1)])
def test_stale_directory_is_removed(runtime, force, rc):
    os.makedirs(f"{runtime.state_root}/stale")
    result = runtime.call("delete", *force, "stale")
    assert result.rc == rc
    if rc:
        assert log_text(result) == "container does not exist"
    assert os.listdir(runtime.state_root) == []


def test_stale_directory_is_shown(runtime):
    os.makedirs(f"{runtime.state_root}/stale")
    assert json.loads(runtime.ok("state", "stale"))["status"] == "stopped"
    assert runtime.ids() == []
    runtime.ok("delete", "--force", "stale")


@promise("contract:1")
@pytest.mark.parametrize("root", ["/", "//", "/./"])
def test_root_is_not_the_root(runtime, root):
    done = bare(runtime, "--root", root, "list")
    assert done.returncode == 1 and "must not be /" in done.stderr


@promise("contract:5")
def test_list_root(runtime):
    result = runtime.call("list")
    assert result.rc == 1 and runtime.state_root in log_text(result)
    done = bare(runtime, "list", "-q", env={"XDG_RUNTIME_DIR": runtime.directory})
    assert (done.returncode, done.stderr) == (0, "")


@promise("contract:1", "contract:5")
def test_default_root_of_users(make_runtime):
    runtime = make_runtime()
    shown = subprocess.run(
        ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", runtime.path, "list"],
        env={"XDG_RUNTIME_DIR": "/nonexistent"}, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stdout.split()[0]) == (0, "ID")
    without = subprocess.run(
        ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", runtime.path, "list"],
        env={}, capture_output=True, text=True, check=False)
    assert without.returncode == 1 and "XDG_RUNTIME_DIR" in without.stderr


# ---- list, state ----

@promise("contract:5")
def test_empty_list(runtime):
    os.makedirs(runtime.state_root)
    assert runtime.ok("list") == \
        "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n"
    assert runtime.ok("list", "--format", "json") == "null\n"
    assert runtime.ok("list", "-f=json") == "null\n"
    assert runtime.ok("list", "--quiet") == ""
    result = runtime.call("list", "-f", "xml")
    assert (result.rc, log_text(result)) == (1, "invalid format option")


@promise("contract:5", "spec:10", "spec:11", "spec:12", "spec:14", "spec:17", "spec:18", "spec:40")
def test_state_and_list(runtime):
    container = runtime.container(["/bin/true"], name=f"{runtime.host.name()}-longer-than-twelve")
    container.config["annotations"] = {"org.example": "with \"quotes\"", "empty": ""}
    container.create()
    text = runtime.ok("state", container.id)
    state = json.loads(text)
    assert text == json.dumps(state, indent=2)
    assert list(state) == ["ociVersion", "id", "pid", "status", "bundle", "rootfs", "created",
                           "annotations", "owner"]
    assert state["id"] == container.id and state["pid"] == container.pid
    assert state["bundle"] == container.bundle and state["rootfs"] == container.rootfs
    assert state["annotations"] == container.config["annotations"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", state["created"])
    owner = pwd.getpwuid(os.geteuid()).pw_name
    assert state["owner"] == owner

    assert json.loads(runtime.ok("list", "-f", "json")) == [state]
    assert runtime.ok("list", "-q") == container.id + "\n"
    header, row = runtime.ok("list").splitlines()
    assert row.split() == [container.id, str(container.pid), "created", container.bundle,
                           state["created"], owner]
    column = len(container.id) + 3
    assert header[column:column + 3] == "PID" and row[column:].startswith(str(container.pid))

    container.kill("KILL")
    container.wait()
    state = container.state()
    assert (state["status"], state["pid"]) == ("stopped", 0)
    container.delete()


def test_state_without_annotations(runtime):
    container = runtime.container(["/bin/true"]).create()
    assert "annotations" not in container.state()


# ---- option forms ----

@promise("contract:1", "contract:2")
@pytest.mark.parametrize("form", [
    ["--bundle", "{b}", "{id}"], ["--bundle={b}", "{id}"], ["-bundle", "{b}", "{id}"],
    ["-bundle={b}", "{id}"], ["-b", "{b}", "{id}"], ["-b={b}", "{id}"], ["-b{b}", "{id}"],
    ["{id}", "--bundle", "{b}"], ["{id}", "-b", "{b}"], ["-b", "{b}", "--", "{id}"],
    ["-no-subreaper", "--bundle", "{b}", "{id}"], ["--no-pivot=false", "-b", "{b}", "{id}"],
    ["--bundle", "/nonexistent", "--bundle", "{b}", "{id}"],
])
def test_option_forms(runtime, form):
    container = runtime.container(["/bin/echo", "ran"])
    container.write()
    result = runtime.call("run", *[x.format(b=container.bundle, id=container.id) for x in form])
    assert result == (0, "ran\n", "")


@promise("contract:2")
def test_config_option(runtime):
    container = runtime.container(["/bin/echo", "other"])
    container.write()
    os.rename(f"{container.bundle}/config.json", f"{container.bundle}/other.json")
    for flag in ("--config", "-f"):
        result = runtime.call("run", "-b", container.bundle, flag,
                              f"{container.bundle}/other.json", container.id)
        assert result == (0, "other\n", "")
    result = runtime.call("run", "-b", container.bundle, container.id)
    assert result.rc == 1
    assert "JSON specification file config.json not found" in result.err
    with open(f"{container.bundle}/wrong.json", "w", encoding="ascii") as file:
        file.write("{")
    result = runtime.call("run", "-b", container.bundle, "-f", f"{container.bundle}/wrong.json", container.id)
    assert result.rc == 1
    if runtime.is_tare:
        assert f"{container.bundle}/wrong.json" in result.err, "the file that was read"


@promise("contract:14", "spec:42")
def test_duplicate_name(sleeper):
    runtime = sleeper.runtime
    for verb in ("create", "run"):
        result = runtime.call(verb, "--bundle", sleeper.bundle, sleeper.id)
        assert result.rc == 1
        assert f"{verb} failed: " in result.err
        assert "container with given ID already exists" in result.err
    assert sleeper.status() == "running"


@promise("contract:1")
@pytest.mark.parametrize("words, rc", [([], 1), (["--rootless=auto"], 1), (["--rootless", "true"], 0)])
@pytest.mark.skipif(os.geteuid() != 0, reason="callers without privileges have no filter of devices")
def test_rootless(runtime, words, rc):
    """Where no cgroup can be made, root's filter of devices is an error, unless root asks to be treated as a user;
    limits are in any case."""
    place = runtime.view.cgroup2()
    if not place:
        pytest.skip("no cgroup2 file system is mounted")
    runtime.wrapper = ["unshare", "-m", "--propagation", "private", "sh", "-c",
                       f'mount -o remount,bind,ro {place} && exec "$@"', "sh"]
    container = runtime.container(["/bin/true"])
    container.write()
    result = runtime.call("run", "--bundle", container.bundle, container.id, globals_=words)
    assert result.rc == rc, result
    container.config["linux"]["resources"]["unified"] = {"cgroup.max.depth": "3"}
    container.write()
    result = runtime.call("run", "--bundle", container.bundle, container.id, globals_=words)
    assert result.rc == 1 and "rootless needs no limits + no cgrouppath" in result.err, result


@promise("contract:5", "contract:8")
def test_pid_file(runtime):
    container = runtime.container(["/bin/true"]).create()
    with open(f"{container.bundle}/pid", encoding="ascii") as file:
        assert file.read() == str(container.state()["pid"])
    assert not os.path.exists(f"{container.bundle}/.pid")


@promise("contract:3", "contract:9")
@pytest.mark.parametrize("own, more", [(True, []), (True, ["--preserve-fds", "1"]), (False, [])])
def test_listen_fds(runtime, own, more):
    """Sockets that systemd passes go on to the container, if they are for this process."""
    container = runtime.container(["/bin/sh", "-c", "env | grep LISTEN | sort; ls /proc/self/fd"])
    container.config["process"]["env"].append("LISTEN_FDS=old")
    container.write()
    words = runtime.argv("run", "--bundle", container.bundle, *more, container.id)
    done = subprocess.run(
        ["sh", "-c", f'export LISTEN_PID={"$$" if own else 1}; exec "$@" 3< /dev/null 4< /dev/null', "sh",
         *words], env=dict(runtime.env, LISTEN_FDS="1", LISTEN_FDNAMES="web"),
        capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.split()
    if own:
        assert lines[:3] == ["LISTEN_FDNAMES=web", "LISTEN_FDS=1", "LISTEN_PID=1"]
    else:
        assert lines[:1] == ["LISTEN_FDS=old"]
    kept = {"3", "4"} if more else {"3"} if own else set()
    # ls has one descriptor more, for the directory that it reads
    assert kept | {"0", "1", "2"} <= set(lines) and len(set(lines) & set("0123456789")) == len(kept) + 4


# ---- a tare that was killed ----

def test_state_during_a_hook_and_delete_force(runtime):
    """`state` answers during hooks; `delete --force` ends a container whose hook sleeps for ever."""
    container = runtime.container(["/bin/true"])
    container.config["hooks"] = {"createRuntime": [
        {"path": "/bin/sh", "args": ["sh", "-c", "exec sleep 1000"]}]}
    container.write()
    creator = runtime.popen("create", "--bundle", container.bundle, container.id,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    eventually(lambda: runtime.call("state", container.id).rc == 0 and container.state()["pid"])
    assert container.status() == "creating"
    result = runtime.call("delete", container.id)
    assert log_text(result).endswith("that is not stopped: creating")
    result = runtime.call("create", "--bundle", container.bundle, container.id)
    assert "container with given ID already exists" in result.err
    container.delete("--force")
    assert creator.wait(5) == -9
    assert runtime.call("state", container.id).rc == 1


@pytest.mark.parametrize("kind, statuses", [
    ("prestart", {"creating"}), ("createRuntime", {"creating"}), ("poststart", {"running"}),
    ("poststop", {"none"})])
def test_hook_that_calls_every_verb(runtime, kind, statuses):
    """A hook that uses the runtime on its own container gets answers, and no verb waits for it."""
    container = runtime.container(["/bin/sleep", "1000"])
    answers = f"{runtime.directory}/answers"
    tare = " ".join(runtime.argv())
    script = f"""
        state=$(timeout 20 {tare} state {container.id} 2> /dev/null) || state='{{"status": "none"}}'
        printf '%s' "$state" > {answers}
        for verb in list 'start {container.id}' 'kill {container.id} 0' 'delete {container.id}' \\
                'create --bundle {container.bundle} ../x' features; do
            timeout 20 {tare} $verb > /dev/null 2>&1
            echo "$? $verb" >> {answers}.rc
        done; exit 0"""
    container.config["hooks"] = {kind: [{"path": "/bin/sh", "args": ["sh", "-c", script],
                                         "timeout": 60}]}
    container.create().start()
    container.delete("--force")
    with open(answers, encoding="utf-8") as file:
        assert json.load(file)["status"] in statuses
    with open(f"{answers}.rc", encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert len(lines) == 6 and all(int(line.split()[0]) in (0, 1) for line in lines), lines
    assert lines[0] == "0 list" and lines[5] == "0 features"


def test_killed_create(runtime):
    """What a killed tare leaves is shown as stopped, and the next create takes the name over."""
    container = runtime.container(["/bin/echo", "second"])
    container.config["hooks"] = {"createRuntime": [
        {"path": "/bin/sh", "args": ["sh", "-c", "exec sleep 1000"]}]}
    container.write()
    creator = runtime.popen("create", "--bundle", container.bundle, container.id,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    eventually(lambda: runtime.call("state", container.id).rc == 0 and container.state()["pid"])
    creator.kill()
    creator.wait()
    assert container.status() == "stopped"
    del container.config["hooks"]
    results = []
    # the init, which has the lock as well, may be dying still
    eventually(lambda: results.append(container.run()) or "already exists" not in results[-1].err)
    assert results[-1] == (0, "second\n", "")


def test_killed_before_the_first_record(runtime):
    """Callers decode the state strictly: every property has its form, also where nothing is known."""
    container = runtime.container(["/bin/true"])
    os.makedirs(f"{runtime.state_root}/{container.id}")
    state = container.state()
    assert state["status"] == "stopped" and state["pid"] == 0
    assert re.fullmatch(r"\d+-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", state["created"])
    assert re.fullmatch(r"1\.\d+\.\d+", state["ociVersion"])
    assert container.run().rc == 0
