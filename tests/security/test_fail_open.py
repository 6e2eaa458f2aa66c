"""What cannot be done as asked must fail: a mount call that fails is not passed over, an unknown word is
not ignored where it confines, one container's filter is not another's."""
import errno
import json
import os

import pytest

import stepper
from tare import SCALE, parse_mountinfo, promise, user_namespace

MOUNT_CALLS = ("open_tree", "open_tree_attr", "fsconfig", "fsmount", "move_mount", "mount_setattr",
               "mount", "pivot_root", "chroot", "fchdir", "chdir", "setns", "umount2")
PARTS = 4


def shape(text):
    """What a mount table amounts to, without numbers that differ from run to run."""
    return sorted((point, row["type"], tuple(row["options"]), row["root"])
                  for point, row in parse_mountinfo(text).items())


@promise("class:fail-open")
@pytest.mark.parametrize("code", ["EPERM", "ELOOP", "EINVAL"])
@pytest.mark.parametrize("part", range(PARTS))
def test_each_mount_call_that_fails(runtime, canary, code, part):
    """Each call that builds the root fails in turn: create fails, or by another way all is the same."""
    if not runtime.is_tare:
        pytest.skip("a promise of tare's")
    container = runtime.reporter("mountinfo", "access=/etc/passwd", "access=/proc/keys")
    container.config["mounts"].append({"destination": "/mnt", "type": "bind",
                                       "source": canary.directory, "options": ["rbind", "ro"]})
    stepped = stepper.Stepper(runtime, names=MOUNT_CALLS)
    result, log = stepped.count(container.run)
    assert result.rc == 0, result
    expected = json.loads(result.out)
    for step in range(part + 1, log.total + 1, PARTS * SCALE):
        result, seen = stepped.call(["-n", str(step), "-e", str(getattr(errno, code))], container.run)
        where = f"step {step} of {log.total}, {seen.calls[step - 1:step]}"
        if result.rc == 0:
            found = json.loads(result.out)
            assert shape(found["mountinfo"]) == shape(expected["mountinfo"]), where
            assert found["access"] == expected["access"], where
        else:
            assert result.rc == 1 and result.err, f"{where}: {result}"


UNKNOWN = {
    "namespace": (("linux", "namespaces"), [{"type": "mount"}, {"type": "canary"}]),
    "namespace without a mount namespace": (("linux", "namespaces"), [{"type": "pid"}]),
    "mount type": (("mounts",), [{"destination": "/x", "type": "canaryfs", "source": "x"}]),
    "bind source": (("mounts",), [{"destination": "/x", "type": "bind", "source": "/no/such/thing",
                                   "options": ["rbind", "ro"]}]),
    "mount option": (("mounts",), [{"destination": "/x", "type": "tmpfs", "source": "x",
                                    "options": ["canary=7"]}]),
    "rlimit": (("process", "rlimits"), [{"type": "RLIMIT_CANARY", "soft": 1, "hard": 1}]),
    "seccomp action": (("linux", "seccomp"), {"defaultAction": "SCMP_ACT_CANARY"}),
    "seccomp rule action": (("linux", "seccomp"), {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir"], "action": "SCMP_ACT_CANARY"}]}),
    "seccomp operator": (("linux", "seccomp"), {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO",
         "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_CANARY"}]}]}),
    "seccomp argument": (("linux", "seccomp"), {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO",
         "args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]}]}),
    "seccomp architecture": (("linux", "seccomp"), {"defaultAction": "SCMP_ACT_ALLOW",
                                                    "architectures": ["SCMP_ARCH_CANARY"]}),
    "seccomp flag": (("linux", "seccomp"), {"defaultAction": "SCMP_ACT_ALLOW",
                                            "flags": ["SECCOMP_FILTER_FLAG_CANARY"]}),
    "seccomp listener": (("linux", "seccomp"), {"defaultAction": "SCMP_ACT_NOTIFY",
                                                "listenerPath": "/no/such/socket"}),
    "propagation": (("linux", "rootfsPropagation"), "canary"),
    "device type": (("linux", "devices"), [{"path": "/dev/x", "type": "y", "major": 1, "minor": 3}]),
    "device access": (("linux", "resources"), {"devices": [{"allow": True, "access": "rwx"}]}),
    "sysctl of no namespace": (("linux", "sysctl"), {"vm.canary": "1"}),
    "sysctl of the host": (("linux", "sysctl"), {"kernel.canary_pattern": "1"}),
    "user as a name": (("process", "user"), {"uid": "root", "gid": 0}),
    "user beyond 32 bits": (("process", "user"), {"uid": 4294967296, "gid": 0}),
    "negative user": (("process", "user"), {"uid": -1, "gid": 0}),
    "user of no one": (("process", "user"), {"uid": 4294967295, "gid": 0}),
    "relative cwd": (("process", "cwd"), "tmp"),
    "no program": (("process", "args"), []),
    "resctrl": (("linux", "intelRdt"), {"closID": "canary", "l3CacheSchema": "L3:0=f"}),
}
PEERS_DIFFER = {"mount option", "device access", "seccomp flag", "resctrl", "user as a name",
                "seccomp listener", "namespace without a mount namespace", "user of no one",
                "user beyond 32 bits", "negative user", "relative cwd", "seccomp argument",
                "sysctl of no namespace", "sysctl of the host"}


@promise("class:fail-open")
@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_understood_is_refused(runtime, name):
    if not runtime.is_tare and name in PEERS_DIFFER:
        pytest.skip("the peers differ")
    where, value = UNKNOWN[name]
    container = runtime.container(["/bin/true"])
    target = container.config
    for part in where[:-1]:
        target = target[part]
    target[where[-1]] = value
    result = container.run()
    assert result.rc != 0 and result.err, result
    assert name != "bind source" or "no such file or directory" in result.err.lower()


@promise("class:fail-open")
@pytest.mark.parametrize("kind", ["apparmorProfile", "selinuxLabel"])
def test_a_label_that_cannot_be_set(runtime, kind):
    """A label on a machine that has no such module, or no such profile, is not passed over."""
    if not runtime.is_tare:
        pytest.skip("the peers differ")
    container = runtime.container(["/bin/true"])
    container.config["process"][kind] = "no-such-canary-profile"
    result = container.run()
    assert result.rc != 0 and kind in result.err, result


def profile(*rules, default="SCMP_ACT_ALLOW", **more):
    return {"defaultAction": default, "syscalls": list(rules), **more}


def errno_rule(number, *names):
    return {"names": list(names), "action": "SCMP_ACT_ERRNO", "errnoRet": number}


MKDIR = ("mkdir", "mkdirat")
PROFILES = [
    (profile(errno_rule(1, *MKDIR)), "Operation not permitted"),
    (profile(errno_rule(13, *MKDIR)), "Permission denied"),
    (profile(errno_rule(11, *MKDIR)), "Resource temporarily unavailable"),
    (profile(errno_rule(1, "rmdir"), errno_rule(13, *MKDIR)), "Permission denied"),
    (profile(errno_rule(1, "rmdir", *MKDIR)), "Operation not permitted"),
    (profile(errno_rule(1, "rmdir")), ""),
    (profile(errno_rule(11, "mkdir"), errno_rule(1, "mkdirat")), None),
    (profile(errno_rule(1, "mkdir"), errno_rule(11, "mkdirat")), None),
    (profile(), ""),
]


@promise("class:cache-collision")
def test_profiles_that_differ_in_little(runtime):
    """Each container gets its own filter, whatever was compiled before; twice, in both orders."""
    container = runtime.container(["/bin/sh", "-c", "mkdir /tmp/x 2>&1; rmdir /tmp/x 2> /dev/null; true"])
    container.config["root"]["readonly"] = False
    for filters, expected in PROFILES + PROFILES[::-1]:
        container.config["linux"]["seccomp"] = filters
        result = container.run()
        assert result.rc == 0, (filters, result)
        if expected:
            assert expected in result.out, (filters, result)
        elif expected == "":
            assert result.out == "", (filters, result)
        os.system(f"rm -rf {container.rootfs}/tmp/x")


@promise("CVE-2023-25809")
@pytest.mark.parametrize("how", ["cgroup", "cgroup rw", "sys", "none"])
@pytest.mark.parametrize("userns", [False, True], ids=["root", "userns"])
@pytest.mark.parametrize("joined", [False, True], ids=["inherited", "joined"])
def test_cgroups_of_the_host_are_not_writable(runtime_in_view, how, userns, joined):
    """Without a cgroup namespace of its own, or in the host's by its path; /sys/fs/cgroup by its own mount or with the
    host's /sys. What the host's hierarchy was mounted with (nsdelegate) stays, which a mount of it from the initial
    cgroup namespace would change."""
    runtime = runtime_in_view
    if not runtime.view.cgroup2():
        pytest.skip("no cgroup2 on this machine")
    name = runtime.host.name()
    container = runtime.container(["/bin/sh", "-c", f"""
        for top in /sys/fs/cgroup /sys/fs/cgroup/unified; do
            mkdir $top/{name} 2> /dev/null && echo made && rmdir $top/{name}
            (echo 1 > $top/cgroup.procs) 2> /dev/null && echo written
            (echo 1 > $top/cgroup.freeze) 2> /dev/null && echo frozen
        done
        true"""])
    config = container.config
    config["linux"]["namespaces"] = [x for x in config["linux"]["namespaces"] if x["type"] != "cgroup"]
    if joined:
        config["linux"]["namespaces"].append({"type": "cgroup", "path": f"/proc/{os.getpid()}/ns/cgroup"})
    if userns:
        user_namespace(config)
        container.chown(100000)
    config["mounts"] = [x for x in config["mounts"] if not x["destination"].startswith("/sys")]
    if how != "none":
        sys = {"destination": "/sys", "type": "bind", "source": "/sys", "options": ["rbind", "ro"]}
        if how != "sys":
            sys = {"destination": "/sys", "type": "sysfs", "source": "sysfs",
                   "options": ["nosuid", "noexec", "nodev", "ro"]}
        config["mounts"].append(sys)
    if how.startswith("cgroup"):
        options = ["nosuid", "noexec", "nodev", "relatime"] + (["ro"] if how == "cgroup" else [])
        config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup",
                                 "source": "cgroup", "options": options})
    result = container.run()
    if how == "sys" and not userns or how == "cgroup rw" and not runtime.is_tare:
        return  # the configuration gives it; what counts is that nothing is left behind
    if result.rc == 0:
        assert result.out == "", result
    elif not (userns and how == "sys"):
        assert not runtime.is_tare, result
