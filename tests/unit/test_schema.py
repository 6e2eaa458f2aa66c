"""The official JSON schema against the decoder: every Linux property of the schema is known to it, has
the type that the schema says, and the schema's own examples get the answer that their folder says."""
import copy
import functools
import json
import os
import subprocess

import pytest

DATA = os.path.join(os.path.dirname(__file__), "..", "data")
SCHEMA = os.path.join(DATA, "runtime-spec-schema")
ENGINES = os.path.join(DATA, "engine-configs")

# Properties of the schema that a runtime for Linux ignores as unknown.
OTHER_PLATFORMS = {
    "solaris", "windows", "vm", "zos", "freebsd",
    "process.commandLine",  # Windows
    "process.user.username",  # Windows
}

# What gives a property the surroundings that it needs: a configuration without it would be refused for
# what it lacks, not for the property.
BASE = {
    "ociVersion": "1.3.0",
    "root": {"path": "rootfs"},
    "linux": {
        "namespaces": [{"type": name} for name in
                       ("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time")],
        "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
        "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
    },
}

# Values that the schema alone does not give: the text of the specification does.
VALUES = {
    "ociVersion": "1.3.0",
    "process.cwd": "/",
    "process.rlimits[0].type": "RLIMIT_NOFILE",
    "process.args": ["x"],
    "process.scheduler.priority": 0,
    "linux.namespaces": BASE["linux"]["namespaces"],
    "linux.namespaces[0].type": "pid",
    "linux.namespaces[0].path": "/proc/1/ns/pid",
    "linux.uidMappings": BASE["linux"]["uidMappings"],
    "linux.gidMappings": BASE["linux"]["gidMappings"],
    "linux.resources.memory.swap": -1,
    "linux.memoryPolicy.mode": "MPOL_BIND",
    "linux.seccomp.syscalls[0].names": ["x"],
    "linux.cgroupsPath": "/x",
    "linux.devices[0].path": "/dev/x",
    "linux.resources.devices[0].type": "c",
    "linux.resources.devices[0].access": "rwm",
    "linux.maskedPaths[0]": "/x",
    "linux.readonlyPaths[0]": "/x",
    "linux.seccomp.syscalls[0].action": "SCMP_ACT_ERRNO",
    "linux.seccomp.defaultAction": "SCMP_ACT_ERRNO",
    "linux.seccomp.listenerPath": "/x",
    "linux.sysctl": {"net.x": "1"},
    "linux.personality.flags": [],  # the specification has no flags
    "linux.resources.cpu.cpus": "0", "linux.resources.cpu.mems": "0",
    "process.execCPUAffinity.initial": "0", "process.execCPUAffinity.final": "0",
    "linux.memoryPolicy.nodes": "0",
    "process.ioPriority.priority": 0,
    "process.oomScoreAdj": 0,
    "linux.resources.hugepageLimits[0].pageSize": "2MB",
    "linux.intelRdt.memBwSchema": "MB:0=10",
}
for hook in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"):
    VALUES[f"hooks.{hook}[0].path"] = "/x"

# Properties without any value that is accepted: only that they are known is tested.
NO_VALUE = {
    'linux.sysctl["k.x"]',  # no name of a sysctl; linux.sysctl has one
    "linux.personality.flags[0]",  # the specification has no flags
}

# What else must be there for a property to be accepted: by the specification's text, not the schema.
COMPANIONS = {
    "process": {"cwd": "/", "args": ["x"]},
    "process.user": {"uid": 0, "gid": 0},
    "process.scheduler": {"policy": "SCHED_OTHER"},
    "process.ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 0},
    "mounts[0]": {"destination": "/x", "type": "tmpfs"},
    "linux.devices[0]": {"type": "c", "path": "/dev/x", "major": 1, "minor": 1},
    "linux.resources.blockIO.weightDevice[0]": {"major": 0, "minor": 0, "weight": 10},
    "linux.resources.rdma[\"k.x\"]": {"hcaHandles": 1},
    "linux.memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0"},
    "linux.personality": {"domain": "LINUX"},
    "linux.seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "listenerPath": "/x"},
    "linux.seccomp.syscalls[0]": {"names": ["x"], "action": "SCMP_ACT_ERRNO"},
}
for way in ("ReadBps", "WriteBps", "ReadIOPS", "WriteIOPS"):
    COMPANIONS[f"linux.resources.blockIO.throttle{way}Device[0]"] = {
        "major": 0, "minor": 0, "rate": 1}


@functools.lru_cache(maxsize=None)
def load(name):
    with open(os.path.join(SCHEMA, name), encoding="utf-8") as file:
        return json.load(file)


def resolve(schema, file):
    """Follows references and merges what is said in pieces. Returns the schema and its file."""
    merged = {key: value for key, value in schema.items() if key not in ("$ref", "allOf", "anyOf")}
    pieces = schema.get("allOf", []) + schema.get("anyOf", [])
    if "$ref" in schema:
        target, _, pointer = schema["$ref"].partition("#")
        file = target or file
        piece = load(file)
        for step in pointer.strip("/").split("/"):
            piece = piece[step]
        pieces = [piece] + pieces
    for piece in pieces:
        more, file = resolve(piece, file)
        merged["properties"] = {**merged.get("properties", {}), **more.get("properties", {})}
        merged["required"] = merged.get("required", []) + more.get("required", [])
        for key, value in more.items():
            if key not in ("properties", "required"):
                merged.setdefault(key, value)
    return merged, file


def walk(schema, file, path=()):
    """Yields every property as (steps, its schema); a step is a name, or 0 for an array's element."""
    schema, file = resolve(schema, file)
    if path:
        yield path, schema
    for name, each in schema.get("properties", {}).items():
        if text(path + (name,)) not in OTHER_PLATFORMS:
            yield from walk(each, file, path + (name,))
    if isinstance(schema.get("items"), dict):
        yield from walk(schema["items"], file, path + (0,))
    for more in (schema.get("additionalProperties"), *schema.get("patternProperties", {}).values()):
        if isinstance(more, dict):
            yield from walk(more, file, path + ("k.x",))


def text(path):
    """As the decoder writes it: linux.sysctl["k.x"]."""
    result = ""
    for step in path:
        if step == 0:
            result += "[0]"
        elif step.replace("_", "").isalnum():
            result += ("." if result else "") + step
        else:
            result += f'["{step}"]'
    return result


def valid(path, schema):
    """A small value that the schema allows."""
    if text(path) in VALUES:
        return copy.deepcopy(VALUES[text(path)])
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return {"string": "c" if "[cbup]" in schema.get("pattern", "") else "x", "boolean": True,
            "integer": max(1, schema.get("minimum", 1)), "array": [], "object": {}}[kind]


def wrong(schema):
    """A value of another type."""
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return {"string": 23, "boolean": "x", "integer": "x", "array": "x", "object": "x"}[kind]


def configuration(path, value):
    """The base with @value at @path, and whatever else its surroundings need."""
    config = copy.deepcopy(BASE)
    here, so_far = config, ()
    for step, following in zip(path, path[1:] + (None,)):
        so_far += (step,)
        if following is None:
            if step == 0:
                here[:] = [value]
            elif isinstance(value, dict):
                here[step] = {**COMPANIONS.get(text(so_far), {}), **value}
            else:
                here[step] = value
            break
        fresh = [] if following == 0 else {}
        if step == 0:
            if not here:
                here.append(fresh)
            inner = here[0]
        else:
            inner = here.setdefault(step, fresh)
        if isinstance(inner, dict):
            for name, more in COMPANIONS.get(text(so_far), {}).items():
                inner.setdefault(name, copy.deepcopy(more))
            required(so_far, inner)
        here = inner
    for mount in config.get("mounts") or []:
        if isinstance(mount, dict):
            complete_mount(mount)
    return config


def required(path, inner):
    """Adds what the schema itself requires next to a property."""
    for name in SCHEMAS[path].get("required", []):
        inner.setdefault(name, valid(path + (name,), SCHEMAS[path + (name,)]))


def complete_mount(mount):
    """The two lists of mappings come together."""
    for one, two in (("uidMappings", "gidMappings"), ("gidMappings", "uidMappings")):
        if mount.get(one) and not mount.get(two):
            mount[two] = BASE["linux"]["uidMappings"]


PROPERTIES = list(walk(load("config-schema.json"), "config-schema.json"))
SCHEMAS = dict(PROPERTIES)


@pytest.fixture(name="decode", scope="session")
def decode_fixture(build_directory, tmp_path_factory):
    """Loads a configuration; returns (accepted, what the decoder says)."""
    directory = tmp_path_factory.mktemp("spec")

    def run(config, *options):
        path = config
        if not isinstance(config, str):
            path = str(directory / "config.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(config, file)
        done = subprocess.run([f"{build_directory}/tests/unit/spec_check", *options, path],
                              capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done
        return done.returncode == 0, done.stdout
    return run


def named(properties):
    return [pytest.param(path, schema, id=text(path)) for path, schema in properties]


def test_the_schema_has_what_is_expected():
    """The walk itself: a schema that is read wrongly must not make the other tests empty."""
    names = {text(path) for path, _ in PROPERTIES}
    assert len(names) > 230
    assert {"linux.resources.memory.limit", "linux.seccomp.syscalls[0].args[0].valueTwo",
            'linux.netDevices["k.x"].name', "linux.intelRdt.schemata[0]",
            "linux.resources.blockIO.throttleReadIOPSDevice[0].rate",
            'annotations["k.x"]', "hooks.poststop[0].env[0]"} <= names


@pytest.mark.promise("spec:6", "spec:7")
@pytest.mark.parametrize("path, schema", named(PROPERTIES))
def test_property_is_known(decode, path, schema):
    value = valid(path, schema)
    accepted, said = decode(configuration(path, value), "--debug")
    assert "ignoring unknown property" not in said
    if text(path) in NO_VALUE:
        return
    if isinstance(value, dict) and not value and not accepted:
        return  # an empty object lacks what it requires; its members are tested one by one
    assert accepted, said


@pytest.mark.promise("spec:7")
@pytest.mark.parametrize("path, schema", named(PROPERTIES))
def test_wrong_type_is_refused_with_its_path(decode, path, schema):
    accepted, said = decode(configuration(path, wrong(schema)))
    assert not accepted
    assert f"{text(path)}: " in said


@pytest.mark.promise("spec:6", "spec:129")
@pytest.mark.parametrize("path", [
    ("unknown",), ("root", "unknown"), ("process", "user", "unknown"), ("linux", "unknown"),
    ("linux", "seccomp", "syscalls", 0, "unknown"), ("mounts", 0, "unknown"),
    ("hooks", "poststop", 0, "unknown"), ("hooks", "unknown"), ("solaris",), ("windows",),
    ("vm",), ("zos",), ("freebsd",), ("process", "commandLine"), ("process", "user", "username"),
    ("linux", "intelRdt", "enableCMT"), ("linux", "intelRdt", "enableMBM"),
    ("linux", "resources", "oomScoreAdj"),
], ids=text)
def test_unknown_property_is_ignored_and_logged(decode, path):
    config = configuration(path[:-1] + ("x",), 1)
    here = config
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = here.pop("x")
    if path[:2] == ("hooks", "poststop"):
        here["path"] = "/x"
    accepted, said = decode(config, "--debug")
    assert accepted, said
    assert f'debug: config.json: ignoring unknown property "{text(path)}"\n' in said


# Examples whose answer differs from their folder's, with the reason.
EXCEPTIONS = {
    "good/spec-example.json": "ociVersion 0.5.0-dev is older than 1.0",
    "good/zos-example.json": "ociVersion 0.5.0-dev is older than 1.0",
    "good/freebsd-example.json": "a hostname without the UTS namespace that Linux needs for it",
    "good/linux-netdevice.json": "network devices, but no network namespace to move them into",
    "bad/freebsd-vnet-disable.json": "wrong only in a section that Linux ignores",
}
EXAMPLES = sorted(f"{folder}/{name}" for folder in ("good", "bad")
                  for name in os.listdir(os.path.join(SCHEMA, "test", "config", folder)))


@pytest.mark.promise("spec:7", "spec:129")
@pytest.mark.parametrize("name", EXAMPLES)
def test_example(decode, name):
    accepted, said = decode(os.path.join(SCHEMA, "test", "config", name))
    assert accepted == (name.startswith("good/") != (name in EXCEPTIONS)), said


@pytest.mark.promise("spec:69")
def test_the_complete_example_fails_only_by_its_version(decode):
    with open(os.path.join(SCHEMA, "test", "config", "good", "spec-example.json"),
              encoding="utf-8") as file:
        config = json.load(file)
    config["ociVersion"] = "1.3.0+dev"
    accepted, said = decode(config)
    assert accepted, said


@pytest.mark.parametrize("name", sorted(n for n in os.listdir(ENGINES) if n.endswith(".json")))
def test_engine_config_loads(decode, name):
    accepted, said = decode(os.path.join(ENGINES, name), "--debug")
    assert accepted, said
    assert "unknown property" not in said
