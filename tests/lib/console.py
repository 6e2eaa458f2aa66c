"""The caller's side of a terminal: a console socket that receives the master, as conmon's does.

    with console.Console(container.bundle) as terminal:
        container.create("--console-socket", terminal.path)
        terminal.accept()
        container.start()
        assert terminal.read_until(b"$ ")
"""
import array
import fcntl
import os
import select
import socket
import struct
import termios
import time

from tare import PATIENCE


class Console:
    """A listening console socket, and the terminal that came through it."""

    def __init__(self, directory):
        self.path = f"{directory}/console.sock"
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.master = -1
        self.payload = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        if self.master >= 0:
            os.close(self.master)

    def accept(self, timeout=5):
        """Takes the one descriptor from the one message; .payload is the message's text."""
        self.listener.settimeout(timeout * PATIENCE)
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(timeout * PATIENCE)
            self.payload, ancillary, _, _ = connection.recvmsg(4097, socket.CMSG_SPACE(4 * 4))
        descriptors = array.array("i")
        for level, kind, data in ancillary:
            assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            descriptors.frombytes(data[:len(data) - len(data) % descriptors.itemsize])
        assert len(descriptors) == 1, f"{len(descriptors)} descriptors came, not one"
        self.master = descriptors[0]
        return self

    def size(self):
        """(rows, columns)"""
        answer = fcntl.ioctl(self.master, termios.TIOCGWINSZ, b"\0" * 8)
        return struct.unpack("HHHH", answer)[:2]

    def resize(self, rows, columns):
        """TIOCSWINSZ"""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def write(self, data):
        """Types."""
        os.write(self.master, data)

    def read_until(self, wanted=None, timeout=10):
        """What the terminal shows, up to @wanted, or to its end when that is None."""
        seen, deadline = b"", time.monotonic() + timeout * PATIENCE
        while wanted is None or wanted not in seen:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.master], [], [], left)[0], \
                f"{wanted} did not come; seen: {seen}"
            try:
                data = os.read(self.master, 4096)
            except OSError:  # EIO: the last one of the other end has closed it
                data = b""
            if not data:
                assert wanted is None, f"ended without {wanted}; seen: {seen}"
                return seen
            seen += data
        return seen
