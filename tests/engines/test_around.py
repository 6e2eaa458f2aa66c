"""What engines put around a container: file systems, networks, images that they build, services that belong
together; under docker and podman, as root and as a user."""
import contextlib
import json
import os
import urllib.error
import urllib.request

from engine_setup import IMAGE, new_name
from tare import eventually, promise

SERVER = ["sh", "-c", "echo served > /tmp/index.html; exec httpd -f -p 80 -h /tmp"]


@promise("contract:14")
def test_file_systems(engine):
    """A root that can't be written, a volume that keeps what was written, a tmpfs of a size, a bind of the host's."""
    volume = new_name()
    script = "touch /file; echo kept > /volume/file; df -m /scratch | tail -n 1; touch /scratch/file /bound/file; "
    script += "cat /bound/word"
    directory = engine.directory()
    with open(f"{directory}/word", "w", encoding="ascii") as file:
        file.write("of the host")
    try:
        done = engine.call("run", "--rm", "--read-only", "-v", f"{volume}:/volume", "-v", f"{directory}:/bound:ro",
                           "--tmpfs", "/scratch:size=3m,mode=1777", IMAGE, "sh", "-c", script)
        assert done.err.count("Read-only file system") == 2 and "/file" in done.err and "/bound/file" in done.err
        size, *_, host = done.out.split("\n")
        assert size.split()[1] == "3" and size.split()[-1] == "/scratch"
        assert host == "of the host"
        assert engine.ok("run", "--rm", "-v", f"{volume}:/other:ro", IMAGE, "cat", "/other/file") == "kept\n"
        assert not os.path.exists(f"{directory}/file")
    finally:
        engine.ok("volume", "rm", volume)


def test_privileged(engine):
    """All capabilities, the kernel's settings writable, nothing masked; and without it, not."""
    script = "grep CapEff /proc/self/status; mount -t tmpfs none /tmp && echo mounted; " \
        "grep -c ' /proc/[^ ]* ' /proc/mounts"
    plain = engine.call("run", "--rm", IMAGE, "sh", "-c", script).out.split()
    free = engine.call("run", "--rm", "--privileged", IMAGE, "sh", "-c", script).out.split()
    assert int(plain[1], 16) & 1 << 21 == 0 and plain[2] != "mounted" and int(plain[-1]) > 0
    assert int(free[1], 16) & 1 << 21 and free[2] == "mounted" and int(free[-1]) == 0


def test_published_port(engine):
    """An HTTP request through a port of the host's."""
    with engine.container("-p", "127.0.0.1::80", args=SERVER) as name:
        address = engine.ok("port", name, "80").split()[0]

        def answer():
            try:
                with urllib.request.urlopen(f"http://{address}/", timeout=5) as reply:
                    return reply.read()
            except (urllib.error.URLError, OSError):
                return None
        assert eventually(answer, 20) == b"served\n"


@contextlib.contextmanager
def network(engine):
    """A network of the engine's, by its name."""
    name = new_name()
    engine.ok("network", "create", name)
    try:
        yield name
    finally:
        engine.ok("network", "rm", name)


def test_network(engine):
    """Two containers of one network reach one another by name, a third outside of it reaches none."""
    with network(engine) as net, engine.container("--network", net, args=SERVER) as server, \
            engine.container("--network", net) as client:
        fetch = ["wget", "-q", "-O", "-", "-T", "10", f"http://{server}/"]
        assert eventually(lambda: engine.call("exec", client, *fetch).out, 20) == "served\n"
        assert engine.call("run", "--rm", IMAGE, *fetch).rc


def test_build(engine):
    """An image from a file of steps, two of which run."""
    directory = engine.directory()
    with open(f"{directory}/Dockerfile", "w", encoding="ascii") as file:
        file.write(f"FROM {IMAGE}\n"
                   "COPY word /word\n"
                   "RUN tr a-z A-Z < /word > /loud && test $(id -u) = 0\n"
                   "ENV NAME=built\n"
                   "USER 1000\n"
                   "RUN id -u > /tmp/user\n"
                   'CMD ["sh", "-c", "cat /loud /tmp/user; echo $NAME; id -u"]\n')
    with open(f"{directory}/word", "w", encoding="ascii") as file:
        file.write("word\n")
    image = f"localhost/{new_name()}"
    engine.ok("build", "-t", image, directory, timeout=300)
    try:
        assert engine.ok("run", "--rm", image) == "WORD\n1000\nbuilt\n1000\n"
    finally:
        engine.ok("rmi", image)
    with open(f"{directory}/Dockerfile", "w", encoding="ascii") as file:
        file.write(f"FROM {IMAGE}\nRUN exit 42\n")
    failed = engine.call("build", directory, timeout=300)
    assert failed.rc and "42" in failed.err + failed.out


def test_health(engine):
    """The program that tells whether a container is well is run in it again and again."""
    with engine.container("--health-cmd", "test -e /tmp/well", "--health-interval", "1s", "--health-retries", "1",
                          args=["sh", "-c", "touch /tmp/well; exec sleep 1000"]) as name:
        state = "{{.State.Health.Status}}"
        eventually(lambda: engine.inspect(name, state) == "healthy", 30)
        engine.ok("exec", name, "rm", "/tmp/well")
        eventually(lambda: engine.inspect(name, state) == "unhealthy", 30)


COMPOSE = """
services:
  server:
    image: {image}
    command: {server}
  client:
    image: {image}
    depends_on: [server]
    command: ["sh", "-c", "until wget -q -O - http://server/; do sleep 0.1; done; exec sleep 1000"]
"""


def test_compose(engine):
    """Two services, of which one asks the other by name; all is gone when they are taken down."""
    engine.serve()
    directory, project = engine.directory(), new_name()
    with open(f"{directory}/compose.yaml", "w", encoding="ascii") as file:
        file.write(COMPOSE.format(image=IMAGE, server=json.dumps(SERVER)))
    command = ["compose", "-p", project, "-f", f"{directory}/compose.yaml"]
    try:
        engine.ok(*command, "up", "-d", timeout=300)
        eventually(lambda: "served" in engine.ok(*command, "logs", "client"), 60)
        assert engine.ok(*command, "exec", "-T", "server", "hostname").strip()
        assert sorted(engine.ok(*command, "ps", "--services").split()) == ["client", "server"]
    finally:
        engine.ok(*command, "down", "-t", "0", timeout=300)
    assert project not in engine.ok("ps", "-a", "--format", "{{.Names}}") + engine.ok("network", "ls")
