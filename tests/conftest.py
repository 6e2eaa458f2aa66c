"""What all pytest suites share: the runtime under test, the machine's views, the check after every
test that nothing is left behind, and the promises that tests name.

Environment: TARE_RUNTIME (the program under test, default src/tare of TARE_BUILD), TARE_BUILD (the
build directory, default build/), TARE_KERNEL_CAPS (none, 5.14, each, or a list of switches), TARE_SCALE (of
what is repeated often one in so many is done, default 1), TARE_PATIENCE (a factor of all time limits, default 1), TARE_FROM_MEMORY (set:
tare is executed from a sealed file in memory, but by the security suite, so that it is spared the copy of itself: an
emulator translates each copy anew),
TARE_UNPRIVILEGED (set when a user runs the tests; "part": those alone that are made
for users; "plain" and "namespaces": the two runs of tests/run --user).
"""
import os
import shutil
import stat
import signal
import subprocess

import pytest

import host as host_module
import kernel_rules
import tare

TEST_TIMEOUT = 120 * tare.PATIENCE  # seconds for one test


class PatientPopen(subprocess.Popen):
    """Waits tare.PATIENCE times as long."""

    def wait(self, timeout=None):
        return super().wait(timeout and timeout * tare.PATIENCE)

    def communicate(self, input=None, timeout=None):  # pylint: disable=redefined-builtin
        return super().communicate(input, timeout and timeout * tare.PATIENCE)


if tare.PATIENCE > 1:
    subprocess.Popen = PatientPopen


def pytest_addoption(parser):
    parser.addoption("--promises", action="store_true", help="list promises and their tests")


def sample(items):
    """Of the many cases of one test those that are run when tare.SCALE is not 1: 2, and of the rest one in so
    many, spread over all. Tests that are marked every_case, and those of tests/cgroup, have all."""
    cases = {}
    for item in items:
        caps = item.callspec.params.get("kernel_caps", "") if hasattr(item, "callspec") else ""
        cases.setdefault((item.nodeid.split("[")[0], caps), []).append(item)
    chosen = set()
    for (test, _), group in cases.items():
        count = len(group)
        if tare.SCALE > 1 and count > 2 and not group[0].get_closest_marker("every_case") \
                and not test.startswith("cgroup/"):
            count = 2 + (count - 2) // tare.SCALE
        chosen |= {group[number * (len(group) - 1) // max(count - 1, 1)] for number in range(count)}
    return [item for item in items if item in chosen]


def each_switch(items):
    """With TARE_KERNEL_CAPS=each: the tests that are marked with switches, once with each of them off. A switch whose
    feature this kernel does not have is one skipped test."""
    program = f"{os.environ.get('TARE_BUILD') or tare.TOP + '/build'}/src/tare"
    lacking = {f"-{name}": name for name in tare.lacking_switches(program)}
    chosen = []
    for item in items:
        caps = getattr(item, "callspec", None) and item.callspec.params.get("kernel_caps")
        if caps in lacking:
            if lacking[caps]:
                why = f"Linux {os.uname().release} has no {lacking[caps]}, so the older way is the only one"
                item.add_marker(pytest.mark.skip(reason=why))
                chosen.append(item)
            lacking[caps] = None
        elif caps:
            chosen.append(item)
    return chosen


def pytest_generate_tests(metafunc):
    names = [name for marker in metafunc.definition.iter_markers("without") for name in marker.args]
    if names and os.environ.get("TARE_KERNEL_CAPS") == "each" and "kernel_caps" in metafunc.fixturenames:
        metafunc.parametrize("kernel_caps", [f"-{name}" for name in names], indirect=True)


def pytest_runtest_logreport(report):
    """In the machine, where all of it takes long: what fails is shown at once."""
    if report.failed and os.environ.get("TARE_TELL") and "PYTEST_XDIST_WORKER" not in os.environ:
        print(f"\nFAILED {report.nodeid}\n{report.longreprtext[-3000:]}", flush=True)


def pytest_collection_modifyitems(config, items):
    for item in items:
        for marker in item.iter_markers("promise"):
            for name in marker.args:
                item.user_properties.append(("promise", name))
    if config.getoption("--promises"):
        kept = {}
        for item in items:
            for _, name in (p for p in item.user_properties if p[0] == "promise"):
                kept.setdefault(name, set()).add(item.nodeid.split("[")[0])
        for name in sorted(kept):
            print(f"{name:20} {' '.join(sorted(kept[name]))}")
        items[:] = []
    kernel_rules.mark(config, items)
    if os.environ.get("TARE_UNPRIVILEGED") == "part" and os.geteuid() != 0:
        # the second run in the machine (tests/vm/inside): the others have run as root already
        wanted = {"unprivileged_runtime", "caller_runtime"}
        config.hook.pytest_deselected(items=[x for x in items if not wanted & set(x.fixturenames)])
        items[:] = [x for x in items if wanted & set(x.fixturenames)]
    if os.environ.get("TARE_KERNEL_CAPS") == "each":
        marked = each_switch(items)
        config.hook.pytest_deselected(items=[x for x in items if x not in marked])
        items[:] = marked
    chosen = sample(items)
    config.hook.pytest_deselected(items=list(set(items) - set(chosen)))
    items[:] = chosen


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """A test that hangs becomes a failure."""
    marker = item.get_closest_marker("seconds")
    limit = marker.args[0] * tare.PATIENCE if marker else TEST_TIMEOUT

    def expired(_signal, _frame):
        raise TimeoutError(f"{item.nodeid} took longer than {limit} s")
    previous = signal.signal(signal.SIGALRM, expired)
    signal.alarm(limit)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


@pytest.fixture(scope="session")
def host():
    """The machine as the tests see it."""
    machine = host_module.Host()
    yield machine
    machine.close()


@pytest.fixture(scope="session")
def build_directory():
    return os.environ.get("TARE_BUILD") or f"{tare.TOP}/build"


@pytest.fixture(scope="session")
def runtime_path(build_directory, host):
    """The program under test; a copy of it where others cannot reach the original, as in a clone below
    /root, since tests run it as other users."""
    path = os.environ.get("TARE_RUNTIME") or f"{build_directory}/src/tare"
    if not os.path.exists(path):
        pytest.fail(f"there is no {path}: build first (ninja -C build), or set TARE_RUNTIME")
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    if done.returncode or "version" not in done.stdout:
        pytest.fail(f"{path} --version: exit status {done.returncode}: {done.stdout}{done.stderr}")
    path = os.path.abspath(path)
    above = path
    while above != "/":
        above = os.path.dirname(above)
        if not os.stat(above).st_mode & stat.S_IXOTH:
            os.makedirs(f"{host.directory}/bin", 0o755, exist_ok=True)
            return shutil.copy(path, f"{host.directory}/bin/")
    return path


@pytest.fixture(scope="session")
def rootfs_template(host, build_directory):
    """The root file system that every bundle gets a copy of."""
    if not shutil.which("busybox"):
        pytest.skip("busybox is not installed (Debian's busybox-static)")
    directory = f"{host.directory}/rootfs"
    tare.make_rootfs(directory, f"{tare.TOP}/build-results")
    return directory


@pytest.fixture(scope="session")
def kernel_caps(request):
    """The value of --kernel-caps, "" for none."""
    word = getattr(request, "param", None) or os.environ.get("TARE_KERNEL_CAPS", "none")
    if word in ("", "none"):
        return ""
    return ",".join(f"-{name}" for name in tare.SWITCHES) if word == "5.14" else word


@pytest.fixture
def nothing_left(host):
    """After the test everything is as it was before it: mounts, cgroups, processes, shared memory."""
    before = host.snapshot()
    yield
    problems = host.leftovers(before)
    if problems:
        pytest.fail("left behind:\n" + "\n".join(problems), pytrace=False)


def default_view(host, path):
    """tare runs on the machine as it is; another runtime where it can, on a pure cgroup2."""
    name = os.environ.get("TARE_CGROUP_VIEW")
    if not name:
        name = "host" if os.path.basename(path).startswith("tare") else "pure"
    return host.views.get(name, host.views["host"])


@pytest.fixture(scope="session")
def sealed_runtime(runtime_path):
    """With TARE_FROM_MEMORY, tare as tare.sealed_copy() has it."""
    return tare.sealed_copy(runtime_path) if os.environ.get("TARE_FROM_MEMORY") else None


@pytest.fixture
def make_runtime(request, host, runtime_path, sealed_runtime, rootfs_template, kernel_caps, nothing_left):
    """A function that makes runtimes, each with a state directory of its own: make_runtime(view)."""
    made = []
    base = f"{host.directory}/{len(os.listdir(host.directory))}"

    def make(view=None, user=None):
        directory = f"{base}-{len(made)}"
        os.mkdir(directory)
        runtime = tare.Runtime(host, runtime_path, view or default_view(host, runtime_path),
                               directory, rootfs_template)
        runtime.kernel_caps = kernel_caps
        if runtime.is_tare and "/tests/security/" not in str(request.node.path):
            runtime.sealed = sealed_runtime
        if user is not None:
            runtime.user = user
            runtime.env["XDG_RUNTIME_DIR"] = f"{directory}/run"
            os.mkdir(f"{directory}/run", 0o700)
            for path in (directory, f"{directory}/run"):
                os.chown(path, user, user)
        elif os.geteuid() != 0:
            runtime.for_user = True
        made.append(runtime)
        return runtime

    yield make
    problems = []
    for runtime in made:
        problems += runtime.finish()
        words = ["rm", "-rf", runtime.directory]
        if runtime.for_user and not runtime.own_id_alone:
            words = tare.in_own_ids(words) # some of it may be of the user's range
        subprocess.run(words, check=False)
    if problems:
        pytest.fail("left behind:\n" + "\n".join(problems), pytrace=False)


@pytest.fixture
def runtime(make_runtime):
    """The runtime under test as whoever runs the tests, in its default view."""
    return make_runtime()


@pytest.fixture(params=["host", "pure"])
def view(request, host):
    """Each view of the machine's cgroups: as it is, and with nothing but cgroup2."""
    if request.param not in host.views:
        pytest.skip("this machine's cgroups are pure cgroup2 already (the case host)"
                    if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else
                    "as a user: other cgroups are mounted by who has CAP_SYS_ADMIN over the mount namespace (mount(2))")
    return host.views[request.param]


@pytest.fixture
def runtime_in_view(make_runtime, view, runtime_path):
    """The runtime under test as whoever runs the tests, once in each view (a user has one)."""
    if view.name == "host" and "pure" in view_names(view) and \
            not os.path.basename(runtime_path).startswith("tare"):
        pytest.skip("the peers do not run on hybrid cgroups")
    return make_runtime(view)


def view_names(view):
    """The views that exist beside this one."""
    return {"host"} if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else {"host", "pure"}


@pytest.fixture
def unprivileged_runtime(make_runtime):
    """The runtime under test as user 1000 (as the caller, when that is not root)."""
    made = make_runtime(user=1000) if os.geteuid() == 0 else make_runtime()
    made.for_user = False  # the test itself says what a user may run
    return made


@pytest.fixture
def caller_runtime(make_runtime):
    """The runtime under test as whoever runs the tests: for what holds for root and for a user alike, who has
    a delegated cgroup. runtime.container() then makes containers that a user may run (tare.unprivileged): with the
    own id alone, so that a failure is not one of newuidmap."""
    made = make_runtime()
    made.for_user = made.own_id_alone = os.geteuid() != 0
    return made
