#!/usr/bin/python3
"""Counts results: the one place that knows what "N passed" means.

results.py wrap PROGRAM [ARG...]   runs one meson test program, writes its cases to $RESULTS-NAME.xml:
                                   one case a cmocka test, or a TAP line, or the program as a whole
results.py summary DIRECTORY       adds up the *.xml (JUnit) and *.tsv of a directory, lists what
                                   failed and what was skipped and why; the total is the last line
results.py total DIRECTORY...      that line alone, over several directories
"""
import collections
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

Case = collections.namedtuple("Case", "status name text")


def write_junit(path, suite, cases):
    """Writes cases as a JUnit file."""
    root = ET.Element("testsuite", name=suite)
    for case in cases:
        element = ET.SubElement(root, "testcase", classname=suite, name=case.name)
        if case.status != "passed":
            kind = "failure" if case.status == "failed" else "skipped"
            ET.SubElement(element, kind, message=case.text[:4000])
    temporary = path + ".new"
    ET.ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)
    os.rename(temporary, path)


def read_junit(path):
    """The cases of a JUnit file; a broken file is a failed case."""
    try:
        root = ET.parse(path).getroot()
    except ET.ParseError as error:
        return [Case("failed", os.path.basename(path), f"unreadable results: {error}")]
    cases = []
    for element in root.iter("testcase"):
        name = "::".join(filter(None, (element.get("classname"), element.get("name"))))
        status, text = "passed", ""
        for kind, meaning in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
            found = element.find(kind)
            if found is not None:
                status, text = meaning, (found.get("message") or found.text or "").strip()
                break
        cases.append(Case(status, name, text))
    return cases


def tap_cases(name, output):
    """The cases of a TAP stream, none when it is not one."""
    cases = []
    for line in output.splitlines():
        match = re.match(r"(not )?ok\b\s*\d*\s*-?\s*(.*)", line)
        if not match:
            continue
        text = match.group(2)
        skip = re.search(r"#\s*skip\S*\s*(.*)", text, re.I)
        status = "skipped" if skip else "failed" if match.group(1) else "passed"
        cases.append(Case(status, f"{name}::{text}", skip.group(1) if skip else text))
    return cases


def wrap(command):
    """Runs one test program and writes down its cases. Returns the program's exit status."""
    name = os.path.basename(command[0])
    path = f"{os.environ['RESULTS']}-{name}.xml"
    raw = path + ".cmocka"
    # cmocka puts the group's name for %g, and never writes to a file that exists
    environment = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="xml", CMOCKA_XML_FILE=raw + ".%g")
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    sys.stdout.write(done.stdout)
    cases = []
    directory = os.path.dirname(path)
    for entry in sorted(os.listdir(directory)):
        full = os.path.join(directory, entry)
        if full.startswith(raw + "."):
            cases += [Case(c.status, f"{name}::{c.name}", c.text) for c in read_junit(full)]
            os.unlink(full)
    cases = cases or tap_cases(name, done.stdout)
    failed = any(case.status == "failed" for case in cases)
    if not cases and done.returncode in (0, 77):
        cases.append(Case("skipped" if done.returncode else "passed", name, done.stdout.strip()))
    elif done.returncode and not failed:
        cases.append(Case("failed", name, f"exit status {done.returncode}: {done.stdout[-2000:]}"))
    write_junit(path, name, cases)
    return done.returncode


def phase_cases(path):
    """The cases that tests/run itself recorded, and tests/vm."""
    with open(path, encoding="utf-8") as lines:
        fields = [line.rstrip("\n").split("\t") for line in lines]
    return [Case(*(field + ["", ""])[:3]) for field in fields]


def print_list(title, cases, full):
    """Cases grouped by their text."""
    groups = collections.OrderedDict()
    for case in cases:
        lines = case.text.strip().splitlines()
        text = "\n    ".join(lines[:12]) if full else (lines[0] if lines else "no reason given")
        groups.setdefault(text, []).append(case.name)
    print(f"\n{title}:")
    for text, names in groups.items():
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        print(f"  {', '.join(names[:4])}{more}")
        print(f"    {text}")


def summary(directories, lists):
    """Prints the summary. Returns 0 only when something passed and nothing failed."""
    cases = []
    for directory in directories:
        for entry in sorted(os.listdir(directory)):
            if entry.endswith(".tsv"):
                cases += phase_cases(os.path.join(directory, entry))
            elif entry.endswith(".xml"):
                cases += read_junit(os.path.join(directory, entry))
    by_status = {status: [case for case in cases if case.status == status]
                 for status in ("passed", "failed", "skipped")}
    if lists and by_status["skipped"]:
        print_list("Skipped", by_status["skipped"], full=False)
    if lists and by_status["failed"]:
        print_list("Failed", by_status["failed"], full=True)
    print("\n" + ", ".join(f"{len(by_status[s])} {s}" for s in by_status))
    return 0 if by_status["passed"] and not by_status["failed"] else 1


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "wrap":
        sys.exit(wrap(sys.argv[2:]))
    if len(sys.argv) == 3 and sys.argv[1] == "summary":
        sys.exit(summary(sys.argv[2:], lists=True))
    if len(sys.argv) > 2 and sys.argv[1] == "total":
        sys.exit(summary(sys.argv[2:], lists=False))
    sys.exit(__doc__)
