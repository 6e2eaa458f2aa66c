"""Failing system calls one after the other (tests/lib/fault.c): which there are, what one case does, what
must hold after it.

A case is (side, name, occurrence, what it is about): side 0 is the command, 1 its first child and so on, in the order in
which they are born; hooks are sides as well until they execute their program.
"""
import collections
import errno
import os
import re

import tare

# What a call fails with. It is one of the errors that the call can have at any time, not one that says
# something about the object, which may have a meaning of its own (ENOENT, EEXIST).
ERRORS = {
    **dict.fromkeys(("read", "pread64", "write", "pwrite64", "getdents64", "readlinkat", "sendfile",
                     "close", "readlink", "fsync"), errno.EIO),
    **dict.fromkeys(("openat", "open", "openat2", "pipe2", "dup2", "dup3", "socket", "socketpair",
                     "accept4", "pidfd_open", "eventfd2", "signalfd4", "memfd_create", "fsopen",
                     "fsmount", "open_tree", "fcntl"), errno.EMFILE),
    **dict.fromkeys(("mkdir", "mkdirat", "mknodat", "symlinkat", "renameat", "renameat2", "rename",
                     "linkat"), errno.ENOSPC),
    **dict.fromkeys(("capset", "setgroups", "setresuid", "setresgid", "setns", "unshare", "chroot",
                     "pivot_root", "prctl", "seccomp", "sethostname",
                     "setdomainname", "prlimit64", "kill", "ioctl", "fchown",
                     "fchownat", "fchmod", "fchmodat"), errno.EPERM),
    "execve": errno.E2BIG, "execveat": errno.E2BIG,
}
DEFAULT_ERROR = errno.ENOMEM

# Calls that cannot fail, or not with the arguments that a program without a fault gives (brk answers with
# an address also when it fails).
NEVER_FAIL = {
    "exit_group", "exit", "getpid", "gettid", "getuid", "geteuid", "getgid", "getegid", "umask",
    "rt_sigreturn", "rt_sigaction", "rt_sigprocmask", "clock_gettime", "gettimeofday", "munmap",
    "brk", "restart_syscall", "getppid", "alarm", "set_robust_list", "set_tid_address", "rseq", "arch_prctl",
}

Case = collections.namedtuple("Case", "side name nth about")


def read_log(path):
    """The cases of a log of fault, and whether the fault has happened."""
    seen, cases, done = collections.Counter(), [], False
    for line in tare.read_text(path).splitlines():
        if line == "done":
            done = True
            continue
        side, name, about = line.split(" ", 2)
        seen[side, name] += 1
        cases.append(Case(int(side), name, seen[side, name], about))
    return cases, done


class Injector:
    """The runtime under fault."""

    def __init__(self, runtime):
        self.runtime = runtime
        self.program = tare.build_program("fault", f"{tare.TOP}/build-results", "-lseccomp")
        self.log = f"{runtime.directory}/calls"
        self.failed = None  # the call that has failed: what it was about may differ from run to run

    def call(self, function, *options):
        """function() with the runtime under fault. Returns its result, the cases and whether the
        fault has happened."""
        before = self.runtime.wrapper
        self.runtime.wrapper = before + [self.program, "-o", self.log, *map(str, options), "--"]
        try:
            result = function()
        finally:
            self.runtime.wrapper = before
        return result, *read_log(self.log)

    def fail(self, case, function, error=None, pids=()):
        """function() with one call failing."""
        code = error or ERRORS.get(case.name, DEFAULT_ERROR)
        joined = [word for pid in pids for word in ("-p", pid)]
        result, seen, done = self.call(function, *joined, "-t", f"{case.side}:{case.name}:{case.nth}", "-e", code)
        self.failed = next((met for met in seen if met[:3] == case[:3]), case)
        return result, seen, done

    def kill(self, case, function, pids=()):
        """function() with the process killed where it makes the call."""
        joined = [word for pid in pids for word in ("-p", pid)]
        return self.call(function, *joined, "-t", f"{case.side}:{case.name}:{case.nth}", "-k")


class Scene:
    """What a container may leave behind, looked at quickly: its cgroup, mounts, processes, files."""

    def __init__(self, container):
        self.container, self.runtime = container, container.runtime
        self.host = self.runtime.host
        self.cgroup2 = self.runtime.view.cgroup2()
        self.before = self.look()

    def look(self):
        """Everything by name."""
        view = self.runtime.view
        return {
            "mount": set(view.mountinfo().splitlines()),
            "cgroup": {path for path in os.listdir(self.cgroup2)
                       if path.startswith(self.host.token)} if self.cgroup2 else set(),
            "process": {f"{pid} {command}" for pid, command in self.host.children().items()},
            "state": set(os.listdir(self.runtime.state_root))
                     if os.path.isdir(self.runtime.state_root) else set(),
            "file": {f"{directory}/{name}" for directory in
                     (self.container.bundle, self.container.rootfs, f"{self.container.rootfs}/dev")
                     for name in os.listdir(directory)},
        }

    def problems(self, ignore=(), patience=0.5):
        """What is there that was not there before, as lines of text."""
        def left():
            after = self.look()
            return [f"{what} left: {thing}" for what, things in after.items() if what not in ignore
                    for thing in sorted(things - self.before[what])]

        found = left()
        if found:
            try:
                tare.eventually(lambda: not left(), patience)
                return []
            except AssertionError:
                return left()
        return []


def message_problems(result):
    """What is wrong with a failed command's words."""
    lines = [line for line in result.err.splitlines() if line]
    # the container's own standard error gets what fails after start (contract)
    errors = [line for line in lines if "level=warning" not in line
              and not line.startswith("starting: ")]
    if len(errors) != 1:
        return [f"{len(errors)} messages: {result.err!r}"]
    text = re.search(r'level=error msg="(.*)"$', errors[0])
    if not text:
        return [f"no message of ours: {errors[0]}"]
    words = text[1]
    problems = []
    if len(words) < 12 or " " not in words:
        problems.append(f"says too little: {words!r}")
    if "Success" in words or "(null)" in words or \
            words.endswith((": ", ":")) and not re.search(r"hook #\d+: signal: 9, stdout: , stderr: $", words):
        problems.append(f"unclear: {words!r}")
    return problems
