"""Every option that runc or crun has, verb by verb: accepted, with a value where it takes one. The lists are those of
both programs' --help (runc 1.3.6 and main, crun 1.28); with a peer under test its own help is read, so that an
option which it gets later is seen to be missing here."""
import re
import subprocess

import pytest

from tare import promise

# "name", or "name=" with a value
CRIU = "image-path= work-path= tcp-established ext-unix-sk shell-job file-locks manage-cgroups-mode="
OPTIONS = {
    "": "debug log= log-format= log-level= root= rootless= systemd-cgroup cgroup-manager= help usage version ? h v V",
    "create": "bundle= b= config= f= console-socket= pidfd-socket= pid-file= no-pivot no-new-keyring preserve-fds= "
              "no-subreaper detach",
    "run": "bundle= b= config= f= console-socket= pidfd-socket= pid-file= no-pivot no-new-keyring preserve-fds= "
           "detach d keep no-subreaper",
    "start": "", "state": "", "pause": "", "resume": "", "features": "", "mounts": "",
    "delete": "force f regex r",
    "kill": "all a regex r",
    "list": "format= f= quiet q",
    "ps": "format= f=",
    "exec": "console-socket= pidfd-socket= cwd= env= e= tty t user= u= additional-gids= g= process= p= detach d "
            "pid-file= process-label= apparmor= no-new-privs cap= c= preserve-fds= cgroup= ignore-paused",
    "events": "interval= stats",
    "spec": "bundle= b= file= f= rootless",
    "update": "resources= r= blkio-weight= cpu-period= cpu-quota= cpu-burst= cpu-share= cpu-rt-period= "
              "cpu-rt-runtime= cpuset-cpus= cpuset-mems= memory= memory-reservation= memory-swap= pids-limit= "
              "cpu-idle= l3-cache-schema= mem-bw-schema= kernel-memory= kernel-memory-tcp=",
    "checkpoint": f"{CRIU} parent-path= leave-running tcp-skip-in-flight link-remap lazy-pages status-fd= "
                  "page-server= pre-dump empty-ns= auto-dedup network-lock=",
    "restore": f"{CRIU} console-socket= bundle= b= detach d pid-file= no-subreaper no-pivot empty-ns= auto-dedup "
               "lazy-pages lsm-profile= lsm-mount-context= tcp-close network-lock=",
}
VERBS = [verb for verb in OPTIONS if verb]
# what a call with this option and nothing else would do is not what is asked here
HELP = {"help", "usage", "version", "?", "h", "v", "V"}


def call(runtime, *words):
    """A call without any operand, so that nothing is ever done."""
    return subprocess.run([runtime.path, *words], capture_output=True, text=True, timeout=20, check=False,
                          stdin=subprocess.DEVNULL, env=runtime.env, cwd=runtime.directory)


def has_verb(runtime, verb):
    return re.search(rf"^\s+{verb}\s", call(runtime, "--help").stdout, re.M) is not None


def forms(name):
    return [f"-{name}"] if len(name) == 1 else [f"--{name}", f"-{name}"]


@promise("contract:1", "contract:2")
@pytest.mark.parametrize("verb", VERBS)
def test_options_of_verbs(runtime, verb):
    """Known, and with a value or without, in the forms that callers write."""
    if not runtime.is_tare:
        pytest.skip("a peer is asked for its help (below)")
    if not has_verb(runtime, verb):
        pytest.skip(f"there is no verb {verb}")
    operands = ["x"] * 9 if verb in ("list", "features", "spec") else []
    for option in OPTIONS[verb].split():
        name = option.removesuffix("=")
        for form in forms(name):
            if option.endswith("="):
                done = call(runtime, verb, form)
                assert done.returncode == 1 and "flag needs an argument: -" in done.stderr, (form, done)
                assert "Incorrect Usage" in done.stdout
                tries = [[f"{form}=1"], [form, "1"]]
            else:
                tries = [[form], [f"{form}=true"]]
            for words in tries if len(name) > 1 else tries[-1:] if option.endswith("=") else tries[:1]:
                done = call(runtime, verb, *words, *operands)
                assert done.returncode == 1, (words, done)
                assert "requires " in done.stderr, (words, done)
    for form in ("--help", "-h", "-?", "--usage"):
        done = call(runtime, verb, form)
        assert done.returncode == 0 and "OPTIONS" in done.stdout and done.stderr == "", done
    assert call(runtime, "help", verb).stdout == call(runtime, verb, "--help").stdout


@promise("contract:1")
def test_global_options(runtime):
    if not runtime.is_tare:
        pytest.skip("a peer is asked for its help (below)")
    values = {"log-format": "json", "log-level": "debug", "rootless": "auto", "cgroup-manager": "cgroupfs",
              "root": f"{runtime.directory}/none", "log": f"{runtime.directory}/log"}
    for option in OPTIONS[""].split():
        name = option.removesuffix("=")
        if name in HELP:
            for form in forms(name):
                done = call(runtime, form)
                assert done.returncode == 0 and done.stderr == "" and "tare" in done.stdout, (form, done)
            continue
        for form in forms(name):
            words = [form, values[name]] if option.endswith("=") else [form]
            done = call(runtime, *words, "features")
            assert done.returncode == 0, (words, done)
    assert call(runtime, "h").stdout == call(runtime, "--help").stdout


@promise("contract:1")
def test_what_is_no_option(runtime):
    """rc 1, the usage on the standard output, the message on the other; nothing is guessed from a beginning."""
    for verb in VERBS:
        if not has_verb(runtime, verb):
            continue
        for word in ("--no-such-option", "--bundl", "-Z"):
            done = call(runtime, verb, word)
            assert done.returncode != 0, (verb, word, done)
            if runtime.is_tare:
                assert "flag provided but not defined: -" in done.stderr and "Incorrect Usage" in done.stdout


def of_help(text):
    """The options that a peer's help lists: {name: whether it takes a value}."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"\s+(-.*?)(  |$)", line)
        if not match:
            continue
        words = match[1].split(", ")
        value = any("=" in word and "[=" not in word or " " in word for word in words)
        for word in words:
            found[re.split(r"[ =\[]", word.lstrip("-"))[0]] = value
    return found


@promise("contract:2")
@pytest.mark.parametrize("verb", ["", *VERBS])
def test_a_peer_has_no_more(runtime, verb):
    """What its help lists is in the table above."""
    if runtime.is_tare:
        pytest.skip("for a peer (tests/run --peer)")
    done = call(runtime, *([verb] if verb else []), "--help")
    if done.returncode or (verb and not has_verb(runtime, verb)):
        pytest.skip(f"it has no verb {verb}")
    known = {x.removesuffix("="): x.endswith("=") for x in OPTIONS[verb].split()}
    for name, value in of_help(done.stdout).items():
        if name not in HELP:
            assert name in known, f"{verb}: --{name}"
            # crun's help does not say that --network-lock takes a value
            assert known[name] == value or name == "network-lock", f"{verb}: --{name}"


@promise("contract:2")
def test_a_peer_has_no_verb_more(runtime):
    if runtime.is_tare:
        pytest.skip("for a peer (tests/run --peer)")
    text = call(runtime, "--help").stdout
    listed = re.findall(r"^\s+([a-z]+)\s+(?:- )?\w", text.split("COMMANDS:")[1].split("OPTIONS")[0], re.M)
    assert listed and set(listed) - {"help"} <= set(VERBS), listed


@promise("contract:2")
def test_an_empty_value_is_as_none(runtime):
    """A script's variable that is empty: `--pid-file "$file"`."""
    if not runtime.is_tare:
        pytest.skip("runc takes it like this, crun as a path")
    container = runtime.container(["/bin/sh", "-c", "echo up; exec sleep 1000"])
    container.write()
    words = [x for name in ("console-socket", "pidfd-socket", "pid-file", "bundle") for x in (f"--{name}", "")]
    quiet = {name: subprocess.DEVNULL for name in ("stdin", "stdout", "stderr")}
    process = runtime.popen("run", "--detach", *words, container.id, cwd=container.bundle, **quiet)
    assert process.wait(20) == 0
    words = [x for name in ("process", "cwd", "user", "apparmor", "process-label", "console-socket", "pidfd-socket",
                            "pid-file", "cgroup") for x in (f"--{name}", "")]
    assert container.exec("/bin/echo", "here", options=words) == (0, "here\n", "")
    runtime.ok("delete", "--force", container.id)
