"""A resctrl file system for machines that have none: FUSE, spoken by hand, with the rules that a runtime meets.

    with resctrlfs.Resctrl(directory) as fs:
        ... TARE_RESCTRL=directory ...
        fs.writes == [("/c1/schemata", "L3:0=f")]

Directories come with their files, a task is in one class and one monitoring group, schemata are checked and
completed, there are only so many classes. Everything runs in a thread of the test.
"""
import ctypes
import errno
import os
import stat
import struct
import subprocess
import threading

LIBC = ctypes.CDLL(None, use_errno=True)
DEFAULT = {"MB": {0: "100", 1: "100"}, "L3": {0: "fffff", 1: "fffff"}}

LOOKUP, FORGET, GETATTR, SETATTR, MKDIR, RMDIR = 1, 2, 3, 4, 9, 11
OPEN, READ, WRITE, STATFS, RELEASE, FLUSH, INIT = 14, 15, 16, 17, 18, 25, 26
OPENDIR, READDIR, RELEASEDIR, ACCESS, INTERRUPT, DESTROY, BATCH_FORGET = 27, 28, 29, 34, 36, 38, 42


class Refused(Exception):
    """A call that ends with an errno."""


class Resctrl:
    """The file system, mounted from __init__ to close()."""

    def __init__(self, directory, classes=4, monitors=4):
        self.directory, self.classes, self.monitors = directory, classes, monitors
        self.paths, self.numbers = {1: "/"}, {"/": 1}
        self.schemata, self.writes, self.changes = {}, [], []
        self.counts = {}  # group -> {domain: {file of mon_data/mon_L3_NN: text}}
        self.tasks = {}  # pid -> (class, monitoring group)
        self.status = "ok"
        self.directories = {"/": {"info", "mon_groups"}, "/info": set(), "/mon_groups": set()}
        self._new_class("/")
        os.makedirs(directory, exist_ok=True)
        self.device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0,allow_other"
        if LIBC.mount(b"resctrl", directory.encode(), b"fuse.resctrl", 0, options.encode()):
            os.close(self.device)
            raise OSError(ctypes.get_errno(), "mount -t fuse")
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Takes it away."""
        subprocess.run(["umount", self.directory], check=True)
        self.thread.join(5)
        os.close(self.device)

    def groups(self):
        """The directories that somebody has made."""
        own = {"/", "/info", "/mon_groups"}
        return {path for path in self.directories if path not in own
                and not path.endswith("/mon_groups") and "/mon_data" not in path}

    def text(self, path):
        """A schemata file as the kernel prints it."""
        rows = self.schemata[path]
        return "".join(f"{name:>6}:" + ";".join(f"{i}={v}" for i, v in sorted(rows[name].items())) + "\n"
                       for name in rows)

    def count(self, group, domain, **files):
        """What the processor has counted for a class or a monitoring group: llc_occupancy=4096."""
        data = f"{group.rstrip('/')}/mon_data"
        path = f"{data}/mon_L3_{domain:02}"
        self.directories[group].add("mon_data")
        self.directories.setdefault(data, set()).add(os.path.basename(path))
        self.directories[path] = set()
        self.counts[path] = {name: f"{text}\n" for name, text in files.items()}

    def make(self, name, *lines):
        """A class that an administrator has made."""
        os.mkdir(f"{self.directory}/{name}")
        for line in lines:
            with open(f"{self.directory}/{name}/schemata", "w", encoding="ascii") as file:
                file.write(line + "\n")
        self.writes.clear()
        self.changes.clear()

    # ---- the rules ----

    def _new_class(self, path):
        self.schemata[path] = {name: dict(row) for name, row in DEFAULT.items()}

    def _files(self, path):
        names = {"tasks"}
        if path == "/info":
            return {"last_cmd_status"}
        if path.endswith("/mon_groups") or path.endswith("/mon_data"):
            return set()
        if path in self.counts:
            return set(self.counts[path])
        return names | {"schemata"} if path in self.schemata else names

    def _mkdir(self, parent, name):
        path = f"{parent.rstrip('/')}/{name}"
        if path in self.directories:
            raise Refused(errno.EEXIST)
        if parent == "/":
            if len(self.schemata) >= self.classes:
                self.status = "Out of CLOSIDs"
                raise Refused(errno.ENOSPC)
            self._new_class(path)
            self.directories[path] = {"mon_groups"}
            self.directories[f"{path}/mon_groups"] = set()
        elif parent.endswith("mon_groups"):
            if sum("/mon_groups/" in x for x in self.directories) >= self.monitors:
                self.status = "Out of RMIDs"
                raise Refused(errno.ENOSPC)
            self.directories[path] = set()
        else:
            raise Refused(errno.EPERM)
        self.directories[parent].add(name)
        self.changes.append(("mkdir", path))
        return path

    def _rmdir(self, parent, name):
        path = f"{parent.rstrip('/')}/{name}"
        if path not in self.groups():
            raise Refused(errno.ENOENT if path not in self.directories else errno.EPERM)
        for below in [x for x in self.directories if x == path or x.startswith(path + "/")]:
            del self.directories[below]
            self.schemata.pop(below, None)
        self.directories[parent].discard(name)
        self.changes.append(("rmdir", path))

    def _write(self, path, text):
        self.writes.append((path, text.rstrip("\n")))
        self.status = "ok"
        group, file = path.rsplit("/", 1)
        group = group or "/"
        if file == "tasks":
            self._join(group, int(text))
        elif file == "schemata":
            for line in text.splitlines():
                self._set(group, line)
        else:
            raise Refused(errno.EACCES)

    def _join(self, group, pid):
        if not os.path.exists(f"/proc/{pid}"):
            raise Refused(errno.ESRCH)
        if "/mon_groups/" in group:
            above = group.split("/mon_groups/")[0] or "/"
            if self.tasks.get(pid, ("/",))[0] != above:
                self.status = "Can't move task to different control group"
                raise Refused(errno.EINVAL)
            self.tasks[pid] = (above, group)
        else:
            self.tasks[pid] = (group, group)

    def _set(self, group, line):
        name, _, settings = line.strip().partition(":")
        if name not in self.schemata[group]:
            self.status = f"Unknown or unsupported resource name '{name}'"
            raise Refused(errno.EINVAL)
        for setting in settings.split(";"):
            domain, _, value = setting.partition("=")
            try:
                number = int(value, 16 if name == "L3" else 10)
            except ValueError:
                self.status = f"Non-{'hex' if name == 'L3' else 'decimal'} character in the mask {value}"
                raise Refused(errno.EINVAL) from None
            if int(domain) not in self.schemata[group][name]:
                raise Refused(errno.EINVAL)
            self.schemata[group][name][int(domain)] = f"{number:x}" if name == "L3" else str(number)

    def _content(self, path):
        group, file = path.rsplit("/", 1)
        group = group or "/"
        if group in self.counts:
            return self.counts[group][file]
        if file == "schemata":
            return self.text(group)
        if file == "last_cmd_status":
            return self.status + "\n"
        return "".join(f"{pid}\n" for pid, at in sorted(self.tasks.items()) if group in at)

    # ---- the protocol ----

    def _number(self, path):
        if path not in self.numbers:
            number = len(self.paths) + 1
            self.paths[number], self.numbers[path] = path, number
        return self.numbers[path]

    def _attributes(self, path):
        mode = stat.S_IFDIR | 0o755 if path in self.directories else stat.S_IFREG | 0o644
        return struct.pack("<6Q10I", self._number(path), 0, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0,
                           4096, 0)

    def _lookup(self, parent, name):
        path = f"{parent.rstrip('/')}/{name}"
        if path not in self.directories and not (
                parent in self.directories and name in self._files(parent)):
            raise Refused(errno.ENOENT)
        return path

    def _entry(self, path):
        return struct.pack("<4Q2I", self._number(path), 0, 0, 0, 0, 0) + self._attributes(path)

    def _listing(self, path, offset, size):
        names = sorted(self.directories[path] | self._files(path))
        out = b""
        for index, name in enumerate(names[offset:], offset + 1):
            entry = struct.pack("<2Q2I", index, index, len(name), 0) + name.encode()
            entry += b"\0" * (-len(entry) % 8)
            if len(out) + len(entry) > size:
                break
            out += entry
        return out

    def _answer(self, opcode, path, body):
        name = body.split(b"\0", 1)[0].decode(errors="replace")
        if opcode == INIT:
            return struct.pack("<4I2H2I2HI7I", 7, 31, 0, 0, 1, 1, 4096, 1, 0, 0, 0, *[0] * 7)
        if opcode == LOOKUP:
            return self._entry(self._lookup(path, name))
        if opcode in (GETATTR, SETATTR):
            return struct.pack("<Q2I", 0, 0, 0) + self._attributes(path)
        if opcode == MKDIR:
            return self._entry(self._mkdir(path, body[8:].split(b"\0")[0].decode()))
        if opcode == RMDIR:
            self._rmdir(path, name)
            return b""
        if opcode in (OPEN, OPENDIR):
            return struct.pack("<Q2I", 0, 1 if opcode == OPEN else 0, 0)
        if opcode in (READ, READDIR):
            offset, size = struct.unpack_from("<QI", body, 8)
            if opcode == READDIR:
                return self._listing(path, offset, size)
            return self._content(path).encode()[offset:offset + size]
        if opcode == WRITE:
            size, = struct.unpack_from("<I", body, 16)
            self._write(path, body[40:40 + size].decode())
            return struct.pack("<2I", size, 0)
        if opcode == STATFS:
            return b"\0" * 80
        if opcode in (RELEASE, RELEASEDIR, FLUSH, ACCESS, DESTROY):
            return b""
        raise Refused(errno.ENOSYS)

    def _serve(self):
        while True:
            try:
                request = os.read(self.device, 1 << 17)
            except OSError as error:
                if error.errno == errno.EINTR:
                    continue
                return  # ENODEV: it was unmounted
            _, opcode, unique, node = struct.unpack_from("<2I2Q", request)
            if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
                continue
            try:
                answer, code = self._answer(opcode, self.paths.get(node, "/"), request[40:]), 0
            except Refused as refusal:
                answer, code = b"", refusal.args[0]
            try:
                os.write(self.device, struct.pack("<IiQ", 16 + len(answer), -code, unique) + answer)
            except OSError:
                pass  # the caller was interrupted
