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
