"""Each fuzzing harness for a few seconds: that it builds, that its seeds are handled, and that a short
search from them finds nothing. `tests/fuzz/run` runs them for longer."""
import os
import subprocess

import pytest

DIRECTORY = os.path.dirname(os.path.abspath(__file__))
HARNESSES = sorted(name[:-2] for name in os.listdir(DIRECTORY) if name.endswith(".c"))


@pytest.fixture(scope="session")
def harnesses():
    """Builds them all, before the first one's time begins to count."""
    done = subprocess.run([f"{DIRECTORY}/run", "--runs", "1", "--fresh", "signals"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode == 77:
        pytest.skip("there is no clang with libFuzzer")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", HARNESSES)
def test_short_search(harnesses, name):
    assert os.listdir(f"{DIRECTORY}/corpus/{name}"), "there are no seeds"
    done = subprocess.run([f"{DIRECTORY}/run", "--seconds", "4", "--runs", "20000", "--seed", "1",
                           "--fresh", name], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout
    assert "inputs tried" in done.stdout
