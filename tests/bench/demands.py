"""What is demanded of tare, beside what the bench has found: one row each, for the cases that were measured. Times
count as minima and as medians; a demand holds when it holds for both."""

# case: at most so many times what crun takes
OF_CRUN = {
    "run, docker-cold": 0.25,
    "run, docker": 0.45,
    "create to delete": 0.35,
    "state": 0.35,
    "kill": 0.35,
    "delete": 0.35,
    "create, start and delete, systemd driver": 0.6,
}
PARALLEL_OF_CRUN = 0.5
RUN_AIM = 0.45  # of crun
OF_FLOOR = 1.5  # of the floor and an empty program together; system calls: of the floor
PEAK_KIB, SIZE_KIB = 1536, 1024
ROW = 1.1  # the last of a row of containers, in terms of the first
BESIDE = 1.25  # each verb beside the most containers, in terms of beside the fewest; medians
MEMORY_KIB = 64  # above the floor's


def _row(what, demanded, found, holds):
    words = {True: "yes", False: "**no**"}
    verdict = words[holds[0]] if len(set(holds)) == 1 else \
        f"minimum {words[holds[0]]}, median {words[holds[1]]}"
    return [what, demanded, found, verdict]


def _ratio_row(what, demand, found):
    return _row(what, f"{demand:.2f} x crun", f"{found[0]:.2f} ({found[1]:.2f})",
                [ratio <= demand for ratio in found])


def _of_the_floor(cases, statistics):
    rows = cases.get("run, spec", {})
    if not {"tare", "floor", "spawn"} <= set(rows):
        return
    found, limits = [], []
    for key in ("min", "median"):
        found.append(statistics(rows["tare"])[key])
        limits.append(OF_FLOOR * (statistics(rows["floor"])[key] + statistics(rows["spawn"])[key]))
    yield _row("run, spec", f"{OF_FLOOR} x (floor + spawn) = {limits[0]:.2f} / {limits[1]:.2f} ms",
               f"{found[0]:.2f} / {found[1]:.2f} ms",
               [value <= limit for value, limit in zip(found, limits)])


def _of_crun(cases, ratios):
    back = ratios(cases.get("run, spec", {}), "crun")
    if back:
        yield _ratio_row("run, spec (the aim)", RUN_AIM, back)
    for case, rows in cases.items():
        found = ratios(rows, "crun")
        if not found:
            continue
        if case in OF_CRUN:
            yield _ratio_row(case, OF_CRUN[case], found)
        elif "in parallel" in case and "mounts" not in case:
            yield _ratio_row(case, PARALLEL_OF_CRUN, found)
        elif back and case.startswith("run, spec,") and "in parallel" not in case:
            yield _row(case, f"no worse than back to back: {back[0]:.2f} ({back[1]:.2f}) x crun",
                       f"{found[0]:.2f} ({found[1]:.2f})", [a <= b for a, b in zip(found, back)])


def _of_resources(resources):
    for case, rows in resources.items():
        mine, floor = rows.get("tare"), rows.get("floor")
        if not mine:
            continue
        for key, side in (("calls", "host's side"), ("container calls", "container's side")):
            if floor:
                limit = OF_FLOOR * floor[key]
                yield _row(f"{case}: system calls, {side}", f"< {OF_FLOOR} x {floor[key]} = {limit:.0f}",
                           str(mine[key]), [mine[key] < limit])
        if case == "run, spec":
            yield _row("peak RSS, host's side", f"< {PEAK_KIB} KiB", f"{mine['peak']} KiB", [mine["peak"] < PEAK_KIB])
            yield _row("executable, stripped", f"< {SIZE_KIB} KiB", f"{mine['size']} KiB", [mine["size"] < SIZE_KIB])


def _of_the_row(cases, statistics):
    first, last = cases.get("create, first of the row", {}), cases.get("create, last of the row", {})
    for runtime in ("tare",):
        if runtime in first and runtime in last:
            ratio = [statistics(last[runtime])[key] / statistics(first[runtime])[key] for key in ("min", "median")]
            yield _row("the last of 1,000 containers", f"what the first costs (<= {ROW})",
                       f"{ratio[0]:.2f} / {ratio[1]:.2f} x the first", [value <= ROW for value in ratio])


def _of_many(cases, statistics):
    """The cases "VERB, beside N" of tare's."""
    verbs = {}
    for case, found in cases.items():
        verb, beside, count = case.partition(", beside ")
        if beside and "tare" in found:
            verbs.setdefault(verb, {})[int(count)] = statistics(found["tare"])["median"]
    for verb, medians in verbs.items():
        few, most = min(medians), max(medians)
        if few == most:
            continue
        ratio = medians[most] / medians[few]
        yield _row(f"{verb}, beside {most} containers", f"median: {BESIDE} x that beside {few}",
                   f"{medians[few]:.2f} / {medians[most]:.2f} ms: {ratio:.2f}", [ratio <= BESIDE])


def of_memory(limits):
    """@limits: {runtime: the lowest working memory limit in KiB}."""
    if limits.get("tare") and limits.get("floor"):
        yield _row("lowest memory limit that works", f"floor + {MEMORY_KIB} = {limits['floor'] + MEMORY_KIB} KiB",
                   f"{limits['tare']} KiB", [limits["tare"] <= limits["floor"] + MEMORY_KIB])


def rows(cases, resources, statistics, ratios):
    """All of them. Each is what, the demand, what was found, and whether it holds, as words."""
    yield from _of_the_floor(cases, statistics)
    yield from _of_crun(cases, ratios)
    yield from _of_the_row(cases, statistics)
    yield from _of_many(cases, statistics)
    yield from _of_resources(resources)
