"""Races between tare and whoever may change a volume: before each of tare's calls that has to do with the
volume, in turn, a directory of it becomes a symbolic link, or a link a directory, or for that one call."""
import json
import os
import shutil
import stat
import subprocess

import pytest

import host as host_module
import stepper
from tare import default_config, parse_mountinfo, promise

PARTS = 2  # a sweep is cut into parts, so that they run beside each other
PRIVATE_MOUNTS = ("/proc", "/vol")


class Volume:
    """A volume on a file system of its own, with two names that are exchanged."""

    def __init__(self, runtime):
        self.path = f"{runtime.directory}/volume"
        os.mkdir(self.path)
        host_module.mount("tmpfs", self.path, "tmpfs", 0, "mode=755")

    def fill(self, **entries):
        """Empties it and makes the entries: None a directory, "-" a file, else a link to there."""
        for name in os.listdir(self.path):
            path = f"{self.path}/{name}"
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        for name, what in entries.items():
            path = f"{self.path}/{name}"
            if what is None:
                os.mkdir(path)
            elif what == "null":
                os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
            elif what == "-":
                with open(path, "w", encoding="ascii"):
                    pass
            else:
                os.symlink(what, path)

    def remove(self):
        """Undoes it."""
        host_module.umount(self.path)


@pytest.fixture
def volume(runtime):
    made = Volume(runtime)
    yield made
    made.remove()


def race_config(volume, *mounts, args=("/bin/report", "mountinfo")):
    """A configuration with the volume at /vol and little else."""
    config = default_config(args)
    config["root"]["readonly"] = False
    config["mounts"] = [config["mounts"][0],
                        {"destination": "/vol", "type": "bind", "source": volume.path,
                         "options": ["rbind", "rw"]}, *mounts]
    del config["linux"]["maskedPaths"], config["linux"]["readonlyPaths"]
    return config


def sweep(race, volume, entries, check, part, back=False):
    """Runs the container once for each call of interest, with the exchange before (back: around) it.
    check(result) looks at a run that succeeded."""
    race.reset(entries)
    _, log = race.count(race.container.run)
    assert len(log.calls) >= 3, log
    landed = 0
    for step in range(part + 1, log.total + 1, PARTS):
        race.reset(entries)
        options = ["-n", str(step), "-x", f"{volume.path}/x,{volume.path}/swap"]
        result, seen = race.call(options + (["-b"] if back else []), race.container.run)
        where = f"step {step} of {log.total}, {seen.calls[step - 1:step]}"
        landed += seen.swapped
        assert result.rc in (0, 1), f"{where}: {result}"
        assert not seen.mounted, f"{where}: mounted outside: {seen.mounted}"
        race.canary.check(where)
        if result.rc == 0:
            check(where, json.loads(result.out))
        else:
            assert result.err, where
    assert landed >= log.total // PARTS // 2, "the changes were not made"


@pytest.fixture
def make_race(runtime, volume, canary):
    """A container under the stepper: make_race(mounts)."""
    def make(*mounts, **more):
        container = runtime.container(config=race_config(volume, *mounts, **more))
        race = stepper.Stepper(runtime, prefixes=[f"{container.rootfs}/vol", "/vol"],
                               devices=[volume.path], forbidden=[canary.directory])
        race.container, race.canary = container, canary

        def reset(entries):
            """As before the first run; a link to the canary leads to a path inside the root."""
            volume.fill(**entries)
            shutil.rmtree(f"{container.rootfs}/tmp")
            os.mkdir(f"{container.rootfs}/tmp")
        race.reset = reset
        return race
    return make


def only_inside(canary, allowed=PRIVATE_MOUNTS):
    """A check: the container sees its own mounts and the raced one, nothing of the canary."""
    def check(where, seen):
        rows = parse_mountinfo(seen["mountinfo"])
        raced = {point: row for point, row in rows.items() if row["source"] == "raced"}
        assert len(raced) <= 1, f"{where}: {raced}"
        others = set(rows) - set(raced) - {"/"} - set(allowed)
        assert not {x for x in others if not x.startswith("/dev")}, f"{where}: {others}"
        for point, row in rows.items():
            assert canary.directory not in row["root"], f"{where}: {point} shows the canary"
            assert row["root"] == "/" or point != "/proc", f"{where}: {point} is a part of proc"
    return check


LINKS = {
    "absolute": lambda canary: canary,
    "relative": lambda canary: "../" * 30 + canary[1:],
    "root": lambda canary: "/",
}


@promise("CVE-2021-30465", "CVE-2024-45310")
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("first", ["directory", "link", "pulse"])
def test_missing_directory_below_an_exchanged_one(make_race, volume, canary, first, part):
    race = make_race({"destination": "/vol/x/y/z", "type": "tmpfs", "source": "raced"})
    entries = {"x": None, "swap": canary.directory}
    if first == "link":
        entries = {"x": canary.directory, "swap": None}
    sweep(race, volume, entries, only_inside(canary), part, back=first == "pulse")


@promise("CVE-2021-30465")
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("part", range(PARTS))
def test_target_becomes_a_link(make_race, volume, canary, link, part):
    race = make_race({"destination": "/vol/x", "type": "tmpfs", "source": "raced"})
    sweep(race, volume, {"x": None, "swap": LINKS[link](canary.directory)}, only_inside(canary),
          part)


@promise("CVE-2021-30465", "CVE-2024-45310")
@pytest.mark.parametrize("part", range(PARTS))
def test_missing_file_below_an_exchanged_directory(make_race, volume, canary, part):
    source = f"{os.path.dirname(canary.directory)}/bound"
    with open(source, "w", encoding="ascii") as file:
        file.write("bound\n")
    race = make_race({"destination": "/vol/x/file2", "type": "bind", "source": source,
                      "options": ["bind", "ro"]})
    sweep(race, volume, {"x": None, "swap": canary.directory},
          only_inside(canary, PRIVATE_MOUNTS + ("/vol/x/file2", "/vol/swap/file2", f"{canary.directory}/file2")), part)


@promise("CVE-2025-52881")
@pytest.mark.parametrize("link", ["/proc/self", "/proc/sys", "/proc/thread-self/attr"])
@pytest.mark.parametrize("part", range(PARTS))
def test_volume_becomes_a_link_into_proc(make_race, volume, canary, link, part):
    """Nothing gets mounted over parts of /proc, so that what is written there reaches the kernel."""
    race = make_race({"destination": "/vol/x/net", "type": "tmpfs", "source": "raced"},
                     args=["/bin/report", "mountinfo", "sysctl=net.ipv4.ip_default_ttl"])
    race.container.config["linux"]["sysctl"] = {"net.ipv4.ip_default_ttl": "33"}
    inside = only_inside(canary)

    def check(where, seen):
        inside(where, seen)
        assert "33" in json.dumps(seen["sysctl"] if "sysctl" in seen else seen), where
        for point in parse_mountinfo(seen["mountinfo"]):
            assert not point.startswith("/proc/"), f"{where}: {point}"
    race.common.append("-w")
    sweep(race, volume, {"x": None, "swap": link}, check, part)
