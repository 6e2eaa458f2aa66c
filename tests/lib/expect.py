"""What a program in a container must see, worked out from config.json alone, and compared with what
the report program saw. Each difference is one line that begins with its topic."""
import os
import re

import tare

ATIME = {"atime", "noatime", "relatime", "norelatime", "strictatime", "nostrictatime"}
PROPAGATION = {x + y for x in ("", "r") for y in ("private", "shared", "slave", "unbindable")}
FLAGS = {"nosuid": "suid", "nodev": "dev", "noexec": "exec", "ro": "rw"}
NAMESPACES = {"mount": "mnt", "network": "net"}
DEFAULT_DEVICES = {"/dev/null": (1, 3), "/dev/zero": (1, 5), "/dev/full": (1, 7),
                   "/dev/random": (1, 8), "/dev/urandom": (1, 9), "/dev/tty": (5, 0)}
DEFAULT_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
                 "stderr": "/proc/self/fd/2"}
CAPABILITY_SETS = ("bounding", "effective", "permitted", "inheritable", "ambient")
PROBE_DEVICE = ("/loop-control", "c", 10, 237)  # not among the devices of any container


class Caller:
    """What the runtime's caller is, which the container inherits where the file is silent."""

    def __init__(self, pid="self"):
        def status(word):
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                return next(line.split(":")[1].split() for line in file if line.startswith(word))
        self.capabilities = tare.capability_names(int(status("CapBnd")[0], 16))
        self.namespaces = {x: os.readlink(f"/proc/{pid}/ns/{x}") for x in
                           ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts", "time")}
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            self.limits = file.read()
        with open(f"/proc/{pid}/oom_score_adj", encoding="ascii") as file:
            self.oom_score_adj = int(file.read())
        with open(f"/proc/{pid}/uid_map", encoding="ascii") as file:
            self.id_map = [tuple(map(int, line.split())) for line in file]
        self.hostname = os.uname().nodename

    def limit(self, name):
        """(soft, hard) as getrlimit shows them."""
        words = {"RLIMIT_NOFILE": "Max open files", "RLIMIT_NPROC": "Max processes",
                 "RLIMIT_CORE": "Max core file size", "RLIMIT_STACK": "Max stack size",
                 "RLIMIT_MEMLOCK": "Max locked memory", "RLIMIT_AS": "Max address space",
                 "RLIMIT_FSIZE": "Max file size", "RLIMIT_CPU": "Max cpu time"}
        line = next(x for x in self.limits.splitlines() if x.startswith(words[name]))
        return [(1 << 64) - 1 if x == "unlimited" else int(x)
                for x in line[len(words[name]):].split()[:2]]


def options_of(mount):
    """A mount's options: ({flag: set or not}, atime words, propagation words, the rest)."""
    flags, atime, propagation, rest = {}, set(), set(), []
    opposite = {value: key for key, value in FLAGS.items()}
    for option in mount.get("options", []):
        if option in FLAGS:
            flags[option] = True
        elif option in opposite:
            flags[opposite[option]] = False
        elif option in ATIME:
            atime.add(option)
        elif option in PROPAGATION:
            propagation.add(option)
        elif option not in ("bind", "rbind", "tmpcopyup"):
            rest.append(option)
    return flags, atime, propagation, rest


def is_bind(mount):
    """A mount is a bind mount by its options, not by its type."""
    return bool({"bind", "rbind"} & set(mount.get("options", [])))


class Comparison:
    """One container's report against its config."""

    def __init__(self, bundle, caller, seen):
        self.bundle, self.caller, self.seen = bundle, caller, seen
        self.config = bundle.config
        self.linux, self.process = self.config["linux"], self.config["process"]
        self.rows = self._rows()
        self.problems = []

    def _rows(self):
        return tare.parse_mountinfo(self.seen["mountinfo"])

    def check(self, topic, seen, wanted):
        """Notes a difference."""
        if seen != wanted:
            self.problems.append(f"{topic}: seen {seen!r}, the file wants {wanted!r}")

    def all(self):
        """Every comparison; the list of differences."""
        for part in (self.identity, self.capabilities, self.confinement, self.rlimits, self.start,
                     self.names, self.namespaces, self.mounts, self.mount_order, self.no_other_mounts,
                     self.root, self.masks, self.read_only, self.devices, self.terminal):
            part()
        return self.problems

    def outside(self, number):
        """An id of the container as the first user namespace knows it."""
        for extents in (self.bundle.user_namespace(), self.caller.id_map):
            for inside, outside, size in extents:
                if inside <= number < inside + size:
                    number += outside - inside
                    break
        return number

    def identity(self):
        """process.user"""
        user, seen = self.process["user"], self.seen["identity"]
        self.check("uid", seen["uid"], [user["uid"]] * 3)
        self.check("gid", seen["gid"], [user["gid"]] * 3)
        self.check("additionalGids", sorted(seen["groups"]), sorted(user.get("additionalGids", [])))
        self.check("umask", seen["umask"], user.get("umask", 0o022))

    def capabilities(self):
        """process.capabilities: what the caller has not got is left out; the program of uid 0 gets
        on execve what bounding and inheritable hold."""
        for name in CAPABILITY_SETS:
            asked = set(self.process.get("capabilities", {}).get(name, []))
            self.check(f"capabilities.{name}",
                       sorted(tare.capability_names(self.seen["capabilities"][name])),
                       sorted(asked & self.caller.capabilities))

    def confinement(self):
        """seccomp's mode and noNewPrivileges"""
        self.check("seccomp", self.seen["seccomp"], 2 if self.linux.get("seccomp") else 0)
        self.check("noNewPrivileges", self.seen["no_new_privs"],
                   int(self.process.get("noNewPrivileges", False)))

    def rlimits(self):
        """process.rlimits; the others are the caller's"""
        asked = {x["type"]: [x["soft"], x["hard"]] for x in self.process.get("rlimits", [])}
        for name, limits in asked.items():
            self.check(f"rlimits {name}", self.seen["rlimits"][name], limits)
        for name in ("RLIMIT_NOFILE", "RLIMIT_CORE", "RLIMIT_STACK", "RLIMIT_AS", "RLIMIT_FSIZE"):
            if name not in asked:
                self.check(f"rlimits {name} (not in the file)", self.seen["rlimits"][name],
                           self.caller.limit(name))
        if self.process.get("oomScoreAdj") is not None:
            self.check("oomScoreAdj", int(self.seen["oom_score_adj"]), self.process["oomScoreAdj"])
        else:
            self.check("oomScoreAdj (not in the file)", int(self.seen["oom_score_adj"]),
                       self.caller.oom_score_adj)

    def start(self):
        """args, env with HOME, cwd, and no descriptor beyond the three"""
        env = list(self.process.get("env", []))
        if not any(x.startswith("HOME=") for x in env):
            env.append("HOME=/root")  # what the root file system's /etc/passwd says
        self.check("env", sorted(self.seen["env"]), sorted(env))
        self.check("args", self.seen["args"], self.process["args"])
        self.check("cwd", self.seen["cwd"], self.process["cwd"])
        self.check("descriptors", sorted(self.seen["fds"]), ["0", "1", "2"])

    def names(self):
        """hostname and sysctl"""
        self.check("hostname", self.seen["uts"]["hostname"],
                   self.config.get("hostname", self.caller.hostname))
        for name, value in self.linux.get("sysctl", {}).items():
            self.check(f"sysctl {name}", (self.seen["sysctl"][name] or "").split(), value.split())

    def namespaces(self):
        """linux.namespaces: new, joined or the caller's; id mappings; the cgroup"""
        listed = {NAMESPACES.get(x["type"], x["type"]): x.get("path")
                  for x in self.linux["namespaces"]}
        for name, link in self.caller.namespaces.items():
            seen = self.seen["namespaces"][name]
            if name not in listed:
                self.check(f"namespace {name} (the caller's)", seen, link)
            elif listed[name]:
                self.check(f"namespace {name} (joined)", seen, self.bundle.netns_link)
            elif seen == link:
                self.problems.append(f"namespace {name}: it is the caller's")
        if "user" in listed:
            for ids in ("uid", "gid"):
                rows = [tuple(map(int, line.split())) for line in
                        self.seen["namespaces"][f"{ids}_map"].splitlines()]
                self.check(f"{ids}Mappings", rows, [
                    (x["containerID"], x["hostID"], x["size"]) for x in self.linux[f"{ids}Mappings"]])
        path = next(line[3:] for line in self.seen["cgroup"].splitlines() if line.startswith("0::"))
        wanted = "/" if "cgroup" in listed else self.linux["cgroupsPath"]
        if path != wanted and not ("cgroup" not in listed and path.endswith(wanted)):
            self.problems.append(f"cgroup: seen {path!r}, the file wants {wanted!r}")

    def mounts(self):
        """Type, flags, propagation and data of each mount"""
        for number, mount in enumerate(self.config["mounts"]):
            where = f"mounts[{number}] {mount['destination']}"
            row = self.rows.get(mount["destination"])
            if not row:
                self.problems.append(f"{where}: is not there")
                continue
            flags, atime, propagation, rest = options_of(mount)
            for flag in FLAGS:
                self.check(f"{where}: {flag}", flag in row["options"], flags.get(flag, False))
            if "strictatime" in atime:
                self.check(f"{where}: strictatime", {"relatime", "noatime"} & set(row["options"]),
                           set())
            elif "relatime" in atime or not (atime or is_bind(mount)):
                # a bind that says nothing about it has what its source has
                self.check(f"{where}: relatime", "relatime" in row["options"], True)
            if propagation & {"private", "rprivate"}:
                self.check(f"{where}: private", row["propagation"], [])
            if is_bind(mount):
                self._bind(where, mount)
            else:
                kind = "cgroup2" if mount["type"] == "cgroup" else mount["type"]
                self.check(f"{where}: type", row["type"], kind)
                self._data(where, mount, row, rest)

    def _bind(self, where, mount):
        """A bind shows its source: by the size of the file, or the marker in the directory"""
        seen = self.seen["access"].get(mount["destination"], {})
        source = mount["source"]
        if os.path.isdir(source):
            if mount["destination"] in self.bundle.sources:
                missing = set(os.listdir(source)) - set(seen.get("entries", {}))
                self.check(f"{where}: entries that are missing", missing, set())
        else:
            self.check(f"{where}: bytes", seen.get("bytes"), os.path.getsize(source))

    def _data(self, where, mount, row, rest):
        """What the file system itself was told"""
        shown = dict(x.partition("=")[::2] for x in row["super_options"])
        for option in rest:
            key, _, value = option.partition("=")
            if key == "size":
                size = int(value[:-1]) if value.endswith("k") else int(value) // 1024
                self.check(f"{where}: size", shown.get("size"), f"{size}k")
            elif key == "gid":
                self.check(f"{where}: gid", shown.get("gid"), str(self.outside(int(value))))
            elif key in ("mode", "ptmxmode"):
                # tmpfs does not show its default
                seen = shown.get(key, "1777" if mount["type"] == "tmpfs" else None)
                self.check(f"{where}: {key}", int(seen or "0", 8), int(value, 8))
            elif key not in ("newinstance", "nosymfollow"):
                self.problems.append(f"{where}: the test knows nothing of {option}")
        if "tmpcopyup" in mount["options"]:
            source = self.bundle.container.rootfs + mount["destination"]
            copied = set(os.listdir(source)) if os.path.isdir(source) else set()
            seen = self.seen["access"][mount["destination"]].get("entries", {})
            self.check(f"{where}: tmpcopyup", copied - set(seen), set())

    def mount_order(self):
        """Each mount stands on the one that was mounted there before it, so none is covered."""
        ids = {row["id"]: point for point, row in self.rows.items()}
        earlier = ["/"]
        for number, mount in enumerate(self.config["mounts"]):
            point = mount["destination"]
            below = max((x for x in earlier if x == "/" or point.startswith(x + "/")), key=len)
            if point in self.rows:
                self.check(f"mounts[{number}] {point}: stands on",
                           ids.get(self.rows[point]["parent"]), below)
            earlier.append(point)

    def no_other_mounts(self):
        """Nothing is mounted that neither the file nor the rules ask for."""
        known = {"/"} | {x["destination"] for x in self.config["mounts"]} | set(DEFAULT_DEVICES)
        known |= {"/dev/console"} if self.process.get("terminal") else set()
        known |= set(self.linux.get("maskedPaths", [])) | set(self.linux.get("readonlyPaths", []))
        trees = tuple(x["destination"] + "/" for x in self.config["mounts"]
                      if "rbind" in x.get("options", []))
        other = {x for x in self.rows if x not in known and not x.startswith(trees)}
        self.check("mounts that nobody asked for", sorted(other), [])

    def root(self):
        """root.readonly"""
        readonly = self.config["root"].get("readonly", False)
        self.check("root ro", "ro" in self.rows["/"]["options"], readonly)
        self.check("root write", self.seen["access"]["/"]["write"],
                   "Read-only file system" if readonly else "")

    def masks(self):
        """A masked file is /dev/null, a masked directory is empty and read-only."""
        for path in self.linux.get("maskedPaths", []):
            seen = self.seen["access"][path]
            if not os.path.exists(path):  # in this kernel
                self.check(f"maskedPaths {path}", seen.get("error"), "No such file or directory")
            elif os.path.isdir(path):
                self.check(f"maskedPaths {path}: entries", seen.get("entries"), {})
                self.check(f"maskedPaths {path}: writable", seen.get("write"),
                           "Read-only file system")
            else:
                self.check(f"maskedPaths {path}: device", (seen.get("type"), seen.get("rdev")),
                           ("c", [1, 3]))
                self.check(f"maskedPaths {path}: bytes", seen.get("bytes"), 0)

    def read_only(self):
        """A read-only path is a mount of its own that keeps the flags of the one below."""
        for path in self.linux.get("readonlyPaths", []):
            if not os.path.exists(path):
                continue
            row = self.rows.get(path)
            if not row:
                self.problems.append(f"readonlyPaths {path}: is not there")
                continue
            below = next((x for x in self.config["mounts"]
                          if path.startswith(x["destination"] + "/")), {})
            wanted = {x for x in below.get("options", []) if x in FLAGS} | {"ro"}
            self.check(f"readonlyPaths {path}: flags", wanted - set(row["options"]), set())
            seen = self.seen["access"][path]
            if seen["type"] == "d":  # procfs says "no such file" before it looks at the mount
                self.check(f"readonlyPaths {path}: write", bool(seen["write"]), True)
            else:
                # whom the file is not writable for at all, its owner not being mapped, is told that
                refused = {"Read-only file system"} | ({"Permission denied"} if self.outside(0) else set())
                self.check(f"readonlyPaths {path}: write", seen["write"] in refused, True)

    def devices(self):
        """The devices of the file and the usual ones; what the rules say of another one."""
        entries = self.seen["dev"]
        listed = {device["path"] for device in self.linux.get("devices", [])}
        for path, numbers in DEFAULT_DEVICES.items():
            seen = entries.get(path[5:], {})
            self.check(f"device {path}", (seen.get("type"), seen.get("rdev"), seen.get("mode")),
                       ("c", list(numbers), 0o666))
            if self.outside(0) == 0 and path not in listed:  # else they are binds of the host's, whose owner is nobody
                self.check(f"device {path}: owner", (seen.get("uid"), seen.get("gid")), (0, 0))
        for name, target in DEFAULT_LINKS.items():
            self.check(f"/dev/{name}", entries.get(name, {}).get("target"), target)
        if "ptmx" not in entries:
            self.problems.append("/dev/ptmx: is not there")
        for device in self.linux.get("devices", []):
            if device["path"] == "/dev/ptmx":
                continue  # always that of the container's own devpts
            seen = entries
            for part in device["path"][5:].split("/")[:-1]:
                seen = seen.get(part, {}).get("entries", {})
            seen = seen.get(device["path"].rsplit("/", 1)[1], {})
            wanted = (device["type"], [device["major"], device["minor"]],
                      device["fileMode"] & 0o7777, device["uid"], device["gid"])
            self.check(f"device {device['path']}",
                       tuple(seen.get(x) for x in ("type", "rdev", "mode", "uid", "gid")), wanted)
        path, kind, major, minor = PROBE_DEVICE
        if path in self.seen["access"] and "devices" in self.linux["resources"]:
            refused = self.seen["access"][path].get("read") == "Operation not permitted"
            self.check(f"device rules for {kind} {major}:{minor}", not refused,
                       self.allows(kind, major, minor))

    def allows(self, kind, major, minor):
        """The device rules: the last one that matches decides, none allows nothing."""
        answer = False
        for rule in self.linux["resources"].get("devices", []):
            if rule.get("type", "a") in ("a", kind) and rule.get("major", -1) in (-1, major) and \
                    rule.get("minor", -1) in (-1, minor) and "r" in rule.get("access", "rwm"):
                answer = rule["allow"]
        return answer

    def terminal(self):
        """process.terminal"""
        seen = self.seen["terminal"]
        if self.process.get("terminal"):
            self.check("terminal", set(seen["streams"]), {"/dev/pts/0"})
            self.check("terminal: controlling", seen["controlling"], True)
        else:
            self.check("terminal", [x for x in seen["streams"] if x], [])
            self.check("terminal: controlling", seen["controlling"], False)


def report_arguments(config):
    """What the report program is asked for: every path and name that the file mentions."""
    linux = config["linux"]
    paths = ["/"] + [x["destination"] for x in config["mounts"]]
    paths += linux.get("maskedPaths", []) + linux.get("readonlyPaths", [])
    sections = ["fds", "identity", "capabilities", "seccomp", "no_new_privs", "rlimits", "env", "args",
                "cwd", "mountinfo", "uts", "cgroup", "namespaces", "dev", "oom_score_adj", "terminal"]
    return sections + [f"sysctl={x}" for x in linux.get("sysctl", {})] + \
        [f"access={x}" for x in dict.fromkeys(paths)]


def cgroup_files(config):
    """The limits of the file as the cgroup's files must hold them: {file: value}."""
    resources, wanted = config["linux"]["resources"], {}
    memory, cpu = resources.get("memory", {}), resources.get("cpu", {})
    if "limit" in memory:
        wanted["memory.max"] = str(memory["limit"])
        if "swap" in memory:
            wanted["memory.swap.max"] = str(memory["swap"] - memory["limit"])
    if "quota" in cpu or "period" in cpu:
        wanted["cpu.max"] = f"{cpu.get('quota', 'max')} {cpu.get('period', 100000)}"
    if "limit" in resources.get("pids", {}):
        wanted["pids.max"] = str(resources["pids"]["limit"])
    return wanted


def without_known(problems, known):
    """The differences that are not in a list of (pattern, reason)."""
    return [x for x in problems if not any(re.search(pattern, x) for pattern, _ in known)]
