"""Every form of a mount's destination with every form of a link in its way: what a runtime creates there
comes to lie inside the root, or nothing does."""
import json
import os

import pytest

from tare import parse_mountinfo, promise

# What stands in the image, {} being the canary's path on the host.
LINKS = {
    "absolute": {"link": "{}"},
    "relative": {"link": "../../../../../../../../../../..{}"},
    "chain": {"link": "second", "second": "third", "third": "../../../../../../../..{}"},
    "loop": {"link": "link"},
    "mutual loop": {"link": "second", "second": "link"},
    "dangling": {"link": "{}/new"},
    "deep dangling": {"link": "{}/new/newer/newest"},
    "inner": {"link": "{}/inner"},
    "file": {"link": "{}/file"},
    "dots": {"link": "etc/../..{}"},
    "through proc": {"link": "/proc/self/root{}"},
    "through proc 1": {"link": "/proc/1/root{}"},
    "cwd of the runtime": {"link": "/proc/self/cwd"},
}
DESTINATIONS = ["/link", "/link/", "/link/a", "/link/a/b", "/link/../link/c", "link/d", "//link//e",
                "/./link/f", "/etc/../link/g", "/link/.", "/link/..", "/link/../..", "/link/inner"]
KINDS = ["tmpfs", "directory", "file"]


def mount_of(kind, destination, runtime):
    if kind == "tmpfs":
        return {"destination": destination, "type": "tmpfs", "source": "raced"}
    source = f"{runtime.directory}/source-{kind}"
    if kind == "directory":
        os.makedirs(source, exist_ok=True)
    elif not os.path.exists(source):
        with open(source, "w", encoding="ascii"):
            pass
    return {"destination": destination, "type": "bind", "source": source, "options": ["rbind"]}


def clear(container, canary, links):
    """Takes away what the last attempt has made, which must lie in the root, and plants the links again."""
    os.system(f"rm -rf '{container.rootfs}/{canary.directory.split('/')[1]}' "
              f"'{container.rootfs}/link' '{container.rootfs}/second' '{container.rootfs}/third'")
    os.makedirs(f"{container.rootfs}/tmp", exist_ok=True)
    for name, target in links.items():
        os.symlink(target.format(canary.directory), f"{container.rootfs}/{name}")


@promise("CVE-2019-18837", "CVE-2024-45310")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", LINKS)
def test_destination_with_a_link(runtime, canary, form, kind):
    container = runtime.reporter("mountinfo")
    container.config["root"]["readonly"] = False
    container.config["mounts"] = container.config["mounts"][:1]
    before = set(os.listdir(os.path.dirname(container.bundle)))
    for destination in DESTINATIONS if kind == "tmpfs" else DESTINATIONS[1:4]:
        clear(container, canary, LINKS[form])
        container.config["mounts"][1:] = [mount_of(kind, destination, runtime)]
        result = container.run()
        canary.check(destination)
        if result.rc == 0:
            rows = parse_mountinfo(json.loads(result.out)["mountinfo"])
            assert not any(canary.directory in row["root"] for row in rows.values()), destination
            assert set(rows) & {"/proc", "/"}, destination
    made = set(os.listdir(os.path.dirname(container.bundle))) - before
    assert not {x for x in made if not x.split(".")[0].isdigit() and not x.startswith("s")}, made


@promise("CVE-2019-18837")
@pytest.mark.parametrize("destination", ["/../../../../../../../../../../tmp/new", "../../../../../new",
                                         "/a/../../../../b", "..", "/..", "/a/b/../../../.."])
@pytest.mark.parametrize("kind", KINDS)
def test_destination_with_dots(runtime, canary, destination, kind):
    """.. of the root is the root."""
    container = runtime.container(["/bin/true"])
    container.config["root"]["readonly"] = False
    for path in (destination, f"{'/..' * 20}{canary.directory}/new"):
        container.config["mounts"][1:] = [mount_of(kind, path, runtime)]
        container.run()
        canary.check(path)
    assert sorted(os.listdir(container.bundle)) == ["config.json", "rootfs"]


@promise("CVE-2025-24965", "CVE-2019-18837")
@pytest.mark.parametrize("option", ["tmpcopyup", "mode=0777", "uid=7", "size=64k"])
def test_contents_are_not_copied_through_links(runtime, canary, option):
    """tmpcopyup reads the image's directory: links in it stay links, nothing outside is read or changed."""
    container = runtime.container(["/bin/sh", "-c", "cat /data/* /data/*/* 2> /dev/null"])
    os.mkdir(f"{container.rootfs}/data")
    os.symlink(f"{canary.directory}/file", f"{container.rootfs}/data/file")
    os.symlink(canary.directory, f"{container.rootfs}/data/directory")
    os.mkfifo(f"{container.rootfs}/data/fifo")
    container.config["process"]["args"] = ["/bin/ls", "-l", "/data"]
    container.config["mounts"].append({"destination": "/data", "type": "tmpfs", "source": "tmpfs",
                                       "options": [option]})
    result = container.run(timeout=15)
    assert "canary file" not in result.out
    if result.rc == 0 and option == "tmpcopyup" and runtime.is_tare:
        assert f"file -> {canary.directory}/file" in result.out
    canary.check()


@promise("CVE-2021-30465", "CVE-2019-18837")
def test_root_is_a_link_or_its_parts_are(runtime, canary):
    """root.path is trusted; what the rootfs contains at the bundle's names is not."""
    container = runtime.container(["/bin/true"])
    os.rename(container.rootfs, f"{container.bundle}/real")
    os.symlink("real", container.rootfs)
    result = container.run()
    assert result.rc in (0, 1)
    canary.check()


@promise("CVE-2019-18837")
@pytest.mark.parametrize("name", ["maskedPaths", "readonlyPaths"])
@pytest.mark.parametrize("form", LINKS)
def test_masks_and_readonly_paths_through_links(runtime, canary, form, name):
    container = runtime.container(["/bin/true"])
    container.config["root"]["readonly"] = False
    clear(container, canary, LINKS[form])
    container.config["linux"][name] = ["/link", "/link/file", "/link/inner", "/link/new", "//link/",
                                       "/../../../.." + canary.directory]
    container.run()
    canary.check()


@pytest.mark.parametrize("destination", ["/", "/./", "/link"])
@pytest.mark.parametrize("kind", ["tmpfs", "directory"])
def test_mount_over_the_root(runtime, canary, destination, kind):
    """The container would not see such a mount: its paths begin below it."""
    if not runtime.is_tare:
        pytest.skip("other runtimes mount there, unseen")
    container = runtime.container(["/bin/true"])
    clear(container, canary, {"link": "/"})
    container.config["mounts"].append(mount_of(kind, destination, runtime))
    result = container.run()
    assert result.rc == 1 and "is the root itself" in result.err
    canary.check()


@promise("spec:252", "spec:253")
@pytest.mark.parametrize("path", ["/", "/link"])
def test_masked_or_readonly_root(runtime, canary, path):
    """Read-only paths are in force for the root, too; a masked root is an error, not silence."""
    container = runtime.container(["/bin/busybox", "touch", "/written"])
    container.config["root"]["readonly"] = False
    clear(container, canary, {"link": "/"})
    container.config["linux"]["readonlyPaths"] = [path]
    result = container.run()
    assert result.rc == 1 and "Read-only file system" in result.err
    if runtime.is_tare:
        container.config["linux"]["maskedPaths"] = [path]
        result = container.run()
        assert result.rc == 1 and "is the root itself" in result.err
