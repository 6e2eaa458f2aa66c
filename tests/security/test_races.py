"""Races between tare and whoever may change a volume: before each of tare's calls that has to do with the
volume, in turn, a directory of it becomes a symbolic link, or a link a directory, or for that one call."""
import json
import os
import shutil
import stat

import pytest

import stepper
import tare
from console_socket import create_with_terminal
from tare import default_config, parse_mountinfo, promise
from volume import Volume, race_config

PARTS = 2  # a sweep is cut into parts, so that they run beside each other
PRIVATE_MOUNTS = ("/proc", "/vol")


@pytest.fixture
def volume(runtime):
    made = Volume(runtime)
    yield made
    made.remove()


@pytest.fixture
def sweep(runtime, volume, canary):
    """sweep(mounts, entries, check): a container with these mounts, with /vol/x and /vol/swap exchanged
    before each call that has to do with the volume."""
    def run(mounts, entries, check, part, back=False, **more):
        container = runtime.container(config=race_config(volume, *mounts, **more))
        container.config["linux"]["sysctl"] = {"net.ipv4.ip_default_ttl": "33"}

        def reset():
            """As before the first run; a link to the canary leads to a path inside the root."""
            volume.fill(**entries)
            shutil.rmtree(f"{container.rootfs}/tmp")
            os.mkdir(f"{container.rootfs}/tmp")
        stepped = stepper.Stepper(runtime, prefixes=[f"{container.rootfs}/vol", "/vol"],
                                  devices=[volume.path], forbidden=[canary.directory], writes=True)
        stepper.Sweep(stepped, container, canary, (f"{volume.path}/x", f"{volume.path}/swap"),
                      reset).run(lambda where, out: check(where, json.loads(out)), part, PARTS, back)
    return run


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
def test_missing_directory_below_an_exchanged_one(sweep, canary, first, part):
    entries = {"x": None, "swap": canary.directory}
    if first == "link":
        entries = {"x": canary.directory, "swap": None}
    sweep([{"destination": "/vol/x/y/z", "type": "tmpfs", "source": "raced"}], entries,
          only_inside(canary), part, back=first == "pulse")


@promise("CVE-2021-30465")
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("part", range(PARTS))
def test_target_becomes_a_link(sweep, canary, link, part):
    sweep([{"destination": "/vol/x", "type": "tmpfs", "source": "raced"}],
          {"x": None, "swap": LINKS[link](canary.directory)}, only_inside(canary), part)


@promise("CVE-2021-30465", "CVE-2024-45310")
@pytest.mark.parametrize("part", range(PARTS))
def test_missing_file_below_an_exchanged_directory(sweep, canary, part):
    source = f"{os.path.dirname(canary.directory)}/bound"
    with open(source, "w", encoding="ascii") as file:
        file.write("bound\n")
    allowed = PRIVATE_MOUNTS + ("/vol/x/file2", "/vol/swap/file2", f"{canary.directory}/file2")
    sweep([{"destination": "/vol/x/file2", "type": "bind", "source": source,
            "options": ["bind", "ro"]}],
          {"x": None, "swap": canary.directory}, only_inside(canary, allowed), part)


@promise("CVE-2025-52881")
@pytest.mark.parametrize("link", ["/proc/self", "/proc/sys", "/proc/thread-self/attr"])
@pytest.mark.parametrize("part", range(PARTS))
def test_volume_becomes_a_link_into_proc(runtime, sweep, canary, link, part):
    """Nothing gets mounted over parts of /proc, so that what is written there reaches the kernel."""
    if runtime.path.endswith("crun"):
        pytest.skip("crun mounts there")
    inside = only_inside(canary)

    def check(where, seen):
        inside(where, seen)
        assert seen["sysctl"]["net.ipv4.ip_default_ttl"].strip() == "33", where
        for point in parse_mountinfo(seen["mountinfo"]):
            assert not point.startswith("/proc/"), f"{where}: {point}"
    sweep([{"destination": "/vol/x/net", "type": "tmpfs", "source": "raced"}],
          {"x": None, "swap": link}, check, part,
          args=["/bin/report", "mountinfo", "sysctl=net.ipv4.ip_default_ttl"])


@promise("CVE-2025-31133")
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("first", ["null", "link", "pulse"])
def test_null_becomes_a_link(runtime, volume, canary, first, part):
    """/dev is a volume; its null is exchanged with a link to the host while masks are made."""
    container = runtime.container(
        config=race_config(volume, args=["/bin/stat", "-c", "%F %t:%T", "/masked", "/proc/keys"]))
    container.config["mounts"][1]["destination"] = "/dev"
    container.config["linux"]["maskedPaths"] = ["/masked", "/proc/keys"]
    with open(f"{container.rootfs}/masked", "w", encoding="ascii") as file:
        file.write("secret\n")
    stepped = stepper.Stepper(runtime, prefixes=[f"{container.rootfs}/dev", "/dev/null",
                                                 f"{container.rootfs}/masked", "/masked"],
                              devices=[volume.path], forbidden=[canary.directory])
    link = f"{canary.directory}/null"
    entries = {"null": link, "swap": "null"} if first == "link" else {"null": "null", "swap": link}

    def check(where, out):
        assert out == "character special file 1:3\n" * 2, where
    stepper.Sweep(stepped, container, canary, (f"{volume.path}/null", f"{volume.path}/swap"),
                  lambda: volume.fill(**entries)).run(check, part, PARTS, first == "pulse")


@promise("CVE-2025-52565", "CVE-2026-88264")
@pytest.mark.parametrize("name", ["pts", "console"])
@pytest.mark.parametrize("first", ["link", "other"])
@pytest.mark.parametrize("part", range(PARTS))
def test_terminal_where_dev_changes(runtime, volume, canary, name, first, part):
    """/dev is a volume; pts or console are exchanged with a link to the host while the terminal is made."""
    container = runtime.container(config=race_config(
        volume, {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
                 "options": ["newinstance", "ptmxmode=0666", "mode=0620"]},
        args=["/bin/stat", "-L", "-c", "%F %t", "/dev/console"]))
    container.config["mounts"][1]["destination"] = "/dev"
    link = canary.directory if name == "pts" else f"{canary.directory}/console"
    other = None if name == "pts" else "-"
    entries = {name: link, "swap": other} if first == "link" else {name: other, "swap": link}

    def action():
        result, printed = create_with_terminal(container)
        runtime.call("delete", "--force", container.id)
        return tare.Result(result.rc, printed or "", result.err)

    def check(where, out):
        # where the terminal's place was renamed after it was bound, nothing stands at the name
        assert out == "character special file 88\n" or "can't stat" in out, (where, out)
    stepped = stepper.Stepper(runtime, prefixes=[f"{container.rootfs}/dev", "/dev"],
                              devices=[volume.path], forbidden=[canary.directory])
    stepper.Sweep(stepped, container, canary, (f"{volume.path}/{name}", f"{volume.path}/swap"),
                  lambda: volume.fill(**entries), action).run(check, part, PARTS)


ROOT_RACES = {
    # name: what is exchanged with a link to the canary, what is taken out of the configuration
    "dev with its mounts": ("dev", ()),
    "bare dev": ("dev", ("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")),
    "proc": ("proc", ()),
    "sys": ("sys", ()),
    "etc": ("etc", ()),
    "bin": ("bin", ()),
    "working directory": ("work", ()),
}


@promise("CVE-2026-41579", "CVE-2026-47766", "CVE-2019-19921", "CVE-2023-28642", "CVE-2024-21626")
@pytest.mark.parametrize("name", ROOT_RACES)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_directory_of_the_root_becomes_a_link(runtime, canary, name, part):
    """The root itself is shared with somebody who changes it."""
    directory, without = ROOT_RACES[name]
    canary.keep("file", "ptmx")
    container = runtime.container(["/bin/report", "cwd"])
    if name in ("proc", "sys"):
        # the mount follows its directory under the other name: what is masked must not show there
        container.config["process"]["args"] = ["/bin/sh", "-c", """
            for top in /proc /sys /swap; do
                stat -c "%n %F %t:%T" $top/keys $top/timer_list
                (exec 3> $top/sys/kernel/domainname) && echo "$top/sys is writable"
                ls $top/firmware/* && echo "$top/firmware shows"
            done 2> /dev/null
            echo end"""]
    config = container.config
    config["root"]["readonly"] = False
    config["process"]["cwd"] = "/work"
    config["process"]["user"] = {"uid": 1000, "gid": 1000}
    config["mounts"] = [x for x in config["mounts"] if x["destination"] not in without]
    os.mkdir(f"{container.rootfs}/work")
    path, swap = f"{container.rootfs}/{directory}", f"{container.rootfs}/swap"
    os.symlink(canary.directory, swap)
    inner = container.rootfs + canary.directory

    def reset():
        if os.path.islink(path):
            os.rename(path, f"{path}.link")
            os.rename(swap, path)
            os.rename(f"{path}.link", swap)
        shutil.rmtree(os.path.dirname(inner), ignore_errors=True)
        os.makedirs(inner)

    def check(where, out):
        if name in ("proc", "sys"):
            lines = out.splitlines()
            assert lines.pop() == "end", (where, out)
            assert all(x.endswith("character special file 1:3") for x in lines), (where, out)
        else:
            assert json.loads(out)["cwd"] in ("/work", "/swap", canary.directory), where
    stepped = stepper.Stepper(runtime, prefixes=[path, swap, f"/{directory}", "/swap"],
                              forbidden=[canary.directory], writes=True)
    stepper.Sweep(stepped, container, canary, (path, swap), reset).run(check, part, PARTS)
