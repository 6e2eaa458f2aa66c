"""The machine that tests run on: a mount namespace of their own, the views of its cgroups, and the
check that a test has left nothing behind.

A pytest process that runs tests gets its own mount namespace in which every mount is shared, as on a
machine booted by systemd: what a runtime does wrongly outside its container shows there exactly, and
does not reach the real machine. It also becomes a subreaper, so that orphans come to it and are found.
"""
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE, MS_SHARED = 0x1000, 0x4000, 1 << 18, 1 << 20
PR_SET_CHILD_SUBREAPER = 36

LIBC = ctypes.CDLL(None, use_errno=True)


def call(function, *arguments):
    """A libc function that returns -1 and errno when it fails."""
    if function(*arguments) < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{function.__name__}: {os.strerror(error)}")


def mount(source, target, kind=None, flags=0, data=None):
    """mount(2) in the tests' mount namespace."""
    encoded = [None if x is None else os.fsencode(x) for x in (source, target, kind, data)]
    call(LIBC.mount, encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3])


def umount(target, flags=2):
    """umount2(2), lazily unless told otherwise."""
    call(LIBC.umount2, os.fsencode(target), flags)


def mount_points(kind=None, path="/proc/thread-self/mountinfo"):
    """(mount point, file system type) of every mount."""
    found = []
    with open(path, encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            left, right = line.split(" - ", 1)
            if kind is None or right.split()[0] in kind:
                point = left.split()[4].encode("latin-1", "replace").decode("unicode_escape")
                found.append((point, right.split()[0]))
    return found


class View:
    """How the machine's cgroups look to the runtime under test."""

    def __init__(self, name, holder=None):
        self.name = name
        self.holder = holder

    def prefix(self, cwd="/"):
        """What a command line starts with to run in this view."""
        if not self.holder:
            return []
        return ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", f"--wdns={cwd}", "--"]

    def mountinfo(self):
        """The mount table as it stands in this view."""
        path = f"/proc/{self.holder.pid}/mountinfo" if self.holder else "/proc/thread-self/mountinfo"
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()

    def cgroup2(self):
        """Where the cgroup2 hierarchy can be reached from the tests, or None."""
        root = f"/proc/{self.holder.pid}/root" if self.holder else ""
        table = f"/proc/{self.holder.pid}/mountinfo" if self.holder else "/proc/thread-self/mountinfo"
        mounted = {point for point, _ in mount_points(("cgroup2",), table)}
        for point in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
            # a mount that another one covers is still in the table
            if point in mounted and os.path.exists(f"{root}{point}/cgroup.procs"):
                return root + point
        return None


class Host:
    """Set up once a process that runs tests."""

    def __init__(self):
        self.token = f"t{os.getpid()}"
        self.views = {}
        self.given_names = 0
        self.directory = tempfile.mkdtemp(prefix="tare-tests-")
        os.chmod(self.directory, 0o755)
        call(LIBC.prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.root = os.geteuid() == 0
        if self.root:
            assert threading.current_thread() is threading.main_thread()
            call(LIBC.unshare, CLONE_NEWNS)
            mount(None, "/", None, MS_REC | MS_PRIVATE)
            mount(None, "/", None, MS_REC | MS_SHARED)
            mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777")
        pure = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
        self.views["host"] = View("host")
        if self.root and not pure:
            self.views["pure"] = View("pure", self._hold("""
                umount -R /sys/fs/cgroup 2> /dev/null || umount -Rl /sys/fs/cgroup
                mount -t cgroup2 cgroup2 /sys/fs/cgroup"""))
        self.holders = {view.holder.pid for view in self.views.values() if view.holder}

    def _hold(self, script):
        """A process that keeps a mount namespace, which follows that of the tests."""
        holder = subprocess.Popen(  # pylint: disable=consider-using-with
            ["unshare", "--mount", "--propagation", "slave", "sh", "-ec",
             f"{script}\nmount --make-rshared /\necho ready\nexec setpriv --pdeathsig KILL sleep infinity"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if holder.stdout.readline() != b"ready\n":
            raise RuntimeError("could not make a private view of cgroup2")
        return holder

    def name(self):
        """A container id that nobody has used; leftovers are recognised by the token in it."""
        self.given_names += 1
        return f"{self.token}-{self.given_names}"

    def close(self):
        """Ends what was set up."""
        for view in self.views.values():
            if view.holder:
                view.holder.kill()
                view.holder.wait()
                view.holder.stdout.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def cgroups(self):
        """Directories of the tests in all cgroup hierarchies: those whose path has our token."""
        tops = {point for point, _ in mount_points(("cgroup", "cgroup2"))}
        tops |= {view.cgroup2() for view in self.views.values() if view.cgroup2()}
        found = set()
        for top in tops:
            self._walk_cgroups(top, False, found)
        return found

    def _walk_cgroups(self, path, ours, found):
        """Adds what is ours at and below a directory. Most have none below, which the number of links tells
        without reading their many files."""
        ours = ours or os.path.basename(path) == self.token or \
            os.path.basename(path).startswith(self.token + "-")
        if ours:
            found.add(path)
        try:
            if os.stat(path).st_nlink > 2:
                for entry in os.scandir(path):
                    if entry.is_dir(follow_symlinks=False):
                        self._walk_cgroups(entry.path, ours, found)
        except OSError:
            pass  # it is going just now

    def children(self):
        """Live children of ours but the views' holders; {pid: command line}. Zombies are reaped."""
        found = {}
        for pid in self._child_numbers() - self.holders:
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                    state, parent = file.read().rsplit(")", 1)[1].split()[:2]
                if int(parent) != os.getpid():
                    continue
                if state in "ZX":
                    os.waitpid(pid, os.WNOHANG)
                    continue
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    command = file.read().replace(b"\0", b" ").decode(errors="replace").strip()
                found[pid] = command or "(no command line)"
            except (FileNotFoundError, ProcessLookupError, ChildProcessError):
                continue
        return found

    @staticmethod
    def _child_numbers():
        """Processes among which our children are: all, where the kernel has no list of them."""
        numbers = set()
        for task in os.listdir("/proc/self/task"):
            try:
                with open(f"/proc/self/task/{task}/children", encoding="ascii") as file:
                    numbers |= {int(x) for x in file.read().split()}
            except FileNotFoundError:
                if str(os.getpid()) == task:
                    return {int(x) for x in os.listdir("/proc") if x.isdigit()}
            except ProcessLookupError:
                pass
        return numbers

    def snapshot(self):
        """What must be the same after a test as before it."""
        return {
            "mounts": {f"{view.name}: {line}" for view in self.views.values()
                       for line in view.mountinfo().splitlines()},
            "cgroups": self.cgroups(),
            "shared memory": set(os.listdir("/dev/shm")) if self.root else set(),
            "named network namespaces":
                set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set(),
        }

    def leftovers(self, before, patience=2.0):
        """What a test has left behind, as lines of text; cleaned up on the way."""
        deadline = time.monotonic() + patience * int(os.environ.get("TARE_PATIENCE") or 1)
        while True:
            problems = [f"process {pid}: {command}" for pid, command in self.children().items()]
            after = self.snapshot()
            for what, things in after.items():
                problems += [f"{what}: left behind: {x}" for x in sorted(things - before[what])]
                problems += [f"{what}: gone: {x}" for x in sorted(before[what] - things)]
            if not problems or time.monotonic() > deadline:
                break
            time.sleep(0.02)
        if problems:
            self._clean(before)
        return problems

    def _clean(self, before):
        """Takes away what was left, so that the next test starts from nothing."""
        for _ in range(3):
            for pid in self.children():
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        for path in sorted(self.cgroups() - before["cgroups"], reverse=True):
            try:
                if os.path.exists(f"{path}/cgroup.kill"):
                    with open(f"{path}/cgroup.kill", "w", encoding="ascii") as file:
                        file.write("1")
                    time.sleep(0.05)
                os.rmdir(path)
            except OSError:
                pass
        for line in sorted(self.snapshot()["mounts"] - before["mounts"], reverse=True):
            view, row = line.split(": ", 1)
            point = row.split()[4]
            subprocess.run(self.views[view].prefix() + ["umount", "-l", point],
                           stderr=subprocess.DEVNULL, check=False)
