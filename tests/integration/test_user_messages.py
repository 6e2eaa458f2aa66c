"""What a user without privileges is told when something is refused: what, by which rule or setting, and what to do."""
import os
import shutil
import subprocess

import pytest

import userns
from tare import default_config, promise, unprivileged


@pytest.fixture
def container(unprivileged_runtime):
    runtime = unprivileged_runtime
    user = runtime.user if runtime.user is not None else os.geteuid()
    made = runtime.container(config=unprivileged(default_config(["/bin/echo", "ran"]), user, user))
    made.chown(user)
    return made


def refusal(container, **how):
    result = container.run(**how)
    assert result.rc == 1 and result.out == "", result
    assert container.runtime.ids() == []
    return result.err


def entry(container, destination):
    return next(mount for mount in container.config["mounts"] if mount["destination"] == destination)


def test_it_runs_otherwise(container):
    assert container.run() == (0, "ran\n", "")


@promise("contract:1")
def test_nowhere_for_the_state(container):
    runtime = container.runtime
    container.write()
    words = runtime.argv("run", "-b", container.bundle, container.id)
    at = words.index("--root")
    del words[at:at + 2]
    for value, told in ((None, "XDG_RUNTIME_DIR is not set: log in, export XDG_RUNTIME_DIR=/run/user/"),
                        ("/nonexistent", "permission denied (the state is kept below XDG_RUNTIME_DIR, which should be ")):
        env = {key: word for key, word in runtime.env.items() if key != "XDG_RUNTIME_DIR"}
        if value:
            env["XDG_RUNTIME_DIR"] = value
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and told in done.stderr, done


def test_directories_of_others(container):
    closed = f"{container.bundle}/closed"
    os.mkdir(closed, 0o700)
    shutil.copytree(container.rootfs, f"{closed}/rootfs", symlinks=True)
    container.config["root"]["path"] = f"{closed}/rootfs"
    assert f'no search permission on "{closed}": give it with chmod' in refusal(container).replace("\\", "")
    container.config["root"]["path"] = "rootfs"
    container.config["mounts"].append({"destination": "/mnt", "type": "bind", "source": f"{closed}/rootfs",
                                       "options": ["bind"]})
    assert f'no search permission on "{closed}": give it with chmod' in refusal(container).replace("\\", "")
    container.config["mounts"].pop()
    os.chown(container.rootfs, 0, 0)
    os.rmdir(f"{container.rootfs}/proc")
    told = refusal(container)
    assert "is not writable for the container's root user: make" in told and "permission denied" in told
    os.chmod(container.rootfs, 0o700)
    assert "no search permission on the root file system" in refusal(container)


def test_noexec(container):
    container.runtime.wrapper = ["unshare", "-m", "--propagation", "private", "sh", "-c",
                                 f'mount --bind {container.rootfs} {container.rootfs} && mount -o remount,bind,noexec '
                                 f'{container.rootfs} && exec "$@"', "sh"]
    assert "permission denied (its file system is mounted noexec)" in refusal(container)
    container.runtime.wrapper = []


def test_sysfs_without_a_network_namespace(container):
    """Is no error: the host's is bound, as with `spec --rootless`, and said at debug level."""
    container.config["linux"]["namespaces"].remove({"type": "network"})
    container.config["process"]["args"] = ["/bin/sh", "-c", "ls /sys/class/net && ! mkdir /sys/x 2> /dev/null && "
                                                            "grep ' /sys sysfs ' /proc/mounts"]
    result = container.run()
    assert result.rc == 0 and result.err == "", result
    lines = result.out.splitlines()
    assert set(lines[:-1]) == set(os.listdir("/sys/class/net"))
    assert lines[-1].split()[3].startswith("ro,nosuid,nodev,noexec")
    result = container.run(globals_=["--debug"])
    assert result.rc == 0 and "/sys is bound" in result.err, result


@pytest.mark.parametrize("what, told", [
    ("device", "in a user namespace mknod(2) is refused: a device is a bind of the host's"),
    ("gid", "the id has to be in linux.gidMappings"),
    ("ext4", "in a user namespace the kernel mounts few types"),
    ("namespace", "may be opened by who may trace it"),
])
def test_what_a_user_namespace_may_not(container, what, told):
    config = container.config
    if what == "device":
        config["linux"]["devices"] = [{"path": "/dev/nonesuch", "type": "c", "major": 10, "minor": 200}]
    elif what == "gid":
        entry(container, "/dev/pts")["options"].append("gid=5")
    elif what == "ext4":
        config["mounts"].append({"destination": "/mnt", "type": "ext4", "source": "/dev/nonesuch"})
    else:
        if not os.path.exists("/proc/1"):
            pytest.skip("no process 1 to be seen here")
        next(x for x in config["linux"]["namespaces"] if x["type"] == "uts")["path"] = "/proc/1/ns/uts"
    assert told in refusal(container)


def test_no_user_namespaces(container):
    runtime = container.runtime
    runtime.user = None
    runtime.wrapper = ["/usr/bin/python3", "-c", userns.SWITCHED_OFF]
    os.chmod(container.bundle, 0o777)
    os.chmod(runtime.directory, 0o777)
    told = refusal(container)
    assert "user.max_user_namespaces is 0" in told and "sudo sysctl -w user.max_user_namespaces=" in told
    runtime.wrapper = []
