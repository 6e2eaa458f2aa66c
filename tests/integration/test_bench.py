"""The bench works: one round of everything that needs no peer."""
import json
import os
import subprocess
import sys

import pytest

from tare import TOP


@pytest.fixture(autouse=True)
def only_tare(runtime):
    if not runtime.is_tare:
        pytest.skip("measures tare")

pytestmark = pytest.mark.skipif(
    "ASAN_OPTIONS" in os.environ,
    reason="sanitizer: the times and system calls of an instrumented build are not the product's")


def bench(runtime, *words):
    return subprocess.run([sys.executable, f"{TOP}/tests/bench/bench", "--tare", runtime.path,
                           "--runtimes", "tare,floor,spawn", *words],
                          capture_output=True, text=True, check=False, timeout=60)


def test_round(runtime):
    history = f"{runtime.directory}/history.jsonl"
    words = ["--quick", "--rounds", "1", "--mounts", "60", "--bundles", "spec,docker,podman",
             "--cases", "run,life,list,resources", "--json", history]
    for _ in range(2):
        done = bench(runtime, *words)
        assert done.returncode == 0, done.stderr
    for row in ("| run, spec |", "| create |", "| list of 1 (stopped) |", "| run, spec: floor |"):
        assert row in done.stdout
    with open(history, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    assert len(lines) == 2
    found = lines[1]["cases"]["run, spec"]
    assert found["runtimes"]["tare"]["wall"]["min"] > 0 and found["ratios"]["floor"][0] > 0
    assert lines[1]["resources"]["run, spec"]["tare"]["container calls"] > 50


def test_beside_many(runtime):
    done = bench(runtime, "--cases", "many", "--many", "1,3", "--rounds", "1")
    assert done.returncode == 0, done.stderr
    for row in ("| create, beside 1 |", "| stats, beside 3 |", "| delete, beside 3 |"):
        assert row in done.stdout


def test_memory_limit_says_what_it_lacks(runtime):
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        pytest.skip("the memory controller may be there")
    done = bench(runtime, "--memory-limit")
    assert done.returncode == 1 and "memory controller" in done.stderr
