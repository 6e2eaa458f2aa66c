"""The document itself, and the process that it describes (config.md), as a container shows them."""
import json

import pytest

from tare import promise


@promise("spec:2", "spec:129", "spec:6", "spec:106")
def test_order_and_what_is_not_for_linux(runtime):
    """Members in any order, unknown ones and other platforms' sections at every level."""
    container = runtime.container(["/bin/echo", "\u00fcber"])
    config = container.config
    config.update({"windows": {"layerFolders": []}, "solaris": 5, "vm": {"hypervisor": {}},
                   "freebsd": {}, "zos": {}, "unheard": {"of": [1, None]}})
    config["process"]["commandLine"] = "echo windows"
    config["process"]["unheard"] = config["linux"]["unheard"] = [{}]
    container.config = dict(reversed([(key, dict(reversed(value.items())) if isinstance(value, dict)
                                       else value) for key, value in config.items()]))
    assert container.run() == (0, "\u00fcber\n", "")


def run_text(runtime, container, text):
    """Runs a config.json of this very text."""
    with open(f"{container.bundle}/config.json", "wb") as file:
        file.write(text)
    return runtime.call("run", "--bundle", container.bundle, container.id)


@promise("spec:2", "spec:3")
@pytest.mark.parametrize("change", [
    lambda text: text.replace(b'"args"', b'"args": ["/bin/false"], "args"', 1),
    lambda text: text.replace(b"/bin/true", b"/bin/\xff", 1),
    lambda text: text[:-1],
    lambda text: text + b"x",
    lambda text: b"\xef\xbb\xbf" + text.replace(b"{", b"[", 1),
])
def test_what_is_no_json(runtime, change):
    container = runtime.container(["/bin/true"])
    text = json.dumps(container.config).encode()
    assert run_text(runtime, container, text).rc == 0
    result = run_text(runtime, container, change(text))
    assert result.rc == 1 and "config.json" in result.err and runtime.ids() == []


@promise("spec:68", "spec:69", "spec:260")
def test_versions(runtime):
    features = json.loads(runtime.ok("features"))
    good = ["1.0.0", "1.0.0-rc5", "1.0.2-dev", "1.1.0+build.5", "1.3.0", "1.3.0-rc.1+x", "1.99.0",
            features["ociVersionMin"], features["ociVersionMax"]]
    for version in good:
        container = runtime.container(["/bin/true"])
        container.config["ociVersion"] = version
        container.write()
        assert runtime.call("plan", "--bundle", container.bundle).rc == 0, version
    for version in (None, "", "1", "1.0", "v1.0.0", "01.0.0", "2.0.0", "0.9.0", "1.0.0-", "x", 1):
        container = runtime.container(["/bin/true"])
        container.config["ociVersion"] = version
        result = container.try_create()
        assert result.rc == 1 and "ociVersion" in result.err, version


@promise("spec:70", "spec:71", "spec:75", "spec:103", "spec:105", "spec:7")
@pytest.mark.parametrize("where, value, text", [
    ("root", None, "root"), ("root", {}, "root.path"),
    ("process", {"cwd": "/", "args": [], "user": {"uid": 0, "gid": 0}}, "args must not be empty"),
    ("process", {"cwd": "relative", "args": ["x"], "user": {"uid": 0, "gid": 0}}, "Cwd must be an absolute path"),
    ("process", {"args": ["x"], "user": {"uid": 0, "gid": 0}}, "process.cwd"),
    ("mounts", [{"source": "x"}], "mounts[0].destination"),
])
def test_what_is_required(runtime, where, value, text):
    container = runtime.container()
    container.config[where] = value
    result = container.try_create()
    assert result.rc == 1 and text in result.err and runtime.ids() == []


@promise("spec:104", "spec:105", "spec:103")
def test_arguments_environment_and_directory(runtime):
    container = runtime.reporter("args", "env", "cwd", "")
    container.config["process"].update(
        cwd="/var/tmp", args=["report", "args", "env", "cwd", "x=", "", "a b"],
        env=["PATH=/nowhere:/bin", "HOME=/h", "EMPTY=", "TWICE=1", "ODD", "TWICE=2"])
    found = container.report()
    assert found["args"] == ["report", "args", "env", "cwd", "x=", "", "a b"]
    assert sorted(found["env"]) == sorted(["PATH=/nowhere:/bin", "HOME=/h", "EMPTY=", "TWICE=2", "ODD"])
    assert found["cwd"] == "/var/tmp"
    # only the container's PATH counts
    container.config["process"]["env"] = ["PATH=/nowhere"]
    result = container.run()
    assert result.rc == 1 and "not found" in result.err


LIMITS = ["AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE", "NICE", "NOFILE", "NPROC",
          "RSS", "RTPRIO", "RTTIME", "SIGPENDING", "STACK"]


@promise("spec:107", "spec:108", "spec:109")
def test_every_limit(runtime):
    """Each name, at values that lowering reaches, so that no privilege is needed."""
    container = runtime.reporter("rlimits")
    before = container.report()["rlimits"]
    wanted = {}
    for name in LIMITS:
        soft, hard = before[f"RLIMIT_{name}"]
        hard = min(hard, 1 << 40)
        wanted[f"RLIMIT_{name}"] = [min(soft, hard), hard]
    container.config["process"]["rlimits"] = [{"type": name, "soft": soft, "hard": hard}
                                              for name, (soft, hard) in wanted.items()]
    assert container.report()["rlimits"] == wanted


@promise("spec:107", "spec:108", "spec:110")
@pytest.mark.parametrize("limits", [
    [{"type": "RLIMIT_WHAT", "soft": 1, "hard": 1}], [{"type": "NOFILE", "soft": 1, "hard": 1}],
    [{"type": "RLIMIT_CORE", "soft": 1}], [{"type": "RLIMIT_CORE", "hard": 1}], [{"soft": 1, "hard": 1}],
    [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]])
def test_limits_that_are_none(runtime, limits):
    container = runtime.container(["/bin/true"])
    container.config["process"]["rlimits"] = limits
    result = container.run()
    assert result.rc == 1 and "process.rlimits[" in result.err


@promise("spec:124", "spec:125", "spec:126")
@pytest.mark.parametrize("given, umask", [({"umask": 0o137}, 0o137), ({"umask": 0}, 0), ({}, 0o022)])
def test_identity(runtime, given, umask):
    """Numbers that no file of the container knows."""
    container = runtime.reporter("identity")
    container.config["process"]["user"] = {"uid": 4711, "gid": 4712, "additionalGids": [5, 4713], **given}
    found = container.report()["identity"]
    assert (found["uid"], found["gid"]) == ([4711] * 3, [4712] * 3)
    assert sorted(set(found["groups"]) - {4712}) == [5, 4713] and found["umask"] == umask


@promise("spec:127", "spec:128")
def test_names(runtime):
    container = runtime.reporter("uts")
    container.config.update(hostname="h" * 64, domainname="domain.example")
    assert container.report()["uts"] == {"hostname": "h" * 64, "domainname": "domain.example"}
    namespaces = container.config["linux"]["namespaces"]
    namespaces[:] = [n for n in namespaces if n["type"] != "uts"]
    result = container.run()
    assert result.rc == 1 and "unable to set hostname without a private UTS namespace" in result.err


@promise("spec:131")
@pytest.mark.parametrize("hook", [{"path": "true"}, {"path": ""}, {"args": ["true"]}])
def test_hooks_have_an_absolute_path(runtime, hook):
    container = runtime.container(["/bin/true"])
    container.config["hooks"] = {"poststop": [hook]}
    result = container.run()
    assert result.rc == 1 and "hooks.poststop[0].path" in result.err


@promise("spec:142")
@pytest.mark.parametrize("annotations", [{"": "x"}, {"a": 1}, {"a": ["b"]}])
def test_annotations_that_are_none(runtime, annotations):
    container = runtime.container(["/bin/true"])
    container.config["annotations"] = annotations
    result = container.run()
    assert result.rc == 1 and "annotations" in result.err
