"""Deterministic races: the runtime under the stepper (tests/lib/stepper.c), one change of the file system
before each of its calls in turn; and the canary, a piece of the host that nobody may touch."""
import collections
import hashlib
import os
import shutil
import stat

import tare

Log = collections.namedtuple("Log", "calls mounted writes swapped failed total")


def read_log(path):
    """The stepper's log; calls: [(number, name, path...)]."""
    calls, mounted, writes, swapped, failed, total = [], [], [], False, False, None
    for line in tare.read_text(path).splitlines():
        word, *fields = line.split("\t")
        if word == "call":
            calls.append((int(fields[0]), *fields[2:]))
        elif word == "mounted":
            mounted.append(fields[1])
        elif word == "write":
            writes.append((int(fields[1], 16), fields[2]))
        elif word == "swap":
            swapped = True
        elif word == "fail":
            failed = True
        elif word == "end":
            total = int(fields[0])
    return Log(calls, mounted, writes, swapped, failed, total)


KERNEL_MAGICS = (0x9fa0, 0x62656572, 0x63677270)  # procfs, sysfs, cgroup2


class Stepper:
    """The stepper's command line for one runtime."""

    def __init__(self, runtime, prefixes=(), devices=(), forbidden=(), names=(), writes=False):
        self.runtime = runtime
        self.program = tare.build_program("stepper", f"{tare.TOP}/build-results")
        self.log_path = f"{runtime.directory}/steps"
        self.common = [self.program, "-o", self.log_path]
        for option, values in (("-a", prefixes), ("-m", devices), ("-f", forbidden)):
            for value in values:
                self.common += [option, value]
        if writes:
            self.common.append("-w")
        if names:
            self.common += ["-s", ",".join(names)]

    def call(self, options, function):
        """Calls function() with the runtime under the stepper; returns (its result, the log)."""
        self.runtime.wrapper = [*self.common, *options, "--"]
        try:
            result = function()
        finally:
            self.runtime.wrapper = []
        return result, read_log(self.log_path)

    def count(self, function):
        """How many calls there are when nothing is changed, and the undisturbed result."""
        result, log = self.call([], function)
        assert log.total, f"the stepper saw no call of interest: {result}"
        return result, log


class Sweep:
    """A container that is run once for each of the runtime's calls of interest, with one change of the
    file system before it. reset() puts the objects in their places; check(where, output) looks at a run
    that succeeded. action() runs the container, if run() does not, and returns a Result."""

    def __init__(self, stepped, container, canary, exchange, reset, action=None):
        self.stepped, self.container, self.canary = stepped, container, canary
        self.exchange, self.reset = exchange, reset
        self.action = action or container.run

    def run(self, check, part=0, parts=1, back=False):
        """The sweep; back: the change is undone after the call. A sweep can be cut into parts; of each part
        one step in tare.SCALE is taken, spread over the whole."""
        self.reset()
        _, log = self.stepped.count(self.action)
        landed = attempts = 0
        for step in range(part + 1, log.total + 1, parts * tare.SCALE):
            self.reset()
            options = ["-n", str(step), "-x", ",".join(self.exchange)] + (["-b"] if back else [])
            result, seen = self.stepped.call(options, self.action)
            where = f"step {step} of {log.total}, {seen.calls[step - 1:step]}"
            attempts += 1
            landed += seen.swapped
            assert result.rc in (0, 1), f"{where}: {result}"
            assert not seen.mounted, f"{where}: mounted outside: {seen.mounted}"
            for magic, path in seen.writes:
                kernels = path.startswith(("/proc/", "/sys/")) or "/attr/" in path
                assert not kernels or magic in KERNEL_MAGICS, f"{where}: {path} is on {magic:x}"
            self.canary.check(where)
            if result.rc == 0:
                check(where, result.out)
            else:
                assert result.err, where
        assert attempts and landed >= attempts // 2, f"{landed} of {attempts} changes were made"
        return log


class Canary:
    """A directory of the host with files in it. check() fails when anything about it has changed."""

    def __init__(self, directory):
        self.directory = directory
        os.mkdir(directory, 0o711)
        os.mkdir(f"{directory}/inner", 0o700)
        for name in ("file", "ptmx", "null", "console", "inner/file"):
            with open(f"{directory}/{name}", "w", encoding="ascii") as file:
                file.write(f"canary {name}\n")
            os.chmod(f"{directory}/{name}", 0o640)
            if os.geteuid() == 0:
                os.chown(f"{directory}/{name}", 12345, 12346)
        self.before = self.look()

    def keep(self, *names):
        """Takes the other files away."""
        for name in ("file", "ptmx", "null", "console", "inner/file"):
            if name not in names:
                os.unlink(f"{self.directory}/{name}")
        self.before = self.look()

    def look(self):
        """Everything that can be seen of the directory but access times."""
        seen = {}
        for directory, names, files in os.walk(self.directory):
            for path in [directory] + [f"{directory}/{x}" for x in names + files]:
                st = os.lstat(path)
                content = ""
                if stat.S_ISREG(st.st_mode):
                    with open(path, "rb") as file:
                        content = hashlib.sha256(file.read()).hexdigest()
                elif stat.S_ISLNK(st.st_mode):
                    content = os.readlink(path)
                seen[path] = (st.st_dev, st.st_ino, oct(st.st_mode), st.st_uid, st.st_gid,
                              st.st_nlink, st.st_rdev, st.st_mtime_ns, st.st_ctime_ns, content)
        return seen

    def check(self, where=""):
        """Fails when the directory is not as it was."""
        after = self.look()
        changed = {path: (self.before.get(path), after.get(path))
                   for path in self.before.keys() | after.keys()
                   if self.before.get(path) != after.get(path)}
        assert not changed, f"{where}: the canary was touched: {changed}"
        with open("/proc/thread-self/mountinfo", encoding="utf-8", errors="replace") as table:
            hits = [line for line in table if f" {self.directory}" in line]
        assert not hits, f"{where}: mounts on the canary: {hits}"

    def remove(self):
        """Takes it away."""
        shutil.rmtree(self.directory, ignore_errors=True)
