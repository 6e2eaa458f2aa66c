"""A container that may manage its own cgroup: what belongs to it, what does not, and that it works."""
import os

import cgroups

from tare import promise, read_text


def manager(runtime, script, **mount):
    """A container of user 1000 with its cgroup mounted at /sys/fs/cgroup, writable unless said otherwise."""
    cgroups.need_controllers(runtime, "memory", "pids")
    container = runtime.container(["/bin/sh", "-c", script])
    container.config["process"]["user"] = {"uid": 1000, "gid": 1001}
    container.config["linux"]["resources"]["memory"] = {"limit": 256 << 20}
    for entry in container.config["mounts"]:
        if entry["destination"] == "/sys/fs/cgroup":
            entry["options"] = mount.get("options", [])
    return container


@promise("spec:185", "spec:187", "spec:188", "spec:189", "spec:190")
def test_what_the_kernel_lists_belongs_to_the_user(runtime):
    container = manager(runtime, "exec sleep 1000").create()
    place = cgroups.directory(container)
    listed = set(read_text("/sys/kernel/cgroup/delegate").split())
    assert {"cgroup.procs", "cgroup.threads", "cgroup.subtree_control"} <= listed
    assert (os.stat(place).st_uid, os.stat(place).st_gid) == (1000, 1001)
    for name in os.listdir(place):
        uid = os.stat(f"{place}/{name}").st_uid
        assert uid == (1000 if name in listed else 0), name
    assert os.stat(os.path.dirname(place)).st_uid == 0
    container.delete("--force")


@promise("spec:185", "spec:189")
def test_it_can_make_cgroups_and_not_lift_its_limits(runtime):
    container = manager(runtime, "cd /sys/fs/cgroup; mkdir inner && echo 0 > inner/cgroup.procs && "
                                 "echo +memory > cgroup.subtree_control && echo 1000000 > inner/memory.high && "
                                 "cat inner/memory.high; echo max > memory.max; echo end; exec sleep 1000")
    container.create().start()
    cgroups.wait_for_output(container, "end")
    out, err = container.output()
    assert out.split() == ["999424", "end"], (out, err)
    assert "memory.max: Permission denied" in err
    container.delete("--force")


@promise("spec:187", "spec:188")
def test_not_without_a_writable_mount_or_a_namespace(runtime):
    for change in ("read-only", "namespace"):
        container = manager(runtime, "exec sleep 1000", options=["ro"] if change == "read-only" else [])
        if change == "namespace":
            container.config["linux"]["namespaces"].remove({"type": "cgroup"})
        container.create()
        assert os.stat(cgroups.directory(container)).st_uid == 0
        assert os.stat(f"{cgroups.directory(container)}/cgroup.procs").st_uid == 0
        container.delete("--force")
