"""User namespaces for tests."""

# A program that runs a command as user 1000 of a user namespace in which no other can be made; called by root.
SWITCHED_OFF = """
import ctypes, os, sys
CLONE_NEWUSER = 0x10000000
ready, go = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    ctypes.CDLL(None).unshare(CLONE_NEWUSER)
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    with open("/proc/sys/user/max_user_namespaces", "w") as file:
        file.write("0")
    os.setgroups([])
    os.setresgid(1000, 1000, 1000)
    os.setresuid(1000, 1000, 1000)
    os.execvp(sys.argv[1], sys.argv[1:])
os.read(ready[0], 1)
for name in ("gid_map", "uid_map"):
    with open(f"/proc/{child}/{name}", "w") as file:
        file.write("0 0 2000")
os.write(go[1], b"x")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

# A program that runs a command as root of a user and mount namespace with the maps of its first two arguments
# ("0 0 1000"), which its caller has to be allowed to write.
ENTER = """
import ctypes, os, sys
CLONE_NEWUSER, CLONE_NEWNS = 0x10000000, 0x00020000
ready, go = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    assert ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    os.execvp(sys.argv[3], sys.argv[3:])
os.read(ready[0], 1)
for name, text in (("uid_map", sys.argv[1]), ("gid_map", sys.argv[2])):
    with open(f"/proc/{child}/{name}", "w") as file:
        file.write(text)
os.write(go[1], b"x")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
