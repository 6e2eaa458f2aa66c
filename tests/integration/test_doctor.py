"""What doctor says of this host and its caller, with each obstacle put up on purpose, in namespaces of the
test's own: the reason names the setting, the remedy the command, and the exit status whether containers run."""
import json
import os
import subprocess

import pytest

import userns
from tare import promise


def ask(runtime, wrapper=(), user=None, script="true", env=None):
    """(exit status, the report), asked behind @script by @wrapper, as @user."""
    runtime.sealed = None  # of another process, which namespaces keep out of sight
    words = [*runtime.argv("doctor", "-f", "json")]
    if user is not None:
        words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *words]
    result = subprocess.run([*wrapper, "sh", "-c", f'{script} && exec "$@"', "sh", *words],
                            env={**runtime.env, **(env or {})}, capture_output=True, text=True,
                            check=False, timeout=60)
    assert result.stderr == "", result
    return result.returncode, json.loads(result.stdout)


def finding(report, check):
    return next(entry for entry in report["checks"] if entry["check"] == check)


def test_root(runtime):
    """What is said to work are the things that the other tests rely on."""
    status, report = ask(runtime)
    assert (status, report["runs"]) == (0, True)
    for check in ("kernel", "state", "user namespaces", "namespaces", "proc", "tmpfs", "devpts",
                  "mqueue", "sysfs", "cgroup2", "overlay", "device nodes"):
        assert finding(report, check)["verdict"] == "yes", report
    assert not [entry for entry in report["checks"] if entry["check"] == "ids"]


def test_text(runtime):
    """The same as lines; a remedy stands below its finding."""
    result = runtime.call("doctor")
    assert result.rc == 0 and result.out.endswith("\nContainers would run here.\n")
    assert "yes      proc             can be mounted\n" in result.out


def test_unprivileged(unprivileged_runtime):
    """A user is told which ids can be mapped, and that devices are bound."""
    runtime = unprivileged_runtime
    if runtime.user is None:
        pytest.skip("needs root, to be another user")
    result = runtime.call("doctor", "--format", "json")
    report = json.loads(result.out)
    assert (result.rc, report["runs"]) == (0, True)
    assert finding(report, "device nodes")["verdict"] == "limited"
    ids = finding(report, "ids")
    if ids["verdict"] == "yes":  # the host has given the user a range
        assert "can be mapped by newuidmap and newgidmap" in ids["reason"]
    else:
        assert "only the own user and group" in ids["reason"]
        assert "usermod --add-subuids" in ids["remedy"] or "uidmap" in ids["remedy"]


def test_ranges_of_ids(unprivileged_runtime):
    """Those of /etc/subuid and /etc/subgid are counted, by name and by number."""
    runtime = unprivileged_runtime
    if runtime.user is None:
        pytest.skip("needs root, to give a user ranges of ids")
    text = f"{runtime.user}:300000:7\nsomebody:1:1\ntester:400000:100\n{runtime.user}0:1:5\n"
    mounts = []
    for name, contents in {"subuid": text, "subgid": text,
                           "passwd": f"tester:x:{runtime.user}:1::/:/bin/sh\n"}.items():
        with open(f"{runtime.directory}/{name}", "w", encoding="utf-8") as file:
            file.write(contents)
        if not os.path.exists(f"/etc/{name}"):
            pytest.skip(f"/etc/{name} does not exist here, to mount another one over")
        mounts.append(f"mount --bind {runtime.directory}/{name} /etc/{name}")
    runtime.wrapper = ["unshare", "-m", "--propagation", "private", "sh", "-c",
                       " && ".join(mounts) + ' && exec "$@"', "sh"]
    report = json.loads(runtime.call("doctor", "-f", "json").out)
    ids = finding(report, "ids")
    assert ids["verdict"] == "yes" and ids["reason"].startswith("107 users and 107 groups"), ids


def test_no_user_namespaces(runtime):
    """In a user namespace whose limit is 0, so that what is changed is not the host's."""
    status, report = ask(runtime, ["/usr/bin/python3", "-c", userns.SWITCHED_OFF],
                         env={"XDG_RUNTIME_DIR": "/tmp"})
    assert (status, report["runs"]) == (1, False)
    entry = finding(report, "user namespaces")
    assert entry["verdict"] == "no" and entry["blocks"]
    assert entry["reason"] == "user.max_user_namespaces is 0"
    assert entry["remedy"].startswith("sudo sysctl -w user.max_user_namespaces=")


def test_covered_proc(runtime):
    """A procfs can't be mounted in a user namespace where parts of the caller's are covered."""
    status, report = ask(runtime, ["unshare", "-m", "--propagation", "private"], 1000,
                         "mount -t tmpfs tmpfs /proc/sys", {"XDG_RUNTIME_DIR": "/tmp"})
    assert status == 1
    entry = finding(report, "proc")
    assert entry["blocks"] and "mounted over parts of the caller's /proc" in entry["reason"]
    assert entry["remedy"]


def test_no_executable_memory(runtime):
    if not os.path.exists("/proc/sys/vm/memfd_noexec"):
        pytest.skip("this kernel has no vm.memfd_noexec")
    status, report = ask(runtime, ["unshare", "--pid", "--fork", "--mount-proc"],
                         script="echo 2 > /proc/sys/vm/memfd_noexec")
    assert status == 1
    entry = finding(report, "own executable")
    assert entry["blocks"] and "vm.memfd_noexec" in entry["reason"]


@promise("contract:1")
def test_nowhere_for_the_state(runtime):
    """A user without XDG_RUNTIME_DIR, and a place that can't be written to."""
    words = [runtime.path, "doctor", "-f", "json"]
    drop = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]
    env = {key: value for key, value in runtime.env.items() if key != "XDG_RUNTIME_DIR"}
    result = subprocess.run([*drop, *words], env=env, capture_output=True, text=True, check=False)
    entry = finding(json.loads(result.stdout), "state")
    assert (result.returncode, entry["verdict"]) == (1, "no")
    assert entry["remedy"] == "export XDG_RUNTIME_DIR=/run/user/1000"
    result = subprocess.run([*drop, runtime.path, "--root", "/sys/tare", *words[1:]], env=env,
                            capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert finding(json.loads(result.stdout), "state")["reason"].startswith("/sys: ")


def test_bad_options(runtime):
    assert runtime.call("doctor", "-f", "yaml").rc == 1
    assert runtime.call("doctor", "x").rc != 0
