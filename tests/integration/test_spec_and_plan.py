"""The verbs that write documents, spec, features and plan, and what is refused of config.json before anything is
done."""
import glob
import json
import os
import re
import stat
import subprocess

import pytest

from callers import bare, log_text
from tare import TOP, default_config, promise, user_namespace


@promise("contract:5", "CVE-2022-24769")
def test_spec(runtime):
    directory = f"{runtime.directory}/bundle"
    os.mkdir(directory)
    assert bare(runtime, "spec", cwd=directory, umask=0o027).returncode == 0
    path = f"{directory}/config.json"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    result = runtime.call("spec", "--bundle", directory)
    assert (result.rc, log_text(result)) == (1, "File config.json exists. Remove it first")
    assert set(config["process"]["capabilities"]) == {"bounding", "effective", "permitted"}
    assert config["process"]["terminal"] is True
    del config["process"]["terminal"]
    expected = default_config(["sh"])
    expected["ociVersion"] = "1.3.0"
    assert config == expected


def schema(name):
    """A schema of the runtime-spec, from the test data."""
    paths = glob.glob(f"{TOP}/tests/data/**/{name}", recursive=True)
    if not paths:
        pytest.skip(f"tests/data has no {name}")
    return paths[0]


def validate(document, name):
    """Checks a document against a schema of the runtime-spec."""
    jsonschema = pytest.importorskip("jsonschema")
    path = schema(name)
    with open(path, encoding="utf-8") as file:
        rules = json.load(file)
    resolver = jsonschema.RefResolver(f"file://{path}", rules)
    jsonschema.Draft4Validator(rules, resolver=resolver).validate(document)


@promise("spec:20")
def test_state_schema(runtime):
    container = runtime.container(["/bin/true"]).create()
    validate(container.state(), "state-schema.json")


@promise("contract:5", "contract:11", *[f"spec:{n}" for n in range(257, 275)])
def test_features(runtime):
    done = bare(runtime, "features")
    assert (done.returncode, done.stderr) == (0, "")
    features = json.loads(done.stdout)
    assert done.stdout == json.dumps(features, indent=4) + "\n"
    validate(features, "features-schema.json")
    assert (features["ociVersionMin"], features["ociVersionMax"]) == ("1.0.0", "1.3.0")
    assert {"rro", "idmap", "ridmap", "tmpcopyup"} <= set(features["mountOptions"])
    lin = features["linux"]
    assert {"user", "time", "cgroup"} <= set(lin["namespaces"])
    assert lin["mountExtensions"]["idmap"]["enabled"] is True
    assert "CAP_CHECKPOINT_RESTORE" in lin["capabilities"]
    assert lin["cgroup"]["v2"] is True and lin["cgroup"]["v1"] is False
    assert lin["seccomp"]["enabled"] is ("libseccomp: " in runtime.ok("--version"))
    if lin["seccomp"]["enabled"]:
        assert set(lin["seccomp"]["supportedFlags"]) <= set(lin["seccomp"]["knownFlags"])
        assert "SCMP_ACT_ERRNO" in lin["seccomp"]["actions"]
    assert "org.systemd.property." in features["potentiallyUnsafeConfigAnnotations"]


@promise("spec:261", "spec:262", "spec:264", "spec:265")
def test_features_are_accepted(runtime):
    features = json.loads(runtime.ok("features"))
    container = runtime.container(["/bin/true"])
    config = container.config
    for version in (features["ociVersionMin"], features["ociVersionMax"]):
        config["ociVersion"] = version
        container.write()
        runtime.ok("plan", "--bundle", container.bundle)
    config["hooks"] = {kind: [{"path": "/bin/true"}] for kind in features["hooks"]}
    for kind in config["process"]["capabilities"]:
        config["process"]["capabilities"][kind] = features["linux"]["capabilities"]
    container.write()
    result = runtime.call("plan", "--bundle", container.bundle)
    assert (result.rc, result.err) == (0, "")


@promise("spec:262")
@pytest.mark.parametrize("first", range(4))
def test_mount_options_are_accepted(runtime, first):
    names = json.loads(runtime.ok("features"))["mountOptions"]
    container = runtime.container(["/bin/true"])
    special = {"remount", "idmap", "ridmap"}
    for number, name in enumerate(names[first::4]):
        if name not in special:
            mount = {"destination": f"/m{number}", "source": "/tmp", "type": "none",
                     "options": ["rbind", name]}
            if name == "tmpcopyup":
                mount.update(type="tmpfs", source="tmpfs", options=[name])
            container.config["mounts"].append(mount)
    container.write()
    plan = json.loads(runtime.ok("plan", "--bundle", container.bundle))
    assert plan


def test_plan_does_nothing(runtime):
    container = runtime.container(["/bin/true"])
    container.write()
    before = sorted(os.listdir(container.rootfs))
    text = runtime.ok("plan", "--bundle", container.bundle)
    assert isinstance(json.loads(text), dict) and text.endswith("}\n")
    assert not os.path.exists(runtime.state_root)
    assert sorted(os.listdir(container.rootfs)) == before
    runtime.containers.clear()


def test_plan_needs_no_state_root(runtime):
    """It looks at no container, so a user who could have none may plan."""
    container = runtime.container(["/bin/true"])
    container.write()
    done = subprocess.run(["env", "-i", "setpriv", "--reuid", "65534", "--clear-groups", runtime.path,
                           "plan", "--bundle", container.bundle],
                          capture_output=True, text=True, check=False, timeout=20)
    # without privileges a plan may be refused for what it asks, but never for want of a state root
    assert "XDG_RUNTIME_DIR" not in done.stderr, done


def test_config_that_is_a_fifo(runtime):
    """Nobody writes to it: it is refused, not waited for."""
    container = runtime.container(["/bin/true"])
    container.write()
    os.unlink(f"{container.bundle}/config.json")
    os.mkfifo(f"{container.bundle}/config.json")
    result = runtime.call("create", "--bundle", container.bundle, container.id)
    assert result.rc == 1 and "no regular file" in result.err


def test_unknown_option_of_a_bind_mount(runtime):
    """spec:7: not dropped in silence."""
    container = runtime.container(["/bin/true"])
    container.config["mounts"].append({"destination": "/mnt", "type": "none", "source": "/etc",
                                       "options": ["rbind", "foo=bar"]})
    result = container.try_create()
    assert result.rc == 1 and 'foo=bar' in result.err and "unknown option" in result.err


def test_plan_with_a_terminal(runtime):
    """What `spec` writes can be planned, with a console socket and without."""
    container = runtime.container()
    container.config["process"]["terminal"] = True
    container.write()
    for options in ((), ("--console-socket", "/nowhere")):
        text = runtime.ok("plan", "--bundle", container.bundle, *options)
        assert json.loads(text)["process"]["terminal"]
    runtime.containers.clear()


def test_ranges_that_the_kernel_cannot_take(runtime):
    """An id map goes to the kernel in one write of less than a page; the error says that."""
    container = runtime.container(["/bin/true"])
    user_namespace(container.config)
    for name in ("uidMappings", "gidMappings"):
        container.config["linux"][name] = [
            {"containerID": i, "hostID": 1000000000 + 2 * i, "size": 1} for i in range(300)]
    result = container.run()
    assert result.rc == 1
    assert re.search(r"linux\.[ug]idMappings: the ranges make a text of \d+ bytes", result.err)
