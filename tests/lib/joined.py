"""What a process that was added to a container sees of itself."""
import json
import os

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts", "time")


def running(container, args=("/bin/sleep", "1000")):
    """Created and started, with a program that lasts."""
    container.config["process"]["args"] = list(args)
    return container.create().start()


def report(container, *words, options=(), **how):
    """What the report program sees of itself."""
    result = container.exec("/bin/report", *words, options=options, **how)
    assert result.rc == 0, result
    return json.loads(result.out)


def namespaces_of(pid):
    return {name: os.readlink(f"/proc/{pid}/ns/{name}") for name in NAMESPACES}


def seen_namespaces(container):
    seen = report(container, "namespaces")["namespaces"]
    return {name: seen[name] for name in NAMESPACES}


def cgroup_line(text):
    """The path in cgroup2, "/a/b"."""
    return next(line[3:] for line in text.splitlines() if line.startswith("0::"))
