"""The runtime's executable on the host: nothing that a container does reaches it, and nothing in a
container can look into the init while that still is the runtime."""
import os
import re
import shutil
import subprocess

import pytest

import faults
from tare import eventually, promise, user_namespace


def script(container, name, text):
    path = f"{container.rootfs}/{name}"
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, 0o755)


EVIL_LIBRARY = """
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void attack(void)
{
	char number[16], exe[256] = "";

	if (getenv("ATTACKED") || readlink("/proc/self/exe", exe, sizeof exe - 1) < 0)
		return;
	snprintf(number, sizeof number, "%d", open("/proc/self/exe", O_RDONLY));
	setenv("ATTACKED", number, 1);
	unsetenv("LD_PRELOAD");
	execl("/bin/sh", "sh", "/attack", exe, (char *)0);
}
"""


def plant_libraries(container):
    """What the attacker's image has: the loader and libraries that the runtime is linked with, so that its
    executable runs inside, and one that takes over. False for a static runtime, which loads nothing."""
    done = subprocess.run(["ldd", container.runtime.path], capture_output=True, text=True, check=False)
    paths = re.findall(r"(/\S+) \(0x", done.stdout)
    for path in paths:
        os.makedirs(os.path.dirname(container.rootfs + path), exist_ok=True)
        shutil.copy(path, container.rootfs + path)
    source = f"{container.bundle}/evil.c"
    with open(source, "w", encoding="ascii") as file:
        file.write(EVIL_LIBRARY)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", f"{container.rootfs}/evil.so", source], check=True)
    script(container, "attack", """
        echo "attacking $1"
        for try in 1 2 3 4 5 6 7 8 9 10; do # as long as somebody executes it, it is busy
            (echo overwritten > /proc/self/fd/$ATTACKED) 2> /dev/null && echo written
            sleep 0.03
        done
        exit 9""")
    container.config["process"]["env"].append("LD_PRELOAD=/evil.so")
    return bool(paths)


PROGRAMS = ["/proc/self/exe", "/proc/1/exe", "/proc/thread-self/exe", "/link", "/chain", "/proc/self/fd/3",
            "exe", "self/exe"]


@promise("CVE-2019-5736", "CVE-2020-14298")
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_program_is_the_runtime_itself(runtime, binary, program):
    container = runtime.container([program, "--version"])
    plant_libraries(container)
    if not program.startswith("/"):
        container.config["process"]["env"][0] = "PATH=/proc/self:/proc"
    os.symlink("/proc/self/exe", f"{container.rootfs}/link")
    os.symlink("link", f"{container.rootfs}/chain")
    result = container.run()
    assert result.rc != 0
    assert "version" not in result.out and "attacking" not in result.out


@promise("CVE-2019-5736")
@pytest.mark.parametrize("interpreter", ["/proc/self/exe", "/proc/1/exe", "/link"])
def test_the_interpreter_is_the_runtime_itself(runtime, binary, interpreter):
    """A script whose first line names the runtime: whatever then runs, it is not the host's file."""
    if "ASAN_OPTIONS" in os.environ:
        pytest.skip("sanitizer: a copy of the instrumented build does not start in the container")
    container = runtime.container(["/script"])
    container.config["root"]["readonly"] = False
    os.symlink("/proc/self/exe", f"{container.rootfs}/link")
    script(container, "script", f"#!{interpreter}\n")
    linked = plant_libraries(container)
    if container.try_create().rc == 0:
        runtime.call("start", container.id)
        assert container.wait() != 0
        out, err = container.output()
        assert "written" not in out, out
        if linked and runtime.is_tare and interpreter == "/proc/self/exe":
            assert "attacking" in out, f"the attack did not come about: {out} {err}"


def beside(runtime, other, words):
    """A container in the pid namespace of another one, with every way of being curious."""
    container = runtime.container(["/bin/sh", "-c", words])
    container.config["root"]["readonly"] = False
    for namespace in container.config["linux"]["namespaces"]:
        if namespace["type"] == "pid":
            namespace["path"] = f"/proc/{other.pid}/ns/pid"
    return container


def all_capabilities(container):
    """As --privileged: what can be had."""
    names = [f"CAP_{name}" for name in (
        "SYS_PTRACE SYS_ADMIN DAC_OVERRIDE DAC_READ_SEARCH FOWNER CHOWN SETUID SETGID NET_ADMIN "
        "SYS_CHROOT MKNOD KILL SETPCAP").split()]
    for which in ("bounding", "effective", "permitted"):
        container.config["process"]["capabilities"][which] = names


LOOK = """
test -d /proc/1 || echo no proc
readlink /proc/1/fd/0 > /dev/null 2>&1 && echo fd
readlink /proc/1/exe > /dev/null 2>&1 && echo exe
readlink /proc/1/root > /dev/null 2>&1 && echo root
ls /proc/1/root/ > /dev/null 2>&1 && echo below root
readlink /proc/1/cwd > /dev/null 2>&1 && echo cwd
cat /proc/1/maps > /dev/null 2>&1 && test -s /proc/1/maps && echo maps
(exec 3< /proc/1/mem) 2> /dev/null && echo mem
head -c 1 /proc/1/environ 2> /dev/null | grep -q . && echo environ
ls /proc/1/map_files 2> /dev/null | grep -q . && echo map files
head -c 1 /proc/1/syscall > /dev/null 2>&1 && echo syscall
true"""


@promise("R-DUMP", "CVE-2016-9962")
def test_the_waiting_init_cannot_be_looked_into(runtime):
    """Another container with the same user and the same capabilities, in the same pid namespace."""
    first = runtime.container(["/bin/true"]).create()
    result = beside(runtime, first, LOOK).run()
    assert (result.rc, result.out) == (0, ""), result


@promise("R-DUMP", "CVE-2016-9962")
def test_the_waiting_init_of_a_user_namespace_cannot_be_looked_into(runtime):
    """A neighbour that is root, with all capabilities, in the user namespace that both share."""
    if not runtime.is_tare:
        pytest.skip("the peers execute something of theirs inside of the user namespace")
    first = runtime.container(["/bin/true"])
    user_namespace(first.config)
    first.chown(100000)
    first.create()
    second = beside(runtime, first, LOOK)
    second.config["linux"]["namespaces"].append({"type": "user",
                                                 "path": f"/proc/{first.pid}/ns/user"})
    second.chown(100000)
    all_capabilities(second)
    result = second.run()
    assert (result.rc, result.out) == (0, ""), result


@promise("CVE-2019-5736", "CVE-2020-14300")
def test_the_executable_of_the_waiting_init_is_not_the_hosts(runtime, binary):
    """Even a privileged neighbour finds there an independent copy that nobody can write to."""
    first = runtime.container(["/bin/true"]).create()
    second = beside(runtime, first, """
        echo "inode $(stat -L -c %d:%i /proc/1/exe)"
        (echo overwritten > /proc/1/exe) 2> /dev/null && echo written 1
        dd if=/dev/zero of=/proc/1/exe bs=1 count=1 conv=notrunc 2> /dev/null && echo written 2
        exec 3< /proc/1/exe
        (echo overwritten > /proc/self/fd/3) 2> /dev/null && echo written 3
        (echo overwritten >> /proc/self/fd/3) 2> /dev/null && echo written 4
        truncate -s 0 /proc/1/exe 2> /dev/null && echo written 5
        true""")
    all_capabilities(second)
    result = second.run()
    assert result.rc == 0, result
    assert "written" not in result.out, result.out
    host = os.stat(binary)
    assert result.out.split()[1] != f"{host.st_dev}:{host.st_ino}"
    exe = os.stat(f"/proc/{first.pid}/exe")
    assert (exe.st_dev, exe.st_ino) != (host.st_dev, host.st_ino)


@promise("CVE-2019-5736")
def test_no_mapping_of_the_init_shares_pages_with_the_host(runtime):
    """Not the executable alone: no file of the host is mapped by a process that the container sees,
    for a hole in the kernel's page cache would make it writable."""
    if not runtime.is_tare:
        pytest.skip("a promise of tare's")
    container = runtime.container(["/bin/true"]).create()
    with open(f"/proc/{container.pid}/maps", encoding="utf-8") as file:
        mapped = {line.split(None, 5)[5].strip() for line in file if len(line.split(None, 5)) == 6}
    assert os.path.realpath(runtime.path) not in mapped
    own = {path for path in mapped if os.path.basename(path).startswith("tare")}
    assert not own, own


def is_static(path):
    done = subprocess.run(["ldd", path], capture_output=True, text=True, check=False)
    return "statically linked" in done.stdout + done.stderr or "not a dynamic" in done.stderr


@promise("CVE-2019-5736")
def test_a_static_init_maps_no_file_of_the_host(runtime):
    """Then no library of the host's can be reached through /proc/1/map_files either."""
    if not runtime.is_tare or not is_static(runtime.path):
        pytest.skip("not a static executable")
    container = runtime.container(["/bin/true"]).create()
    with open(f"/proc/{container.pid}/maps", encoding="utf-8") as file:
        mapped = {line.split(None, 5)[5].strip() for line in file if len(line.split(None, 5)) == 6}
    files = {path for path in mapped if path.startswith("/") and path != "/dev/zero (deleted)"}
    assert files == {"/memfd:tare (deleted)"}, mapped


@promise("CVE-2019-5736")
@pytest.mark.parametrize("verb", ["create", "run"])
def test_the_c_library_starts_once(runtime, verb):
    """The process becomes the copy before the library starts (src/entry.c); where that is refused it executes the
    copy, and where there is none, the library's side makes one. The library's start shows in the call that every
    one makes, set_tid_address."""
    if not runtime.is_tare or not is_static(runtime.path):
        pytest.skip("not a static executable")
    container = runtime.container(["/bin/true"])
    container.write()
    injector = faults.Injector(runtime)

    def starts(function):
        result, cases, _ = function()
        assert result.rc == 0, result
        names = [case.name for case in cases if case.side == 0]
        if verb == "create":
            container.delete("--force")
        return names.count("set_tid_address"), names.count("execveat")

    def run():
        return runtime.call("run", "--bundle", container.bundle, container.id)

    call = run if verb == "run" else container.try_create
    assert starts(lambda: injector.call(call)) == (1, 0)
    for name, nth, expected in (("openat", 1, (2, 1)), ("memfd_create", 1, (2, 1)), ("sendfile", 1, (2, 1)),
                                ("fcntl", 2, (2, 1)), ("mmap", 1, (1, 1)), ("mmap", 4, (1, 1)),
                                ("prctl", 1, (1, 1))):
        case = faults.Case(0, name, nth, "")
        assert starts(lambda case=case: injector.fail(case, call)) == expected, (name, nth)


@promise("CVE-2019-5736")
def test_the_exe_is_kept_open_across_the_start(runtime, binary):
    """The old attack's second half: a descriptor of the exe taken while the init waits is written to when
    its program has taken over, and nothing executes the file any more."""
    first = runtime.container(["/bin/sh", "-c", "while [ ! -e /go ]; do sleep 0.02; done"])
    first.config["root"]["readonly"] = False
    first.create()
    second = beside(runtime, first, """
        exec 3< /proc/1/exe
        echo ready > /ready
        while [ ! -e /go ]; do sleep 0.02; done
        (echo overwritten > /proc/self/fd/3) 2> /dev/null && echo written
        true""")
    all_capabilities(second)
    second.create().start()
    eventually(lambda: os.path.exists(f"{second.rootfs}/ready"))
    first.start()
    for container in (second, first):
        with open(f"{container.rootfs}/go", "w", encoding="ascii"):
            pass
        container.wait()
    assert "written" not in second.output()[0]
