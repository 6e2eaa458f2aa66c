"""What a seccomp profile of a config.json answers to a system call, worked out from the profile by
the rules of the runtime specification, with libseccomp's table of names and nothing else."""
import ctypes

ARCHITECTURES = {  # seccomp.h: AUDIT_ARCH_* of the two ways into an x86-64 kernel
    "SCMP_ARCH_X86_64": 0xC000003E,
    "SCMP_ARCH_X86": 0x40000003,
}
EPERM, ENOSYS = 1, 38
MASK64 = (1 << 64) - 1

# (name, arguments, errno when nothing stands in the way; None: depends on the machine)
PROBES = (
    ("getpid", (), 0),
    ("unshare", (0,), 0),
    ("setns", (MASK64, 0), 9),
    ("chroot", (0,), 14),
    ("mount", (0, 0), 14),
    ("umount2", (0, 0xFFFFFFFF), 22),
    ("keyctl", (0xFFFF,), 95),
    ("settimeofday", (0, 0), None),
    ("clone", (0x10000211,), 22),  # CLONE_NEWUSER | CLONE_FS cannot be
    ("clone3", (0, 0), 22),
    ("personality", (0xFFFFFFFF,), 0),
    ("personality", (0x0008,), 0),
    ("personality", (0x0001,), 0),
    ("socket", (2, 1, 0), 0),
    ("socket", (16, 3, 0), 0),
    ("socket", (16, 3, 9), None),
    ("socket", (40, 1, 0), None),
    ("perf_event_open", (0, 0, 0, 0, 0), None),
    ("bpf", (0, 0, 0), None),
    ("ptrace", (0xFFFF, 0, 0, 0), None),
    ("kexec_load", (0, 0, 0, 0xFFFFFFFF), None),
    ("open_by_handle_at", (MASK64, 0, 0), None),
    ("vhangup", (), None),
    ("acct", (1,), None),
    ("delete_module", (0, 0), None),
    ("io_uring_setup", (0, 0), None),
    ("userfaultfd", (0xFFFFFFFF,), None),
    ("swapon", (0, 0), None),
    ("no-such-call", (), ENOSYS),  # a number that no kernel has yet
)
COMPAT_PROBES = (
    ("getpid", (), 0),
    ("unshare", (0,), 0),
    ("settimeofday", (0, 0), None),
    ("clone3", (0, 0), 22),
    ("personality", (0x0001,), 0),
)
NO_SUCH_CALL = 2000


class Names:
    """Numbers of system calls."""

    def __init__(self):
        self.library = ctypes.CDLL("libseccomp.so.2")

    def number(self, name, architecture="SCMP_ARCH_X86_64"):
        """The number of a call; negative: this architecture does not have it."""
        if name == "no-such-call":
            return NO_SUCH_CALL
        return self.library.seccomp_syscall_resolve_name_arch(
            ctypes.c_uint32(ARCHITECTURES[architecture]), name.encode())


def argument_holds(condition, arguments):
    """Whether one condition of a rule is met."""
    index = condition["index"]
    given = arguments[index] if index < len(arguments) else 0
    value, two = condition["value"], condition.get("valueTwo", 0)
    operator = condition["op"]
    if operator == "SCMP_CMP_MASKED_EQ":
        return given & value == two
    return {"SCMP_CMP_EQ": given == value, "SCMP_CMP_NE": given != value,
            "SCMP_CMP_LT": given < value, "SCMP_CMP_LE": given <= value,
            "SCMP_CMP_GT": given > value, "SCMP_CMP_GE": given >= value}[operator]


def actions(profile, name, arguments):
    """The actions of all rules that match: {(action, errno)}."""
    found = set()
    for rule in profile.get("syscalls", []):
        if name in rule["names"] and all(argument_holds(x, arguments)
                                         for x in rule.get("args") or ()):
            found.add((rule["action"], rule.get("errnoRet", EPERM)))
    return found


def unlisted(profile, names, name, architecture):
    """What a call gets that no rule matches. Beyond the highest number that a rule names it is ENOSYS,
    so that programs fall back from calls that the profile's author could not know."""
    action, errno = profile["defaultAction"], profile.get("defaultErrnoRet", EPERM)
    if action == "SCMP_ACT_ALLOW":
        return action, errno
    highest = max((names.number(x, architecture) for rule in profile.get("syscalls", [])
                   for x in rule["names"]), default=-1)
    if names.number(name, architecture) > highest >= 0:
        return "SCMP_ACT_ERRNO", ENOSYS
    return action, errno


def expected_errno(profile, names, probe, architecture="SCMP_ARCH_X86_64"):
    """The errno that a probe must get; None: not to be told from the profile."""
    name, arguments, natural = probe
    if not profile:
        return natural
    if architecture not in profile.get("architectures", [architecture]):
        return None
    matching = actions(profile, name, arguments) or {unlisted(profile, names, name, architecture)}
    if len(matching) > 1:
        return None  # rules that contradict each other
    action, errno = matching.pop()
    if action == "SCMP_ACT_ALLOW":
        return natural
    assert action == "SCMP_ACT_ERRNO", action
    return errno


def probe_argument(names, probe, architecture="SCMP_ARCH_X86_64"):
    """The probe as the report program takes it, or None when the machine has no such call."""
    name, arguments, _ = probe
    number = names.number(name, architecture)
    if number < 0:
        return None
    return ":".join([str(number)] + [hex(x) for x in arguments])
