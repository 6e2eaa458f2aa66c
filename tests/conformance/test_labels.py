"""AppArmor profiles, SELinux labels and the label of the mounts, each where the machine has the module, and what
is said where it has not."""
import os
import shutil
import subprocess

import pytest

from tare import promise, user_namespace

PROFILE = """profile {name} flags=(attach_disconnected,mediate_deleted) {{
  file,
  capability,
  mount,
  umount,
  signal,
  network,
  unix,
  deny /etc/secret r,
}}
"""


def apparmor():
    """Whether AppArmor is active."""
    try:
        with open("/sys/module/apparmor/parameters/enabled", encoding="ascii") as file:
            return file.read().strip() == "Y"
    except FileNotFoundError:
        return False


def selinux():
    """Whether SELinux is active."""
    with open("/proc/filesystems", encoding="ascii") as file:
        return "\tselinuxfs\n" in file.read()


@pytest.fixture
def profile(host, tmp_path):
    """The name of a loaded profile that keeps /etc/secret from being read."""
    if not apparmor():
        pytest.skip("AppArmor is not enabled (the kernel's option lsm=...,apparmor)")
    parser = shutil.which("apparmor_parser") or shutil.which("apparmor_parser", path="/sbin:/usr/sbin")
    if not parser:
        pytest.skip("apparmor_parser is not installed (Debian's apparmor)")
    name, path = f"tare-{host.name()}", f"{tmp_path}/profile"
    with open(path, "w", encoding="ascii") as file:
        file.write(PROFILE.format(name=name))
    subprocess.run([parser, "--replace", "--skip-cache", path], check=True)
    yield name
    subprocess.run([parser, "--remove", path], check=True)


SCRIPT = "cat /proc/self/attr/apparmor/current; cat /etc/secret 2> /dev/null || echo denied"


def confined(runtime, name, script=SCRIPT):
    """A container with a profile and a secret."""
    container = runtime.container(["/bin/sh", "-c", script])
    container.config["process"]["apparmorProfile"] = name
    with open(f"{container.rootfs}/etc/secret", "w", encoding="ascii") as file:
        file.write("secret\n")
    return container


@promise("spec:111")
@pytest.mark.parametrize("no_new_privileges", [False, True])
@pytest.mark.parametrize("namespace", ["host", "user"])
def test_a_profile(runtime, profile, no_new_privileges, namespace):
    container = confined(runtime, profile)
    container.config["process"]["noNewPrivileges"] = no_new_privileges
    if namespace == "user":
        user_namespace(container.config)
        container.chown(100000)
    assert container.run() == (0, f"{profile} (enforce)\ndenied\n", "")


@promise("spec:111")
def test_without_a_profile_nothing_is_confined(runtime, profile):
    container = confined(runtime, "")
    assert profile and container.run().out == "unconfined\nsecret\n"


@promise("spec:111")
def test_the_profile_is_for_processes_of_exec_too(runtime, profile):
    container = confined(runtime, profile, "sleep 100").create().start()
    assert runtime.ok("exec", container.id, "/bin/sh", "-c", SCRIPT) == f"{profile} (enforce)\ndenied\n"


@promise("spec:111", "spec:120", "contract:2")
@pytest.mark.parametrize("option, value, words", [
    ("--apparmor", "tare-no-such-profile", "process.apparmorProfile: "),
    ("--process-label", "system_u:system_r:x_t:s0", "process.selinuxLabel: ")])
def test_labels_that_exec_is_given(runtime, option, value, words):
    """One that can't be applied keeps the program from running; none is asked for by an empty one."""
    if not runtime.is_tare:
        pytest.skip("the peers pass over a label without its module")
    container = runtime.container(["/bin/sleep", "1000"])
    container.create().start()
    result = runtime.call("exec", option, value, container.id, "/bin/echo", "ran")
    assert (result.rc, result.out) == (255, "") and words in result.err, result
    assert runtime.call("exec", option, "", container.id, "/bin/echo", "ran").out == "ran\n"


@promise("spec:111", "contract:2")
def test_a_profile_that_exec_is_given(runtime, profile):
    """exec --apparmor takes the place of the container's."""
    container = runtime.container(["/bin/sleep", "1000"])
    container.create().start()
    result = runtime.call("exec", "--apparmor", profile, container.id, "/bin/cat", "/proc/self/attr/apparmor/current")
    assert result.out.startswith(profile), result


@promise("spec:111", "spec:46")
def test_a_profile_that_is_not_loaded(runtime):
    container = confined(runtime, "tare-no-such-profile")
    result = container.try_create()
    if result.rc == 0:  # applied by the kernel at the execution
        result = runtime.call("start", container.id)
        assert result.rc == 1
        return
    assert result.rc == 1 and "process.apparmorProfile: " in result.err
    assert ("apply profile" if apparmor() else "AppArmor is not enabled") in result.err
    assert runtime.ids() == []


@promise("spec:120", "spec:46")
def test_a_label_without_selinux(runtime):
    if selinux():
        pytest.skip("SELinux is active here")
    container = runtime.container(["/bin/true"])
    container.config["process"]["selinuxLabel"] = "system_u:system_r:container_t:s0"
    result = container.try_create()
    assert result.rc == 1 and "process.selinuxLabel: " in result.err and "SELinux" in result.err
    assert runtime.ids() == []


@promise("spec:120")
def test_a_label(runtime):
    """Before a policy is loaded the kernel knows its own labels alone; "kernel" is one of them."""
    if not selinux():
        pytest.skip("SELinux is not active (the kernel's options lsm=...,selinux selinux=1)")
    container = runtime.container(["/bin/cat", "/proc/self/attr/current"])
    container.config["process"]["selinuxLabel"] = "kernel"
    result = container.run()
    assert result.rc == 0 and result.out.rstrip("\0\n") == "kernel"


@promise("spec:254")
def test_the_label_of_the_mounts(runtime):
    """Without SELinux the kernel would refuse the option, so that it is left out."""
    container = runtime.reporter("mountinfo")
    container.config["linux"]["mountLabel"] = "system_u:object_r:container_file_t:s0:c1,c2"
    if selinux():
        pytest.skip("takes a policy with this label")
    assert "context=" not in container.report()["mountinfo"]
    assert not os.path.exists(f"{container.rootfs}/dev/null")
