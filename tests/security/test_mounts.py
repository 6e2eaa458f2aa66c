"""mounts add and remove against a container that changes the tree meanwhile: before each of tare's calls that has to
do with the volume, in turn, a directory of it becomes a link, or a link a directory, or for that one call."""
import json
import os
import shutil
import subprocess

import pytest

import callers
import stepper
import tare
from tare import parse_mountinfo, promise, read_text
from volume import Volume, race_config

PARTS = 2


@pytest.fixture
def volume(runtime):
    made = Volume(runtime)
    yield made
    made.remove()


@pytest.fixture
def container(runtime, volume):
    """One that runs, and shares the volume."""
    callers.skip_peer(runtime, "runc", "has no such verb")
    callers.skip_peer(runtime, "crun", "is not what is tested here")
    made = runtime.container(config=race_config(volume, args=["/bin/sleep", "1000"]))
    made.config["linux"]["readonlyPaths"] = ["/proc/sys"]
    return made.create().start()


def words(made, word, *rows):
    path = f"{made.bundle}/{word}.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(rows, file)
    return ["mounts", word, made.id, path]


def table(made):
    return parse_mountinfo(read_text(f"/proc/{made.pid}/mountinfo"))


def nsenter(made, *command):
    subprocess.run(["nsenter", f"--mount=/proc/{made.pid}/ns/mnt", *command], check=True)


def raced(made):
    """Where the container has what was added, the uppermost first."""
    lines = read_text(f"/proc/{made.pid}/mountinfo").splitlines()
    return [line.split()[4] for line in reversed(lines) if " raced " in line]


def sweep(volume, made, canary, entries, action, check, back, part=0, parts=1):
    """Exchanges /vol/x and /vol/swap before each call."""
    def reset():
        for point in raced(made):
            nsenter(made, "umount", "-l", point)
        volume.fill()
        entries()
    stepped = stepper.Stepper(made.runtime, prefixes=["/vol"], devices=[volume.path],
                              forbidden=[canary.directory])
    stepper.Sweep(stepped, made, canary, (f"{volume.path}/x", f"{volume.path}/swap"), reset,
                  lambda: made.runtime.call(*action)).run(lambda where, out: check(where), part, parts, back)


@promise("CVE-2021-30465", "CVE-2024-45310", "CVE-2019-18837", "contract:2")
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("target", ["canary", "/", "../../../.."], ids=["canary", "root", "up"])
@pytest.mark.parametrize("first", ["directory", "link", "pulse"])
def test_added_below_an_exchanged_directory(volume, container, canary, first, target, part):
    """The mount lands in the container's tree, wherever the link leads, and nothing is made outside of it."""
    target = canary.directory if target == "canary" else target

    def entries():
        names = ("x", "swap") if first != "link" else ("swap", "x")
        volume.fill(**{names[0]: None, names[1]: target})
        for made in (f"{container.rootfs}/y", f"{container.rootfs}{os.path.dirname(canary.directory)}"):
            shutil.rmtree(made, ignore_errors=True)

    def check(where):
        assert len(raced(container)) == 1, f"{where}: {raced(container)}"
        assert " raced " not in read_text("/proc/self/mountinfo"), where

    row = {"destination": "/vol/x/y/z", "type": "tmpfs", "source": "raced"}
    sweep(volume, container, canary, entries, words(container, "add", row), check, first == "pulse", part,
          PARTS)
    assert not os.path.exists(f"{container.runtime.directory}/y")


@promise("CVE-2023-27561", "CVE-2023-28642", "contract:2")
@pytest.mark.parametrize("first", ["directory", "link", "pulse"])
def test_removed_below_an_exchanged_directory(volume, container, canary, first):
    """What makes /proc/sys read-only stays, although /vol/x becomes /proc: no link is followed."""
    def entries():
        names = ("x", "swap") if first != "link" else ("swap", "x")
        volume.fill(**{names[0]: None, names[1]: "/proc"})
        os.mkdir(f"{volume.path}/{names[0]}/sys")
        nsenter(container, "mount", "-t", "tmpfs", "added", f"/vol/{names[0]}/sys")

    def check(where):
        assert "ro" in table(container)["/proc/sys"]["options"], where

    action = words(container, "remove", {"destination": "/vol/x/sys"})
    sweep(volume, container, canary, entries, action, check, first == "pulse")
    check("in the end")
    assert container.runtime.call("exec", container.id, "/bin/sh", "-c", "echo 1 > /proc/sys/vm/panic_on_oom").rc


@promise("CVE-2019-19921", "CVE-2025-31133")
@pytest.mark.parametrize("link", ["/proc/self", "/proc/sys", "../proc/1/root"])
def test_links_into_kernel_file_systems(volume, container, link):
    """What is added goes neither over procfs nor through a magic link."""
    os.symlink(link, f"{volume.path}/x")
    row = {"destination": "/vol/x", "type": "tmpfs", "source": "raced"}
    result = container.runtime.call(*words(container, "add", row))
    assert result.rc == 1, result
    assert "raced" not in read_text(f"/proc/{container.pid}/mountinfo")


@promise("R-DUMP", "CVE-2016-9962", "CVE-2019-5736")
def test_the_helper_is_out_of_sight(runtime):
    """A container that looks at every process which it can see never sees the one that mounts."""
    callers.skip_peer(runtime, "runc", "has no such verb")
    callers.skip_peer(runtime, "crun", "is not what is tested here")
    script = "while :; do for p in /proc/[0-9]*; do readlink $p/exe; done; done | grep -v busybox"
    made = runtime.container(["/bin/sh", "-c", script])
    made.config["root"]["readonly"] = False
    made.config["process"]["capabilities"] = {
        kind: ["CAP_SYS_PTRACE", "CAP_SYS_ADMIN"] for kind in ("bounding", "effective", "permitted")}
    made.create().start()
    row = {"destination": "/mnt", "type": "tmpfs", "source": "x"}
    for _ in range(max(3, 30 // tare.SCALE)):
        assert runtime.call(*words(made, "add", row)).rc == 0
        assert runtime.call(*words(made, "remove", row)).rc == 0
    made.kill("KILL")
    made.wait()
    assert made.output()[0] == ""
