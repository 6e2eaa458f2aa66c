"""Prints what llvm-cov found, for tests/coverage: lines and percent a file of libcontainer and of src, the sum
of each, and the functions that no test has reached.

Usage: coverage.py FILE     FILE: of llvm-cov export"""

import json
import os
import re
import sys


def ours(path):
    """The path from the top of the project, of a source file of ours; else None."""
    match = re.search(r"(?:^|/)((?:libcontainer|src)/.*\.c)$", path)
    return match and match[1]


def main(path):
    with open(path, encoding="utf-8") as file:
        data = json.load(file)["data"][0]
    sums = {}
    for entry in sorted(data["files"], key=lambda entry: entry["filename"]):
        name = ours(entry["filename"])
        if not name:
            continue
        lines = entry["summary"]["lines"]
        print(f"{name:45} {lines['covered']:5} of {lines['count']:5} lines {lines['percent']:6.1f} %")
        for folder in {name.split("/")[0], os.path.dirname(name)}:
            whole, part = sums.get(folder, (0, 0))
            sums[folder] = whole + lines["count"], part + lines["covered"]
    print()
    for folder, (whole, part) in sorted(sums.items()):
        print(f"{folder:45} {part:5} of {whole:5} lines {100 * part / whole:6.1f} %")
    reached, known = set(), set()
    for function in data["functions"]:
        name = ours(function["filenames"][0])
        if name:
            # a static function is called FILE:NAME
            key = name, function["name"].rsplit(":", 1)[-1]
            known.add(key)
            if function["count"]:
                reached.add(key)
    print(f"\n{len(reached)} of {len(known)} functions were reached; by no test:")
    for name, function in sorted(known - reached):
        print(f"  {name}: {function}()")


if __name__ == "__main__":
    main(sys.argv[1])
