"""The rules of config.json that need no system call: for each, what breaks it and the words and the path
of the answer; or what keeps to it and must be accepted."""
import copy
import json
import os
import subprocess

import pytest

GONE = object()  # as a value: the property is taken away

BASE = {
    "ociVersion": "1.3.0",
    "root": {"path": "rootfs"},
    "process": {"cwd": "/", "args": ["sh"], "user": {"uid": 0, "gid": 0}},
    "linux": {"namespaces": [{"type": name} for name in
                             ("pid", "network", "mount", "ipc", "uts")]},
}
MAP = {"containerID": 0, "hostID": 1000, "size": 10}
USERNS = {"linux/namespaces": [{"type": "user"}, {"type": "mount"}],
          "linux/uidMappings": [MAP], "linux/gidMappings": [MAP]}
ABSOLUTE = 'must be an absolute path, not "x"'


def seccomp(**rule):
    return {"linux/seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", **rule}]}}


def mount(**members):
    return {"mounts": [{"destination": "/x", "type": "tmpfs", **members}]}


def device(**members):
    return {"linux/devices": [{"type": "c", "path": "/dev/x", "major": 1, "minor": 3, **members}]}


def scheduler(**members):
    return {"process/scheduler": {"policy": "SCHED_OTHER", **members}}


def policy(mode, nodes="", *flags):
    return {"linux/memoryPolicy": {"mode": mode, "nodes": nodes, "flags": list(flags)}}


def rule(numbers, change, message=None):
    """A case; numbers: of the specification's rules; message: None when it must be accepted."""
    promises = [f"spec:{number}" for number in numbers.split()]
    name = f"{numbers.replace(' ', '+')}-{json.dumps(change, default=lambda _: 'gone')}"
    return pytest.param(change, message, marks=pytest.mark.promise(*promises), id=name[:110])


RULES = [
    # versions
    rule("68", {"ociVersion": GONE}, "ociVersion: is required"),
    rule("68", {"ociVersion": ""}, "ociVersion: must not be empty"),
    rule("68", {"ociVersion": "1.0"}, 'ociVersion: "1.0" is no version by SemVer 2.0.0'),
    rule("68", {"ociVersion": "1.00.0"}, "is no version by SemVer"),
    rule("68", {"ociVersion": "v1.0.0"}, "is no version by SemVer"),
    rule("68", {"ociVersion": "1.0.0-"}, "is no version by SemVer"),
    rule("68", {"ociVersion": "1.0.0-rc..1"}, "is no version by SemVer"),
    rule("68", {"ociVersion": "1.0.0-01"}, "is no version by SemVer"),
    rule("68", {"ociVersion": "1.0.0 "}, "is no version by SemVer"),
    rule("69", {"ociVersion": "2.0.0"}, 'ociVersion: major version 1 is needed, not "2.0.0"'),
    rule("69", {"ociVersion": "0.5.0-dev"}, "major version 1 is needed"),
    rule("69", {"ociVersion": "10.0.0"}, "major version 1 is needed"),
    rule("69", {"ociVersion": "1.0.0"}),
    rule("69", {"ociVersion": "1.0.0-rc5-dev+01.x"}),
    rule("69", {"ociVersion": "1.99.0"}),
    # root
    rule("70", {"root": GONE}, "root: is required"),
    rule("70", {"root": None}, "root: is required"),
    rule("71", {"root/path": GONE}, "root.path: is required"),
    rule("71", {"root/path": ""}, "root.path: must not be empty"),
    rule("71", {"root/path": "/abs/../x"}),
    # mounts
    rule("75", {"mounts": [{"type": "tmpfs"}]}, "mounts[0].destination: is required"),
    rule("75", mount(destination=""), "mounts[0].destination: must not be empty"),
    rule("76", mount(destination="relative/x")),
    rule("77 78", mount(options=["rbind"]), "mounts[0].source: a bind mount needs a source"),
    rule("78", mount(type="bind"), None),
    rule("78", mount(type=GONE),
         "mounts[0].type: is required, because the options have no bind or rbind"),
    rule("78", mount(type=GONE, options=["bind"], source="/x")),
    rule("78", mount(type=GONE, options=["remount", "ro"])),
    rule("93 94", mount(options=["idmap"]),
         "mounts[0].options: idmap needs uidMappings and gidMappings, because the container has "
         "no user namespace"),
    rule("94", mount(options=["ridmap"]), "mounts[0].options: ridmap needs"),
    rule("93", {**mount(options=["idmap"]), **USERNS}),
    rule("93 96", mount(options=["ridmap"], uidMappings=[MAP], gidMappings=[MAP])),
    rule("96", mount(uidMappings=[MAP]),
         "mounts[0].gidMappings: uidMappings and gidMappings must be given together"),
    rule("96", mount(gidMappings=[MAP]), "mounts[0].uidMappings: uidMappings and gidMappings"),
    rule("99", mount(options=["size=64k", "whatever"])),
    # process
    rule("48 100", {"process": GONE}),
    rule("102", {"process/consoleSize": {"height": 1}}, "process.consoleSize.width: is required"),
    rule("102", {"process/consoleSize": {"height": 65536, "width": 1}},
         "process.consoleSize.height: expected an integer from 0 to 65535, found 65536"),
    rule("103", {"process/cwd": GONE}, "process.cwd: Cwd must be an absolute path"),
    rule("103", {"process/cwd": ""}, "process.cwd: Cwd must be an absolute path"),
    rule("103", {"process/cwd": "x"}, "process.cwd: Cwd must be an absolute path"),
    rule("105", {"process/args": GONE}, "process.args: args must not be empty"),
    rule("105", {"process/args": []}, "process.args: args must not be empty"),
    rule("105", {"process/args": ["sh", ""]}),
    rule("107", {"process/rlimits": [{"type": "RLIMIT_CORE", "soft": 1}]},
         "process.rlimits[0].hard: is required"),
    rule("107 109", {"process/rlimits": [{"type": "RLIMIT_CORE", "soft": 2, "hard": 1}]},
         "process.rlimits[0].soft: is above the hard limit"),
    rule("108", {"process/rlimits": [{"type": "RLIMIT_X", "soft": 1, "hard": 1}]},
         'process.rlimits[0].type: unknown rlimit type "RLIMIT_X"'),
    rule("109", {"process/rlimits": [{"type": "RLIMIT_CORE", "soft": 2**64 - 1,
                                      "hard": 2**64 - 1}]}),
    rule("109", {"process/rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": 2**64}]},
         "process.rlimits[0].hard: expected an integer from 0 to 18446744073709551615"),
    rule("110", {"process/rlimits": [{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}] * 2},
         'process.rlimits[1].type: duplicate rlimit "RLIMIT_CORE"'),
    rule("111", {"process/apparmorProfile": "a\nb"},
         "process.apparmorProfile: must not contain a newline"),
    rule("112 113", {"process/capabilities": {"bounding": ["CAP_UNHEARD_OF"]}}),
    rule("116", {"process/oomScoreAdj": 1001},
         "process.oomScoreAdj: expected an integer from -1000 to 1000, found 1001"),
    rule("116", {"process/oomScoreAdj": -1001}, "process.oomScoreAdj: expected"),
    rule("116", {"process/oomScoreAdj": -1000}),
    rule("117", {"process/scheduler": {}}, "process.scheduler.policy: scheduler policy is required"),
    rule("117", scheduler(policy="SCHED_X"),
         'process.scheduler.policy: unknown scheduler policy "SCHED_X"'),
    rule("118", scheduler(nice=20), "process.scheduler.nice: expected an integer from -20 to 19"),
    rule("118", scheduler(nice=-20)),
    rule("118", scheduler(priority=1),
         "process.scheduler.priority: only SCHED_FIFO and SCHED_RR have one"),
    rule("118", scheduler(policy="SCHED_FIFO"), "SCHED_FIFO and SCHED_RR need one from 1 to 99"),
    rule("118", scheduler(policy="SCHED_RR", priority=99)),
    rule("118", scheduler(policy="SCHED_DEADLINE", runtime=5000, deadline=4000),
         "process.scheduler: SCHED_DEADLINE needs 1024 <= runtime <= deadline <= period"),
    rule("118", scheduler(policy="SCHED_DEADLINE", runtime=5000, deadline=6000, period=7000)),
    rule("119", scheduler(flags=["SCHED_FLAG_X"]),
         'process.scheduler.flags[0]: unknown scheduler flag "SCHED_FLAG_X"'),
    rule("120", {"process/selinuxLabel": "a\nb"}, "process.selinuxLabel: must not contain"),
    rule("121", {"process/ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 9}},
         "process.ioPriority.priority: invalid ioPriority.Priority: 9"),
    rule("121", {"process/ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": -1}},
         "invalid ioPriority.Priority: -1"),
    rule("121", {"process/ioPriority": {"class": "IOPRIO_CLASS_BE"}},
         "process.ioPriority.priority: is required"),
    rule("121", {"process/ioPriority": {"class": "BE", "priority": 1}},
         'process.ioPriority.class: unknown I/O priority class "BE"'),
    rule("122", {"process/execCPUAffinity": {"initial": "0-x"}},
         'process.execCPUAffinity.initial: expected a list such as 0-3,7, found "0-x"'),
    rule("123", {"process/execCPUAffinity": {"final": ""}}),
    rule("122 123", {"process/execCPUAffinity": {"initial": "0-3, 7", "final": "1"}}),
    rule("124", {"process/user": {"uid": 0}}, "process.user.gid: is required"),
    rule("124", {"process/user/uid": 2**32 - 1},
         "process.user.uid: expected an integer from 0 to 4294967294"),
    rule("124", {"process/user/uid": "root"},
         "process.user.uid: expected an integer, found a string"),
    rule("124", {"process/user/uid": 1.5}, "process.user.uid: expected an integer, found 1.5"),
    rule("124", {**USERNS, "process/user/uid": 10},
         "process.user.uid: 10 is not in linux.uidMappings"),
    rule("124", {**USERNS, "process/user/gid": 10}, "10 is not in linux.gidMappings"),
    rule("124", {**USERNS, "process/user/gid": 9}),
    rule("125", {"process/user/umask": 0o1000}, "process.user.umask: expected an integer from 0"),
    rule("126", {"process/user/additionalGids": [1, -1]},
         "process.user.additionalGids[1]: expected an integer from 0 to 4294967294, found -1"),
    # hostname, domainname
    rule("127", {"hostname": "x", "linux/namespaces": []},
         "hostname: unable to set hostname without a private UTS namespace"),
    rule("127", {"hostname": "x", "linux": GONE}, "without a private UTS namespace"),
    rule("127", {"hostname": "x" * 65}, "hostname: longer than 64 bytes"),
    rule("127", {"hostname": "x" * 64, "linux/namespaces": [{"type": "uts", "path": "/x"}]}),
    rule("128", {"domainname": "x", "linux/namespaces": []},
         "domainname: unable to set domainname without a private UTS namespace"),
    rule("129", {"linux": GONE}),
    rule("129", {"windows": {"layerFolders": 5}, "solaris": 1, "vm": [], "zos": "", "freebsd": 0}),
    # hooks
    rule("131", {"hooks/prestart": [{}]}, "hooks.prestart[0].path: is required"),
    rule("131", {"hooks/poststop": [{"path": "x"}]}, f"hooks.poststop[0].path: {ABSOLUTE}"),
    rule("133", {"hooks/createRuntime": [{"path": "/x", "timeout": 0}]},
         "hooks.createRuntime[0].timeout: expected an integer from 1 to"),
    rule("133", {"hooks/poststart": [{"path": "/x", "timeout": -1}]}, "timeout: expected"),
    rule("133", {"hooks/poststart": [{"path": "/x", "timeout": 1}]}),
    # annotations
    rule("142", {"annotations": {"": "x"}}, "annotations: a key is empty"),
    rule("142", {"annotations": {"a.b": 5}},
         'annotations["a.b"]: expected a string, found a number'),
    rule("142 143 145", {"annotations": {"unknown": ""}}),
    # namespaces, id maps, time
    rule("147", {"linux/namespaces": [{"type": "net"}]},
         'linux.namespaces[0].type: unknown namespace type "net"'),
    rule("147", {"linux/namespaces": [{}]}, "linux.namespaces[0].type: is required"),
    rule("149", {"linux/namespaces": [{"type": "pid", "path": "x"}]},
         f"linux.namespaces[0].path: {ABSOLUTE}"),
    rule("154", {"linux/namespaces": [{"type": "pid"}, {"type": "pid", "path": "/x"}]},
         'linux.namespaces[1].type: malformed spec file: duplicated ns "pid"'),
    rule("155", {**USERNS, "linux/uidMappings": [{"containerID": 0, "hostID": 0}]},
         "linux.uidMappings[0].size: is required"),
    rule("155", {**USERNS, "linux/uidMappings": [{**MAP, "size": 0}]},
         "linux.uidMappings[0].size: expected an integer from 1 to 4294967295, found 0"),
    rule("155", {**USERNS, "linux/gidMappings": [{**MAP, "size": 2**32 - 1}]},
         "linux.gidMappings[0].size: the range goes beyond the greatest id, 4294967294"),
    rule("155", {**USERNS, "linux/gidMappings": [{**MAP, "hostID": 0, "size": 2**32 - 1}]}),
    rule("155", {**USERNS, "linux/uidMappings": [MAP, {**MAP, "hostID": 5000}]},
         "linux.uidMappings[1].containerID: the range overlaps with [0]"),
    rule("155", {**USERNS, "linux/uidMappings": [MAP, {**MAP, "containerID": 10}]},
         "linux.uidMappings[1].hostID: the range overlaps with [0]"),
    rule("155", {**USERNS, "linux/uidMappings": [
        MAP, {"containerID": 10, "hostID": 1010, "size": 10}]}),
    rule("155", {**USERNS, "linux/uidMappings": [
        {"containerID": i, "hostID": i, "size": 1} for i in range(341)]},
         "linux.uidMappings: 341 ranges, the kernel takes 340"),
    rule("155", {**USERNS, "linux/uidMappings": [], "linux/gidMappings": []},
         "linux.uidMappings: user namespaces enabled, but no namespace path to join nor mappings "
         "to apply specified"),
    rule("155", {**USERNS, "linux/gidMappings": []},
         "linux.gidMappings: a new user namespace needs both uidMappings and gidMappings"),
    rule("155", {"linux/uidMappings": [MAP]},
         "linux.uidMappings: user namespace mappings specified, but the container has no user"),
    rule("155", {**USERNS, "linux/namespaces": [{"type": "user", "path": "/x"}]}),
    rule("157", {"linux/timeOffsets": {"boottime": {"secs": 1}}},
         "linux.timeOffsets: time namespace offsets specified, but the container has no time"),
    rule("157", {"linux/timeOffsets": {"monotonic": {"secs": 1}},
                 "linux/namespaces": [{"type": "time", "path": "/x"}]},
         "linux.timeOffsets: time namespace enabled, but both namespace path and time offsets "
         "specified"),
    rule("157", {"linux/timeOffsets": {"monotonic": {"nanosecs": 10**9}},
                 "linux/namespaces": [{"type": "time"}]},
         "linux.timeOffsets.monotonic.nanosecs: expected an integer from 0 to 999999999"),
    rule("157", {"linux/timeOffsets": {"monotonic": {"secs": -2**63}},
                 "linux/namespaces": [{"type": "time"}]}),
    # devices
    rule("159", device(type="x"), 'linux.devices[0].type: unknown device type "x"'),
    rule("159", device(type=GONE), "linux.devices[0].type: is required"),
    rule("160", device(path=GONE), "linux.devices[0].path: is required"),
    rule("160", device(path="x"), f"linux.devices[0].path: {ABSOLUTE}"),
    rule("161", device(path="/somewhere/else")),
    rule("162", device(major=GONE), "linux.devices[0].major: is required for a device"),
    rule("162", device(minor=GONE), "linux.devices[0].minor: is required for a device"),
    rule("162", device(major=4096), "linux.devices[0].major: expected an integer from 0 to 4095"),
    rule("162", device(type="p", major=GONE, minor=GONE)),
    rule("163", device(fileMode=0o100666)),
    rule("163", device(fileMode=0o200000), "linux.devices[0].fileMode: expected an integer"),
    # network devices
    rule("168", {"linux/netDevices": {"eth0": {}}, "linux/namespaces": []},
         "linux.netDevices: unable to move network devices without a NET namespace"),
    rule("169", {"linux/netDevices": {"eth0": {"name": "a b"}}},
         'linux.netDevices.eth0.name: invalid network device name "a b"'),
    rule("169", {"linux/netDevices": {"eth0": {"name": "x" * 16}}}, "invalid network device name"),
    rule("169", {"linux/netDevices": {"a/b": {}}},
         'linux.netDevices["a/b"]: invalid network device name "a/b"'),
    rule("169", {"linux/netDevices": {"eth0": {"name": ".."}}}, "invalid network device name"),
    rule("170", {"linux/netDevices": {"a": {"name": "c"}, "b": {"name": "c"}}},
         'linux.netDevices.b: "a" gets the same name in the container'),
    rule("171", {"linux/netDevices": {"a": {"name": "c%d"}, "b": {"name": "c%d"}}}),
    rule("171", {"linux/netDevices": {"a": {"name": "c%s"}}}, "invalid network device name"),
    # cgroup
    rule("182", {"linux/cgroupsPath": "/a/../../b"}, 'linux.cgroupsPath: must not contain ".."'),
    rule("178 179", {"linux/cgroupsPath": "system.slice:docker:abc"}),
    rule("192", {"linux/resources/devices": [{"type": "a"}]},
         "linux.resources.devices[0].allow: is required"),
    rule("192", {"linux/resources/devices": [{"allow": True, "type": "p"}]},
         'linux.resources.devices[0].type: must be "a", "c" or "b"'),
    rule("192", {"linux/resources/devices": [{"allow": True, "access": "rx"}]},
         'linux.resources.devices[0].access: must consist of "r", "w" and "m"'),
    rule("192", {"linux/resources/devices": [{"allow": True, "major": -1, "minor": -1}]}),
    rule("193", {"linux/resources/memory": {"limit": "1G"}},
         "linux.resources.memory.limit: expected an integer, found a string"),
    rule("193", {"linux/resources/memory": {"limit": -2}}, "memory.limit: expected an integer"),
    rule("193", {"linux/resources/memory": {"swap": 10}},
         "linux.resources.memory.swap: unable to set swap limit without memory limit"),
    rule("193", {"linux/resources/memory": {"swap": 10, "limit": 20}},
         "linux.resources.memory.swap: memory+swap limit should be >= memory limit"),
    rule("193", {"linux/resources/memory": {"swap": 10, "limit": -1}}, "should be >= memory limit"),
    rule("193", {"linux/resources/memory": {"swap": -1}}),
    rule("195", {"linux/resources/memory": {"swappiness": 101}}, "memory.swappiness: expected"),
    rule("200", {"linux/resources/cpu": {"quota": 10, "burst": 11}},
         "linux.resources.cpu.burst: must not be larger than quota"),
    rule("200", {"linux/resources/cpu": {"quota": -1, "burst": 11}}),
    rule("202", {"linux/resources/cpu": {"cpus": "0-"}},
         'linux.resources.cpu.cpus: expected a list such as 0-3,7, found "0-"'),
    rule("202", {"linux/resources/cpu": {"mems": "3-1"}}, "linux.resources.cpu.mems: expected"),
    rule("202", {"linux/resources/cpu": {"cpus": "0-3,7", "mems": "0"}}),
    rule("203", {"linux/resources/cpu": {"idle": 2}}, "cpu.idle: expected an integer from 0 to 1"),
    rule("204", {"linux/resources/blockIO": {"weight": 65536}}, "blockIO.weight: expected"),
    rule("205", {"linux/resources/blockIO": {"weightDevice": [{"major": 1, "minor": 1}]}},
         "linux.resources.blockIO.weightDevice[0]: needs weight or leafWeight"),
    rule("205", {"linux/resources/blockIO": {"weightDevice": [{"major": 1, "weight": 1}]}},
         "weightDevice[0].minor: is required"),
    rule("206", {"linux/resources/blockIO": {"throttleReadBpsDevice": [{"major": 1, "minor": 1}]}},
         "throttleReadBpsDevice[0].rate: is required"),
    rule("207", {"linux/resources/hugepageLimits": [{"pageSize": "../../x", "limit": 1}]},
         'linux.resources.hugepageLimits[0].pageSize: "../../x" has not the form of 64KB, 2MB'),
    rule("207", {"linux/resources/hugepageLimits": [{"pageSize": "2MB/", "limit": 1}]},
         "has not the form of"),
    rule("207", {"linux/resources/hugepageLimits": [{"pageSize": "2MB"}]}, "limit: is required"),
    rule("209", {"linux/resources/network": {"priorities": [{"name": "a b", "priority": 1}]}},
         'linux.resources.network.priorities[0].name: invalid network device name "a b"'),
    rule("209", {"linux/resources/network": {"priorities": [{"name": "a"}]}},
         "priorities[0].priority: is required"),
    rule("210", {"linux/resources/pids": {"limit": -2}}, "pids.limit: expected an integer from -1"),
    rule("211", {"linux/resources/pids": {"limit": 0}}),
    rule("212", {"linux/resources/rdma": {"mlx5_1": {}}},
         "linux.resources.rdma.mlx5_1: needs hcaHandles or hcaObjects"),
    rule("212", {"linux/resources/rdma": {"a b": {"hcaHandles": 1}}}, "invalid device name"),
    rule("213 214", {"linux/resources/unified": {"../x/memory.max": "1"}},
         'linux.resources.unified["../x/memory.max"]: is no name of a file'),
    rule("213 214", {"linux/resources/unified": {"..": "1"}}, "is no name of a file"),
    rule("214", {"linux/resources/unified": {"unknown.file": "1"}}),
    rule("214", {"linux/resources/unified": {"cgroup.max.depth": "3"}}),
    rule("213", {"linux/resources/unified": {"cgroup.procs": "1"}},
         'linux.resources.unified["cgroup.procs"]: acts on processes, it is no limit'),
    rule("213", {"linux/resources/unified": {"cgroup.freeze": "1"}}, "acts on processes"),
    rule("213", {"linux/resources/unified": {"cgroup.threads": "1"}}, "acts on processes"),
    rule("213", {"linux/resources/unified": {"cgroup.kill": "1"}}, "acts on processes"),
    rule("213", {"linux/resources/unified": {"cgroup.type": "threaded"}}, "acts on processes"),
    # Intel RDT
    rule("219", {"linux/intelRdt": {"closID": "/"}}),
    rule("219 224", {"linux/intelRdt": {"closID": "../x"}},
         'linux.intelRdt.closID: must be one plain name, or "/"'),
    rule("219 224", {"linux/intelRdt": {"closID": ".."}}, "closID: must be one plain name"),
    rule("220", {"linux/intelRdt": {"memBwSchema": "L3:0=f"}},
         'linux.intelRdt.memBwSchema: must start with "MB:"'),
    rule("220", {"linux/intelRdt": {"l3CacheSchema": "L3:0=f\nMB:0=1"}},
         "linux.intelRdt.l3CacheSchema: must not contain a newline"),
    rule("221", {"linux/intelRdt": {"schemata": ["a", "a\nb"]}},
         "linux.intelRdt.schemata[1]: must not contain a newline"),
    rule("228", {"linux/intelRdt": {"enableCMT": "ignored", "enableMBM": 5}}),
    # memory policy
    rule("229", {"linux/memoryPolicy": {}}, "linux.memoryPolicy.mode: is required"),
    rule("229", policy("MPOL_X"), 'linux.memoryPolicy.mode: invalid memory policy mode "MPOL_X"'),
    rule("230", policy("MPOL_DEFAULT", "0-2"), "mode requires 0 nodes but got 3"),
    rule("230", policy("MPOL_LOCAL", "1"), "mode requires 0 nodes but got 1"),
    rule("230", policy("MPOL_BIND"), "linux.memoryPolicy.nodes: mode requires at least one node"),
    rule("230", policy("MPOL_INTERLEAVE", "x"), 'invalid memory policy nodes "x"'),
    rule("230", policy("MPOL_PREFERRED")),
    rule("230", policy("MPOL_WEIGHTED_INTERLEAVE", "0-3,7", "MPOL_F_STATIC_NODES")),
    rule("231", policy("MPOL_BIND", "0", "MPOL_F_X"), 'invalid memory policy flag "MPOL_F_X"'),
    rule("231", policy("MPOL_BIND", "0", "MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"),
         "exclude each other"),
    rule("231", policy("MPOL_INTERLEAVE", "0", "MPOL_F_NUMA_BALANCING"),
         "goes with MPOL_BIND and MPOL_PREFERRED_MANY only"),
    rule("231", policy("MPOL_PREFERRED", "", "MPOL_F_STATIC_NODES"), "need nodes"),
    # sysctl
    rule("232", {"linux/sysctl": {"kernel.core_pattern": "x"}},
         'linux.sysctl["kernel.core_pattern"]: sysctl "kernel.core_pattern" is not in a separate '
         "kernel namespace"),
    rule("232", {"linux/sysctl": {"net.core.somaxconn": "1"}, "linux/namespaces": []},
         'sysctl "net.core.somaxconn" not allowed in host network namespace'),
    rule("232", {"linux/sysctl": {"kernel.shmmax": "1"}, "linux/namespaces": []},
         "is not in a separate kernel namespace"),
    rule("232", {"linux/sysctl": {"kernel.shmmax": "1", "fs.mqueue.msg_max": "1",
                                  "net/ipv4/conf/eth0.1/forwarding": "1"}}),
    rule("232", {"linux/sysctl": {"net/../kernel/core_pattern": "x"}},
         "is not in a separate kernel namespace"),
    rule("232", {"linux/sysctl": {"net.//./kernel.core_pattern": "x"}},
         "is not in a separate kernel namespace"),
    rule("232", {"linux/sysctl": {"fs.mqueue.//.//.kernel.core_pattern": "x"}},
         "is not in a separate kernel namespace"),
    rule("232", {"linux/sysctl": {"kernel.hostname": "x"}},
         'sysctl "kernel.hostname" is not allowed as it conflicts with the OCI "hostname" field'),
    rule("232", {"linux/sysctl": {"kernel.domainname": "x"}}),
    rule("232", {"linux/sysctl": {"kernel.domainname": "x"}, "domainname": "y"},
         'conflicts with the OCI "domainname" field'),
    # seccomp
    rule("233", {"linux/seccomp": {}}, "linux.seccomp.defaultAction: is required"),
    rule("233", {"linux/seccomp": {"defaultAction": "SCMP_ACT_X"}},
         'linux.seccomp.defaultAction: unknown seccomp action "SCMP_ACT_X"'),
    rule("233", {"linux/seccomp": {"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/x"}},
         "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be used as default action"),
    rule("235", {"linux/seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}},
         "linux.seccomp.defaultErrnoRet: only SCMP_ACT_ERRNO and SCMP_ACT_TRACE can carry one"),
    rule("235", seccomp(action="SCMP_ACT_KILL", errnoRet=1),
         "linux.seccomp.syscalls[0].errnoRet: only SCMP_ACT_ERRNO and SCMP_ACT_TRACE can carry"),
    rule("235", seccomp(errnoRet=4096), "syscalls[0].errnoRet: at most 4095 is possible"),
    rule("235", seccomp(action="SCMP_ACT_TRACE", errnoRet=65535)),
    rule("234 247", {"linux/seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38}}),
    rule("236 237 238", {"linux/seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "architectures": [
        "SCMP_ARCH_RISCV64", "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_OF_TOMORROW"]}}),
    rule("236", {"linux/seccomp": {"defaultAction": "SCMP_ACT_ALLOW",
                                   "architectures": ["x86_64"]}},
         'linux.seccomp.architectures[0]: unknown seccomp architecture "x86_64"'),
    rule("239 240", {"linux/seccomp": {"defaultAction": "SCMP_ACT_ALLOW",
                                       "flags": ["SECCOMP_FILTER_FLAG_X"]}},
         'linux.seccomp.flags[0]: unknown seccomp flag "SECCOMP_FILTER_FLAG_X"'),
    rule("244", {"linux/seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "x"}},
         "linux.seccomp.listenerMetadata: must not be given without listenerPath"),
    rule("242", {"linux/seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/x"}}),
    rule("241", seccomp(action="SCMP_ACT_NOTIFY"),
         "linux.seccomp.listenerPath: is required with SCMP_ACT_NOTIFY"),
    rule("245", seccomp(names=[]), "linux.seccomp.syscalls[0].names: must not be empty"),
    rule("245", seccomp(names=GONE), "linux.seccomp.syscalls[0].names: is required"),
    rule("245", seccomp(action=GONE), "linux.seccomp.syscalls[0].action: is required"),
    rule("245", seccomp(names=["call_of_tomorrow"])),
    rule("246", seccomp(action="SCMP_ACT_NOTIFY", names=["mkdir", "write"]),
         "syscalls[0].action: SCMP_ACT_NOTIFY cannot be used for the write syscall"),
    rule("246", seccomp(action="SCMP_ACT_NOTIFY", names=["sendmsg"]),
         "syscalls[0].action: SCMP_ACT_NOTIFY cannot be used for the sendmsg syscall"),
    rule("248", seccomp(args=[{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]),
         "linux.seccomp.syscalls[0].args[0].index: expected an integer from 0 to 5, found 6"),
    rule("248", seccomp(args=[{"index": 0, "value": 1, "op": "EQ"}]),
         'args[0].op: unknown seccomp operator "EQ"'),
    rule("248", seccomp(args=[{"index": 0, "op": "SCMP_CMP_EQ"}]), "args[0].value: is required"),
    rule("248", seccomp(args=[{"index": 0, "value": 2**64 - 1, "op": "SCMP_CMP_EQ"}])),
    # propagation, masks, labels, personality
    rule("251", {"linux/rootfsPropagation": "x"},
         'linux.rootfsPropagation: unknown propagation "x"'),
    rule("251", {"linux/rootfsPropagation": "runbindable"}),
    rule("252", {"linux/maskedPaths": ["/a", "x"]}, f"linux.maskedPaths[1]: {ABSOLUTE}"),
    rule("253", {"linux/readonlyPaths": [""]}, "linux.readonlyPaths[0]: must not be empty"),
    rule("254", {"linux/mountLabel": "a\nb"}, "linux.mountLabel: must not contain a newline"),
    rule("255", {"linux/personality": {}}, "linux.personality.domain: is required"),
    rule("255", {"linux/personality": {"domain": "BSD"}},
         'linux.personality.domain: unknown personality domain "BSD"'),
    rule("256", {"linux/personality": {"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}},
         "linux.personality.flags: the specification has no personality flags"),
    # the document
    rule("2", {"process/user/uid": 1e2}),
    rule("3 7", {"hostname": ["x"]}, "hostname: expected a string, found an array"),
]


def put(config, pointer, value):
    """Sets or takes away what a pointer such as linux/resources names."""
    *path, last = pointer.split("/")
    for step in path:
        config = config.setdefault(step, {})
    if value is GONE:
        config.pop(last, None)
    else:
        config[last] = without_gone(value)


def without_gone(value):
    if isinstance(value, dict):
        return {key: without_gone(each) for key, each in value.items() if each is not GONE}
    if isinstance(value, list):
        return [without_gone(each) for each in value]
    return value


@pytest.fixture(name="check")
def check_fixture(build_directory, tmp_path):
    """Gives a text (or an object) to the decoder; returns (accepted, what it says)."""
    def run(config, *options):
        path = tmp_path / "config.json"
        path.write_text(config if isinstance(config, str) else json.dumps(config))
        done = subprocess.run([os.path.join(build_directory, "tests/unit/spec_check"), *options,
                               str(path)], capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done
        return done.returncode == 0, done.stdout
    return run


@pytest.mark.parametrize("change, message", RULES)
def test_rule(check, change, message):
    config = copy.deepcopy(BASE)
    for pointer, value in change.items():
        put(config, pointer, value)
    accepted, said = check(config)
    if message is None:
        assert accepted, said
    else:
        assert not accepted
        assert said.startswith("config.json: ")
        assert message in said
        assert "problems" not in said, "one fault must be one problem"


@pytest.mark.promise("spec:7", "R-PARSE")
def test_all_problems_are_in_one_line(check):
    config = copy.deepcopy(BASE)
    put(config, "process/cwd", "x\ny")
    put(config, "linux/resources/memory", {"limit": "1G"})
    put(config, "linux/namespaces", [{"type": "pid"}, {"type": "a\nb"}])
    put(config, "hostname", "x")
    accepted, said = check(config)
    assert not accepted
    assert said == ('config.json: 3 problems: process.cwd: Cwd must be an absolute path; '
                    'linux.namespaces[1].type: unknown namespace type "a?b"; '
                    'linux.resources.memory.limit: expected an integer, found a string\n')


@pytest.mark.promise("spec:2", "spec:3", "R-PARSE")
@pytest.mark.parametrize("text, message", [
    ("", "premature EOF"), ("[]", "config.json: expected an object, found an array"),
    ('{"ociVersion": "1.0.0", "ociVersion": "1.0.0"}', 'the name "ociVersion" twice'),
    ('{"ociVersion": "1.0.0\\u0000"}', "NUL character"),
    ("{}\n{}", "config.json: line 2, column"),
    ("[" * 65 + "]" * 65, "nested too deeply"),
])
def test_document(check, text, message):
    accepted, said = check(text)
    assert not accepted
    assert message in said


@pytest.mark.promise("spec:193")
def test_an_update_may_give_swap_alone(check):
    """It is merged with the recorded limit before the two are compared."""
    assert check({"memory": {"swap": 10}}, "--resources")[0]
    accepted, said = check({"memory": {"swap": "x"}}, "--resources")
    assert not accepted
    assert said == "resources: memory.swap: expected an integer, found a string\n"


def test_a_process_by_itself(check):
    assert check(BASE["process"], "--process")[0]
    assert "process: cwd: Cwd must be an absolute path" in check({"args": ["x"]}, "--process")[1]
