"""The failure of every system call of exec in turn, and the death of each of its processes there: of the command
(side 0), of the process that enters the container (1), of the added one (2). Expected: status 255 and one clear
message, or success where the failure is borne; in either case no process is left, no pid file says that there
is one, and the container goes on as before.
"""
import os

import pytest

import faults
from faulty import Faulty, Large, Plain, is_borne
from tare import eventually, promise, read_text

pytestmark = pytest.mark.skipif(
    "ASAN_OPTIONS" in os.environ,
    reason="sanitizer: its runtime makes calls of its own and does not survive their failure")

STRIDE = 1 if os.environ.get("TARE_FAULT_COMPLETE") else 4


class Simple(Plain):
    """Attended, without a terminal."""

    words = ()

    def __init__(self, runtime):
        super().__init__(runtime)
        self.container.config["process"]["args"] = ["/bin/sleep", "1000"]


class Detached(Large):
    """In a user namespace, with a filter, a terminal that goes to a console socket, a pidfd socket, a process
    from a file."""

    def __init__(self, runtime):
        super().__init__(runtime)
        config = self.container.config
        config["process"]["terminal"] = False
        config["process"]["args"] = ["/bin/sleep", "1000"]
        del config["hooks"]
        self.options = ()
        path = self.container.process_file(["/bin/true"], terminal=True)
        self.words = ("--process", path, "--detach", "--console-socket", self.console.path,
                      "--pidfd-socket", self.console.path)


class Adding:
    """A running container that processes are added to under fault."""

    def __init__(self, runtime, bundle):
        self.faulty = Faulty(runtime, bundle)
        self.runtime, self.container = runtime, self.faulty.container
        assert self.faulty.create().rc == 0
        self.container.start()
        self.pid_file = f"{self.container.bundle}/exec.pid"
        path = next(line[3:] for line in read_text(f"/proc/{self.container.pid}/cgroup").splitlines()
                    if line.startswith("0::"))
        self.procs = f"{runtime.view.cgroup2()}{path}/cgroup.procs"
        self.before = runtime.host.children()
        self.problems = []

    def add(self):
        """exec"""
        result = self.runtime.call("exec", "--pid-file", self.pid_file, *self.faulty.bundle.words,
                                   self.container.id, *([] if self.faulty.bundle.words else ["/bin/true"]))
        if self.faulty.bundle.words and result.rc == 0:
            try:
                os.waitpid(int(read_text(self.pid_file)), 0)
            except ChildProcessError:
                pass # the wrapper, as its subreaper, has waited for it
        self.faulty.bundle.after()
        return result

    def cases(self):
        """The calls of an exec that nothing disturbs."""
        result, cases, _ = self.faulty.injector.call(self.add)
        assert result.rc == 0, result
        self.look("at first", result)
        return [case for case in cases if case.name not in faults.NEVER_FAIL]

    def look(self, case, result):
        """What holds after each."""
        self.runtime.host.children()  # waits for those that came to us
        if os.path.exists(self.pid_file):
            os.unlink(self.pid_file)
            if result.rc:
                self.problems.append(f"{case}: a pid file of what failed: {result}")
        try:
            eventually(lambda: read_text(self.procs).split() == [str(self.container.pid)], 20)
        except AssertionError:
            self.problems.append(f"{case}: left in the cgroup: {read_text(self.procs).split()}")
        left = [name for name in os.listdir(self.container.bundle) if name.startswith(".exec.pid")]
        if left:
            self.problems.append(f"{case}: left: {left}")
            os.unlink(f"{self.container.bundle}/{left[0]}")

    def judge(self, case, result):
        """The result of a faulty exec."""
        if result.rc == 0:
            if not is_borne(self.faulty.injector.failed or case) and "level=warning" not in result.err:
                self.problems.append(f"{case}: was borne")
            return
        if result.rc == 127 and "error while loading shared libraries" in result.err:
            return # the C library's own start in a static executable, in its own words
        problems = faults.message_problems(result)
        if result.rc != 255 and "level=error" in result.err and "tare exec failed" in result.err:
            problems.append(f"exit status {result.rc}")
        self.problems += [f"{case}: {problem}" for problem in problems]


@pytest.fixture
def adding(runtime):
    if runtime.kernel_caps:
        pytest.skip("one pass is enough")
    made = []

    def make(bundle):
        made.append(Adding(runtime, bundle))
        return made[-1]
    yield make
    for each in made:
        assert each.container.status() == "running"
        assert each.add().rc == 0
        each.faulty.bundle.close()
        if each.problems:
            pytest.fail("\n".join(each.problems), pytrace=False)


def shards(bundle, count, stride):
    return [pytest.param(bundle, i * stride, count * stride, id=f"{bundle.__name__.lower()}-{i}")
            for i in range(count)]


@pytest.mark.parametrize("bundle, first, step", shards(Simple, 2, 1) + shards(Detached, 2, STRIDE))
@promise("issue:7.4")
def test_failing(adding, bundle, first, step):
    a = adding(bundle)
    for case in a.cases()[first::step]:
        result, _, done = a.faulty.injector.fail(case, a.add)
        if done:
            a.judge(case, result)
        a.look(case, result)


@pytest.mark.parametrize("bundle, first, step", shards(Simple, 2, 2) + shards(Detached, 2, STRIDE))
@promise("issue:7.4")
def test_killed(adding, bundle, first, step):
    """Whoever dies, the others do not stay."""
    a = adding(bundle)
    for case in a.cases()[first::step]:
        result, _, done = a.faulty.injector.kill(case, a.add)
        if case.side == 2 and case.name == "execve":
            os.unlink(a.pid_file) # the one who is killed there counts as the program
            result = result._replace(rc=0)
        if done and case.side and result.rc:
            a.problems += [f"{case}: {problem}" for problem in faults.message_problems(result)]
        if done and not case.side and os.path.exists(a.pid_file):
            os.unlink(a.pid_file) # it was written, and it was true
        left = f"{a.container.bundle}/.exec.pid"
        if not case.side and os.path.exists(left):
            os.unlink(left)
        a.look(case, result)
