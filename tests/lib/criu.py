"""checkpoint and restore with a library in the place of libcriu (fakecriu.c)."""
import json
import os
import subprocess

from tare import TOP, read_text

LOOP = ["/bin/sh", "-c", "while :; do sleep 1; done"]


class Fake:
    """The library, a criu that can be found, and what was asked of them."""

    def __init__(self, directory, options=()):
        self.directory = directory
        os.mkdir(directory)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", *options, "-o", f"{directory}/libcriu.so.2",
                        f"{TOP}/tests/lib/fakecriu.c"], check=True)
        with open(f"{directory}/criu", "w", encoding="ascii") as file:
            file.write("#!/bin/sh\nexit 1\n")
        os.chmod(f"{directory}/criu", 0o755)
        self.env = {"PATH": f"{directory}:{os.environ['PATH']}", "LD_LIBRARY_PATH": directory,
                    "FAKE_CRIU": directory}
        self.play("")

    def play(self, text):
        """How the next call goes."""
        with open(f"{self.directory}/script", "w", encoding="ascii") as file:
            file.write(text)

    def calls(self):
        """The lines of what was called since the last time."""
        path = f"{self.directory}/calls"
        if not os.path.exists(path):
            return []
        lines = read_text(path).splitlines()
        os.unlink(path)
        return lines


def running(runtime, args=None):
    """A container that runs."""
    return runtime.container(args or LOOP).create().start()


def checkpoint(container, fake, *options, **how):
    """The call, with its images in the bundle. Returns the Result."""
    return container.runtime.call("checkpoint", "--image-path", f"{container.bundle}/images", *options,
                                  container.id, env=fake.env, **how)


def restore(container, fake, *options, **how):
    """The same, of the same bundle."""
    return container.runtime.call("restore", "--image-path", f"{container.bundle}/images", "--bundle",
                                  container.bundle, *options, container.id, env=fake.env, **how)


def write_image(container, **members):
    """tare's file of a checkpoint, without any images of CRIU's."""
    os.makedirs(f"{container.bundle}/images", exist_ok=True)
    image = {"version": 1, "mounts": [], "network": False, "pid": False, "streams": ["", "", ""]}
    image.update(members)
    with open(f"{container.bundle}/images/tare-checkpoint.json", "w", encoding="utf-8") as file:
        json.dump(image, file)
    container.write()


def joining(container, kind, path):
    """The container, with a path for this one of its namespaces; None: it makes it."""
    namespaces = [x for x in container.config["linux"]["namespaces"] if x["type"] != kind]
    container.config["linux"]["namespaces"] = namespaces + [{"type": kind, **({"path": path} if path else {})}]
    return container
