"""The runtime under test, bundles and containers, for pytest suites.

    def test_hello(runtime):
        container = runtime.container(["/bin/echo", "hello"])
        assert container.run().out == "hello\\n"

    def test_uid(runtime):
        container = runtime.reporter("identity")
        container.config["process"]["user"] = {"uid": 7, "gid": 8}
        assert container.report()["identity"]["uid"] == [7, 7, 7]

Containers are deleted by force at the end of a test; what is still there then is the test's failure.
"""
import collections
import copy
import fcntl
import glob
import json
import os
import pwd
import select
import shutil
import signal
import subprocess
import time

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# The switches of --kernel-caps (libcontainer/kernel/probe.h), none of which a kernel of Linux 5.14 has.
SWITCHES = ("overlay_append", "overlay_fd", "detached", "pidns_option", "open_tree_ns",
            "pidfs_id")

DEFAULT_CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]

# Of what is repeated often (the steps of a race) one in so many is done: tests/run --scale.
SCALE = int(os.environ.get("TARE_SCALE") or 1)

# On an emulated machine all waits are this many times as long before something is taken for hung.
PATIENCE = int(os.environ.get("TARE_PATIENCE") or 1)

# Marks a test with the promises that it guards: @promise("spec:74", "contract:7.2", "CVE-2019-5736");
# `tests/run --promises` lists them.
promise = pytest.mark.promise

# Whoever runs the tests is root, but of a user namespace that an unprivileged user has made (tests/lib/as-user
# --namespaces).
IN_NAMESPACES = os.environ.get("TARE_UNPRIVILEGED") == "namespaces"

Result = collections.namedtuple("Result", "rc out err")


def linux_version():
    """(6, 12): for what a test may not expect of older kernels."""
    return tuple(int(x) for x in os.uname().release.split("-")[0].split(".")[:2])


def lacking_switches(program):
    """Of SWITCHES those whose feature this kernel does not have, as this tare's doctor says."""
    done = subprocess.run([program, "doctor", "-f", "json"], capture_output=True, text=True, check=False)
    found = [x["reason"] for x in json.loads(done.stdout)["checks"] if x["check"] == "kernel"]
    has = found[0].partition("of what newer ones have: ")[2].split(", ")
    return [name for name in SWITCHES if name not in has]


def default_config(args=None):
    """The config.json that the spec verb of the usual runtimes writes, without a terminal."""
    return copy.deepcopy({
        "ociVersion": "1.2.0",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": list(args or ["/bin/sh"]),
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {name: DEFAULT_CAPABILITIES
                             for name in ("bounding", "effective", "permitted")},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "tare",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
             "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
             "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
            {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
             "options": ["nosuid", "noexec", "nodev"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs",
             "options": ["nosuid", "noexec", "nodev", "ro"]},
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
             "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]},
        ],
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": kind} for kind in
                           ("pid", "network", "ipc", "uts", "mount", "cgroup")],
            "maskedPaths": ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys",
                            "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                            "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                              "/proc/sysrq-trigger"],
        },
    })


def user_namespace(config, first=100000, size=65536):
    """Gives a configuration a user namespace with one mapping (the rootfs: Container.chown())."""
    namespaces = config["linux"]["namespaces"]
    if {"type": "user"} not in namespaces:
        namespaces.append({"type": "user"})
    for ids in ("uidMappings", "gidMappings"):
        config["linux"][ids] = [{"containerID": 0, "hostID": first, "size": size}]
    return config


def unprivileged(config, uid=1000, gid=1000):
    """Makes a configuration one that a user without privileges may run: their own id is the
    container's root, and nothing is asked for that belongs to the host's root."""
    user_namespace(config)
    linux = config["linux"]
    linux["uidMappings"] = [{"containerID": 0, "hostID": uid, "size": 1}]
    linux["gidMappings"] = [{"containerID": 0, "hostID": gid, "size": 1}]
    linux.pop("resources", None)
    for entry in config["mounts"]:
        # gid 5 is not mapped
        entry["options"] = [x for x in entry.get("options", []) if x != "gid=5"]
    return config


def subordinate_range(kind):
    """The first id and the number of those of the caller's first range in /etc/subuid (kind "uid") or /etc/subgid;
    (0, 0) without one."""
    name = pwd.getpwuid(os.geteuid()).pw_name
    path = f"/etc/sub{kind}"
    if os.path.exists(path) and shutil.which(f"new{kind}map"):
        for line in read_text(path).splitlines():
            fields = line.split(":")
            if fields[0] in (name, str(os.geteuid())):
                return int(fields[1]), int(fields[2])
    return 0, 0


def without_device_filter(config):
    """Takes out the usual rule that forbids all devices, which a user's containers can't have."""
    resources = config["linux"].get("resources", {})
    if resources.get("devices") == [{"allow": False, "access": "rwm"}]:
        del resources["devices"]
    return resources


def for_caller(config):
    """Makes a configuration one that the caller, a user, may run, changing as little as can be: the own id is the
    container's root, the others are the user's range, and there is no device filter. One that has a user
    namespace already keeps its ids."""
    linux = config["linux"]
    resources = without_device_filter(config)
    if any(namespace["type"] == "user" for namespace in linux["namespaces"]):
        return config
    ids = {"uid": os.geteuid(), "gid": os.getegid()}
    if not all(subordinate_range(kind)[1] for kind in ids):
        unprivileged(config, *ids.values())["linux"]["resources"] = resources
        return config
    linux["namespaces"].append({"type": "user"})
    for kind, own in ids.items():
        first, size = subordinate_range(kind)
        linux[f"{kind}Mappings"] = [{"containerID": 0, "hostID": own, "size": 1},
                                    {"containerID": 1, "hostID": first, "size": size}]
    return config


def in_own_ids(words):
    """A command line in a user namespace that has the caller's own id and, from 1 on, the caller's range."""
    if os.geteuid() == 0:
        return list(words)
    maps = []
    for kind, option in (("uid", "--map-users"), ("gid", "--map-groups")):
        first, size = subordinate_range(kind)
        # outer,inner,count: the form that every version of util-linux reads
        maps += [f"{option}={first},1,{size}"] if size else []
    return ["unshare", "--user", "--map-root-user", *maps, "--", *words]


def capability_names(bits):
    """The names of a capability set that `report` printed, from the kernel's header."""
    names = {}
    with open("/usr/include/linux/capability.h", encoding="utf-8") as header:
        for line in header:
            words = line.split()
            if len(words) == 3 and words[0] == "#define" and words[1].startswith("CAP_") \
                    and words[2].isdigit():
                names[int(words[2])] = words[1]
    return {names.get(i, f"CAP_{i}") for i in range(64) if bits >> i & 1}


def parse_mountinfo(text):
    """Rows of /proc/self/mountinfo: {mount point: row}; of stacked mounts the uppermost, which is the
    one that is no other's parent: the kernel lists them by age, and a bind may be older than what it
    covers."""
    rows, stacked = {}, {}
    for line in text.splitlines():
        left, right = line.split(" - ", 1)
        fields, (kind, source, super_options) = left.split(), right.split(" ", 2)
        row = {"id": int(fields[0]), "parent": int(fields[1]), "root": fields[3],
               "options": fields[5].split(","), "propagation": fields[6:], "type": kind,
               "source": source, "super_options": super_options.split(",")}
        stacked.setdefault(fields[4], []).append(row)
    for point, mounts in stacked.items():
        covered = {row["parent"] for row in mounts if row["parent"] != row["id"]}
        rows[point] = next((row for row in reversed(mounts) if row["id"] not in covered), mounts[-1])
    return rows


def make_rootfs(directory, build):
    """A root file system: busybox with its applets, the report program, what /etc must have."""
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp", "root", "run", "var/tmp", "home"):
        os.makedirs(f"{directory}/{name}")
    os.chmod(f"{directory}/tmp", 0o1777)
    busybox = shutil.which("busybox")
    shutil.copy(busybox, f"{directory}/bin/busybox")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout
    for applet in applets.split():
        if applet != "busybox":
            os.symlink("busybox", f"{directory}/bin/{applet}")
    shutil.copy(build_report(build), f"{directory}/bin/report")
    with open(f"{directory}/etc/passwd", "w", encoding="ascii") as file:
        file.write("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home:/bin/sh\n")
    with open(f"{directory}/etc/group", "w", encoding="ascii") as file:
        file.write("root:x:0:\ntty:x:5:\nuser:x:1000:\n")


def build_report(build):
    """Compiles the report program unless it is newer than its source. Returns its path."""
    return build_program("report", build)


def build_program(name, build, *options):
    """Compiles a program of tests/lib (NAME.c, and NAME_*.c where there are), static (or with -shared a library),
    unless it is newer than its sources. Returns its path."""
    sources = [f"{TOP}/tests/lib/{name}.c", *sorted(glob.glob(f"{TOP}/tests/lib/{name}_*.c"))]
    program, parts = f"{build}/{name}", [*sources, *glob.glob(f"{TOP}/tests/lib/{name}.h")]
    if not os.path.exists(program) or os.path.getmtime(program) < max(map(os.path.getmtime, parts)):
        os.makedirs(build, exist_ok=True)
        temporary = f"{program}.{os.getpid()}"
        linking = [] if "-shared" in options else ["-static"]
        subprocess.run(["gcc", "-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror", *linking,
                        "-o", temporary, *sources, *options], check=True)
        os.rename(temporary, program)
    return program


def sealed_copy(path):
    """The program as a sealed file in memory; a path to it, which is this process's. tare makes no copy of itself where
    it is one already."""
    fd = os.memfd_create("tare", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(path, "rb") as program, os.fdopen(os.dup(fd), "wb") as copied:
        shutil.copyfileobj(program, copied)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS,
                fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
    return f"/proc/{os.getpid()}/fd/{fd}"


class Runtime:
    """One runtime with a state directory of its own, in one view of the machine."""

    def __init__(self, host, path, view, directory, rootfs):
        self.host, self.path, self.view = host, path, view
        self.sealed = None  # sealed_copy()
        self.directory, self.rootfs = directory, rootfs
        self.state_root = f"{directory}/state"
        self.is_tare = os.path.basename(path).startswith("tare")
        self.kernel_caps = ""
        self.seccomp_compiler = None
        self.user = None
        self.for_user = False  # the caller is a user, and containers are made so that a user may run them
        self.own_id_alone = False  # and then without the ids of the user's range
        self.wrapper = []  # a program and its options that runs the calls, such as the stepper
        self.containers = []
        self.count = 0
        self.env = {name: os.environ[name] for name in
                    ("PATH", "HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LLVM_PROFILE_FILE")
                    if name in os.environ}

    def argv(self, *arguments, globals_=()):
        """The whole command line of a call."""
        words = self.wrapper + self.view.prefix()
        if self.user is not None:
            words += ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        plain = not self.sealed or self.user is not None or self.wrapper or self.view.prefix()
        words += [self.path if plain else self.sealed, "--root", self.state_root]
        if self.is_tare and self.kernel_caps:
            words.append(f"--kernel-caps={self.kernel_caps}")
        if self.is_tare and self.seccomp_compiler:
            words.append(f"--seccomp-compiler={self.seccomp_compiler}")
        return words + list(globals_) + [str(argument) for argument in arguments]

    def popen(self, *arguments, globals_=(), env=None, **options):
        """Starts a call and returns the subprocess.Popen."""
        return subprocess.Popen(self.argv(*arguments, globals_=globals_),
                                env=dict(self.env, **(env or {})), **options)

    def call(self, *arguments, globals_=(), env=None, stdin="", timeout=30, pass_fds=()):
        """Runs one verb to its end. Output goes through files, because a container that `create`
        left behind holds its streams. Returns a Result."""
        self.count += 1
        paths = [f"{self.directory}/{self.count}.{name}" for name in ("in", "out", "err")]
        with open(paths[0], "w", encoding="utf-8") as file:
            file.write(stdin)
        with open(paths[0], "rb") as input_, open(paths[1], "wb") as out, \
                open(paths[2], "wb") as err:
            process = self.popen(*arguments, globals_=globals_, env=env, stdin=input_, stdout=out,
                                 stderr=err, pass_fds=pass_fds)
            try:
                rc = process.wait(timeout)
            except subprocess.TimeoutExpired as error:
                process.kill()
                process.wait()
                raise AssertionError(f"{' '.join(process.args)}: still running after {timeout} s; "
                                     f"stderr: {read_text(paths[2])}") from error
        return Result(rc, read_text(paths[1]), read_text(paths[2]))

    def ok(self, *arguments, **options):
        """As call(), for what must succeed. Returns the standard output."""
        result = self.call(*arguments, **options)
        assert result.rc == 0, f"{' '.join(map(str, arguments))}: {result}"
        return result.out

    def container(self, args=None, config=None, name=None):
        """A container, not yet created: edit its .config and its .rootfs first."""
        number = len(self.containers) + 1
        bundle = f"{self.directory}/bundle{number}"
        os.mkdir(bundle)
        subprocess.run(["cp", "-a", self.rootfs, f"{bundle}/rootfs"], check=True)
        if self.user is not None:
            subprocess.run(["chown", "-R", f"{self.user}:{self.user}", bundle], check=True)
        config = config or default_config(args)
        if self.for_user and self.own_id_alone:
            unprivileged(config, os.geteuid(), os.getegid())
            config["linux"]["resources"] = {}
        elif self.for_user:
            for_caller(config)
        elif IN_NAMESPACES:
            without_device_filter(config)
        container = Container(self, name or self.host.name(), bundle, config)
        self.containers.append(container)
        return container

    def reporter(self, *sections, config=None):
        """A container whose program is `report`; see Container.report()."""
        container = self.container(config=config)
        container.config["process"]["args"] = ["/bin/report", *sections]
        return container

    def ids(self):
        """The containers that are known to the runtime."""
        return self.ok("list", "-q").split()

    def finish(self):
        """Deletes the test's containers. Returns what went wrong with it, as lines of text."""
        problems = []
        for container in self.containers:
            container.end_added()
            result = self.call("delete", "--force", container.id)
            if result.rc:
                problems.append(f"delete --force {container.id}: {result}")
            container.reap()
        if os.path.isdir(self.state_root):
            # crun keeps a file of its own there, whose name begins with a dot
            problems += [f"state directory: {x}" for x in sorted(os.listdir(self.state_root))
                         if self.is_tare or not x.startswith(".")]
        return problems


class Container:
    """A bundle and the container that is made of it."""

    def __init__(self, runtime, name, bundle, config):
        self.runtime, self.id, self.bundle, self.config = runtime, name, bundle, config
        self.rootfs = f"{bundle}/rootfs"
        self.pid = None
        self.pidfd = -1
        self.created = None
        self.added = []

    def write(self):
        """Writes config.json (done by run() and create())."""
        with open(f"{self.bundle}/config.json", "w", encoding="utf-8") as file:
            json.dump(self.config, file)

    def chown(self, uid, gid=None):
        """Gives the root file system to another user, as user namespaces need it."""
        if os.geteuid() != 0 and uid != os.geteuid():
            inside = [str(x - subordinate_range(kind)[0] + 1)
                      for x, kind in ((uid, "uid"), (uid if gid is None else gid, "gid"))]
            subprocess.run(in_own_ids(["chown", "-hR", ":".join(inside), self.rootfs]), check=True)
            return
        for directory, names, files in os.walk(self.rootfs):
            for entry in [directory] + [f"{directory}/{x}" for x in names + files]:
                os.lchown(entry, uid, uid if gid is None else gid)

    def run(self, *options, **how):
        """`run`, attached. Returns the Result."""
        self.write()
        return self.runtime.call("run", "--bundle", self.bundle, *options, self.id, **how)

    def report(self, *options, **how):
        """Runs the reporter and returns what it saw."""
        result = self.run(*options, **how)
        assert result.rc == 0, result
        return json.loads(result.out)

    def try_create(self, *options, **how):
        """`create`. Returns the Result, whatever it is; .created keeps it for output()."""
        self.write()
        pid_file = f"{self.bundle}/pid"
        result = self.runtime.call("create", "--bundle", self.bundle, "--pid-file", pid_file,
                                   *options, self.id, **how)
        if result.rc == 0:
            self.created = self.runtime.count
            self.pid = int(read_text(pid_file))
            self.pidfd = os.pidfd_open(self.pid)
        return result

    def create(self, *options, **how):
        """`create`, which must succeed."""
        result = self.try_create(*options, **how)
        assert result.rc == 0, result
        return self

    def output(self):
        """What a created container's program has written so far: (stdout, stderr)."""
        base = f"{self.runtime.directory}/{self.created}"
        return read_text(f"{base}.out"), read_text(f"{base}.err")

    def start(self):
        """`start`, which must succeed."""
        self.runtime.ok("start", self.id)
        return self

    def exec(self, *words, options=(), **how):
        """`exec` of a program in it. Returns the Result."""
        return self.runtime.call("exec", *options, self.id, *words, **how)

    def exec_detached(self, *words, options=(), **how):
        """`exec --detach`, which must succeed. Returns the process's number; it is our child by now, as it
        is an engine's monitor's, and the container's pid namespace ends only when it is waited for."""
        pid_file = f"{self.bundle}/exec.pid"
        result = self.exec(*words, options=("--detach", "--pid-file", pid_file, *options), **how)
        assert result == (0, "", ""), result
        self.added.append(int(read_text(pid_file)))
        return self.added[-1]

    def end_added(self):
        """Ends what exec_detached() has added; returns the exit statuses, negative for a signal."""
        statuses = []
        for pid in self.added:
            try:
                os.kill(pid, signal.SIGKILL)
                statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            except (ChildProcessError, ProcessLookupError):
                pass # the test has waited for it
        self.added = []
        return statuses

    def process_file(self, args=("/bin/true",), **members):
        """Writes a process for `exec --process`. Returns its path."""
        path = f"{self.bundle}/process.json"
        process = {"args": list(args), "cwd": "/", "user": {"uid": 0, "gid": 0}}
        process.update(members)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(process, file)
        return path

    def state(self):
        """The decoded answer of `state`."""
        return json.loads(self.runtime.ok("state", self.id))

    def status(self):
        """The word that `state` says."""
        return self.state()["status"]

    def kill(self, *words):
        """`kill`, which must succeed."""
        self.runtime.ok("kill", self.id, *words)

    def delete(self, *options):
        """`delete`, which must succeed."""
        self.end_added()
        self.runtime.ok("delete", *options, self.id)
        self.reap()

    def wait(self, timeout=20):
        """Waits for the end of a created container's program, which is our child by now. Returns
        its exit status, or 128 + signal."""
        assert select.select([self.pidfd], [], [], timeout * PATIENCE)[0], f"{self.id} did not end"
        _, status = os.waitpid(self.pid, 0)
        os.close(self.pidfd)
        self.pidfd = -1
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code

    def reap(self):
        """Takes away the dead child, if nobody has waited for it."""
        if self.pidfd >= 0:
            try:
                if select.select([self.pidfd], [], [], 2 * PATIENCE)[0]:
                    os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                pass
            os.close(self.pidfd)
            self.pidfd = -1


def read_text(path):
    """The text of a file."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def eventually(condition, timeout=10.0):
    """Waits until a condition holds; returns its value, or fails."""
    deadline = time.monotonic() + timeout * PATIENCE
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"did not come true within {timeout} s")
