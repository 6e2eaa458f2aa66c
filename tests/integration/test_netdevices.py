"""linux.netDevices: devices of a network namespace that the test makes (the runtime's), in the container's.

The runtime runs in that namespace, so that nothing of the machine's own network is touched.
"""
import json
import os
import subprocess

import pytest

from networks import Inside, Net
from tare import eventually, promise, read_text, unprivileged, user_namespace

MAC = "02:00:5e:10:20:30"


@pytest.fixture
def net(host, runtime):
    """The runtime's own network namespace for this test, with v0 and its peer v0p."""
    namespace = Net()
    host.holders.add(namespace.pid)
    runtime.wrapper = namespace.prefix
    namespace.add("v0")
    yield namespace
    runtime.wrapper = []
    host.holders.remove(namespace.pid)
    namespace.close()


def holding(runtime, net_devices, config=None):
    """A container that stays, with the ip program's view from outside by its pid."""
    container = runtime.container(["/bin/sleep", "100"], config=config)
    container.config["linux"]["netDevices"] = net_devices
    return container


@promise("spec:168", "spec:169", "spec:173")
def test_moved_renamed_and_up(runtime, net):
    container = holding(runtime, {"v0": {"name": "inner"}}).create()
    inside = Inside(container.pid).links()
    assert set(inside) == {"lo", "inner"}
    assert "UP" in inside["inner"]["flags"]
    assert set(net.links()) == {"lo", "v0p"}
    assert container.start().status() == "running"


@promise("spec:168", "spec:169")
@pytest.mark.parametrize("value", [{}, {"name": ""}, {"name": "v0"}])
def test_without_a_new_name_it_keeps_its_own(runtime, net, value):
    container = holding(runtime, {"v0": value}).create()
    assert set(Inside(container.pid).links()) == {"lo", "v0"}
    assert "v0" not in net.links()


@promise("spec:172")
def test_attributes_stay(runtime, net):
    net.ip("link", "set", "v0", "address", MAC, "mtu", "1400", "txqueuelen", "77")
    net.ip("link", "set", "v0", "alias", "the alias")
    container = holding(runtime, {"v0": {"name": "inner"}}).create()
    link = Inside(container.pid).links()["inner"]
    assert (link["address"], link["mtu"], link["txqlen"]) == (MAC, 1400, 77)
    assert link["ifalias"] == "the alias"


@promise("spec:172")
@pytest.mark.parametrize("up", [False, True])
def test_permanent_global_addresses_stay(runtime, net, up):
    if up:
        net.ip("link", "set", "v0p", "up")
        net.ip("link", "set", "v0", "up")
    for words in (["10.1.2.3/24", "brd", "10.1.2.255", "label", "v0:one"], ["10.1.2.4/24"],
                  ["192.0.2.1", "peer", "192.0.2.2/32"], ["2001:db8::5/64", "nodad"],
                  ["fd00::5/128", "nodad", "noprefixroute"], ["10.9.9.9/16", "noprefixroute"]):
        net.ip("addr", "add", *words, "dev", "v0")
    # neither permanent nor global: these stay behind
    net.ip("addr", "add", "10.7.7.7/32", "dev", "v0", "valid_lft", "500", "preferred_lft", "400")
    net.ip("addr", "add", "2001:db8::77/64", "dev", "v0", "valid_lft", "500", "preferred_lft", "400")
    net.ip("addr", "add", "169.254.3.3/16", "dev", "v0", "scope", "link")
    net.ip("addr", "add", "10.8.8.8/32", "dev", "v0", "scope", "host")
    container = holding(runtime, {"v0": {"name": "inner"}}).create()
    inside = Inside(container.pid)
    found = {a for a in inside.addresses("inner") if a[2] == "global"}
    assert found == {("10.1.2.3", 24, "global"), ("10.1.2.4", 24, "global"),
                     ("192.0.2.1", 32, "global"), ("2001:db8::5", 64, "global"),
                     ("fd00::5", 128, "global"), ("10.9.9.9", 16, "global")}
    assert not any(a[0] in ("169.254.3.3", "10.8.8.8") for a in inside.addresses("inner"))
    rows = {a["local"]: a for a in inside.links()["inner"]["addr_info"]}
    assert rows["10.1.2.3"]["broadcast"] == "10.1.2.255"
    assert rows["10.1.2.3"]["label"] == "inner:one" and rows["10.1.2.4"]["label"] == "inner"
    assert rows["10.1.2.4"]["secondary"] is True
    assert rows["192.0.2.1"]["address"] == "192.0.2.2"
    assert rows["fd00::5"]["noprefixroute"] is True and rows["10.9.9.9"]["noprefixroute"] is True


@promise("spec:172")
def test_a_label_that_would_become_too_long(runtime, net):
    net.ip("addr", "add", "10.1.2.3/24", "label", "v0:0123456789", "dev", "v0")
    container = holding(runtime, {"v0": {"name": "inner012345"}}).create()
    rows = Inside(container.pid).links()["inner012345"]["addr_info"]
    assert [a["label"] for a in rows if a["local"] == "10.1.2.3"] == ["inner012345"]


@promise("spec:171")
def test_a_template_is_for_the_kernel(runtime, net):
    net.add("v1")
    container = holding(runtime, {"v0": {"name": "net%d"}, "v1": {"name": "net%d"}}).create()
    names = set(Inside(container.pid).links()) - {"lo"}
    assert len(names) == 2 and all(name.startswith("net") and name[3:].isdigit() for name in names)
    assert set(net.links()) == {"lo", "v0p", "v1p"}


@promise("spec:168")
def test_names_may_be_exchanged(runtime, net):
    net.add("v1")
    net.ip("addr", "add", "10.0.0.1/32", "dev", "v0")
    container = holding(runtime, {"v0": {"name": "v1"}, "v1": {"name": "v0"}}).create()
    inside = Inside(container.pid)
    assert ("10.0.0.1", 32, "global") in inside.addresses("v1")
    assert set(inside.links()) == {"lo", "v0", "v1"}


@promise("spec:168")
def test_joined_namespace_and_its_numbers(runtime, net):
    """A joined network namespace that has a device with the name and number which the host's has."""
    other = Net()
    try:
        index = net.links()["v0"]["ifindex"]
        other.ip("link", "add", "name", "v0", "index", str(index), "type", "bridge")
        container = holding(runtime, {"v0": {"name": "mine"}})
        namespaces = container.config["linux"]["namespaces"]
        next(n for n in namespaces if n["type"] == "network")["path"] = other.path
        container.create()
        links = other.links()
        assert set(links) == {"lo", "v0", "mine"}
        assert links["v0"]["ifindex"] == index and links["mine"]["ifindex"] != index
        # spec:175: it stays there, whatever becomes of the container
        container.delete("--force")
        assert set(other.links()) == {"lo", "v0", "mine"}
    finally:
        other.close()


@promise("spec:174", "spec:175")
def test_the_namespace_takes_it_along(runtime, net):
    """A virtual device ends with the container's network namespace; tare does not fetch it back."""
    container = holding(runtime, {"v0": {}}).create()
    container.delete("--force")
    eventually(lambda: set(net.links()) == {"lo"})  # and so does its other end


@promise("spec:168")
@pytest.mark.parametrize("user", [0, 12])
def test_in_a_user_namespace(runtime, net, user):
    net.ip("addr", "add", "2001:db8::5/64", "nodad", "dev", "v0")
    container = holding(runtime, {"v0": {"name": "inner"}})
    container.config["process"]["user"] = {"uid": user, "gid": user}
    user_namespace(container.config)
    container.chown(100000)
    container.create()
    assert ("2001:db8::5", 64, "global") in Inside(container.pid).addresses("inner")
    assert container.start().status() == "running"


@promise("spec:168", "spec:136")
def test_hooks_and_sysctls_see_it(runtime, net):
    container = holding(runtime, {"v0": {"name": "inner"}})
    record = f"{container.bundle}/seen"
    script = f"nsenter --net=/proc/$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/')/ns/net ip -br link > {record}"
    container.config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", script]}]}
    container.config["linux"]["sysctl"] = {"net.ipv4.conf.inner.forwarding": "1"}
    container.create()
    with open(record, encoding="utf-8") as file:
        assert "inner" in file.read()


def refused(container, net, text):
    """A create that is refused and leaves the devices where they were."""
    before = net.ip("-d", "addr"), routes(net)
    result = container.try_create()
    assert result.rc == 1 and text in result.err.replace('\\"', '"'), result
    assert container.runtime.ids() == []
    after = net.ip("-d", "addr"), routes(net)
    assert names_and_addresses(after[0]) == names_and_addresses(before[0])
    assert after[1] == before[1]


def routes(net):
    """The routes, without those that the kernel makes and drops with link-local addresses."""
    rows = net.ip("route", "show", "table", "all") + net.ip("-6", "route", "show", "table", "all")
    return sorted((row["dst"], row["dev"], row.get("gateway") or "", row.get("metric") or 0, row.get("protocol") or "")
                  for row in rows if not row["dst"].startswith(("fe80", "ff00", "multicast")))


def names_and_addresses(links):
    """What has to be as before: {(name, number, MAC, MTU, up, master, addresses)}."""
    return sorted((link["ifname"], link["ifindex"], link.get("address"), link["mtu"],
                   "UP" in link["flags"], link.get("master"),
                   sorted((a["local"], a["prefixlen"], a["scope"]) for a in link["addr_info"]
                          if a["scope"] != "link" or a["family"] == "inet"))
                  for link in links)


@promise("spec:170", "spec:36")
@pytest.mark.parametrize("devices, text", [
    ({"v9": {}}, "linux.netDevices.v9: the runtime's network namespace has no such device"),
    ({"lo": {"name": "lo1"}}, "linux.netDevices.lo: a loopback device can't be moved"),
    ({"v0": {"name": "lo"}}, 'the container\'s network namespace has a device "lo" already'),
    ({"v0": {"name": "a/b"}}, 'invalid network device name "a/b"'),
    ({"v0": {"name": "sixteencharacter"}}, 'invalid network device name "sixteencharacter"'),
    ({"v0": {"name": "same"}, "v0p": {"name": "same"}}, "gets the same name in the container"),
])
def test_refusals(runtime, net, devices, text):
    refused(holding(runtime, devices), net, text)


@promise("spec:170")
def test_without_a_network_namespace_of_its_own(runtime, net):
    container = holding(runtime, {"v0": {}})
    namespaces = container.config["linux"]["namespaces"]
    entry = next(n for n in namespaces if n["type"] == "network")
    entry["path"] = net.path
    refused(container, net, "the container's network namespace is the runtime's own")
    namespaces.remove(entry)
    refused(container, net, "unable to move network devices without a NET namespace")


@promise("spec:170")
def test_rootless(unprivileged_runtime):
    container = holding(unprivileged_runtime, {"v0": {}})
    unprivileged(container.config)
    result = container.try_create()
    assert result.rc == 1
    assert "network devices are not supported for rootless containers" in result.err


def busy(net):
    """Gives v0 all that has to come back: addresses, routes, a bridge, up."""
    net.ip("link", "add", "name", "br0", "type", "bridge")
    net.ip("link", "set", "v0", "master", "br0", "address", MAC, "mtu", "1400")
    for name in ("br0", "v0p", "v0"):
        net.ip("link", "set", name, "up")
    net.ip("addr", "add", "10.1.2.3/24", "dev", "v0")
    net.ip("addr", "add", "169.254.3.3/16", "dev", "v0", "scope", "link")
    net.ip("addr", "add", "2001:db8::5/64", "nodad", "dev", "v0")
    net.ip("route", "add", "10.50.0.0/16", "via", "10.1.2.1", "dev", "v0", "metric", "7")
    net.ip("-6", "route", "add", "2001:db8:1::/48", "via", "2001:db8::1", "dev", "v0")
    # until the bridge and IPv6 have settled
    eventually(lambda: all(a.get("tentative") is None for link in net.ip("addr")
                           for a in link["addr_info"]))


@promise("spec:36", "spec:46")
@pytest.mark.parametrize("breaking", ["second device", "hook", "program"])
def test_a_failure_gives_everything_back(runtime, net, breaking):
    """Whatever fails after the first device has moved: name, number, addresses, routes, bridge as before."""
    busy(net)
    container = holding(runtime, {"v0": {"name": "inner"}})
    if breaking == "second device":
        # the kernel's refusal: a bridge is bound to its namespace
        container.config["linux"]["netDevices"]["br0"] = {}
        net.ip("link", "set", "v0", "nomaster")
        text = "linux.netDevices.br0: move it to the container: rtnetlink: invalid argument"
    elif breaking == "hook":
        container.config["hooks"] = {"createRuntime": [{"path": "/bin/false"}]}
        text = "error running createRuntime hook #0"
    else:
        container.config["process"]["args"] = ["/no/such/program"]
        text = "no such file or directory"
    refused(container, net, text)


@promise("spec:36")
@pytest.mark.parametrize("whom", ["tare alone", "its process group"])
def test_a_killed_create_gives_everything_back(runtime, net, whom):
    """With devices moved, tare is killed, or a signal goes to all of its processes, as a terminal sends them."""
    busy(net)
    runtime.wrapper = net.prefix + ["setsid", "--wait"]
    before = net.ip("-d", "addr"), routes(net)
    container = holding(runtime, {"v0": {"name": "inner"}})
    killing = "kill -KILL $PPID" if whom == "tare alone" else "kill -s TERM -- -$PPID"
    container.config["hooks"] = {"createRuntime": [
        {"path": "/bin/sh", "args": ["sh", "-c", killing]}]}
    result = container.try_create()
    # of the group the init may be dead first: then tare has begun to undo
    assert result.rc != 0 and (whom != "tare alone" or container.status() in ("stopped", "creating")), result
    eventually(lambda: names_and_addresses(net.ip("-d", "addr")) == names_and_addresses(before[0])
               and routes(net) == before[1])
    container.delete("--force")


class Library:
    """A libmnl of the test's, which tare-netdev finds first."""

    def __init__(self, directory, source):
        self.path = f"{directory}/libmnl.so.0"
        os.mkdir(directory)
        self.env = {"LD_LIBRARY_PATH": directory}
        if source is None:
            with open(self.path, "w", encoding="ascii") as file:
                file.write("no library at all\n" * 100)
        else:
            subprocess.run(["cc", "-shared", "-fPIC", "-xc", "-", "-o", self.path], input=source, text=True,
                           check=True)


BEGIN = "#include <stdlib.h>\n#include <unistd.h>\n__attribute__((constructor)) static void begin(void)"


@promise("spec:36")
@pytest.mark.parametrize("source, texts", [
    (None, ["libmnl.so.0", "network devices need it: install libmnl0, elsewhere libmnl"]),
    ("int x;", ["linux.netDevices: libmnl.so.0 is too old: it has no mnl_socket_open2"]),
    (BEGIN + "{ _exit(3); }",
     ["linux.netDevices: tare-netdev has ended with status 3 without an answer"]),
    (BEGIN + '{ if (write(0, "ok\\0ok", 6) == 6) pause(); }', ["malformed answer of tare-netdev"]),
    (BEGIN + '{ if (write(0, "nonsense", 8) == 8) pause(); }', ["malformed answer of tare-netdev"]),
], ids=["none", "old", "dies", "two answers", "nonsense"])
def test_without_a_helper_that_works(runtime, net, source, texts):
    """Who has no network devices needs no libmnl, and does not notice."""
    library = Library(f"{runtime.directory}/library", source)
    before = net.ip("-d", "addr")
    container = holding(runtime, {"v0": {}})
    result = container.try_create(env=library.env)
    assert result.rc == 1 and all(text in result.err for text in texts), result
    assert runtime.ids() == []
    assert names_and_addresses(net.ip("-d", "addr")) == names_and_addresses(before)
    del container.config["linux"]["netDevices"]
    container.create(env=library.env)


@promise("spec:168")
def test_nothing_of_the_helper_stays(runtime, net):
    """The helper has ended when create has, and of its namespace, socket and memory nothing is the container's."""
    container = holding(runtime, {"v0": {}}).create()
    links = [os.readlink(f"/proc/{container.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{container.pid}/fd")]
    assert not any(link.startswith(("net:", "/memfd:tare-netdev")) for link in links), links
    helpers = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if is_helper_in(pid, net)]
    assert helpers == []


def is_helper_in(pid, net):
    """Whether a process is a tare-netdev in that network namespace, dead or alive."""
    try:
        return read_text(f"/proc/{pid}/cmdline").startswith("tare-netdev") \
            and os.readlink(f"/proc/{pid}/ns/net") == os.readlink(net.path)
    except OSError:
        return False


@promise("spec:271")
def test_features_say_so(runtime):
    assert json.loads(runtime.ok("features"))["linux"]["netDevices"]["enabled"] is True
