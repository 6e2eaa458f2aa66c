"""Attached run as a person at a terminal sees it, and as a script that has none: modes, size, job control,
the last output, streams that end or that nobody reads. The person's terminal is a real pty."""
import fcntl
import json
import os
import signal
import subprocess
import termios
import time

import pytest

import tare
from desk import Desk, LOCAL, OUTPUT
from tare import eventually, promise

@pytest.fixture
def desk():
    with Desk(31, 97) as made:
        yield made


def shell(runtime, script):
    """A container whose program is a script."""
    return runtime.container(["/bin/sh", "-c", script])


def await_status(container, word):
    """Waits until `state` says this, of a container that may not exist yet."""
    seen = []

    def status():
        result = container.runtime.call("state", container.id)
        seen[:] = [json.loads(result.out)["status"] if result.rc == 0 else result.err]
        return seen == [word]
    try:
        eventually(status, 30)
    except AssertionError as error:
        raise AssertionError(f"{error}: it is {seen}, not {word}") from None


# ---- modes, size, signals ----

def test_typing_and_modes(runtime, desk):
    before = desk.modes()
    desk.run(runtime.container(["/bin/sh"]))
    eventually(desk.is_raw)
    desk.write(b"echo $((41 + 1)) && tty; exit 7\n")
    desk.read_until(b"42\r\n/dev/pts/0\r\n")
    assert desk.wait() == 7
    assert desk.modes() == before


@promise("contract:7.6")
def test_size(runtime, desk):
    container = shell(runtime, "trap 'stty size' WINCH; stty size; while :; do sleep 0.02; done")
    container.config["process"]["consoleSize"] = {"height": 5, "width": 6}
    desk.run(container)
    desk.read_until(b"31 97\r\n")
    desk.resize(40, 50)
    desk.read_until(b"40 50\r\n")
    container.kill("KILL")
    assert desk.wait() == 137


def test_size_of_another_stream(runtime, desk):
    """Standard input is no terminal, standard output is."""
    desk.run(shell(runtime, "stty size"), stdin=subprocess.DEVNULL)
    desk.read_until(b"31 97\r")
    assert desk.wait() == 0


def test_console_size_without_a_terminal(runtime):
    container = shell(runtime, "stty size")
    container.config["process"].update(terminal=True, consoleSize={"height": 5, "width": 6})
    result = container.run()
    assert (result.rc, result.out) == (0, "5 6\n")  # Python's universal newlines


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT,
                                    signal.SIGTSTP, signal.SIGRTMIN + 3])
def test_signals_leave_the_modes_as_they_were(runtime, desk, number):
    before = desk.modes()
    desk.run(shell(runtime, f"trap 'exit 9' {int(number)}; echo up; while :; do sleep 0.02; done"))
    desk.read_until(b"up\r\n")
    assert desk.is_raw()
    desk.process.send_signal(number)
    assert desk.wait() == 9
    assert desk.modes() == before


def test_a_failing_start_leaves_the_modes_as_they_were(runtime, desk):
    before = desk.modes()
    container = runtime.container(["/bin/no-program"])
    with open(f"{container.rootfs}/bin/no-program", "w", encoding="utf-8") as file:
        file.write("no program")
    os.chmod(f"{container.rootfs}/bin/no-program", 0o755)
    desk.run(container)
    assert desk.wait() == 1
    assert b"xec format error" in desk.rest()
    assert desk.modes() == before
    assert runtime.ids() == []


def test_control_c_goes_to_the_container(runtime, desk):
    desk.run(shell(runtime, "trap 'echo INT; exit 4' INT; echo up; while :; do sleep 0.02; done"))
    desk.read_until(b"up\r\n")
    desk.write(b"\x03")
    desk.read_until(b"INT\r\n")
    assert desk.wait() == 4


# ---- job control ----

def background_job(runtime, desk, container):
    """Leads a new session on the terminal, with `run` in its background."""
    os.setsid()
    fcntl.ioctl(desk.slave, termios.TIOCSCTTY, 0)
    return runtime.popen("run", "--bundle", container.bundle, container.id, process_group=0,
                         stdin=desk.slave, stdout=desk.slave, stderr=desk.slave)


def test_background(runtime, desk):
    """In the background `run` stops before it touches the terminal, and goes on in the foreground."""
    container = shell(runtime, "read line; echo got $line")
    container.config["process"]["terminal"] = True
    container.write()
    leader = os.fork()
    if leader == 0:
        try:
            before = desk.modes()
            job = background_job(runtime, desk, container)
            _, status = os.waitpid(job.pid, os.WUNTRACED)
            good = os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGTTOU
            good = good and desk.modes() == before
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            os.tcsetpgrp(desk.slave, job.pid)
            os.kill(job.pid, signal.SIGCONT)
            _, status = os.waitpid(job.pid, 0)
            os.tcsetpgrp(desk.slave, os.getpid())
            good = good and os.waitstatus_to_exitcode(status) == 0 and desk.modes() == before
            os._exit(0 if good else 1)
        finally:
            os._exit(2)
    eventually(desk.is_raw)
    desk.write(b"hello\r")
    desk.read_until(b"got hello\r\n")
    assert os.waitstatus_to_exitcode(os.waitpid(leader, 0)[1]) == 0


def test_a_stopped_background_job_can_be_ended(runtime, desk):
    """`kill %1`: a shell sends the signal, and lets the job go on. Nothing is left of the container."""
    if not runtime.is_tare:
        pytest.skip("others touch the terminal from the background")
    container = shell(runtime, "sleep 1000")
    container.config["process"]["terminal"] = True
    container.write()
    leader = os.fork()
    if leader == 0:
        try:
            job = background_job(runtime, desk, container)
            for number in (signal.SIGCONT, signal.SIGTERM):  # one that only goes on stops again
                _, status = os.waitpid(job.pid, os.WUNTRACED)
                assert os.WIFSTOPPED(status)
                os.kill(job.pid, number)
                os.kill(job.pid, signal.SIGCONT)
            _, status = os.waitpid(job.pid, 0)
            os._exit(0 if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGTERM else 2)
        except BaseException:  # pylint: disable=broad-except
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(leader, 0)[1]) == 0
    assert runtime.ids() == []


def test_stopped_and_continued(runtime, desk):
    """Whoever has the terminal meanwhile sets its modes."""
    desk.run(shell(runtime, "echo up; read line; echo got $line"))
    desk.read_until(b"up\r\n")
    raw = desk.modes()
    desk.process.send_signal(signal.SIGSTOP)
    os.waitpid(desk.process.pid, os.WUNTRACED)
    cooked = desk.modes()
    cooked[LOCAL] |= termios.ICANON | termios.ECHO
    termios.tcsetattr(desk.slave, termios.TCSANOW, cooked)
    desk.process.send_signal(signal.SIGCONT)
    eventually(lambda: desk.modes() == raw)
    desk.write(b"x\r")
    desk.read_until(b"got x\r\n")
    assert desk.wait() == 0


# ---- the last output ----

@pytest.mark.parametrize("attempt", range(5))
def test_large_output_before_the_end(runtime, attempt):
    """All of it comes, through a pty, however the program ends."""
    count = 300000 + attempt
    container = shell(runtime, f"head -c {count} /dev/zero | tr '\\0' x; kill -9 $$; exit 0")
    container.config["process"]["terminal"] = True
    result = container.run()
    assert (result.rc, len(result.out)) == (0, count)


def test_large_output_to_a_slow_reader(runtime):
    container = shell(runtime, "head -c 400000 /dev/zero | tr '\\0' x; exit 5")
    container.config["process"]["terminal"] = True
    container.write()
    with runtime.popen("run", "--bundle", container.bundle, container.id, stdout=subprocess.PIPE,
                       stdin=subprocess.DEVNULL) as process:
        seen = 0
        while True:
            time.sleep(0.01)
            data = os.read(process.stdout.fileno(), 8192)
            if not data:
                break
            seen += len(data)
        assert process.wait(10) == 5
    assert seen == 400000


def test_last_output_to_a_reader_who_comes_late(runtime):
    """The container has ended; what it wrote still waits for its reader."""
    ours, theirs = os.pipe()
    # what a pipe holds depends on how many its user has open (pipe(7)): the least
    room = fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    length = room + 6464
    container = shell(runtime, f"head -c {length} /dev/zero | tr '\\0' x; exit 5")
    container.config["process"]["terminal"] = True
    container.write()
    with os.fdopen(ours, "rb") as output, \
            runtime.popen("run", "--bundle", container.bundle, container.id, stdout=theirs,
                          stdin=subprocess.DEVNULL) as process:
        os.close(theirs)
        await_status(container, "stopped")
        time.sleep(0.3)
        assert process.poll() is None
        assert len(output.read()) == length
        assert process.wait(10) == 5


def test_a_reader_who_never_comes_can_be_given_up(runtime, desk):
    """Standard output is a terminal that takes nothing."""
    desk.run(shell(runtime, "head -c 16000 /dev/zero | tr '\\0' x; exit 5"))
    container = runtime.containers[-1]
    await_status(container, "stopped")
    time.sleep(0.2)
    assert desk.process.poll() is None
    desk.process.send_signal(signal.SIGTERM)
    assert desk.wait() == 5
    assert runtime.ids() == []


def test_signals_while_the_reader_is_slow(runtime, desk):
    """A terminal that takes nothing doesn't keep signals from the container."""
    desk.run(shell(runtime, "trap 'exit 6' TERM; yes & while :; do sleep 0.02; done"))
    container = runtime.containers[-1]
    await_status(container, "running")
    time.sleep(0.3 * tare.PATIENCE)  # the terminal gets full, so that what is run can't end yet
    desk.process.send_signal(signal.SIGTERM)
    eventually(lambda: container.status() == "stopped")
    assert len(desk.read_until(b"y\r\n")) > 0
    desk.process.send_signal(signal.SIGTERM)
    assert desk.wait() == 6


@pytest.mark.parametrize("script, most", [("sleep 1000 &", 0.9), ("yes > /dev/tty &", 10)])
def test_a_process_that_outlives_init_and_holds_the_terminal(runtime, script, most):
    container = shell(runtime, f"head -c 50000 /dev/zero | tr '\\0' x; {script} exit 3")
    container.config["process"]["terminal"] = True
    container.config["linux"]["namespaces"] = [
        ns for ns in container.config["linux"]["namespaces"] if ns["type"] != "pid"]
    start = time.monotonic()
    result = container.run()
    assert result.rc == 3
    assert result.out.startswith("x" * 50000)
    assert time.monotonic() - start < 5 + most


def test_a_terminal_that_is_opened_again(runtime):
    """An init that opens the console for each line: in between nobody has it open."""
    script = ("exec < /dev/null > /dev/null 2>&1; sleep 0.3; echo one > /dev/console; "
              "sleep 0.3; echo two > /dev/console")
    container = shell(runtime, script)
    container.config["process"]["terminal"] = True
    result = container.run()
    assert (result.rc, result.out) == (0, "one\ntwo\n")


# ---- input that ends, output that nobody reads ----

@pytest.mark.parametrize("text, script, out", [
    ("", "cat; echo end", "end"),
    ("a line\n", "stty -echo; cat; echo end", "a line\nend"),
    ("no newline", "stty -echo; cat; echo end", "no newlineend"),
    ("a line\n", "stty -echo; cat; cat; echo end", "a line\nend"),
    ("", "sleep 0.3; stty raw; stty -raw; cat; echo end", "end"),
])
def test_input_that_ends(runtime, text, script, out):
    container = shell(runtime, script)
    container.config["process"]["terminal"] = True
    result = container.run(stdin=text)
    assert result.rc == 0
    assert result.out.replace("^D", "").replace("\b", "").strip().endswith(out)


def test_closed_streams(runtime):
    container = shell(runtime, "cat; echo end; exit 8")
    container.config["process"]["terminal"] = True
    container.write()
    done = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh",
                           *runtime.argv("run", "--bundle", container.bundle, container.id)],
                          env=runtime.env, check=False, timeout=20)
    assert done.returncode == 8


def test_large_input(runtime):
    """More than the pty takes at once, to a program that reads slowly and answers."""
    container = shell(runtime, "stty raw -echo; echo ready; head -c 200000 | wc -c")
    container.config["process"]["terminal"] = True
    container.write()
    with runtime.popen("run", "--bundle", container.bundle, container.id, stdin=subprocess.PIPE,
                       stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        process.stdin.write(b"x" * 200000)
        process.stdin.flush()
        assert process.stdout.read() == b"200000\n"
        assert process.wait(10) == 0


@pytest.mark.parametrize("program", [["/bin/yes"], ["/bin/sh", "-c", "while echo y; do :; done; exit 1"]])
def test_reader_who_leaves(runtime, program):
    """The container's terminal hangs up: its writes fail, and run ends with it."""
    container = runtime.container(program)
    container.config["process"]["terminal"] = True
    container.write()
    with runtime.popen("run", "--bundle", container.bundle, container.id, stdout=subprocess.PIPE,
                       stdin=subprocess.DEVNULL) as process:
        assert process.stdout.read(3) == b"y\r\n"
        process.stdout.close()
        assert process.wait(10) == 1


def test_terminal_that_goes_away(runtime, desk):
    """The person closes the window: run gets SIGHUP, and what the container writes then fails."""
    desk.run(shell(runtime, "trap 'exit 6' HUP; while echo y; do sleep 0.02; done; exit 7"))
    desk.read_until(b"y\r\n")
    os.close(desk.slave)
    os.close(desk.master)
    desk.slave = desk.master = -1
    assert desk.wait() in (6, 7)


# ---- without a terminal ----

@pytest.mark.parametrize("script, status", [("exit 0", 0), ("exit 255", 255), ("kill -9 $$", 0)])
def test_exit_status(runtime, script, status):
    assert shell(runtime, script).run().rc == status


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGRTMIN])
def test_status_of_a_signal(runtime, number):
    """A container without its own pid namespace, whose program a signal can end."""
    container = shell(runtime, f"kill -{int(number)} $$")
    container.config["linux"]["namespaces"] = [
        ns for ns in container.config["linux"]["namespaces"] if ns["type"] != "pid"]
    assert container.run().rc == 128 + number


def test_what_the_caller_ignores_the_program_does_not(runtime):
    """A daemon that ignores SIGUSR1, nohup, a script's background, Python."""
    def ignore():
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM,
                       signal.SIGPIPE, signal.SIGTERM, signal.SIGXFSZ, signal.SIGTSTP):
            signal.signal(number, signal.SIG_IGN)
    container = runtime.container(["/bin/grep", "SigIgn", "/proc/self/status"])
    container.write()
    process = runtime.popen("run", "--bundle", container.bundle, container.id, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, preexec_fn=ignore)
    assert process.communicate(timeout=20)[0].split() == [b"SigIgn:", b"0" * 16]


def test_streams_pass_through(runtime):
    """The container has the caller's own streams: nothing of tare is in between."""
    container = shell(runtime, "cat; echo err >&2; cat <&3")
    container.write()
    reader, writer = os.pipe()
    os.write(writer, b"third")
    os.close(writer)
    with runtime.popen("run", "--bundle", container.bundle, "--preserve-fds",
                       str(reader - 2), container.id, stdin=subprocess.PIPE, pass_fds=[reader],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        os.close(reader)
        out, err = process.communicate(b"in\n" * 50000, timeout=20)
    assert err == b"err\n" or b"3" in err  # the pipe need not be descriptor 3
    assert out.startswith(b"in\n" * 50000)


def test_reader_who_leaves_a_pipe(runtime):
    """SIGPIPE is the program's own business."""
    container = shell(runtime, "while echo y; do :; done; exit 1")
    container.write()
    with runtime.popen("run", "--bundle", container.bundle, container.id, stdout=subprocess.PIPE,
                       stderr=subprocess.DEVNULL) as process:
        assert process.stdout.read(2) == b"y\n"
        process.stdout.close()
        assert process.wait(10) in (1, 141)


def test_plain_run_leaves_the_terminal_alone(runtime, desk):
    before = desk.modes()
    desk.run_plain(shell(runtime, "read line; echo got $line; exit 2"))
    desk.write(b"typed\n")
    desk.read_until(b"got typed\r\n")
    assert desk.modes() == before
    assert desk.wait() == 2
