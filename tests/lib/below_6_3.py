#!/usr/bin/python3
"""Executes a command for which memfd_create(2) knows no MFD_EXEC, as below Linux 6.3: below_6_3.py COMMAND..."""
import ctypes
import errno
import os
import struct
import sys

NR_MEMFD_CREATE = {"x86_64": 319, "aarch64": 279}[os.uname().machine]
MFD_EXEC = 0x10
LOAD, EQUAL, BITS, RETURN = 0x20, 0x15, 0x45, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_JMP|JSET|K, BPF_RET|K
ALLOW, REFUSE = 0x7fff0000, 0x00050000 | errno.EINVAL
PROGRAM = [(LOAD, 0, 0, 0), (EQUAL, 0, 3, NR_MEMFD_CREATE), (LOAD, 0, 0, 24), (BITS, 0, 1, MFD_EXEC),
           (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)]


class Filter(ctypes.Structure):
    """struct sock_fprog."""
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


code = b"".join(struct.pack("HBBI", *instruction) for instruction in PROGRAM)
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(22, 2, ctypes.byref(Filter(len(PROGRAM), code)), 0, 0):  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    sys.exit(f"prctl(PR_SET_SECCOMP): {os.strerror(ctypes.get_errno())}")
try:
    os.memfd_create("x", MFD_EXEC)
    sys.exit("MFD_EXEC is still known")
except OSError:
    os.execvp(sys.argv[1], sys.argv[1:])
