"""Devices as the toolkits of graphics cards pass them on: nodes, libraries bound from the host, and a hook that goes
into the mount namespace. The stand-in for a card is the host's /dev/full under another name."""
import json
import os

import pytest

from engine_setup import IMAGE, WORK, new_name, run
from tare import promise, read_text

CDI = "/etc/cdi"
# what a toolkit's hook does: it learns the process and the root from the state and config.json, enters the mount
# namespace, and puts in there what the program needs, before its root is entered
HOOK = """#!/usr/bin/python3
import json, os, subprocess, sys
state = json.load(sys.stdin)
with open(state["bundle"] + "/config.json") as file:
    root = os.path.join(state["bundle"], json.load(file)["root"]["path"])
subprocess.run(["nsenter", f"--mount=/proc/{state['pid']}/ns/mnt", "--", "sh", "-euc", '''
    mkdir -p "$0/opt/card/driver"
    mount --bind @LIBRARIES@ "$0/opt/card/driver"
    mount -o remount,bind,ro "$0/opt/card/driver"
    ln -sf libcard.so.1 "$0/opt/card/libcard.so"''', root], check=True)
with open("@LIBRARIES@.log", "a") as file:
    file.write(state["status"] + "\\n")
"""
LOOK = ["sh", "-c", "stat -c '%t:%T %a' /dev/card0; echo x > /dev/card0; cat /opt/card/lib/libcard.so.1; echo $CARD; "
        "touch /opt/card/lib/file; cat /opt/card/driver/libcard.so.1; touch /opt/card/driver/file; "
        "readlink /opt/card/libcard.so"]
SEEN = ["1:7 666", "library", "all", "library", "libcard.so.1"]


@pytest.fixture(scope="module")
def card(machine):  # pylint: disable=unused-argument
    """The stand-in's libraries and its hook, and its description for CDI."""
    libraries = f"{WORK}/card"
    os.makedirs(libraries, exist_ok=True)
    with open(f"{libraries}/libcard.so.1", "w", encoding="ascii") as file:
        file.write("library\n")
    with open(f"{WORK}/hook", "w", encoding="ascii") as file:
        file.write(HOOK.replace("@LIBRARIES@", libraries))
    os.chmod(f"{WORK}/hook", 0o755)
    os.makedirs(CDI, exist_ok=True)
    edits = {"env": ["CARD=all"],
             "deviceNodes": [{"path": "/dev/card0", "hostPath": "/dev/full", "fileMode": 0o666}],
             "mounts": [{"hostPath": libraries, "containerPath": "/opt/card/lib",
                         "options": ["ro", "nosuid", "nodev", "bind"]}],
             "hooks": [{"hookName": "createRuntime", "path": f"{WORK}/hook", "args": ["hook"]}]}
    with open(f"{CDI}/card.json.new", "w", encoding="ascii") as file:
        json.dump({"cdiVersion": "0.6.0", "kind": "tests/card",
                   "devices": [{"name": "0", "containerEdits": edits}]}, file)
    os.rename(f"{CDI}/card.json.new", f"{CDI}/card.json")
    return libraries


def check(done):
    """What the program saw of the card."""
    assert done.rc == 0, done
    assert done.out.splitlines() == SEEN
    assert done.err.count("Read-only file system") == 2 and "No space left" in done.err


@promise("contract:7.18")
@pytest.mark.parametrize("name", ["podman", "docker"])
def test_cdi(get_engine, card, name):
    """By the container device interface: the engine edits config.json, tare does what it says."""
    engine = get_engine(name)
    if name == "docker" and engine.version() < 28:
        pytest.skip("docker below 28 knows CDI only when it is told to")
    check(engine.call("run", "--rm", "--device", "tests/card=0", IMAGE, *LOOK))
    assert read_text(f"{card}.log").splitlines()[-1] == "creating"


def test_rootless_nodes(get_engine, card):
    """As a user the node is bound, and no hook can enter; the rest is the same."""
    podman = get_engine("rootless")
    done = podman.call("run", "--rm", "--device", "/dev/full:/dev/card0", "-v", f"{card}:/opt/card/lib:ro", IMAGE,
                       "sh", "-c", "stat -c %t:%T /dev/card0; echo x > /dev/card0; cat /opt/card/lib/libcard.so.1")
    assert done.out == "1:7\nlibrary\n" and "No space left" in done.err


@promise("contract:7.18")
@pytest.mark.parametrize("stage", ["prestart", "createRuntime"])
def test_hooks_directory(get_engine, card, stage):
    """podman's hooks directory adds the hook to every container that asks for it, the older stage, too."""
    directory = f"{WORK}/{new_name()}"
    os.mkdir(directory)
    with open(f"{directory}/card.json", "w", encoding="ascii") as file:
        json.dump({"version": "1.0.0", "hook": {"path": f"{WORK}/hook"}, "stages": [stage],
                   "when": {"annotations": {"^card$": "^0$"}}}, file)
    podman = get_engine("podman")
    check(podman.call("--hooks-dir", directory, "run", "--rm", "--annotation", "card=0",
                      "--device", "/dev/full:/dev/card0", "-e", "CARD=all", "-v", f"{card}:/opt/card/lib:ro", IMAGE,
                      *LOOK))
    plain = podman.call("--hooks-dir", directory, "run", "--rm", IMAGE, "ls", "/opt/card")
    assert plain.rc


def test_no_leak_of_devices(get_engine, card):
    """A device that was not passed on can't be made and used, and what was is not there for the next container."""
    podman = get_engine("podman")
    script = "mknod /tmp/full c 1 7 && echo made; mknod /tmp/mem c 1 1 && cat /tmp/mem | head -c 1 | wc -c"
    done = podman.call("run", "--rm", "--cap-add", "MKNOD", IMAGE, "sh", "-c", script)
    assert done.out == "made\n0\n" and ("Operation not permitted" in done.err or "Permission denied" in done.err)
    assert podman.call("run", "--rm", IMAGE, "ls", "/dev/card0").rc
    assert run("ls", card).out == "libcard.so.1\n"
