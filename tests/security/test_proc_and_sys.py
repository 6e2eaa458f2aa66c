"""/proc and /sys must be the kernel's: a proc or sysfs mount whose target an image has turned into a link,
or a volume in the place of /proc, would make labels, masks and sysctls go to a file of the attacker."""
import json
import os
import shutil

import pytest

from tare import parse_mountinfo, promise

pytestmark = pytest.mark.without("detached", "pidns_option", "open_tree_ns")

SPELLINGS = {"plain": "/proc", "slash": "/proc/", "double": "//proc", "dot": "/./proc",
             "dotdot": "/tmp/../proc", "relative": "proc", "inner": "/proc/."}
LINK_TARGETS = {"absolute": "/evil/proc", "relative": "evil/proc", "upwards": "../../../evil/proc",
                "loop": "/proc", "dangling": "/nothing/here", "dot": "."}


def link_instead(container, name, target):
    """Makes the directory a link to another one inside the root."""
    os.makedirs(f"{container.rootfs}/evil/{name}", exist_ok=True)
    path = f"{container.rootfs}/{name}"
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.islink(path):
        os.unlink(path)
    os.symlink(target, path)


def set_destination(container, name, spelling):
    """Rewrites the destination of the mount of that name in another spelling."""
    for mount in container.config["mounts"]:
        if mount["destination"] == f"/{name}":
            mount["destination"] = spelling.replace("proc", name)


@promise("CVE-2019-19921", "CVE-2023-27561", "CVE-2023-28642")
@pytest.mark.parametrize("name", ["proc", "sys"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_link_in_its_place(runtime, name, spelling):
    container = runtime.container(["/bin/true"])
    container.config["mounts"] = [mount for mount in container.config["mounts"]
                                  if not mount["destination"].startswith("/sys/")]
    set_destination(container, name, SPELLINGS[spelling])
    for target in LINK_TARGETS.values():
        link_instead(container, name, target.replace("proc", name))
        result = container.run()
        assert result.rc != 0, f"{target}: ran"
        if runtime.is_tare and spelling == "plain" and target == "/evil/proc":
            assert "must be mounted on ordinary directory" in result.err
        assert not os.path.ismount(f"{container.rootfs}/evil/{name}")


@promise("CVE-2023-27561")
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_works_without_a_link(runtime, spelling):
    """What the test above refuses is the link, not the spelling."""
    container = runtime.reporter("mountinfo")
    set_destination(container, "proc", SPELLINGS[spelling])
    result = container.run()
    assert result.rc == 0, result
    rows = parse_mountinfo(json.loads(result.out)["mountinfo"])
    assert rows["/proc"]["type"] == "proc"


@promise("CVE-2019-16884")
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("label", [False, True], ids=["no label", "label"])
def test_volume_in_place_of_proc(runtime, spelling, after, label):
    """A volume with a self/attr/exec of its own, in place of or over the real /proc."""
    fake = f"{runtime.directory}/fake"
    os.makedirs(f"{fake}/self/attr/apparmor")
    for name in ("exec", "apparmor/exec"):
        with open(f"{fake}/self/attr/{name}", "w", encoding="ascii"):
            pass
    container = runtime.container(["/bin/true"])
    if label:
        container.config["process"]["apparmorProfile"] = "unconfined-canary"
    volume = {"destination": SPELLINGS[spelling], "type": "bind", "source": fake,
              "options": ["rbind", "rw"]}
    container.config["mounts"][1 if after else 0:1] = [volume]
    assert container.run().rc != 0
    for name in ("exec", "apparmor/exec"):
        assert os.path.getsize(f"{fake}/self/attr/{name}") == 0


@promise("CVE-2019-16884", "CVE-2025-52881")
@pytest.mark.parametrize("destination", ["/proc/self", "/proc/sys", "/proc/sys/kernel", "/proc/1",
                                         "/proc/thread-self/attr", "/tmp/../proc/self", "proc/sys",
                                         "//proc//sys", "/link", "/link/kernel"])
@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
def test_mount_inside_proc(runtime, destination, kind):
    """Nothing can be mounted over parts of /proc, spelled out or through a link of the image."""
    container = runtime.container(["/bin/true"])
    os.symlink("/proc/sys", f"{container.rootfs}/link")
    source = f"{runtime.directory}/source"
    os.mkdir(source)
    container.config["mounts"].append({
        "destination": destination, "type": kind,
        **({"source": source, "options": ["bind"]} if kind == "bind" else {"source": "tmpfs"})})
    result = container.run()
    if not runtime.is_tare and destination.startswith("/link"):
        pytest.skip("the peers differ here")
    assert result.rc != 0


@promise("CVE-2025-52881")
def test_sysctl_and_identity_reach_the_kernel(runtime, canary):
    """An image whose /proc is full of files and links of its own."""
    container = runtime.reporter("mountinfo", "sysctl=net.ipv4.ip_default_ttl")
    os.makedirs(f"{container.rootfs}/proc/sys/net/ipv4")
    os.symlink(f"{canary.directory}/file",
               f"{container.rootfs}/proc/sys/net/ipv4/ip_default_ttl")
    os.symlink(canary.directory, f"{container.rootfs}/proc/self")
    container.config["linux"]["sysctl"] = {"net.ipv4.ip_default_ttl": "33"}
    container.config["process"]["oomScoreAdj"] = 77
    seen = container.report()
    assert seen["sysctl"]["net.ipv4.ip_default_ttl"].strip() == "33"
    canary.check()


@promise("CVE-2025-52881")
def test_sysctl_without_a_proc_mount(runtime, canary):
    """No proc mount in the container: the value still reaches its namespace, or the creation fails."""
    container = runtime.container(["/bin/true"])
    container.config["mounts"] = container.config["mounts"][1:]
    os.makedirs(f"{container.rootfs}/proc/sys/net/ipv4")
    os.symlink(f"{canary.directory}/file",
               f"{container.rootfs}/proc/sys/net/ipv4/ip_default_ttl")
    container.config["linux"]["sysctl"] = {"net.ipv4.ip_default_ttl": "33"}
    del container.config["linux"]["maskedPaths"], container.config["linux"]["readonlyPaths"]
    container.run()
    canary.check()


@promise("CVE-2023-28642")
def test_masks_hold_where_the_image_has_links(runtime, canary):
    """A masked path that the image has made a link: what it leads to inside is masked, or it fails."""
    container = runtime.container(
        ["/bin/sh", "-c", "for f in /secret /real/secret; do stat -L -c '%F %t:%T' $f; done"])
    container.config["process"]["capabilities"]["bounding"] = []
    os.mkdir(f"{container.rootfs}/real")
    with open(f"{container.rootfs}/real/secret", "w", encoding="ascii") as file:
        file.write("secret\n")
    os.symlink("/real/secret", f"{container.rootfs}/secret")
    os.symlink(f"{canary.directory}/file", f"{container.rootfs}/outside")
    container.config["linux"]["maskedPaths"] = ["/secret", "/outside"]
    container.config["linux"]["readonlyPaths"] = ["/outside"]
    result = container.run()
    if result.rc == 0:
        assert result.out == "character special file 1:3\n" * 2
    canary.check()
