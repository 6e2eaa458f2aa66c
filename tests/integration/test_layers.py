"""A root made of layers: --layers, --upper and the annotations of the same meaning. The stack is read top first,
what is written goes into the writable layer alone, and without one it is gone with the container."""
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile

import pytest

import tare
from tare import promise

LOOK = "cat /which /only-base /only-top; echo new > /which; mkdir /made; cat /which"
SEEN = "top\nbase\ntop\nnew\n"


@pytest.fixture(params=["as it is", "attached", "below 6.13", "below 6.7"])
def kernel(request, runtime):
    """The kernel as it is, and with what makes each older way be taken."""
    switches = {"as it is": [], "attached": ["-detached"], "below 6.13": ["-overlay_fd"],
                "below 6.7": ["-overlay_append", "-overlay_fd"]}[request.param]
    runtime.kernel_caps = ",".join([x for x in [runtime.kernel_caps] if x] + switches)
    return runtime


def directory(base, name, files):
    """Makes a directory of files."""
    os.makedirs(f"{base}/{name}")
    for path, text in files.items():
        os.makedirs(os.path.dirname(f"{base}/{name}/{path}"), exist_ok=True)
        with open(f"{base}/{name}/{path}", "w", encoding="utf-8") as file:
            file.write(text)
    return f"{base}/{name}"


def stacked(container):
    """Makes two layers of the container's root file system, which then is gone: the lower one holds it."""
    base = container.bundle
    os.rename(container.rootfs, f"{base}/base")
    with open(f"{base}/base/which", "w", encoding="utf-8") as file:
        file.write("base\n")
    with open(f"{base}/base/only-base", "w", encoding="utf-8") as file:
        file.write("base\n")
    top = directory(base, "top", {"which": "top\n", "only-top": "top\n"})
    container.config["process"]["args"] = ["/bin/sh", "-c", LOOK]
    container.config["root"]["readonly"] = False
    return f"{top}:{base}/base"


def contents(path):
    """Every file below @path with its size and what it holds."""
    found = {}
    for where, names, files in os.walk(path):
        for name in names + files:
            full = f"{where}/{name}"
            found[full] = os.lstat(full).st_mtime_ns
    return found


def test_ephemeral(kernel):
    """Nothing is left of what was written, and root.path need not exist."""
    container = kernel.container()
    layers = stacked(container)
    before = contents(container.bundle)
    result = container.run("--layers", layers)
    assert (result.rc, result.out) == (0, SEEN), result
    after = contents(container.bundle)
    after.pop(f"{container.bundle}/config.json")
    assert after == before


def test_writable(kernel):
    """What is written is in the layer afterwards, and seen by the next container."""
    container = kernel.container()
    layers = stacked(container)
    upper = directory(container.bundle, "upper", {})
    result = container.run("--layers", layers, "--upper", upper)
    assert (result.rc, result.out) == (0, SEEN), result
    with open(f"{upper}/which", encoding="utf-8") as file:
        assert file.read() == "new\n"
    assert os.path.isdir(f"{upper}/made") and os.path.isdir(f"{upper}.work")
    container.config["process"]["args"] = ["cat", "/which"]
    assert container.run("--layers", layers, "--upper", upper).out == "new\n"


def test_annotations(runtime):
    """The same by annotation, with paths that count from the bundle; the options win."""
    container = runtime.container()
    stacked(container)
    directory(container.bundle, "upper", {})
    directory(container.bundle, "other", {"which": "other\n"})
    container.config["annotations"] = {"io.tare.root.layers": "top:base",
                                       "io.tare.root.upper": "upper"}
    result = container.run()
    assert (result.rc, result.out) == (0, SEEN), result
    assert os.path.exists(f"{container.bundle}/upper/which")
    container.config["process"]["args"] = ["cat", "/which"]
    result = container.run("--layers", f"{container.bundle}/other:{container.bundle}/base")
    assert result.out == "other\n"
    assert os.path.isdir(f"{container.bundle}/upper")


def test_relative_paths_of_the_option(runtime):
    """They count from the working directory; a backslash takes the meaning from a colon."""
    container = runtime.container()
    stacked(container)
    os.rename(f"{container.bundle}/top", f"{container.bundle}/to:p")
    container.write()
    process = subprocess.run(
        runtime.argv("run", "--bundle", container.bundle, "--layers", "to\\:p:base", container.id),
        cwd=container.bundle, env=runtime.env, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout) == (0, SEEN), process


def test_five_hundred_layers(runtime):
    """As many as the kernel takes: below Linux 6.7 they have to fit into a page, with an error that says so."""
    container = runtime.container()
    by_name = "-overlay_append" in runtime.kernel_caps or tare.linux_version() < (6, 7)
    count = 200 if by_name else 500
    os.rename(container.rootfs, f"{container.bundle}/base")
    layers = [directory(container.bundle, f"l{i}", {f"file{i}": f"{i}\n", "which": f"{i}\n"})
              for i in range(count - 1)]
    container.config["process"]["args"] = ["/bin/sh", "-c",
                                           f"cat /which /file{count - 2}; ls / | grep -c ^file"]
    result = container.run("--layers", ":".join([*layers, f"{container.bundle}/base"]))
    assert (result.rc, result.out) == (0, f"0\n{count - 2}\n{count - 1}\n"), result
    if count < 500:
        result = container.run("--layers", ":".join([f"{container.bundle}/base"] * 500))
        assert result.rc == 1 and "too many for mount(2); more take Linux 6.7" in result.err


def test_too_many_layers(runtime):
    container = runtime.container()
    result = container.run("--layers", ":".join([container.rootfs] * 501))
    assert result.rc == 1 and "at most 500 layers" in result.err


def test_root_directory_and_mounts(runtime):
    """The root directory has the owner and the mode of the top layer's; masks and read-only work on it."""
    container = runtime.reporter("mounts")
    layers = stacked(container)
    container.config["process"]["args"] = [
        "/bin/sh", "-c", "stat -c '%a %u %g' /; touch /x; cat /only-base; ls /masked"]
    container.config["root"]["readonly"] = True
    container.config["linux"]["maskedPaths"] = ["/only-base"]
    os.chmod(f"{container.bundle}/top", 0o711)
    os.chown(f"{container.bundle}/top", 5, 6)
    result = container.run("--layers", layers)
    assert result.out.splitlines()[0] == "711 5 6"
    assert "Read-only file system" in result.err and "base" not in result.out


def test_life_cycle(runtime):
    """create, start, state and delete know nothing of it; nothing stays mounted."""
    container = runtime.container(["/bin/sleep", "100"])
    layers = stacked(container)
    container.config["process"]["args"] = ["/bin/sleep", "100"]
    container.create("--layers", layers)
    container.start()
    assert container.state()["rootfs"] == container.rootfs
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        assert container.bundle not in file.read()
    with open(f"/proc/{container.pid}/root/which", encoding="utf-8") as file:
        assert file.read() == "top\n"
    container.kill("KILL")
    container.wait()
    container.delete()


def test_hooks_see_the_root(runtime):
    """createRuntime finds it at root.path in the container's mount namespace, where that exists."""
    container = runtime.container()
    layers = stacked(container)
    os.mkdir(container.rootfs)
    container.config["hooks"] = {"createContainer": [
        {"path": "/bin/cat", "args": ["cat", f"{container.rootfs}/which"]}]}
    container.config["process"]["args"] = ["cat", "/which"]
    assert container.run("--layers", layers).out == "top\n"


def test_user_namespace(runtime):
    """Root in a user namespace: the layers belong to its ids, and a removed directory stays removed."""
    container = runtime.container()
    layers = stacked(container)
    container.config["linux"]["namespaces"].append({"type": "user"})
    for key in ("uidMappings", "gidMappings"):
        container.config["linux"][key] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    for where, names, files in os.walk(container.bundle):
        for name in names + files:
            os.lchown(f"{where}/{name}", 100000, 100000)
    container.config["process"]["args"] = [
        "/bin/sh", "-c", LOOK + "; rm /only-base; ls /only-base; ls -d /bin && rm /bin/report && "
        "ls /bin/report"]
    result = container.run("--layers", layers)
    assert result.out == SEEN + "/bin\n", result
    assert os.path.exists(f"{container.bundle}/base/bin/report")


def test_without_privileges(unprivileged_runtime):
    """A user's container, with an ephemeral and with a writable layer, without fuse."""
    container = unprivileged_runtime.container()
    runtime = container.runtime
    layers = stacked(container)
    user = runtime.user if runtime.user is not None else os.geteuid()
    directory(container.bundle, "upper", {})
    subprocess.run(["chown", "-R", f"{user}:{user}", container.bundle], check=True)
    runtime.ok("spec", "--rootless", "--bundle", container.bundle)
    with open(f"{container.bundle}/config.json", encoding="utf-8") as file:
        config = json.load(file)
    config["process"]["terminal"] = False
    config["root"]["readonly"] = False
    config["process"]["args"] = ["/bin/sh", "-c", LOOK]
    container.config = config
    os.unlink(f"{container.bundle}/config.json")
    for options in ([], ["--upper", f"{container.bundle}/upper"]):
        result = container.run("--layers", layers, *options)
        assert (result.rc, result.out) == (0, SEEN), (options, result)
    assert os.stat(f"{container.bundle}/upper/which").st_uid == user
    # overlay's own directory in there can't be looked into by anyone but root
    subprocess.run(["chmod", "-R", "u+rwx", f"{container.bundle}/upper.work"], check=True)


@pytest.mark.parametrize("options, words", [
    (["--layers", "/nonexistent:{base}"], 'open the layer "/nonexistent": no such file or directory'),
    (["--layers", ""], 'there is no layer in ""'),
    (["--layers", "{base}::"], None),
    (["--layers", "{base}", "--upper", "/nonexistent/upper"], "/nonexistent/upper.work"),
    (["--layers", "{base}", "--upper", "/"], '"/" can\'t be the writable layer'),
    (["--upper", "{base}"], "a writable layer without layers below it"),
    (["--layers", "{base}/which"], "not a directory"),
])
def test_bad_layers(runtime, options, words):
    """Each with what is wrong; nothing is left."""
    container = runtime.container()
    stacked(container)
    container.config["process"]["args"] = ["true"]
    result = container.run(*[option.format(base=f"{container.bundle}/base") for option in options])
    if words is None:
        assert result.rc in (0, 1)
    else:
        assert result.rc == 1 and words in result.err.replace('\\"', '"'), result
    assert runtime.ids() == []


def test_needs_a_mount_namespace(runtime):
    container = runtime.container()
    container.config["linux"]["namespaces"] = []
    container.config["linux"].pop("maskedPaths", None)
    container.config["linux"].pop("readonlyPaths", None)
    container.config["mounts"] = []
    container.config.pop("hostname", None)
    container.config["root"]["readonly"] = False
    result = container.run("--layers", container.rootfs)
    assert result.rc == 1 and "--layers: takes a new mount namespace" in result.err


def add(tar, name, text=None, **members):
    """One entry of a layer."""
    entry = tarfile.TarInfo(name)
    entry.size = len(text) if text is not None else 0
    entry.mode = 0o755
    for key, value in members.items():
        setattr(entry, key, value)
    tar.addfile(entry, io.BytesIO(text.encode()) if text is not None else None)


def image_layout(path, rootfs, layers):
    """An image of the root file system and of further layers, each a function that fills a tar file."""
    os.makedirs(f"{path}/blobs/sha256")

    def blob(data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        with open(f"{path}/blobs/sha256/{digest}", "wb") as file:
            file.write(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    entries = []
    for fill in [lambda tar: tar.add(rootfs, "."), *layers]:
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as tar:
            fill(tar)
        entries.append(blob(gzip.compress(data.getvalue(), 1),
                            "application/vnd.oci.image.layer.v1.tar+gzip"))
    config = blob(json.dumps({"config": {"Env": ["PATH=/bin", "A=b c"], "WorkingDir": "/tmp",
                                         "Entrypoint": ["/bin/sh", "-c"], "User": "7:8",
                                         "Cmd": ["echo nothing"]}}).encode(),
                  "application/vnd.oci.image.config.v1+json")
    manifest = blob(json.dumps({"schemaVersion": 2, "config": config, "layers": entries}).encode(),
                    "application/vnd.oci.image.manifest.v1+json")
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    with open(f"{path}/index.json", "w", encoding="utf-8") as file:
        json.dump({"schemaVersion": 2, "manifests": [manifest]}, file)


def test_an_image_by_hand(runtime):
    """contrib/run-image: layers with whiteouts, an opaque directory and a hard link; no path out of them."""
    container = runtime.container()
    base = container.bundle

    def first(tar):
        add(tar, "gone", "x")
        add(tar, "full/old", "x")
        add(tar, "kept", "kept\n")

    def second(tar):
        add(tar, ".wh.gone")
        add(tar, "full/.wh..wh..opq")
        add(tar, "full/new", "new\n")
        add(tar, "again", type=tarfile.LNKTYPE, linkname="full/new")

    image_layout(f"{base}/image", container.rootfs, [first, second])
    shutil.rmtree(container.rootfs)
    words = ["cd /; cat kept again; ls gone full; id -u; id -g; echo $A"]
    command = [f"{tare.TOP}/contrib/run-image", "--tare", f"{base}/tare", "--store",
               f"{base}/layers", "--tag", "latest", f"{base}/image", container.id, *words]
    with open(f"{base}/tare", "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexec " + " ".join(runtime.argv()) + ' "$@"\n')
    os.chmod(f"{base}/tare", 0o755)
    for _ in range(2):
        result = subprocess.run(command, env=runtime.env, capture_output=True, text=True,
                                stdin=subprocess.DEVNULL, check=False)
        assert result.stdout == "kept\nnew\nfull:\nnew\n7\n8\nb c\n" or \
            result.stdout == "kept\nnew\nnew\n7\n8\nb c\n", result
        assert "gone: No such file" in result.stderr
    assert len(os.listdir(f"{base}/layers")) == 3


@promise("spec:60")
def test_layers_that_lead_out(runtime):
    """A layer with a path out of itself, or through a link, is refused and nothing is written there."""
    container = runtime.container()
    for name, fill in {
            "up": lambda tar: add(tar, "../escaped", "x"),
            "link": lambda tar: (add(tar, "l", type=tarfile.SYMTYPE, linkname=container.bundle),
                                 add(tar, "l/escaped", "x"))}.items():
        image_layout(f"{container.bundle}/{name}", container.rootfs, [fill])
        result = subprocess.run(
            [f"{tare.TOP}/contrib/run-image", "--tare", "/bin/false", "--store",
             f"{container.bundle}/layers-{name}", f"{container.bundle}/{name}", container.id],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        assert result.returncode != 0
        assert not os.path.exists(f"{container.bundle}/escaped")
        assert len(os.listdir(f"{container.bundle}/layers-{name}")) <= 1
