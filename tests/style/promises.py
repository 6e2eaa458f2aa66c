#!/usr/bin/python3
"""The table of what the OCI runtime specification asks for and which tests hold it.

promises.py [--holes]      prints: number, level, meaning, tests; with --holes only the rows without a test

The rows are tests/data/spec-promises.tsv; a test names its rows: @promise("spec:74"). Exit status 1 when a MUST,
a SHOULD or an optional property has no test. What only the plan's or the decoder's tests have, without a
container, is marked with a '*'.
"""
import collections
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
Row = collections.namedtuple("Row", "number level meaning note")
LEVELS = ("MUST", "SHOULD", "OPTIONAL-PROP")


def read_rows():
    """The rows, in order; a gap in the numbers is an error."""
    rows = []
    with open(f"{TOP}/tests/data/spec-promises.tsv", encoding="utf-8") as file:
        for line in file:
            if not line.startswith("#"):
                number, level, meaning, *note = line.rstrip("\n").split("\t")
                rows.append(Row(int(number), level, meaning, note[0] if note else ""))
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    return rows


def kept_promises():
    """{number: [test]}, as pytest collects them; no test runs."""
    done = subprocess.run(
        ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "tests", "-c",
         "tests/pytest.ini", "--promises", "tests"], cwd=TOP, capture_output=True, text=True, check=False)
    kept = {}
    for line in done.stdout.splitlines():
        match = re.match(r"spec:(\d+)\s+(.*)", line)
        if match:
            kept[int(match.group(1))] = match.group(2).split()
    if not kept:
        sys.exit(f"the tests could not be collected:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return kept


def main():
    rows, kept = read_rows(), kept_promises()
    unknown = sorted(set(kept) - {row.number for row in rows})
    holes = [row for row in rows if row.number not in kept and not row.note.startswith("no test: ")]
    for row in holes if "--holes" in sys.argv[1:] else rows:
        tests = kept.get(row.number, [])
        pure = "*" if tests and all(test.startswith(("plan/", "unit/")) for test in tests) else ""
        note = f" [{row.note}]" if row.note else ""
        print(f"{row.number:3} {row.level:13} {row.meaning}{note}\n"
              f"      {pure}{' '.join(tests) or '-'}")
    bad = [row.number for row in holes if row.level in LEVELS]
    print(f"{len(rows)} rows, {len(rows) - len(holes)} held or without need of a test; "
          f"MUST, SHOULD and optional properties without a test: {bad or 'none'}"
          + (f"; tests name rows that do not exist: {unknown}" if unknown else ""))
    sys.exit(1 if bad or unknown else 0)


if __name__ == "__main__":
    main()
