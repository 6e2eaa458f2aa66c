"""A person's terminal: a real pty, at which a runtime's command is run."""
import fcntl
import os
import pty
import select
import termios

import console

LOCAL, OUTPUT = 3, 1  # indices of tcgetattr's answer: c_lflag, c_oflag


class Desk(console.Console):
    """A person's terminal, and what runs in it."""

    def __init__(self, rows=24, columns=80):  # pylint: disable=super-init-not-called
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.process = None

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)

    def run(self, container, *options, **streams):
        """`run`, attached, as the leader of a session on this terminal. Streams that are not given are
        the terminal."""
        container.config["process"]["terminal"] = True
        return self.run_plain(container, *options, **streams)

    def run_plain(self, container, *options, **streams):
        """The same, with the configuration as it is."""
        container.write()
        return self.lead(container.runtime, "run", "--bundle", container.bundle, *options, container.id,
                         **streams)

    def lead(self, runtime, *words, **streams):
        """A verb, as the leader of a session on this terminal."""
        for name in ("stdin", "stdout", "stderr"):
            streams.setdefault(name, self.slave)

        def lead():
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        self.process = runtime.popen(*words, preexec_fn=lead, **streams)
        return self

    def modes(self):
        """tcgetattr(3)"""
        return termios.tcgetattr(self.slave)

    def is_raw(self):
        """Whether neither side of the terminal works on lines."""
        modes = self.modes()
        return not modes[LOCAL] & termios.ICANON and not modes[OUTPUT] & termios.OPOST

    def wait(self, timeout=20):
        """The exit status of `run`."""
        return self.process.wait(timeout)

    def rest(self):
        """What the terminal shows until nothing more comes, after the end of `run`."""
        self.wait()
        seen = b""
        while select.select([self.master], [], [], 0)[0]:
            seen += os.read(self.master, 65536)
        return seen
