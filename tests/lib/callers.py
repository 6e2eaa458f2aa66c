"""The programs that call a runtime, played: how each builds its command line and environment, what it
reads back and how it tells one failure from another. The expressions are those of the callers."""
import datetime
import json
import os
import re
import select
import subprocess
import time

import pytest

from tare import PATIENCE, Result, read_text

# Go's time.RFC3339, which containerd's decoder of the log demands
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")

# The time of a line in a text log
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)"


def bare(runtime, *words, **options):
    """A call without any option of the harness."""
    return subprocess.run([runtime.path, *words], capture_output=True, text=True, check=False,
                          env=dict(runtime.env, **options.pop("env", {})), **options)


def log_text(result):
    """The message of a text log line on standard error, unquoted."""
    match = re.fullmatch(rf'time="{TIME}" level=error msg="((?:[^"\\]|\\.)*)"\n', result.err)
    assert match, result
    return match.group(1).replace('\\"', '"')


def skip_peer(runtime, name, reason):
    """Where a peer is known to depart from what runc's callers rely on."""
    if os.path.basename(runtime.path) == name:
        pytest.skip(f"{name}: {reason}")


def strict_atoi(text):
    """strconv.Atoi: an optional sign and digits, nothing before or after."""
    assert re.fullmatch(r"[+-]?[0-9]+", text), f"strconv.Atoi: parsing {text!r}: invalid syntax"
    return int(text)


def parse_time(text):
    """time.Parse(time.RFC3339Nano, ...)"""
    assert RFC3339.fullmatch(text), text
    return datetime.datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", text).replace("Z", "+00:00"))


def read_line(file, timeout=10):
    """The next line of an unbuffered pipe, which must come in time."""
    line, deadline = b"", time.monotonic() + timeout * PATIENCE
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        assert left > 0 and select.select([file], [], [], left)[0], f"after {line!r} no more came"
        byte = os.read(file if isinstance(file, int) else file.fileno(), 1)
        if not byte:
            break
        line += byte
    return line


def holders(descriptor):
    """The processes, ourselves left out, that hold the pipe of one of our descriptors open."""
    wanted, found = os.readlink(f"/proc/self/fd/{descriptor}"), set()
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            for name in os.listdir(f"/proc/{entry}/fd"):
                if os.readlink(f"/proc/{entry}/fd/{name}") == wanted:
                    found.add(int(entry))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def parent_of(pid):
    """The parent of a process."""
    return int(read_text(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[1])


class Caller:
    """A caller with a bundle; PREFIX words stand before the verb."""

    def __init__(self, container):
        self.container, self.runtime = container, container.runtime
        self.id, self.bundle = container.id, container.bundle
        self.pid_file = f"{self.bundle}/caller.pid"
        self.env = {"PATH": os.environ["PATH"]}

    def prefix(self):
        """The options before the verb."""
        return ["--root", self.runtime.state_root]

    def argv(self, *words):
        """The whole command line."""
        runtime = self.runtime
        start = runtime.view.prefix() + [runtime.path]
        if runtime.is_tare and runtime.kernel_caps:
            start.append(f"--kernel-caps={runtime.kernel_caps}")
        return start + self.prefix() + list(words)

    def environment(self):
        """What the runtime finds in its environment."""
        kept = {x: os.environ[x] for x in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LLVM_PROFILE_FILE")
                if x in os.environ}
        return dict(self.env, **kept)

    def call(self, *words, **options):
        """Runs a verb that leaves nothing behind that holds the pipes. Returns the Result."""
        done = subprocess.run(self.argv(*words), env=self.environment(), capture_output=True, text=True,
                              timeout=30, check=False, cwd=self.bundle, **options)
        return Result(done.returncode, done.stdout, done.stderr)

    def combined(self, *words):
        """Runs a verb and returns (rc, standard output and error as one)."""
        done = subprocess.run(self.argv(*words), env=self.environment(), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=30, check=False)
        return done.returncode, done.stdout

    def create_words(self):
        """The arguments of a create, without the id."""
        return ["create", "--bundle", self.bundle, "--pid-file", self.pid_file]

    def create(self, *options, stdin=subprocess.DEVNULL, stderr=None, pass_fds=()):
        """Runs `create` with pipes as the container's streams. Returns the Result: its standard error
        is what had been written when `create` ended; .out and .err are our ends of the pipes."""
        self.container.write()
        out, theirs_out = os.pipe()
        err, theirs_err = os.pipe() if stderr is None else (None, stderr)
        process = subprocess.Popen(self.argv(*self.create_words(), *options, self.id), stdin=stdin,
                                   stdout=theirs_out, stderr=theirs_err, env=self.environment(),
                                   pass_fds=pass_fds, cwd=self.bundle)
        os.close(theirs_out)
        if stderr is None:
            os.close(theirs_err)
        self.out, self.err = out, err
        with process:
            rc = process.wait(30)
        text = ""
        if rc and err is not None:
            text = os.read(err, 65536).decode()
        if rc == 0:
            self.container.pid = strict_atoi(read_text(self.pid_file))
            self.container.pidfd = os.pidfd_open(self.container.pid)
        return Result(rc, "", text)

    def close(self):
        """Closes the pipes."""
        for descriptor in (self.out, self.err):
            if descriptor is not None:
                os.close(descriptor)
        self.out = self.err = None

    out = err = None


class Shim(Caller):
    """containerd's shim (go-runc)."""

    def __init__(self, container):
        super().__init__(container)
        self.log = f"{self.bundle}/log.json"

    def prefix(self):
        return ["--root", f"{self.runtime.state_root}", "--log", self.log, "--log-format", "json"]

    def entries(self):
        """The log as a stream of JSON objects, as json.Decoder reads it; tare's are one a line."""
        text, entries = read_text(self.log), []
        if self.runtime.is_tare:
            assert all(line.startswith("{") and line.endswith("}") for line in text.splitlines()), text
        while text.strip():
            entry, end = json.JSONDecoder().raw_decode(text := text.lstrip())
            text = text[end:]
            assert {"level", "msg", "time"} <= set(entry), entry
            parse_time(entry["time"])
            entries.append(entry)
        return entries

    def last_error(self):
        """The message of the last entry whose level is error."""
        errors = [x["msg"] for x in self.entries() if x["level"] == "error"]
        assert errors, "unable to retrieve OCI runtime error"
        return errors[-1]

    def classify_kill(self, output):
        """containerd's checkKillError on the combined output."""
        if any(x in output.lower() for x in ("os: process already finished", "container not running",
                                             "no such process")):
            return "NotFound"
        if "does not exist" in output:
            return "NotFound"
        return f"unknown error after kill: {output}"


class Conmon(Caller):
    """podman's and CRI-O's monitor: knows no --log, reads the standard error."""


class Podman(Caller):
    """podman's direct calls, with its small environment."""

    def __init__(self, container):
        super().__init__(container)
        self.env = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": "/run/user/0"}

    @staticmethod
    def exit_code(text):
        """getOCIRuntimeError: the exit code that `podman run` ends with."""
        if re.match(r"(?is).*permission denied|.*operation not permitted", text):
            return 126
        if re.match(r"(?is).*executable file not found in|.*no such file or directory"
                    r"|.*open executable", text):
            return 127
        return 125


class Docker(Shim):
    """dockerd behind containerd."""

    @staticmethod
    def exit_code(text):
        """translateContainerdStartErr"""
        def contains(*parts):
            return any(x in text.lower() for x in parts)
        if contains("executable file not found", "no such file or directory",
                    "system cannot find the file specified", "failed to run runc create/exec call"):
            return 127
        if contains("permission denied", "is a directory"):
            return 126
        return 128

    @staticmethod
    def parse_version(output):
        """parseRuntimeVersion: (name, version, commit)"""
        name = version = commit = ""
        for line in output.strip().split("\n"):
            if "version" in line and not version:
                name, _, version = line.partition("version")
            elif line.startswith("commit: "):
                commit = line.removeprefix("commit: ")
        return name.strip(), version.strip(), commit.strip()


class Crio(Caller):
    """CRI-O's own calls."""

    @staticmethod
    def is_gone(stderr):
        """Whether an error of kill or state means that the container is not there any more."""
        return bool(re.search(r"(?i)no such process|container not running|invalid process"
                              r"|does not exist", stderr))


class Buildah(Caller):
    """buildah run: polls `state`, waits for the process itself."""


class Buildkit(Caller):
    """buildkit's executor: foreground `run`."""
