"""The config.json files that containerd, docker and podman wrote run, and a program inside finds what
each file asks for. What is expected is worked out from the file (lib/expect.py, lib/filters.py), so
crun and runc must pass as well; where they depart from the file is listed here."""
import copy
import json
import os
import pty
import subprocess

import pytest

import console
import engine
import expect
import filters
from tare import eventually, promise, read_text, user_namespace

# (config, what differs, why): departures of the peers, never of tare. Beside these, both refuse to
# run with a capability that the caller has not got (engine.Bundle takes it away for them).
DEPARTURES = {
    "crun": [
        ("*", r"^seccomp call no-such-call", "crun lets the default errno answer to calls that are "
         "newer than the profile"),
    ],
    "runc": [],
}


class UserNamespaceView:
    """The machine as rootless podman sees it: root of a user namespace that maps uid 1000 and the
    65536 ids that /etc/subuid would give, in a mount namespace of its own, with a cgroup delegated
    to uid 1000."""

    OWNER, FIRST = 1000, 100000

    def __init__(self, host, outer, token):
        self.outer, self.name = outer, outer.name
        self.top = outer.cgroup2()
        self.delegated = f"{self.top}/{token}"
        for path in (self.delegated, f"{self.delegated}/caller"):
            os.mkdir(path)
            for name in ("", "/cgroup.procs", "/cgroup.subtree_control", "/cgroup.threads"):
                os.chown(path + name, self.OWNER, self.OWNER)
        script = ("import ctypes, os, time\n"
                  "libc = ctypes.CDLL(None, use_errno=True)\n"
                  "libc.prctl(1, 9)\n"  # PR_SET_PDEATHSIG, cleared by setresuid: set again below
                  f"os.setgroups([]); os.setresgid(*[{self.OWNER}] * 3); os.setresuid(*[{self.OWNER}] * 3)\n"
                  "libc.prctl(1, 9); libc.prctl(4, 1)\n"  # PR_SET_DUMPABLE
                  "assert libc.unshare(0x10000000) == 0\n"  # CLONE_NEWUSER
                  "print('user', flush=True); input()\n"
                  "assert libc.unshare(0x00020000) == 0\n"  # CLONE_NEWNS
                  "print('ready', flush=True)\n"
                  "time.sleep(100000)\n")
        self.holder = subprocess.Popen(  # pylint: disable=consider-using-with
            outer.prefix() + ["/usr/bin/python3", "-c", script], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == "user\n"
        for ids in ("uid", "gid"):
            with open(f"/proc/{self.holder.pid}/{ids}_map", "w", encoding="ascii") as file:
                file.write(f"0 {self.OWNER} 1\n1 {self.FIRST} 65536\n")
        self.holder.stdin.write("\n")
        self.holder.stdin.flush()
        assert self.holder.stdout.readline() == "ready\n"
        host.holders.add(self.holder.pid)
        self.host = host

    def prefix(self, cwd="/"):
        """What a command line starts with to run in this view."""
        space = f"/proc/{self.holder.pid}/ns"
        move = f'echo $$ > {self.delegated}/caller/cgroup.procs && exec "$@"'
        return ["sh", "-c", move, "sh", "nsenter", f"--user={space}/user", f"--mount={space}/mnt",
                "--setuid=0", "--setgid=0", f"--wdns={cwd}", "--"]

    def cgroup2(self):
        """Where the cgroup2 hierarchy can be reached from the tests."""
        return self.top

    def close(self):
        """Ends it."""
        self.host.holders.discard(self.holder.pid)
        self.holder.kill()
        self.holder.wait()
        self.holder.stdin.close()
        self.holder.stdout.close()
        for path in (f"{self.delegated}/caller", self.delegated):
            os.rmdir(path)


@pytest.fixture
def netns(host):
    """A network namespace that an engine has prepared: (path, what its link says)."""
    with subprocess.Popen(["unshare", "--net", "setpriv", "--pdeathsig", "KILL", "sleep", "infinity"],
                          stdin=subprocess.DEVNULL) as holder:
        host.holders.add(holder.pid)
        path = f"/proc/{holder.pid}/ns/net"
        eventually(lambda: os.path.exists(path) and
                   os.readlink(path) != os.readlink("/proc/self/ns/net"))
        yield path
        holder.kill()
        holder.wait()
        host.holders.discard(holder.pid)


@pytest.fixture
def user_namespace_view(host, view):
    """A view as rootless podman has it, once in each view."""
    made = UserNamespaceView(host, view, host.name())
    yield made
    made.close()


def prepare(runtime, name, netns=None, owner=0):
    """The container of an engine config, whose program is the report with all that is asked for."""
    bundle = engine.Bundle(runtime, name, owner, netns)
    bundle.netns_link = os.readlink(netns) if netns else None
    config = bundle.config
    names = filters.Names()
    arguments = expect.report_arguments(config)
    if not owner:
        arguments.append(f"access={expect.PROBE_DEVICE[0]}")
    for word, architecture, probes in (("call", "SCMP_ARCH_X86_64", filters.PROBES),
                                       ("call32", "SCMP_ARCH_X86", filters.COMPAT_PROBES)):
        arguments += [f"{word}={text}" for probe in probes
                      if (text := filters.probe_argument(names, probe, architecture))]
    config["process"]["args"] = ["/bin/report"] + arguments
    return bundle


def filtered_calls(config, seen):
    """What the calls answered against what the profile says."""
    problems, names = [], filters.Names()
    profile = config["linux"].get("seccomp")
    for word, architecture, probes in (("call", "SCMP_ARCH_X86_64", filters.PROBES),
                                       ("call32", "SCMP_ARCH_X86", filters.COMPAT_PROBES)):
        if word == "call32" and seen[word].get("20") != 0:
            continue  # the kernel has no 32-bit entry
        for probe in probes:
            text = filters.probe_argument(names, probe, architecture)
            wanted = filters.expected_errno(profile, names, probe, architecture)
            if text and wanted is not None and seen[word][text] != wanted:
                problems.append(f"seccomp {word} {probe[0]}{probe[1]}: errno {seen[word][text]}, "
                                f"the file wants {wanted}")
    return problems


def assert_as_asked(bundle, name, caller, seen):
    """Fails with every difference between the file and the report."""
    problems = expect.Comparison(bundle, caller, seen).all() + filtered_calls(bundle.config, seen)
    peer = os.path.basename(bundle.runtime.path)
    known = [(pattern, why) for config, pattern, why in DEPARTURES.get(peer, [])
             if config in ("*", name)]
    problems = expect.without_known(problems, known)
    assert not problems, "\n".join([f"after the changes {bundle.changes}:"] + problems)


def caller_of(runtime):
    """The caller's side, as a process in the runtime's view."""
    holder = getattr(runtime.view, "holder", None)
    return expect.Caller(holder.pid if isinstance(runtime.view, UserNamespaceView) else "self"), holder


def run_attached(bundle):
    """`run`; with a terminal on one of ours. Returns the report."""
    container = bundle.container
    if not bundle.config["process"].get("terminal"):
        return container.report()
    container.write()
    master, slave = pty.openpty()
    terminal = console.Console(container.bundle)
    terminal.master = master
    with terminal:
        process = bundle.runtime.popen("run", "--bundle", container.bundle, container.id,
                                       stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        text = terminal.read_until()
        assert process.wait(20) == 0, text
    return json.loads(text)


def check_limits(bundle):
    """The limits that this machine's controllers can hold, from outside while the program lives."""
    path = next(line[3:] for line in read_text(f"/proc/{bundle.container.pid}/cgroup").splitlines()
                if line.startswith("0::"))
    assert path.endswith(bundle.config["linux"]["cgroupsPath"])
    directory = bundle.runtime.view.cgroup2() + path
    for name, value in expect.cgroup_files(bundle.config).items():
        assert read_text(f"{directory}/{name}").strip() == value, name


def create_to_delete(bundle):
    """`create`, `start`, `kill`, `delete`. Returns the report."""
    container = bundle.container
    bundle.config["process"]["args"].append("pause")
    if bundle.config["process"].get("terminal"):
        with console.Console(container.bundle) as terminal:
            container.create("--console-socket", terminal.path)
            terminal.accept()
            container.start()
            text = terminal.read_until(b"}}\r\n").decode()
            live_and_die(bundle)
    else:
        container.create()
        assert container.status() == "created"
        assert container.output()[0] == ""
        container.start()
        eventually(lambda: container.output()[0].endswith("}}\n"))
        text = container.output()[0]
        live_and_die(bundle)
    return json.loads(text)


def live_and_die(bundle):
    """A running container is seen, killed and deleted."""
    container = bundle.container
    assert container.status() == "running"
    check_limits(bundle)
    container.kill("KILL")
    assert container.wait() == 137
    assert container.status() == "stopped"
    container.delete()
    assert bundle.runtime.ids() == []


WAYS = pytest.mark.parametrize("way", [run_attached, create_to_delete],
                               ids=["run", "create-start-kill-delete"])


@promise("issue:7.1", "spec:74", "spec:80", "spec:109", "spec:114", "spec:115", "contract:7.11")
@pytest.mark.every_case
@WAYS
@pytest.mark.parametrize("name", [x for x in engine.NAMES if x != "podman-rootless"])
def test_as_root(runtime_in_view, netns, name, way):
    runtime = runtime_in_view
    bundle = prepare(runtime, name, netns)
    caller, holder = caller_of(runtime)
    if holder:
        caller.namespaces["mnt"] = os.readlink(f"/proc/{holder.pid}/ns/mnt")
    seen = way(bundle)
    assert_as_asked(bundle, name, caller, seen)


@promise("issue:7.1", "spec:246", "spec:248", "contract:7.16")
@pytest.mark.parametrize("name", ["docker-limits", "podman-rootful", "containerd-ctr-limits-seccomp"])
def test_filters_by_libseccomp(runtime, netns, name):
    """What the other tests see of tare's own filters, of those that libseccomp makes."""
    if not runtime.is_tare:
        pytest.skip("only tare has two compilers")
    runtime.seccomp_compiler = "libseccomp"
    bundle = prepare(runtime, name, netns)
    caller, _ = caller_of(runtime)
    assert_as_asked(bundle, name, caller, run_attached(bundle))


@promise("issue:7.1")
def test_an_unknown_compiler_is_refused(runtime):
    if not runtime.is_tare:
        pytest.skip("only tare has two compilers")
    runtime.seccomp_compiler = "magic"
    result = runtime.call("list")
    assert result.rc != 0 and "invalid seccomp-compiler: magic" in result.err


@promise("issue:7.1")
@WAYS
def test_in_a_user_namespace(user_namespace_view, make_runtime, runtime_path, way):
    if user_namespace_view.name == "host" and not os.path.basename(runtime_path).startswith("tare") \
            and not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        pytest.skip("the peers do not run on hybrid cgroups")
    runtime = make_runtime(user_namespace_view)
    os.chown(runtime.directory, user_namespace_view.OWNER, user_namespace_view.OWNER)
    bundle = prepare(runtime, "podman-rootless", owner=user_namespace_view.OWNER)
    delegated = os.path.basename(user_namespace_view.delegated)
    bundle.config["linux"]["cgroupsPath"] = f"/{delegated}/{bundle.container.id}"
    caller, _ = caller_of(runtime)
    seen = way(bundle)
    assert_as_asked(bundle, "podman-rootless", caller, seen)


def drop(path):
    """A change that takes a member away: the file no longer asks for what the container has."""
    def change(config):
        *above, last = path.split("/")
        for word in above:
            config = config[int(word) if isinstance(config, list) else word]
        del config[int(last) if isinstance(config, list) else last]
    return change


def put(path, value):
    """A change that asks for something else."""
    def change(config):
        *above, last = path.split("/")
        for word in above:
            config = config[int(word) if isinstance(config, list) else word]
        config[int(last) if isinstance(config, list) else last] = value
    return change


OTHER_WISHES = [
    put("process/user/uid", 1), put("process/user/gid", 1), put("process/user/umask", 0o77),
    put("process/user/additionalGids", [0, 7]), drop("process/capabilities/bounding/3"),
    drop("process/capabilities/effective/3"), drop("process/capabilities/permitted/3"),
    put("process/capabilities/ambient", ["CAP_KILL"]), put("process/noNewPrivileges", True),
    put("process/rlimits", [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 77}]),
    put("process/oomScoreAdj", 77), put("process/cwd", "/tmp"), drop("process/env/0"),
    put("process/env/0", "PATH=/"), drop("linux/seccomp"), put("process/terminal", True),
    put("linux/seccomp/defaultErrnoRet", 77), drop("linux/seccomp/syscalls/1"),
    put("linux/sysctl/net.ipv4.ip_unprivileged_port_start", "77"), put("hostname", "other"),
    drop("linux/namespaces/1"), drop("linux/namespaces/5"),
    put("linux/resources/devices", [{"allow": True, "access": "rwm"}]),
    put("linux/maskedPaths", ["/proc/self"]), put("linux/maskedPaths", ["/proc/version"]),
    put("linux/readonlyPaths", ["/proc/self"]), put("root/readonly", True),
    put("linux/devices", [{"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666,
                           "uid": 0, "gid": 0}]),
    put("linux/devices", [{"path": "/dev/zero", "type": "c", "major": 1, "minor": 5, "fileMode": 0o600,
                           "uid": 0, "gid": 0}]),
    drop("mounts/3"), drop("mounts/0/options/0"), put("mounts/3/options", ["nosuid", "noexec", "nodev"]),
    put("mounts/1/options", ["nosuid", "mode=755", "size=64k"]), put("mounts/1/type", "ramfs"),
    put("mounts/1/options", ["nosuid", "strictatime", "mode=700", "size=65536k"]),
    put("mounts/2/options/5", "gid=6"), put("mounts/7/source", "/etc/hostname"),
    put("mounts/0/destination", "/tmp"), put("mounts/6/options/4", "size=1024k"),
]


@promise("issue:7.1")
def test_the_comparison_sees_each_difference(runtime):
    """A comparison that finds nothing proves something only if it finds what is wrong."""
    bundle = prepare(runtime, "docker-limits")
    caller, holder = caller_of(runtime)
    if holder:
        caller.namespaces["mnt"] = os.readlink(f"/proc/{holder.pid}/ns/mnt")
    seen = run_attached(bundle)
    assert_as_asked(bundle, "docker-limits", caller, seen)
    config, blind = bundle.config, []
    paths = ("/proc/self", "/proc/version", "/tmp")
    seen["access"].update({x: {"type": "d", "write": "", "entries": {"1": {}}} for x in paths})
    for number, change in enumerate(OTHER_WISHES):
        bundle.config = copy.deepcopy(config)
        change(bundle.config)
        problems = expect.Comparison(bundle, caller, seen).all()
        if not problems + filtered_calls(bundle.config, seen):
            blind.append(number)
    assert blind == []


@promise("issue:7.1")
def test_the_files_are_all_here():
    assert len(engine.NAMES) == 8


def test_a_user_namespace_in_a_user_namespace(user_namespace_view, make_runtime, runtime_path):
    """Root of a user namespace maps ids as well, though /proc belongs to the initial root."""
    if user_namespace_view.name == "host" and not os.path.basename(runtime_path).startswith("tare") \
            and not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        pytest.skip("the peers do not run on hybrid cgroups")
    runtime = make_runtime(user_namespace_view)
    os.chown(runtime.directory, user_namespace_view.OWNER, user_namespace_view.OWNER)
    container = runtime.reporter("namespaces", "identity")
    user_namespace(container.config, 1, 1000)
    container.chown(user_namespace_view.FIRST)
    del container.config["linux"]["resources"]
    delegated = os.path.basename(user_namespace_view.delegated)
    container.config["linux"]["cgroupsPath"] = f"/{delegated}/{container.id}"
    seen = container.report()
    assert seen["namespaces"]["uid_map"].split() == ["0", "1", "1000"]
    assert seen["identity"]["uid"] == [0, 0, 0]
