"""Names, lengths and bytes: what becomes a file name, a message or a number is checked, and a config.json
that no engine would write does no harm."""
import json
import os
import resource
import time

import pytest

from tare import parse_mountinfo, promise

EVIL_IDS = ["", ".", "..", "a/b", "../x", "/abs", "a/../../x", "a\nb", "a b", "a\tb", "x" * 1025, "é", "a%2fb",
            "a\\b", "*", "-x/..", "a\x7f"]


@promise("class:traversal")
@pytest.mark.parametrize("verb", ["run", "create", "start", "state", "kill", "delete"])
def test_ids(runtime, canary, verb):
    """An id is a file name in the state directory: what is not a plain name is refused by every verb."""
    container = runtime.container(["/bin/true"])
    container.write()
    state = f"{runtime.directory}/deep/state/root"
    os.makedirs(state)
    with open(f"{os.path.dirname(state)}/x", "w", encoding="ascii") as file:
        file.write("canary\n")
    options = ["--bundle", container.bundle] if verb in ("run", "create") else []
    options += ["--force"] if verb == "delete" else []
    for name in EVIL_IDS:
        if not runtime.is_tare and ("%" in name or name == "-x/.."):
            continue
        words = [verb, *options, "--", name] if name.startswith("-") else [verb, *options, name]
        result = runtime.call(*words, globals_=["--root", state])
        if verb == "delete" and not runtime.is_tare:
            continue
        assert result.rc != 0, (name, result)
    assert sorted(os.listdir(os.path.dirname(state))) == ["root", "x"]
    assert not [x for x in os.listdir(state) if x in EVIL_IDS]


def rejected(runtime, where, values, *words):
    """Each value makes create fail, with a message that names the property."""
    for value in values:
        container = runtime.containers[0] if runtime.containers else \
            runtime.container(["/bin/true"])
        saved = json.dumps(container.config)
        target = container.config
        for name in where[:-1]:
            target = target.setdefault(name, {}) if isinstance(target, dict) else target[name]
        target[where[-1]] = value
        result = container.run()
        container.config = json.loads(saved)
        assert result.rc != 0, (value, result)
        for word in words:
            assert not runtime.is_tare or word in result.err, (value, result.err)


@promise("class:traversal")
def test_unified_keys(runtime):
    keys = ["../memory.max", "a/b", "..", ".", "", "/", "memory.max/../x", "../../cgroup.procs", "memory.max\n"]
    rejected(runtime, ["linux", "resources", "unified"], [{key: "1"} for key in keys], "unified")


@promise("class:traversal")
def test_hugetlb_page_sizes(runtime):
    sizes = ["../../x", "2MB/..", "..", "", "2MB/../../y", "/", "2MB.max/../../cgroup.procs", "2MB\n"]
    rejected(runtime, ["linux", "resources", "hugepageLimits"],
             [[{"pageSize": size, "limit": 1}] for size in sizes], "hugepageLimits")


@promise("class:traversal")
def test_sysctl_names(runtime):
    names = ["net/../kernel/core_pattern", "net.ipv4/../../kernel.hostname", "../kernel/x", "net..x",
             "/proc/sys/net/ipv4/ip_forward", "net.ipv4.ip_forward/../../../kernel/hostname", "",
             "net/ipv4/..", "kernel.domainname/../core_pattern", "net.", "net./../x", "fs.mqueue./../x"]
    rejected(runtime, ["linux", "sysctl"], [{name: "canary"} for name in names], "sysctl")


@promise("class:traversal")
def test_rdma_and_net_prio_names(runtime):
    names = ["../x", "a/b", "..", ""]
    rejected(runtime, ["linux", "resources", "network"],
             [{"priorities": [{"name": name, "priority": 1}]} for name in names], "network")
    rejected(runtime, ["linux", "resources", "rdma"],
             [{name: {"hcaHandles": 1}} for name in names], "rdma")


@promise("class:traversal")
def test_closid(runtime):
    rejected(runtime, ["linux", "intelRdt"], [{"closID": name} for name in ["../x", "a/b", "..", "."]],
             "intelRdt")


@promise("class:traversal")
@pytest.mark.parametrize("path", ["../../../../..", "/a/../../../../..", "..", "/..", "a/../../b", "/../../x"])
def test_cgroups_path(runtime_in_view, path):
    """The cgroup is below the place where it belongs, or there is none."""
    runtime = runtime_in_view
    top = runtime.view.cgroup2()
    if not top:
        pytest.skip("no cgroup2 on this machine")
    container = runtime.container(["/bin/cat", "/proc/self/cgroup"])
    path = path.replace("a", f"{runtime.host.token}-a").replace("b", f"{runtime.host.token}-b") \
        .replace("x", f"{runtime.host.token}-x")
    container.config["linux"]["cgroupsPath"] = path
    outside = set(os.listdir(os.path.dirname(top)))
    result = container.run()
    assert not runtime.is_tare or result.rc != 0, result
    assert set(os.listdir(os.path.dirname(top))) == outside


@promise("class:traversal")
def test_annotations_are_not_paths(runtime, canary):
    container = runtime.container(["/bin/true"])
    container.config["annotations"] = {
        name: f"../../../../..{canary.directory}/new"
        for name in ("run.oci.handler", "run.oci.hooks.stdout", "run.oci.seccomp.receiver",
                     "run.oci.seccomp_bpf_file", "run.oci.pidfd_receiver", "run.oci.delegate-cgroup",
                     "../../x", "org.criu.config", "module.wasm.image/variant")}
    if not runtime.is_tare:
        pytest.skip("the peers give some of these a meaning")
    container.run()
    canary.check()


def raw(container, text):
    """A config.json of these bytes, given to create."""
    with open(f"{container.bundle}/config.json", "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return container.runtime.call("run", "--bundle", container.bundle, container.id, timeout=20)


STRINGS = [("process", "cwd"), ("process", "args", 0), ("process", "env", 0), ("hostname",),
           ("root", "path"), ("mounts", 0, "destination"), ("mounts", 0, "type"),
           ("mounts", 0, "source"), ("mounts", 1, "options", 0), ("linux", "maskedPaths", 0),
           ("linux", "readonlyPaths", 0), ("linux", "namespaces", 0, "type"),
           ("linux", "cgroupsPath"), ("process", "apparmorProfile"), ("process", "selinuxLabel"),
           ("linux", "mountLabel"), ("domainname",), ("linux", "rootfsPropagation"),
           ("process", "rlimits", 0, "type"), ("annotations", "key"), ("ociVersion",)]


def change(config, where, function):
    """Applies a function to one string of a configuration."""
    for name in where[:-1]:
        config = config.setdefault(name, {}) if isinstance(config, dict) else config[name]
    old = config.get(where[-1], "value") if isinstance(config, dict) else config[where[-1]]
    config[where[-1]] = function(old)


@promise("CVE-2021-43784", "R-PARSE")
@pytest.mark.parametrize("where", STRINGS, ids=lambda x: ".".join(map(str, x)))
def test_a_nul_in_a_string(runtime, where):
    container = runtime.container(["/bin/true"])
    change(container.config, where, lambda text: f"{text}\0tail")
    result = raw(container, json.dumps(container.config))
    if runtime.is_tare:
        assert result.rc != 0 and "NUL" in result.err, result


@promise("CVE-2021-43784")
@pytest.mark.parametrize("size", [65535, 65536, 70000, 131071, 1 << 20])
@pytest.mark.parametrize("where", [("mounts", 1, "source"), ("process", "env", 0), ("hostname",),
                                   ("mounts", 1, "destination"), ("linux", "maskedPaths", 0),
                                   ("annotations", "key")], ids=lambda x: ".".join(map(str, x)))
def test_huge_strings_change_nothing_else(runtime, where, size):
    """A length that overflows 16 bits: the container fails, or has its namespaces and user."""
    container = runtime.reporter("identity", "namespaces", "mountinfo")
    container.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    change(container.config, where, lambda text: "A=" + "/a" * (size // 2))
    result = container.run(timeout=20)
    if result.rc == 0:
        seen = json.loads(result.out)
        assert seen["identity"]["uid"] == [1000] * 3
        for name in ("mnt", "pid", "net", "ipc", "uts"):
            assert str(seen["namespaces"][name]) not in os.readlink(f"/proc/self/ns/{name}")
        assert "/proc" in parse_mountinfo(seen["mountinfo"])
    else:
        assert result.err and (len(result.err) < 20000 or not runtime.is_tare)


@promise("class:json")
@pytest.mark.parametrize("kind", ["arrays", "objects", "mixed", "unclosed", "in annotations"])
def test_deep_nesting(runtime, kind):
    container = runtime.container(["/bin/true"])
    depth = 200_000
    text = {"arrays": "[" * depth + "]" * depth, "objects": '{"a":' * depth + "1" + "}" * depth,
            "mixed": '[{"a":' * depth + "1" + "}]" * depth, "unclosed": "[" * depth,
            "in annotations": json.dumps(container.config)[:-1] + ',"unknown":' + "[" * depth +
                              "]" * depth + "}"}[kind]
    started = time.monotonic()
    result = raw(container, text)
    assert result.rc == 1 and result.err, result
    assert time.monotonic() - started < 5


@promise("class:json")
@pytest.mark.parametrize("size", [17, 40])
def test_a_huge_file(runtime, size):
    """Megabytes of it, in one string or of spaces; read by a process that may not use much memory."""
    container = runtime.container(["/bin/true"])
    text = json.dumps(container.config)
    for padding in ('"' + "x" * (size << 20) + '"', " " * (size << 20) + "1"):
        result = raw(container, text[:-1] + ',"unknown":' + padding + "}")
        if runtime.is_tare:
            assert result.rc == 1 and result.err, result
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert peak < 400 * 1024


@promise("class:json")
@pytest.mark.parametrize("text", [
    b"", b"{", b"}", b"null", b"[]", b'"', b"\xff", b"{\xef\xbb\xbf}", b'{"ociVersion": "1.2.0"', b"\0", b"{}\0",
    b'{"ociVersion": "\\ud800"}', b'{"ociVersion": "\\ud800\\u0041"}', b'{"ociVersion": "\\u12"}',
    b'{"ociVersion": "\\', b'{"ociVersion": "\xc3', b'{"ociVersion": "\xc0\x80"}',
    b'{"ociVersion": "\xed\xa0\x80"}', b'{"ociVersion": "\xf8\x88\x80\x80\x80"}', b'{"ociVersion": 1e999}',
    b'{"ociVersion": 99999999999999999999999999}', b"/* comment */ {}", b"{'a': 1}", b'{"a": 01}', b'{"a": NaN}',
    b'{"ociVersion": "1.2.0"} {"ociVersion": "1.2.0"}', b'{"ociVersion": "1.2.0"} x'],
    ids=lambda text: repr(text)[2:22])
def test_broken_json(runtime, text):
    result = raw(runtime.container(["/bin/true"]), text)
    assert result.rc == 1 and result.err, result


@promise("class:json")
@pytest.mark.parametrize("where", ["top", "process", "user", "namespaces"])
def test_duplicate_names(runtime, where):
    """Two parsers must not read two configurations out of one file."""
    container = runtime.container(["/bin/true"])
    text = json.dumps(container.config)
    first, second = {
        "top": ('"root": {', '"process": {"cwd": "/", "args": ["/bin/true"]}, "root": {'),
        "process": ('"cwd": ', '"cwd": "/tmp", "cwd": '),
        "user": ('"uid": 0', '"uid": 1000, "uid": 0'),
        "namespaces": ('{"type": "pid"}', '{"type": "pid", "type": "uts"}')}[where]
    assert first in text
    result = raw(container, text.replace(first, second, 1))
    if runtime.is_tare:
        assert result.rc == 1 and "twice" in result.err, result


@promise("class:json")
def test_truncated_everywhere(runtime):
    """A good file cut after every so many bytes."""
    container = runtime.container(["/bin/true"])
    text = json.dumps(container.config)
    for end in range(0, len(text) - 1, len(text) // 60):
        result = raw(container, text[:end])
        assert result.rc == 1 and result.err, (end, result)


@promise("CVE-2021-43784", "R-PARSE")
def test_very_many_things(runtime):
    """Thousands of environment variables, mounts' options, annotations and masks."""
    count, groups = 2000, list(range(5000, 5060))
    container = runtime.reporter("identity", "env")
    container.config["process"]["env"] += [f"V{i}={'x' * 50}" for i in range(count)]
    container.config["annotations"] = {f"a{i}": "x" * 50 for i in range(count)}
    container.config["linux"]["maskedPaths"] = [f"/nothing/{i}" for i in range(count)]
    container.config["process"]["user"] = {"uid": 1000, "gid": 1000,
                                           "additionalGids": groups}
    seen = container.report()
    assert seen["identity"]["uid"] == [1000] * 3
    assert seen["identity"]["groups"] == groups
