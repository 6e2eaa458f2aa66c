"""A volume that somebody else may change while a container is made of it, or runs with it."""
import os
import shutil
import stat

import host as host_module
from tare import default_config


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


def race_config(volume, *mounts, args=("/bin/report", "mountinfo")):
    """A configuration with the volume at /vol and little else."""
    config = default_config(args)
    config["root"]["readonly"] = False
    config["mounts"] = [config["mounts"][0],
                        {"destination": "/vol", "type": "bind", "source": volume.path,
                         "options": ["rbind", "rw"]}, *mounts]
    del config["linux"]["maskedPaths"], config["linux"]["readonlyPaths"]
    return config
