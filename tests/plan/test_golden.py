#!/usr/bin/python3
"""Golden tests of the plan: config.json + kernel + options -> expected plan, without root.

Each file in cases/ is one case:
  about     what it shows
  rules     which promises it pins (spec:74, contract:7.15)
  file      a configuration in tests/data, or without it the small one below
  config    merged over that (RFC 7386: null removes a member)
  options   arguments of plan-print (the kernel, the caller)
  show      the parts of the plan that are compared: dotted paths; "mounts" are the operations for
            mounts[], "devices" the other operations before the hooks; without it the whole plan
  expect    those parts, or
  error     the text of the refusal
  warnings  the warnings, when there are any

test_golden.py --regenerate [NAME...] writes what is printed now into the cases: read the difference
before it is committed.
"""
import copy
import glob
import json
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))

BASE = {
    "ociVersion": "1.3.0",
    "root": {"path": "rootfs"},
    "process": {"cwd": "/", "args": ["sh"], "env": ["HOME=/root"], "user": {"uid": 0, "gid": 0}},
    "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]},
}


def merge(target, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def config_of(case):
    base = copy.deepcopy(BASE)
    if "file" in case:
        with open(f"{TOP}/tests/data/{case['file']}", encoding="utf-8") as file:
            base = json.load(file)
    return merge(base, case.get("config", {}))


def part(plan, path):
    """One part of a plan."""
    if path in ("mounts", "devices"):
        return [op for op in plan["rootfs"]["ops"]
                if op["where"].startswith("mounts[") == (path == "mounts")]
    for name in path.split("."):
        plan = plan.get(name) if isinstance(plan, dict) else None
    return plan


def outcome(case, build):
    """What plan-print says now, in the form of a case's expectation."""
    done = subprocess.run([f"{build}/tests/plan/plan-print"] + case.get("options", []),
                          input=json.dumps(config_of(case)), capture_output=True, text=True,
                          check=False)
    lines = done.stderr.splitlines()
    result = {}
    if done.returncode:
        assert done.returncode == 1 and lines, (done.returncode, done.stderr)
        result["error"] = lines[-1].removeprefix("error: ")
    else:
        plan = json.loads(done.stdout)
        result["expect"] = {path: part(plan, path) for path in case["show"]} \
            if "show" in case else plan
    warnings = [line.removeprefix("warning: ") for line in lines if line.startswith("warning: ")]
    if warnings:
        result["warnings"] = warnings
    return result


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


CASES = {os.path.basename(path)[:-len(".json")]: path
         for path in sorted(glob.glob(f"{HERE}/cases/*.json"))}


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.promise(*load(path)["rules"]))
    for name, path in CASES.items()])
def test_golden(name, build_directory):
    case = load(CASES[name])
    expected = {key: case[key] for key in ("expect", "error", "warnings") if key in case}
    assert outcome(case, build_directory) == expected


def test_plan_is_a_pure_function(build_directory):
    """The same input gives the same text, byte for byte."""
    case = {"file": "engine-configs/podman-rootful.json"}
    assert outcome(case, build_directory) == outcome(case, build_directory)


def pretty(value, indent=0):
    """JSON with what fits on one line on one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= 100 or not isinstance(value, (dict, list)) or not value:
        return flat
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{json.dumps(k, ensure_ascii=False)}: {pretty(v, indent + 2)}"
                 for k, v in value.items()]
        return "{\n" + ",\n".join(pad + p for p in parts) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(pad + pretty(v, indent + 2) for v in value) + "\n" + \
        " " * indent + "]"


def regenerate(names):
    build = os.environ.get("TARE_BUILD") or f"{TOP}/build"
    for name in names or CASES:
        case = load(CASES[name])
        for key in ("expect", "error", "warnings"):
            case.pop(key, None)
        case.update(outcome(case, build))
        with open(CASES[name], "w", encoding="utf-8") as file:
            file.write(pretty(case) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] != ["--regenerate"]:
        sys.exit(__doc__)
    regenerate(sys.argv[2:])
