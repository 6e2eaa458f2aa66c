"""linux.intelRdt, on a resctrl file system that the tests make themselves (tests/lib/resctrlfs.py)."""
import json
import os

import pytest

import resctrlfs
from tare import promise, user_namespace

L3, MB = "L3:0=f0;1=f", "MB:0=20;1=70"


@pytest.fixture
def fs(runtime):
    """An empty resctrl, which the runtime takes for the host's."""
    if not os.path.exists("/dev/fuse"):
        pytest.skip("there is no /dev/fuse")
    directory = f"{runtime.directory}/resctrl"
    runtime.env["TARE_RESCTRL"] = directory
    with resctrlfs.Resctrl(directory) as resctrl:
        yield resctrl
        for container in runtime.containers:
            runtime.call("delete", "--force", container.id)


def make(runtime, **rdt):
    """A container with these properties of linux.intelRdt."""
    container = runtime.container(["/bin/sleep", "100"])
    container.config["linux"]["intelRdt"] = rdt
    return container


def schemata(fs):
    """What was written to schemata files: [(class, line)]."""
    return [(path.rsplit("/", 1)[0], text) for path, text in fs.writes if path.endswith("/schemata")]


@promise("spec:218", "spec:223")
def test_a_class_of_its_own(runtime, fs):
    container = make(runtime, l3CacheSchema=L3, memBwSchema=MB).create()
    path = f"/{container.id}"
    assert fs.groups() == {path}
    assert fs.schemata[path] == {"L3": {0: "f0", 1: "f"}, "MB": {0: "20", 1: "70"}}
    assert fs.tasks[container.pid] == (path, path)
    container.delete()
    assert fs.groups() == set()


@promise("spec:220", "spec:221")
def test_order_of_the_lines(runtime, fs):
    container = make(runtime, schemata=["L3:0=1", "MB:1=30"], memBwSchema=MB, l3CacheSchema=L3).create()
    assert [line for _, line in schemata(fs)] == [L3, MB, "L3:0=1", "MB:1=30"]
    assert fs.schemata[f"/{container.id}"] == {"L3": {0: "1", 1: "f"}, "MB": {0: "20", 1: "30"}}


@promise("spec:222", "spec:223")
def test_without_schemata_nothing_is_written_to_them(runtime, fs):
    container = make(runtime).create()
    assert fs.groups() == {f"/{container.id}"} and schemata(fs) == []
    container.delete()
    assert fs.groups() == set()


@promise("spec:224", "spec:226")
@pytest.mark.parametrize("rdt", [{"l3CacheSchema": L3}, {"memBwSchema": MB}, {"schemata": [L3, MB]}])
def test_a_named_class_is_made_and_stays(runtime, fs, rdt):
    container = make(runtime, closID="gold", **rdt).create()
    assert fs.tasks[container.pid] == ("/gold", "/gold")
    container.delete()
    assert fs.groups() == {"/gold"}


@promise("spec:224", "spec:226")
@pytest.mark.parametrize("given", [
    {"l3CacheSchema": "L3:0=f0"}, {"l3CacheSchema": "L3:1=0000F;0=F0"}, {"schemata": [MB, L3]},
    {"memBwSchema": " MB:0=020".strip()}])
def test_a_named_class_that_exists_as_wanted(runtime, fs, given):
    fs.make("gold", L3, MB)
    container = make(runtime, closID="gold", **given).create()
    assert fs.tasks[container.pid] == ("/gold", "/gold")
    container.delete()
    assert fs.groups() == {"/gold"}


@promise("spec:224", "spec:36")
@pytest.mark.parametrize("given", [
    {"l3CacheSchema": "L3:0=ff"}, {"memBwSchema": "MB:0=20;1=71"}, {"schemata": [L3, "MB:0=2"]},
    {"schemata": ["L2:0=f"]}, {"schemata": ["L3:7=f"]}, {"l3CacheSchema": "L3"}])
def test_a_named_class_that_exists_otherwise(runtime, fs, given):
    fs.make("gold", L3, MB)
    result = make(runtime, closID="gold", **given).try_create()
    assert result.rc == 1 and "the class gold exists with other schemata than" in result.err
    assert (fs.writes, fs.changes, runtime.ids()) == ([], [], [])


@promise("spec:225", "spec:226")
def test_a_named_class_without_schemata(runtime, fs):
    container = make(runtime, closID="gold")
    result = container.try_create()
    assert result.rc == 1 and "linux.intelRdt.closID: there is no class gold" in result.err
    assert fs.groups() == set() and runtime.ids() == []
    fs.make("gold")
    container.create()
    assert fs.tasks[container.pid] == ("/gold", "/gold") and schemata(fs) == []
    container.delete()
    assert fs.groups() == {"/gold"}


@promise("spec:218", "spec:227")
@pytest.mark.parametrize("options", [[], ["--detach"]])
def test_exec_is_in_the_same_groups(runtime, fs, options):
    container = make(runtime, closID="gold", schemata=[L3], enableMonitoring=True).create().start()
    before = set(fs.tasks)
    runtime.ok("exec", *options, container.id, "/bin/true")
    pid, = set(fs.tasks) - before
    if options:
        os.waitpid(pid, 0)  # it came to us
    assert fs.tasks[pid] == ("/gold", f"/gold/mon_groups/{container.id}")


@promise("spec:219")
@pytest.mark.parametrize("rdt", [{}, {"l3CacheSchema": "L3:0=fffff"}, {"enableMonitoring": True}])
def test_the_default_class(runtime, fs, rdt):
    container = make(runtime, closID="/", **rdt).create()
    below = f"/mon_groups/{container.id}" if rdt.get("enableMonitoring") else "/"
    assert fs.tasks[container.pid] == ("/", below)
    assert fs.groups() == ({below} if below != "/" else set())
    container.delete()
    assert fs.groups() == set()


@promise("spec:219", "spec:224")
def test_the_default_class_is_not_changed(runtime, fs):
    result = make(runtime, closID="/", l3CacheSchema=L3).try_create()
    assert result.rc == 1 and "exists with other schemata" in result.err
    assert fs.schemata["/"] == resctrlfs.DEFAULT


@promise("spec:227")
@pytest.mark.parametrize("clos", [None, "gold"])
def test_monitoring(runtime, fs, clos):
    fs.make("gold")
    container = make(runtime, enableMonitoring=True, **({"closID": clos} if clos else {})).create()
    top = f"/{clos or container.id}"
    group = f"{top}/mon_groups/{container.id}"
    assert fs.groups() == {"/gold", top, group}
    assert fs.tasks[container.pid] == (top, group)
    container.delete()
    assert fs.groups() == {"/gold"}


@promise("spec:227", "spec:36")
def test_no_monitoring_group_is_left(runtime, fs):
    fs.monitors = 0
    result = make(runtime, closID="gold", schemata=[L3], enableMonitoring=True).try_create()
    assert result.rc == 1 and "linux.intelRdt.enableMonitoring: make" in result.err
    assert "Out of RMIDs" in result.err
    assert fs.groups() == set() and runtime.ids() == []


@promise("spec:223", "spec:36")
def test_no_class_is_left(runtime, fs):
    fs.classes = 1
    result = make(runtime).try_create()
    assert result.rc == 1 and "linux.intelRdt: make the class" in result.err
    assert "no space left on device (Out of CLOSIDs)" in result.err


@promise("spec:220", "spec:36")
@pytest.mark.parametrize("rdt, words", [
    ({"l3CacheSchema": "L3:0=xyz"}, "Non-hex character in the mask xyz"),
    ({"schemata": ["L9:0=1"]}, "Unknown or unsupported resource name 'L9'")])
def test_what_the_kernel_refuses_is_said_in_its_words(runtime, fs, rdt, words):
    result = make(runtime, closID="gold", **rdt).try_create()
    assert result.rc == 1 and "linux.intelRdt: write" in result.err and words in result.err
    assert fs.groups() == set() and runtime.ids() == []


@promise("spec:226", "spec:36")
@pytest.mark.parametrize("clos", [None, "gold", "silver"])
def test_a_later_failure_undoes_it(runtime, fs, clos):
    """Also a class that delete would leave alone; one that was there stays."""
    fs.make("silver", L3)
    rdt = {"closID": clos} if clos else {}
    container = make(runtime, l3CacheSchema=L3, enableMonitoring=True, **rdt)
    container.config["process"]["args"] = ["/no/such/program"]
    result = container.try_create()
    assert result.rc == 1 and "no such file" in result.err
    assert fs.groups() == {"/silver"}


@promise("spec:218")
def test_in_a_user_namespace(runtime, fs):
    container = make(runtime, enableMonitoring=True)
    user_namespace(container.config)
    container.chown(100000)
    container.create()
    assert fs.tasks[container.pid][0] == f"/{container.id}"


@promise("spec:218")
def test_without_the_property_nothing_is_touched(runtime, fs):
    assert runtime.container(["/bin/true"]).run().rc == 0
    assert (fs.writes, fs.changes) == ([], [])


@promise("spec:218", "spec:7")
def test_no_resctrl_is_mounted(runtime):
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        if " - resctrl " in file.read():
            pytest.skip("this machine has a resctrl of its own")
    result = make(runtime, closID="gold").try_create()
    assert result.rc == 1 and "linux.intelRdt: no resctrl file system is mounted" in result.err
    assert runtime.ids() == []


@promise("spec:219")
@pytest.mark.parametrize("name", ["info", "mon_groups", "mon_data"])
def test_names_of_resctrls_own(runtime, fs, name):
    result = make(runtime, closID=name).try_create()
    assert result.rc == 1 and "is a name of resctrl's own" in result.err and fs.changes == []


@promise("spec:228")
def test_properties_that_are_gone_are_unknown_ones(runtime, fs):
    container = make(runtime, enableCMT=True, enableMBM=True).create()
    assert fs.groups() == {f"/{container.id}"}


@promise("spec:269")
def test_features_say_so(runtime):
    container = runtime.ok("features")
    assert '"intelRdt": {\n            "enabled": true,\n            "schemata": true,\n' in container


@promise("contract:2", "contract:7.12")
def test_update(runtime, fs):
    """Other schemata while it runs; all of an update holds, or nothing."""
    container = make(runtime, l3CacheSchema=L3, memBwSchema=MB).create()
    path = f"/{container.id}"
    assert runtime.call("update", "--l3-cache-schema", "L3:0=3", container.id) == (0, "", "")
    assert runtime.call("update", "--mem-bw-schema", "MB:1=10", container.id) == (0, "", "")
    assert fs.schemata[path] == {"L3": {0: "3", 1: "f"}, "MB": {0: "20", 1: "10"}}
    result = runtime.call("update", "--l3-cache-schema", "L3:0=7", "--mem-bw-schema", "rubbish", container.id)
    assert result.rc == 1
    assert fs.schemata[path] == {"L3": {0: "3", 1: "f"}, "MB": {0: "20", 1: "10"}}
    result = runtime.call("update", "--l3-cache-schema", "L3:0=7", "--cpuset-cpus", "rubbish", container.id)
    assert result.rc == 1
    assert fs.schemata[path] == {"L3": {0: "3", 1: "f"}, "MB": {0: "20", 1: "10"}}


def figures(container):
    """The member intel_rdt of `events --stats`."""
    return json.loads(container.runtime.ok("events", "--stats", container.id))["data"]["intel_rdt"]


@promise("contract:5")
def test_figures_of_the_monitoring_group(runtime, fs):
    """In the domains' order, whatever the directory's is; what the processor does not tell is left out."""
    container = make(runtime, l3CacheSchema=L3, memBwSchema=MB, enableMonitoring=True).create()
    container.start()
    lines = {"l3_cache_schema": "L3:0=f0;1=f", "mem_bw_schema": "MB:0=20;1=70"}
    assert figures(container) == lines, "nothing is counted"
    fs.count(f"/{container.id}", 0, llc_occupancy=1, mbm_total_bytes=1, mbm_local_bytes=1)
    group = f"/{container.id}/mon_groups/{container.id}"
    fs.count(group, 10, llc_occupancy=4096, mbm_total_bytes=1 << 63, mbm_local_bytes="Unavailable")
    fs.count(group, 9, llc_occupancy=0, mbm_total_bytes=7, mbm_local_bytes=5)
    assert figures(container) == {
        **lines,
        "mbm_stats": [{"mbm_total_bytes": 7, "mbm_local_bytes": 5}, {"mbm_total_bytes": 1 << 63}],
        "cmt_stats": [{"llc_occupancy": 0}, {"llc_occupancy": 4096}],
    }


@promise("contract:5")
def test_figures_of_the_class(runtime, fs):
    container = make(runtime, memBwSchema=MB).create()
    container.start()
    fs.count(f"/{container.id}", 0, llc_occupancy=4096)
    assert figures(container) == {"l3_cache_schema": "L3:0=fffff;1=fffff", "mem_bw_schema": "MB:0=20;1=70",
                                  "cmt_stats": [{"llc_occupancy": 4096}]}
