"""The completions for bash, fish and zsh: what they offer is what --help says, in the shell itself."""
import json
import os
import re
import shutil
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMPLETIONS = f"{TOP}/contrib/completions"
VERBS = sorted(name[4:-2] for name in os.listdir(f"{TOP}/src")
               if name.startswith("cmd_") and name.endswith(".c"))
RECORD = {"version": 1, "ociVersion": "1.3.0", "bundle": "/b", "rootfs": "/b/rootfs", "owner": 0,
          "created": "2026-01-02T03:04:05Z", "status": "running", "init": {"pid": 0, "startTime": 0}}


@pytest.fixture(scope="module")
def environment(runtime_path):
    """In which `tare` is the one under test."""
    return dict(os.environ, PATH=f"{os.path.dirname(runtime_path)}:{os.environ['PATH']}")


def run(environment, *words):
    done = subprocess.run(words, env=environment, capture_output=True, text=True, cwd=TOP,
                          timeout=30, check=False)
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    return done.stdout


def bash(environment, *words):
    """What bash offers for the last word."""
    script = f"""source {COMPLETIONS}/tare.bash
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _tare; printf '%s\\n' "${{COMPREPLY[@]}}" """
    return set(run(environment, "bash", "-c", script, "bash", *words).split())


def fish(environment, *words):
    """What fish offers for the last word."""
    script = f"source {COMPLETIONS}/tare.fish; complete -C \"$argv\""
    output = run(environment, "fish", "--no-config", "-c", script, "--", *words)
    return {line.split("\t")[0] for line in output.splitlines()}


SHELLS = [pytest.param(f, id=f.__name__,
                       marks=pytest.mark.skipif(not shutil.which(f.__name__),
                                                reason=f"{f.__name__} is not installed"))
          for f in (bash, fish)]


def help_of(environment, *words):
    return run(environment, "tare", *words, "--help")


def options_of(environment, *words):
    return set(re.findall(r"^   (--[\w-]+)", help_of(environment, *words), re.M))


@pytest.mark.parametrize("shell", SHELLS)
class TestShells:
    """In bash and in fish, which can be asked."""

    def test_verbs(self, shell, environment):
        assert shell(environment, "tare", "") == set(VERBS)
        assert shell(environment, "tare", "--root", "/nowhere", "sta") == {"start", "state"}

    def test_global_options(self, shell, environment):
        assert shell(environment, "tare", "--") == options_of(environment)

    @pytest.mark.parametrize("verb", VERBS)
    def test_options(self, shell, environment, verb):
        assert shell(environment, "tare", "--debug", verb, "--") == options_of(environment, verb)

    def test_values(self, shell, environment):
        assert shell(environment, "tare", "--log-format", "") == {"text", "json"}
        assert shell(environment, "tare", "list", "-f", "") == {"table", "json"}
        assert "/usr" in {w.rstrip("/") for w in shell(environment, "tare", "run", "-b", "/us")}

    def test_lists_of_directories(self, shell, environment, tmp_path):
        for name in ("one", "other"):
            (tmp_path / name).mkdir()
        (tmp_path / "only-a-file").touch()
        words = ("tare", "run", "--layers")
        whole = {f"{tmp_path}/one", f"{tmp_path}/other"}

        def offered(*more):
            return {w.rstrip("/") for w in shell(environment, *words, *more)}
        assert offered(f"{tmp_path}/o") == whole
        assert offered(f"/usr:{tmp_path}/ot") == {f"/usr:{tmp_path}/other"}
        if shell is bash:  # which takes the list apart
            assert offered("/usr", ":", f"{tmp_path}/o") == whole
            assert "contrib" in offered("/usr", ":")

    def test_operands(self, shell, environment, tmp_path):
        """Verbs of a verb, containers and files, each in its place."""
        (tmp_path / "state" / "one").mkdir(parents=True)
        (tmp_path / "state" / "one" / "state.json").write_text(json.dumps(dict(RECORD, id="one")))
        (tmp_path / "mounts.json").touch()
        words = ("tare", "--root", f"{tmp_path}/state", "mounts")
        assert shell(environment, *words, "") == {"add", "remove"}
        assert shell(environment, *words, "rem") == {"remove"}
        assert shell(environment, *words, "add", "") == {"one"}
        assert shell(environment, *words, "add", "one", f"{tmp_path}/mou") == {f"{tmp_path}/mounts.json"}

    def test_signals(self, shell, environment):
        assert {"TERM"} == {w.removeprefix("SIG")
                            for w in shell(environment, "tare", "kill", "c1", "TER")}

    def test_containers(self, shell, environment, tmp_path):
        for name in ("one", "other"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "state.json").write_text(json.dumps(dict(RECORD, id=name)))
        root = ("tare", "--root", str(tmp_path))
        assert shell(environment, *root, "start", "") == {"one", "other"}
        assert shell(environment, *root, "kill", "-a", "ot") == {"other"}
        assert shell(environment, *root, "create", "") == set(), "the name must be new"


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
@pytest.mark.parametrize("verb", [None] + VERBS)
def test_zsh(environment, verb):
    """In zsh the specifications that its own completion works with."""
    script = f"""source {COMPLETIONS}/_tare; typeset -a specs match
        _tare_specs <<< "$(tare $1 --help)"; print -rl -- $specs"""
    words = [verb] if verb else []
    output = run(environment, "zsh", "-f", "-c", script, "zsh", *words)
    assert set(re.findall(r"(?:^|\))(--[\w-]+)=?\[", output, re.M)) == options_of(environment, *words)


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
@pytest.mark.parametrize("verb, operands", [
    ("mounts", [":command:(add remove)", ":container:_tare_containers", ":file:_files"]),
    ("kill", [":container:_tare_containers", ":signal:_signals"]),
    ("state", [":container:_tare_containers"]),
    ("exec", [":container:_tare_containers"]),
    ("ps", [":container:_tare_containers"]),
    ("create", [":name:"]),
    ("list", []),
])
def test_zsh_operands(environment, verb, operands):
    script = f"""source {COMPLETIONS}/_tare; typeset -a specs match
        _tare_operands $1 <<< "$(tare $1 --help)"; print -rl -- $specs"""
    assert run(environment, "zsh", "-f", "-c", script, "zsh", verb).splitlines() == (operands or [""])


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_completes(environment, tmp_path):
    """What zsh itself offers, at a terminal of its own, with the specifications."""
    (tmp_path / "state" / "one").mkdir(parents=True)
    (tmp_path / "state" / "one" / "state.json").write_text(json.dumps(dict(RECORD, id="one")))
    (tmp_path / "mounts.json").touch()
    for line, there in ((f"tare --root {tmp_path}/state mounts add o", "add one "),
                        ("tare mounts rem", "mounts remove "),
                        (f"tare mounts add one {tmp_path}/mou", f"{tmp_path}/mounts.json "),
                        (f"tare run --layers /usr:{tmp_path}/sta", f"/usr:{tmp_path}/state")):
        script = f"""zmodload zsh/zpty; zpty z zsh -f -i
            zpty -w z 'unset zle_bracketed_paste; PS1= TERM=dumb; stty cols 1000'
            zpty -w z 'fpath=({COMPLETIONS} $fpath); autoload -U compinit; compinit -u -D; bindkey "^I" complete-word'
            zpty -w z 'report() {{ print -r -- "<""<$BUFFER>"">"; }}; zle -N report; bindkey "^X" report'
            zpty -w -n z $1$'\t'$'\x18'
            zpty -r -m z out '*<<?*>>*'; print -r -- ${{${{out##*<<}}%%>>*}}; zpty -d z"""
        assert there in run(environment, "zsh", "-f", "-c", script, "zsh", line)
