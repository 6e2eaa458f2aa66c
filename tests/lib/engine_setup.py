"""Container engines of Debian's packages with tare as their runtime, on a machine that has them (tests/run --vm sid
engines). They are set up as contrib/engines says, by its files; runc and crun are covered by a program that fails, so
that what runs, runs on tare.

    def test_hello(engine):
        assert engine.ok("run", "--rm", IMAGE, "echo", "hello") == "hello\\n"

Nothing is taken away at the end of a session: the set-up only converges, so that workers share it, and one session
follows another in the same machine.
"""
import contextlib
import fcntl
import glob
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import uuid

import tare
from tare import eventually, read_text

CONTRIB = f"{tare.TOP}/contrib/engines"
TARE = "/usr/local/bin/tare"
WORK = "/var/lib/tare-engines"
MACHINE_ROOT = f"{WORK}/root"  # the machine's root without what is mounted on it
IMAGE = "localhost/base:latest"
USER = 1000  # who has a service manager of their own, and ranges of ids (tests/vm/image)
USER_CGROUP = f"/sys/fs/cgroup/user.slice/user-{USER}.slice/user@{USER}.service/engines"


@contextlib.contextmanager
def locked():
    """Keeps the other workers from setting up at the same time."""
    os.makedirs(WORK, exist_ok=True)
    with open(f"{WORK}/lock", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(*words, check=True, **how):
    """A program of the machine's. Returns a tare.Result."""
    done = subprocess.run([str(word) for word in words], capture_output=True, check=False,
                          **{"input": b"", "timeout": 120, **how})
    result = tare.Result(done.returncode, *(x.decode(errors="replace") for x in (done.stdout, done.stderr)))
    assert not check or result.rc == 0, f"{' '.join(map(str, words))}: {result}"
    return result


def install(source, target, mode=0o644):
    """Puts a file in its place by renaming. Returns whether that changed anything."""
    with open(source, "rb") as file:
        wanted = file.read()
    if os.path.exists(target):
        with open(target, "rb") as file:
            if file.read() == wanted:
                return False
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(f"{target}.new", "wb") as file:
        file.write(wanted)
    os.chmod(f"{target}.new", mode)
    os.rename(f"{target}.new", target)
    return True


def connect():
    """A network card with a default route, which leads nowhere: a user's podman takes the container's from it."""
    if not run("ip", "route", "show", "default").out:
        run("ip", "link", "add", "uplink", "type", "dummy")
        run("ip", "address", "add", "192.0.2.2/24", "dev", "uplink")
        run("ip", "link", "set", "uplink", "up")
        run("ip", "route", "add", "default", "via", "192.0.2.1")


def cover_other_runtimes():
    """Whatever engine asks for another runtime fails."""
    stub = f"{WORK}/not-tare"
    with open(stub, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\necho 'this is not tare' >&2\nexit 1\n")
    os.chmod(stub, 0o755)
    for program in map(shutil.which, ("runc", "crun")):
        if program and "this is not tare" not in read_text(program):
            run("mount", "--bind", stub, program)


def service(name, changed):
    """Starts a service of systemd's, again if its configuration has changed."""
    run("systemctl", "reset-failed", name, check=False)
    run("systemctl", "restart" if changed else "start", name)


def containerd_version():
    """(major, minor)"""
    words = run("containerd", "--version").out.split()
    return tuple(int(number) for number in words[2].lstrip("v").split("+")[0].split("~")[0].split(".")[:2])


def set_up(program):
    """Puts tare, its set-ups and the image in their places, and covers the other runtimes."""
    with locked():
        install(program, TARE, 0o755)
        cover_other_runtimes()
        connect()
        make_image(f"{WORK}/image.tar")
        configure_containerd()
        # ismount() does not see a bind of the same file system; and what is mounted on a shared bind of the root, a
        # second bind, would be mounted on the root, too, where no program may make a user namespace then
        if f" {MACHINE_ROOT} " not in read_text("/proc/self/mountinfo"):
            os.makedirs(MACHINE_ROOT, exist_ok=True)
            run("mount", "--bind", "--make-private", "/", MACHINE_ROOT)


def configure_containerd():
    """containerd as contrib says, with what a test of the CRI needs beside it: where its sandboxes come from, and
    a network for them. Before any engine starts, since docker uses the same containerd."""
    name = "config.toml" if containerd_version() >= (2, 0) else "config-1.7.toml"
    with open(f"{WORK}/config.toml", "w", encoding="utf-8") as file:
        file.write(read_text(f"{CONTRIB}/containerd/{name}") + sandbox_table(name))
    with open(f"{WORK}/network.conflist", "w", encoding="utf-8") as file:
        json.dump(POD_NETWORK, file)
    changed = install(f"{WORK}/network.conflist", "/etc/cni/net.d/10-pods.conflist")
    changed |= install(f"{WORK}/config.toml", "/etc/containerd/config.toml")
    service("containerd", changed)


def start_containerd():
    """Gives it the image, for ctr and for the CRI."""
    with locked():
        for namespace in ("default", "k8s.io"):
            have = run("ctr", "-n", namespace, "image", "ls", "-q").out
            if IMAGE not in have:
                run("ctr", "-n", namespace, "image", "import", f"{WORK}/image.tar")


# What containerd's CRI connects pods with (Debian's containernetworking-plugins).
POD_NETWORK = {
    "cniVersion": "1.0.0", "name": "pods",
    "plugins": [{"type": "bridge", "bridge": "pods0", "isGateway": True, "ipMasq": False,
                 "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.77.0/24"}]],
                          "routes": [{"dst": "0.0.0.0/0"}]}}]}


def sandbox_table(name):
    """The image whose program keeps a pod's namespaces, and where Debian has the network's programs."""
    if name == "config.toml":
        return ("\n[plugins.'io.containerd.cri.v1.images'.pinned_images]\n"
                f"  sandbox = '{IMAGE}'\n"
                "\n[plugins.'io.containerd.cri.v1.runtime'.cni]\n  bin_dirs = ['/usr/lib/cni']\n")
    return ("\n[plugins.'io.containerd.grpc.v1.cri']\n"
            f"  sandbox_image = '{IMAGE}'\n"
            "\n[plugins.'io.containerd.grpc.v1.cri'.cni]\n  bin_dir = '/usr/lib/cni'\n")


def make_image(path):
    """An image as `docker save` writes it, which all engines load: busybox whose default program sleeps."""
    if os.path.exists(path):
        return
    root = f"{WORK}/rootfs"
    shutil.rmtree(root, ignore_errors=True)
    tare.make_rootfs(root, f"{tare.TOP}/build-results")
    layer = f"{WORK}/layer.tar"
    run("tar", "--owner=0", "--group=0", "--numeric-owner", "-C", root, "-cf", layer, ".")
    with open(layer, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    config = json.dumps({
        "architecture": "amd64", "os": "linux",
        "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                   "Cmd": ["sleep", "1000000"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created_by": "tests/lib/engine_setup.py"}]}).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(f"{path}.new", "w") as tar:
        for member, data in ((name, config), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(member)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        tar.add(layer, "layer.tar")
    os.rename(f"{path}.new", path)


def set_up_docker_build():
    """What contrib says for `docker build`. Returns whether that changed anything."""
    directory = "/usr/local/lib/tare/docker-build"
    if not os.path.islink(f"{directory}/runc"):
        os.makedirs(directory, exist_ok=True)
        os.symlink(TARE, f"{directory}/runc")
    changed = install(f"{CONTRIB}/docker/docker-build.conf", "/etc/systemd/system/docker.service.d/docker-build.conf")
    if changed:
        run("systemctl", "daemon-reload")
    return changed


class Engine:
    """An engine by its command, which docker and podman have in common."""

    def __init__(self, command, state, user=None):
        self.command, self.state, self.user = command, state, user
        self.is_podman = command == "podman"
        self.environment = dict(os.environ)
        if user is not None:
            self.environment = {
                "PATH": os.environ["PATH"], "HOME": "/home/user", "USER": "user",
                "XDG_RUNTIME_DIR": f"/run/user/{user}",
                "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/run/user/{user}/bus"}

    def words(self, *words):
        """The whole command line."""
        return self.as_its_user(self.command, *(str(word) for word in words))

    def as_its_user(self, *words):
        """A command line. A user's is called from a cgroup of the user's own, as in a session."""
        if self.user is None:
            return list(words)
        return ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', USER_CGROUP, "setpriv",
                f"--reuid={self.user}", f"--regid={self.user}", "--init-groups", *words]

    def call(self, *words, **how):
        """Calls it. Returns the Result."""
        # not from where the tests are: the user may not be there
        return run(*self.words(*words), check=False, env=self.environment, cwd="/", **how)

    def ok(self, *words, **how):
        """As call(), for what must succeed. Returns the standard output."""
        result = self.call(*words, **how)
        assert result.rc == 0, f"{self.command} {' '.join(map(str, words))}: {result}"
        return result.out

    def start(self):
        """Sets it up as contrib says, and loads the image."""
        with locked():
            if self.is_podman:
                self.start_podman()
            else:
                changed = install(f"{CONTRIB}/docker/daemon.json", "/etc/docker/daemon.json")
                changed |= set_up_docker_build()
                service("docker", changed)
                # docker drops what is forwarded and not its own: the other engines' networks
                run("sh", "-c", "iptables -C DOCKER-USER -j ACCEPT || iptables -I DOCKER-USER -j ACCEPT")
            if self.call("image", "inspect", IMAGE).rc:
                self.ok("load", "-i", f"{WORK}/image.tar")

    def start_podman(self):
        """It has no daemon; the user's calls come from a cgroup of theirs."""
        install(f"{CONTRIB}/podman/50-tare.conf", "/etc/containers/containers.conf.d/50-tare.conf")
        os.chmod(WORK, 0o755)
        if self.user is not None:
            os.makedirs(USER_CGROUP, exist_ok=True)

    def serve(self):
        """Has its service answer, which docker's has done from the start: compose speaks to that."""
        if self.is_podman:
            manager = [] if self.user is None else ["--user"]
            run(*self.as_its_user("systemctl", *manager, "start", "podman.socket"), env=self.environment, cwd="/")

    def version(self):
        """The major one."""
        return int(self.ok("version", "--format", "{{.Server.Version}}" if not self.is_podman else
                           "{{.Client.Version}}").split(".")[0])

    def inspect(self, name, template):
        """What it knows of a container, by a template."""
        return self.ok("inspect", "--format", template, name).strip()

    def pid(self, name):
        """The init of a container."""
        return int(self.inspect(name, "{{.State.Pid}}"))

    def directory(self):
        """A new directory that the engine's user owns. (Nobody takes it away; the machine is new the next time.)"""
        path = f"{WORK}/{new_name()}"
        os.mkdir(path)
        if self.user is not None:
            os.chown(path, self.user, self.user)
        return path

    @contextlib.contextmanager
    def container(self, *words, image=IMAGE, args=(), lasts=True):
        """A container that runs in the background; its name. Nothing of it may be left afterwards.
        @lasts: its program does not end by itself."""
        name = new_name()
        try:
            full = self.ok("run", "-d", "--name", name, *words, image, *args).split()[-1]
            # what its runtime knows of it, is known to tare
            assert not lasts or os.path.isdir(f"{self.state}/{full}"), "it does not run on tare"
            yield name
        finally:
            self.call("rm", "-f", "-v", "-t", "0", name) if self.is_podman else \
                self.call("rm", "-f", "-v", name)
        eventually(lambda: self.left(full) == [], 20)

    def left(self, full):
        """What is there of a container that has been removed."""
        found = glob.glob(f"{self.state}/{full}")
        found += [line for line in read_text("/proc/self/mountinfo").splitlines() if full in line]
        found += glob.glob(f"/sys/fs/cgroup/**/*{full}*", recursive=True)
        return found


def new_name():
    """A name that no other container has."""
    return f"t{uuid.uuid4().hex[:10]}"


def engines():
    """Those that docker's way of commands drives."""
    return {
        "docker": Engine("docker", "/run/docker/runtime-runc/moby"),
        "podman": Engine("podman", "/run/tare"),
        "rootless": Engine("podman", f"/run/user/{USER}/tare", user=USER),
    }
