"""Makes bundles of the config.json files that container engines wrote (tests/data/engine-configs).

Changed is only what named a thing of the engine's machine (the root, mount sources, namespace paths,
cgroupsPath) and what this machine's root cannot grant, which is probed: rlimits above the hard limit,
a lower oomScoreAdj, limits whose controllers are missing. Each change is listed in Bundle.changes.
"""
import copy
import json
import os
import resource
import stat
import subprocess

import tare

DIRECTORY = f"{tare.TOP}/tests/data/engine-configs"
CONTROLLERS = {"memory": "memory", "cpu": "cpu", "pids": "pids", "blockIO": "io"}
NAMES = sorted(x[:-len(".json")] for x in os.listdir(DIRECTORY) if x.endswith(".json")) \
    if os.path.isdir(DIRECTORY) else []
CAP_SYS_RESOURCE = 24


def read_config(name):
    """The file as the engine wrote it."""
    with open(f"{DIRECTORY}/{name}.json", encoding="utf-8") as file:
        return json.load(file)


def has_capability(number):
    """Whether this process has an effective capability."""
    with open("/proc/self/status", encoding="ascii") as file:
        bits = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff"))
    return bool(bits >> number & 1)


class Bundle:
    """One engine config as a container of a runtime, not yet created."""

    def __init__(self, runtime, name, owner=0, netns=None):
        self.original = read_config(name)
        self.container = runtime.container(config=copy.deepcopy(self.original))
        self.config = self.container.config
        self.runtime, self.owner, self.netns = runtime, owner, netns
        self.sources = {}  # destination of a bind -> what was put in place of its source
        self.changes = []
        if owner:
            os.chown(self.container.bundle, owner, owner)
        self._root()
        for number, mount in enumerate(self.config["mounts"]):
            self._mount(number, mount)
        self._namespaces()
        self._cgroup()
        self._limits()

    def user_namespace(self):
        """The mappings of the config, [(inside, outside, size)]."""
        return [(x["containerID"], x["hostID"], x["size"])
                for x in self.config["linux"].get("uidMappings", [])]

    def _change(self, what):
        self.changes.append(what)

    def _root(self):
        self.config["root"]["path"] = self.container.rootfs
        self._change("root.path")
        # what the tests look for: a file that tmpcopyup copies, a device outside the usual ones
        for directory in ("tmp", "run", "var/tmp"):
            with open(f"{self.container.rootfs}/{directory}/from-the-image", "w",
                      encoding="ascii") as file:
                file.write("here\n")
        if os.geteuid() == 0:
            node = f"{self.container.rootfs}/loop-control"
            os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(10, 237))
            os.chmod(node, 0o666)
        mappings = self.user_namespace()
        first = mappings[0][1] if mappings else self.owner
        if first:
            self.container.chown(first)

    def _mount(self, number, mount):
        """A bind's source that does not exist here is replaced: a file for what stands below /etc or
        looks like a file, a directory otherwise, each with content that the tests recognise."""
        if not {"bind", "rbind"} & set(mount.get("options", [])):
            return
        if os.path.exists(mount["source"]) and "/run/" not in mount["source"]:
            return
        source = f"{self.container.bundle}/source{number}"
        name = os.path.basename(mount["destination"])
        if mount["destination"].startswith("/etc/") or name.startswith("."):
            with open(source, "w", encoding="ascii") as file:
                file.write("x" * (100 + number))
        else:
            os.mkdir(source)
            with open(f"{source}/marker{number}", "w", encoding="ascii") as file:
                file.write("here\n")
            os.chmod(source, 0o1777 if mount["destination"] == "/dev/shm" else 0o755)
        mappings = self.user_namespace()
        owner = mappings[0][1] if mappings else self.owner
        subprocess.run(["chown", "-R", f"{owner}:{owner}", source], check=True)
        mount["source"] = self.sources[mount["destination"]] = source
        self._change(f"mounts[{number}].source")

    def _namespaces(self):
        for number, namespace in enumerate(self.config["linux"]["namespaces"]):
            if namespace.get("path"):
                assert namespace["type"] == "network" and self.netns
                namespace["path"] = self.netns
                self._change(f"linux.namespaces[{number}].path")

    def _cgroup(self):
        self.config["linux"]["cgroupsPath"] = f"/{self.container.id}"
        self._change("linux.cgroupsPath")
        top = self.runtime.view.cgroup2()
        with open(f"{top}/cgroup.controllers", encoding="ascii") as file:
            available = file.read().split()
        for section, controller in CONTROLLERS.items():
            if controller not in available and section in self.config["linux"]["resources"]:
                del self.config["linux"]["resources"][section]
                self._change(f"linux.resources.{section}: no {controller} controller")

    def _limits(self):
        """What only CAP_SYS_RESOURCE in the first user namespace allows."""
        if has_capability(CAP_SYS_RESOURCE) and not self.owner:
            return
        process = self.config["process"]
        if not self.runtime.is_tare:
            self._grantable_capabilities(process)
        for limit in process.get("rlimits", []):
            _, hard = resource.getrlimit(getattr(resource, limit["type"]))
            if hard != resource.RLIM_INFINITY and limit["hard"] > hard:
                limit["hard"], limit["soft"] = hard, min(limit["soft"], hard)
                self._change(f"process.rlimits {limit['type']}: above the hard limit")
        with open("/proc/self/oom_score_adj", encoding="ascii") as file:
            now = int(file.read())
        if process.get("oomScoreAdj", now) < now:
            del process["oomScoreAdj"]
            self._change("process.oomScoreAdj: below what it is")

    def _grantable_capabilities(self, process):
        """The peers refuse to run with a capability that the caller has not got, where tare warns and
        runs (podman-privileged asks for all of them)."""
        with open("/proc/self/status", encoding="ascii") as file:
            bits = next(int(line.split()[1], 16) for line in file if line.startswith("CapBnd"))
        has = tare.capability_names(bits)
        for name, asked in process.get("capabilities", {}).items():
            if set(asked) - has:
                process["capabilities"][name] = [x for x in asked if x in has]
                self._change(f"process.capabilities.{name}: {sorted(set(asked) - has)}")
