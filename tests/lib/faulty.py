"""Bundles under fault: what is made of them, what must hold afterwards, and which calls may fail without harm."""
import json
import os
import re

import console
import faults
import networks
import tare
from tare import user_namespace

# Calls whose failure is borne, each with the reason: (name, what it is about, reason).
BORNE = [
    ("close", "", "the descriptor is given back even so (close(2))"),
    ("getrandom", "", "libc seeds its allocator otherwise"),
    ("fcntl", ",40a$", "no seals: the executable is copied once more"),
    ("flock", ",8$", "the lock goes with the descriptor, which is closed next"),
    ("prctl", "^17,", "libcap takes a capability without an answer for unknown"),
    ("prctl", "^2f,1$", "libcap: as above, in the ambient set"),
    ("capget", ",0$", "libcap asks which version the kernel speaks"),
    ("prctl", "^18,(18|29)$", "nothing to drop: CAP_SYS_RESOURCE where root lacks it, and the one beyond"),
    ("openat", "/proc/self/exe$", "what fails before the C library starts is tried again afterwards"),
    ("mmap", "", "as above: the copy is executed, where it could not be become"),
    ("prctl", "^23,e$", "as above"),
    ("madvise", "^7ff", "the pages of the stack come one by one"),
    ("memfd_create", "", "as above; and a probe"),
    ("sendfile", "", "as above"),
    ("madvise", "", "the stack comes page by page then"),
    ("mmap", "^(?!0,)", "the copy is executed, not mapped over the executable"),
    ("brk", "", "as above; or an allocator's that has other ways"),
    ("prctl", "^23,", "as above"),
    ("readlink", "/proc/self/exe$", "a static C library asks where it is, for libraries that it never loads"),
    ("fcntl", ",409", "as above"),
    ("execveat", "", "as above"),
    ("prctl", "^4,", "PR_SET_DUMPABLE to 0 has no way to fail"),
    ("prctl", "^1,", "PR_SET_PDEATHSIG with a signal has no way to fail"),
    ("prctl", "^26,", "PR_SET_NO_NEW_PRIVS: read back"),
    ("prctl", "INIT|EXEC", "only a name for ps"),
    ("prlimit64", ",[37]$", "the caller's own limit is raised if it can be"),
    ("keyctl", "^[56],", "a keyring whose user may not search it protects as well"),
    ("keyctl", "_ses", "a session keyring is not promised where there is no room for one"),
    ("accept4", "", "after the commit: the container has stopped"),
    ("recvmsg", "", "the init's last message: after the commit; the container has stopped"),
    ("recvfrom", "", "as recvmsg"),
    ("getcwd", "", "entered once more"),
    ("unlink", "pid$", "what an earlier call has left of a pid file: O_EXCL then says that it is there"),
    ("openat", r"/t\d+-\d+$|cgroup\.events$", "a cgroup that can't be read is not known to be frozen"),
    ("pread64", "", "as above"),
    ("getdents64", "", "a cgroup that was not read to its end is not empty, and is read again"),
    # probes: a kernel feature that cannot be found out is not used
    ("clone3", "", "probe: clone into a cgroup"),
    ("pidfd_open", "", "probe"),
    ("name_to_handle_at", "", "pidfs ids: the start time identifies a process as well"),
    ("open_tree", "^x$", "probe: a tree as a mount namespace of its own"),
    ("fsopen", "", "probe: new mount parameters"),
    ("fsconfig", "", "probe: new mount parameters"),
    ("statfs", "/sys/fs/cgroup", "the next hierarchy is looked at"),
    ("newfstatat", "", "a claim is tried again; HOME falls back to /; the zone to UTC"),
    ("openat", "/ns/(pid|ipc|net|cgroup)", "the init assembles the root itself"),
    ("fcntl", "^[^,]*,406$", "as above, of a joined namespace"),
    ("openat", "/etc/(passwd|localtime)", "HOME falls back to /, the time zone to UTC"),
    ("read", "", "the same two files"),
    ("lseek", "", "the same two files"),
    ("access", "/sys/fs/cgroup", "asked again when the cgroup is made"),
    ("openat2", "^/sys/fs/cgroup$", "the way to the cgroup begins at the root then"),
    ("readlinkat", "^self/fd/", "the bundle's path is found by a look at each directory then"),
    ("readlinkat", "ptmx", "the link is made anew"),
    ("setgroups", "0,0", "denied by the user namespace that the caller is in"),
    ("poll", ",1$", "a process that cannot be asked whether it has ended is taken to live"),
    ("poll", ",3$", "the standard streams: what is missing of them is found by opening /dev/null then"),
    ("poll", ",4$", "a hook that has ended meanwhile needs no waiting"),
    ("socket", "^1,80805$", "an init that cannot be asked whether it waits is taken to wait"),
    ("connect", "^6,", "as the socket: start's own, and delete's look at the status"),
    ("getdents64", "^9,", "a cgroup that has others below cannot be removed: noticed by rmdir"),
    ("setpgid", "", "a fresh child can always lead a group"),
    ("setsid", "", "leads its process group already"),
    ("rmdir", "/sys/fs/cgroup", "tried again when it is known to be empty"),
    ("pidfd_send_signal", "^[9a],9$", "a helper that is told to end by its socket, too"),
    ("process_mrelease", "", "memory that is given back later then"),
]
# The same of tare's own side alone.
BORNE_OUTSIDE = [
    ("capget", "", "probe: what cannot be known is not used"),
]


def is_borne(case, more=()):
    known = BORNE + (BORNE_OUTSIDE if case.side == 0 else []) + list(more)
    return any(name == case.name and re.search(about, case.about) for name, about, _ in known)


class Plain:
    """The bundle that most people have."""

    options = ()
    borne = () # like BORNE

    def __init__(self, runtime):
        self.container = runtime.container(["/bin/true"])

    def problems(self):
        """What is not where it was although there is no container."""
        return []

    def problems_of_container(self):
        """What a container lacks that was made."""
        return []

    def after(self):
        """After each case."""

    def close(self):
        """At the end."""


class Large(Plain):
    """A user namespace, a filter, hooks of every kind, a terminal."""

    def __init__(self, runtime):
        super().__init__(runtime)
        container = self.container
        user_namespace(container.config)
        container.chown(100000)
        container.config["process"]["terminal"] = True
        container.config["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["keyctl"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}
        container.config["hooks"] = {
            kind: [{"path": "/bin/true"}] for kind in
            ("prestart", "createRuntime", "createContainer", "startContainer", "poststart",
             "poststop")}
        self.console = console.Console(container.bundle)
        self.console.listener.listen(64)
        self.console.listener.setblocking(False)
        self.options = ("--console-socket", self.console.path)

    def after(self):
        try:
            while True:
                self.console.listener.accept()[0].close()
        except BlockingIOError:
            pass

    def close(self):
        self.console.listener.close()


class Joined(Plain):
    """Namespaces of another container, the pid namespace among them: an intermediate process."""

    def __init__(self, runtime):
        self.other = runtime.container(["/bin/sleep", "1000"]).create()
        super().__init__(runtime)
        for namespace in self.container.config["linux"]["namespaces"]:
            if namespace["type"] in ("pid", "network", "ipc", "uts"):
                name = {"network": "net"}.get(namespace["type"], namespace["type"])
                namespace["path"] = f"/proc/{self.other.pid}/ns/{name}"
        del self.container.config["hostname"]

    def close(self):
        # a pid namespace ends when its last process is reaped; the killed ones have come to us
        self.container.runtime.host.children()


class Networked(Plain):
    """A network device, by a helper program, which is a side until it is executed."""

    borne = [
        ("waitid", "", "the helper was told to end, and is reaped with the end of tare"),
        ("sendmsg", "^8,", "a helper that did not hear that the device stays is killed before it can give it back"),
    ]

    def __init__(self, runtime):
        self.net = networks.Net()
        self.host, self.runtime, self.pairs = runtime.host, runtime, 0
        self.host.holders.add(self.net.pid)
        runtime.wrapper = self.net.prefix
        super().__init__(runtime)
        self.container.config["linux"]["netDevices"] = {"v0": {"name": "inner"}}
        self.after()

    def problems(self):
        """The device with its address; a helper whose tare was killed may still be at it."""
        try:
            tare.eventually(lambda: self.is_there() and ("10.1.2.3", 24, "global") in self.net.addresses("v0"))
            return []
        except AssertionError:
            return [f"the device is not where it was: {self.net.links()}"]

    def problems_of_container(self):
        """It has the device, also when tare was killed right behind the commit."""
        state = json.loads(self.runtime.ok("state", self.container.id))
        if state["status"] != "created" or "inner" in networks.Inside(state["pid"]).links():
            return []
        return [f"a container without its device: {state}"]

    def is_there(self):
        return "v0" in self.net.links()

    def after(self):
        """One that a container has kept has gone with it."""
        if not self.is_there():
            self.pairs += 1
            self.net.add("v0", f"v0p{self.pairs}")
            self.net.ip("addr", "add", "10.1.2.3/24", "dev", "v0")

    def close(self):
        self.runtime.wrapper = []
        self.host.holders.remove(self.net.pid)
        self.net.close()


class Faulty:
    """A bundle, the injector, and what was wrong so far."""

    def __init__(self, runtime, bundle):
        self.bundle = bundle(runtime)
        self.runtime, self.container = runtime, self.bundle.container
        # the first create makes it, by calls that later ones do not make
        os.makedirs(runtime.state_root, exist_ok=True)
        self.injector = faults.Injector(runtime)
        self.container.write()
        self.problems = []
        self.scene = faults.Scene(self.container)

    def create(self):
        """`create`. Returns the Result."""
        return self.container.try_create(*self.bundle.options)

    def verb(self, *words):
        """A function that calls the verb."""
        return lambda: self.runtime.call(*words)

    def cases(self, function, prepare=None, pids=False, clean=True):
        """The calls of an undisturbed function()."""
        if prepare:
            result = prepare()
            assert result.rc == 0, result
        words = [word for word in (["-p", self.container.pid] if pids else [])]
        result, cases, _ = self.injector.call(function, *words)
        assert result.rc == 0, result
        if clean:
            self.remove()
        return [case for case in cases if case.name not in faults.NEVER_FAIL]

    def remove(self):
        """delete --force"""
        result = self.runtime.call("delete", "--force", self.container.id)
        self.container.reap()
        self.bundle.after()
        if os.path.exists(f"{self.container.bundle}/pid"):
            os.unlink(f"{self.container.bundle}/pid")
        return result

    def note(self, case, problems):
        """Keeps what was wrong in a case."""
        self.problems += [f"{case.side} {case.name} {case.nth} ({case.about}): {problem}"
                          for problem in problems]

    def judge(self, case, result):
        """The result of a faulty call."""
        if result.rc == 0:
            met = self.injector.failed or case
            return [] if is_borne(met, self.bundle.borne) or "level=warning" in result.err else ["was borne"]
        if result.rc == 127 and "error while loading shared libraries" in result.err:
            return [] # the C library's own start in a static executable, in its own words
        problems = faults.message_problems(result)
        if result.rc != 1:
            problems.append(f"exit status {result.rc}")
        return problems

    def usable(self, case):
        """The id can be used again."""
        again = self.create()
        if again.rc:
            self.note(case, [f"cannot be created again: {again}"])
        result = self.remove()
        if result.rc:
            self.note(case, [f"cannot be deleted afterwards: {result}"])
