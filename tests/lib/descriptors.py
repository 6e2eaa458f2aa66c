"""Descriptors of the host that a careless caller leaves open, and the paths that lead to them."""
import os

FORMS = ["/proc/self/fd/{}", "/proc/self/fd/{}/", "/proc/self/fd/{}/..", "/proc/self/fd/{}/../../..",
         "/proc/1/fd/{}", "/proc/thread-self/fd/{}", "/dev/fd/{}", "/link{}", "/chain{}"]


def links(container, numbers):
    for number in numbers:
        os.symlink(f"/proc/self/fd/{number}", f"{container.rootfs}/link{number}")
        os.symlink(f"link{number}", f"{container.rootfs}/chain{number}")


def inherited(runtime):
    """Descriptors of host directories that a careless caller leaves open: 3, 4, ..."""
    return [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in ("/", runtime.directory, "/tmp")]
