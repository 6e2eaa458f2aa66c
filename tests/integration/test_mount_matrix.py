"""The mount matrix: kind x options x {root, user namespace}. Each row is a list of entries for
config.json's mounts (or another change of it) and what /proc/self/mountinfo inside must then show.

What a row expects is written in it, not derived from the runtime. Words of `has` are looked for among
the mount's own options ("ro"), the file system's ("super:size=64k") and the propagation ("shared");
a word with "!" in front must not be there. A row that only one of the two modes can have says why.
"""
import collections
import ctypes
import os

import pytest

import host as host_module
import tare
from tare import promise

pytestmark = pytest.mark.without("detached", "pidns_option", "open_tree_ns")

FIRST = 100000  # the host's id of the container's root in the user namespace

Row = collections.namedtuple("Row", "name promises mounts has change modes")


def row(name, mounts, has, promises=("spec:81",), change=None, modes=("root", "userns")):
    """One row. mounts: entries; has: {destination: words, type first}; change: of (bundle, config)."""
    return Row(name, promises, mounts, has, change, modes)


def entry(kind, options="", target="/x", source=None):
    """One entry of mounts; options are separated by spaces."""
    made = {"destination": target, "type": kind, "source": source or kind}
    if options:
        made["options"] = options.split()
    return made


def bind(options="", target="/x", source="SOURCES/dir"):
    """A bind entry. SOURCES is a directory that prepare() makes, with a mount below it."""
    made = {"destination": target, "source": source, "options": ("rbind " + options).split()}
    if "bind" in options.split():
        made["options"].remove("rbind")
    return made


def flags(kind, options, words, **how):
    """A row with one new file system at /x."""
    return row(f"{kind} {options or '(none)'}", [entry(kind, options)], {"/x": f"{kind} {words}"}, **how)


# ---- rows ----

# One option each, on a tmpfs and on a bind: what the mount's own options must say.
FLAGS = [
    ("ro", "ro !rw"), ("rw", "rw !ro"), ("ro rw", "rw !ro"), ("rw ro", "ro !rw"),
    ("nosuid", "nosuid"), ("nosuid suid", "!nosuid"), ("suid nosuid", "nosuid"),
    ("nodev", "nodev"), ("nodev dev", "!nodev"), ("noexec", "noexec"), ("noexec exec", "!noexec"),
    ("noatime", "noatime !relatime"), ("noatime atime", "relatime !noatime"),
    ("strictatime", "!relatime !noatime"), ("strictatime relatime", "relatime"),
    ("noatime strictatime", "!noatime !relatime"), ("strictatime nostrictatime", "relatime"),
    ("nodiratime", "nodiratime"), ("nodiratime diratime", "!nodiratime"),
    ("nosymfollow", "nosymfollow"), ("nosymfollow symfollow", "!nosymfollow"),
    ("ro nosuid nodev noexec noatime nodiratime", "ro nosuid nodev noexec noatime nodiratime"),
    ("defaults", "rw relatime !nosuid !nodev !noexec"), ("loud silent", "rw relatime"),
]

# The recursive ones: the mount itself, and the one below it.
RECURSIVE = [
    ("rro", "ro", "ro"), ("rro rrw", "rw", "rw"), ("rro rw", "rw", "ro"), ("ro rrw", "rw", "rw"),
    ("ro", "ro", "rw"), ("rnosuid", "nosuid", "nosuid"), ("rnosuid rsuid", "!nosuid", "!nosuid"),
    ("rnodev", "nodev", "nodev"), ("rnodev rdev", "!nodev", "!nodev"),
    ("rnoexec", "noexec", "noexec"), ("rnoexec rexec", "!noexec", "!noexec"),
    ("rnoatime", "noatime", "noatime"), ("rnoatime ratime", "relatime", "relatime"),
    ("rstrictatime", "!relatime !noatime", "!relatime !noatime"),
    ("rstrictatime rrelatime", "relatime", "relatime"),
    ("rnodiratime", "nodiratime", "nodiratime"),
    ("rnosymfollow", "nosymfollow", "nosymfollow"),
    ("rnosymfollow rsymfollow", "!nosymfollow", "!nosymfollow"),
]

# The source's mount and the one below it are shared on the host.
PROPAGATION = [
    ("", "!shared master", "!shared master"), ("rprivate", "!shared !master", "!shared !master"),
    ("private", "!shared !master", "!shared"), ("rslave", "!shared master", "!shared master"),
    ("slave", "!shared master", "!shared master"), ("rshared", "shared", "shared"),
    ("shared", "shared", ""), ("runbindable", "unbindable", "unbindable"),
    ("unbindable", "unbindable", "!unbindable"), ("rslave rshared", "shared", "shared"),
]

TMPFS = [
    ("size=64k", "super:size=64k"), ("size=1m", "super:size=1024k"), ("nr_inodes=99", "super:nr_inodes=99"),
    ("mode=700", "super:mode=700"), ("mode=1777", "!super:mode=755"), ("sync", "super:sync"),
    ("sync async", "!super:sync"), ("dirsync", "super:dirsync"), ("lazytime", "super:lazytime"),
    ("lazytime nolazytime", "!super:lazytime"), ("size=64k,nr_inodes=9", "super:size=64k super:nr_inodes=9"),
]


def set_root(name, value):
    """A change: one property of root, or of linux when its name begins so."""
    def change(_bundle, config):
        if name.startswith("linux."):
            config["linux"][name[6:]] = value
        else:
            config["root"][name] = value
    return change


def many_layers(bundle, config):
    """An overlay of 110 layers, each with a file."""
    layers = []
    for number in range(110):
        layers.append(f"{bundle}/sources/l{number}")
        os.mkdir(layers[-1])
        with open(f"{layers[-1]}/f{number}", "w", encoding="ascii") as file:
            file.write("layer")
    config["mounts"].append(entry("overlay", f"lowerdir={':'.join(layers)}"))


def with_devices(_bundle, config):
    config["linux"]["devices"] = [{"path": "/dev/matrix", "type": "p", "fileMode": 0o622,
                                   "uid": 3, "gid": 4}]


def without_cgroup_namespace(_bundle, config):
    config["linux"]["namespaces"] = [x for x in config["linux"]["namespaces"] if x["type"] != "cgroup"]


def id_map(options, uid=((0, 2000, 100),), **how):
    """A bind with maps of its own."""
    made = bind(options, **how)
    for key in ("uidMappings", "gidMappings"):
        made[key] = [{"containerID": a, "hostID": b, "size": c} for a, b, c in uid]
    return made


ROWS = [flags("tmpfs", options, words) for options, words in FLAGS]
ROWS += [flags("tmpfs", options, words, promises=("spec:99",)) for options, words in TMPFS]
ROWS += [row(f"bind {options}", [bind(options)], {"/x": words}, promises=("spec:78", "spec:81"))
         for options, words in FLAGS]
ROWS += [row(f"rbind {options}", [bind(options)], {"/x": top, "/x/sub": below},
             promises=("spec:86", "spec:87", "spec:88"))
         for options, top, below in RECURSIVE]
ROWS += [row(f"propagation {options or '(none)'}", [bind(options)], {"/x": top, "/x/sub": below},
             promises=("spec:84",))
         for options, top, below in PROPAGATION]
ROWS += [
    # binds
    row("bind leaves out what is mounted below", [bind("bind")], {"/x": "", "/x/sub": None},
        promises=("spec:84",)),
    row("bind of a file", [bind("ro", "/etc/file", "SOURCES/file")], {"/etc/file": "ro"},
        promises=("spec:77",)),
    row("bind of a file over a file", [bind("", "/etc/passwd", "SOURCES/file")],
        {"/etc/passwd": "rw"}, promises=("spec:77",)),
    row("bind to a path that is missing", [bind("", "/not/there/yet")], {"/not/there/yet": "rw"}),
    row("bind whose type says tmpfs", [dict(bind(), type="tmpfs")], {"/x": "", "/x/sub": ""},
        promises=("spec:78",)),
    row("bind whose type says none", [dict(bind("ro"), type="none")], {"/x": "ro"},
        promises=("spec:80",)),
    row("relative source", [bind("", source="sources/dir")], {"/x": ""}, promises=("spec:77",)),
    row("relative destination", [entry("tmpfs", target="x")], {"/x": "tmpfs"},
        promises=("spec:76",)),
    row("destination with dots", [entry("tmpfs", target="/tmp/../x//y/.")], {"/x/y": "tmpfs"}),
    row("inside a bind", [bind(), entry("tmpfs", "ro", "/x/in")], {"/x": "", "/x/in": "tmpfs ro"},
        promises=("spec:74",)),
    row("in the listed order: the later one hides", [entry("tmpfs", "size=64k"), bind("ro")],
        {"/x": "!super:size=64k ro"}, promises=("spec:74",)),
    row("in the listed order: the other way", [bind("ro"), entry("tmpfs", "size=64k")],
        {"/x": "super:size=64k rw"}, promises=("spec:74",)),
    # tmpfs
    row("tmpcopyup", [entry("tmpfs", "tmpcopyup", "/etc")], {"/etc": "tmpfs"},
        promises=("spec:90",)),
    row("tmpcopyup, read-only", [entry("tmpfs", "tmpcopyup ro", "/etc")], {"/etc": "tmpfs ro"},
        promises=("spec:90",)),
    row("remount adds", [entry("tmpfs"), entry("tmpfs", "remount ro nosuid")],
        {"/x": "tmpfs ro nosuid"}, promises=("spec:83",)),
    row("remount takes away", [entry("tmpfs", "noexec"), entry("tmpfs", "remount exec")],
        {"/x": "tmpfs !noexec"}, promises=("spec:83",)),
    row("remount of a size", [entry("tmpfs", "size=64k"), entry("tmpfs", "remount size=128k")],
        {"/x": "tmpfs super:size=128k"}, promises=("spec:83",)),
    row("iversion", [entry("tmpfs", "iversion sync nosuid size=64k")],
        {"/x": "tmpfs nosuid super:sync super:size=64k"}, modes=("root",)),  # a tmpfs has none
    # other file systems
    flags("proc", "", "rw"), flags("proc", "nosuid nodev noexec", "nosuid nodev noexec"),
    flags("proc", "hidepid=2", "super:hidepid=invisible", promises=("spec:99",)),
    flags("proc", "subset=pid", "super:subset=pid", promises=("spec:99",)),
    flags("proc", "ro", "ro"),
    flags("sysfs", "", "rw"), flags("sysfs", "ro nosuid nodev noexec", "ro nosuid nodev noexec"),
    flags("mqueue", "nosuid nodev noexec", "nosuid nodev noexec"), flags("mqueue", "ro", "ro"),
    flags("devpts", "newinstance ptmxmode=0600 mode=0600", "super:mode=600 super:ptmxmode=600",
          promises=("spec:99",)),
    flags("devpts", "nosuid noexec", "nosuid noexec"), flags("devpts", "max=7", "super:max=7",
                                                             promises=("spec:99",)),
    flags("ramfs", "nosuid", "nosuid", modes=("root",)),  # not for user namespaces
    row("cgroup ro", [entry("cgroup", "ro nosuid")], {"/x": "cgroup2 ro nosuid"}),
    row("cgroup rw", [entry("cgroup", "nodev")], {"/x": "cgroup2 rw nodev"}),
    row("cgroup of the host's namespace is read-only", [entry("cgroup", "nosuid")],
        {"/x": "cgroup2 ro nosuid", "/sys/fs/cgroup": "cgroup2 ro"}, change=without_cgroup_namespace,
        promises=("CVE-2023-25809",)),
    row("cgroup2", [entry("cgroup2", "noexec")], {"/x": "cgroup2 noexec"}),
    row("overlay", [entry("overlay", "lowerdir=SOURCES/dir2,upperdir=SOURCES/upper,workdir=SOURCES/work")],
        {"/x": "overlay rw"}, promises=("spec:99",)),
    row("overlay, options apart",
        [entry("overlay", "ro lowerdir=SOURCES/dir2:SOURCES/dir3 nosuid")],
        {"/x": "overlay ro nosuid"}, promises=("spec:99",)),
    row("overlay of 110 layers", [], {"/x": "overlay"}, change=many_layers, promises=("spec:99",)),
    # id-mapped: a mount from outside the user namespace, which only the host's root may map
    row("idmap", [id_map("idmap")], {"/x": "idmapped", "/x/sub": "!idmapped"},
        promises=("spec:91", "spec:93")),
    row("ridmap", [id_map("ridmap")], {"/x": "idmapped", "/x/sub": "idmapped"},
        promises=("spec:92",)),
    row("maps without the word", [id_map("ro")], {"/x": "idmapped ro"}, promises=("spec:97",)),
    row("idmap of the container's own namespace", [bind("idmap")], {"/x": "idmapped"},
        promises=("spec:93",), modes=("userns",)),
    # the root
    row("root read-only", [], {"/": "ro"}, change=set_root("readonly", True), promises=("spec:73",)),
    row("root writable", [], {"/": "rw"}, change=set_root("readonly", False), promises=("spec:73",)),
    row("rootfsPropagation shared", [], {"/": "shared"}, promises=("spec:251",),
        change=set_root("linux.rootfsPropagation", "shared")),
    row("rootfsPropagation slave", [], {"/": "!shared"}, promises=("spec:251",),
        change=set_root("linux.rootfsPropagation", "slave")),
    row("rootfsPropagation private", [], {"/": "!shared !master"}, promises=("spec:251",),
        change=set_root("linux.rootfsPropagation", "private")),
    row("rootfsPropagation unbindable", [], {"/": "unbindable"}, promises=("spec:251",),
        change=set_root("linux.rootfsPropagation", "unbindable")),
    # masks
    row("masked file", [], {"/etc/passwd": "ro"}, promises=("spec:252",),
        change=set_root("linux.maskedPaths", ["/etc/passwd", "/not/there"])),
    row("masked directories", [], {"/etc": "tmpfs ro", "/home": "tmpfs ro"}, promises=("spec:252",),
        change=set_root("linux.maskedPaths", ["/etc", "/home"])),
    row("read-only paths", [bind("nosuid")], {"/x": "ro nosuid", "/etc/passwd": "ro"},
        promises=("spec:253",),
        change=set_root("linux.readonlyPaths", ["/x", "/etc/passwd", "/not/there"])),
    # what the default configuration has
    row("/dev", [], {"/dev": "tmpfs nosuid super:mode=755 super:size=65536k !relatime"}),
    row("/dev read-only, with what belongs in it",
        [entry("tmpfs", "ro mode=755", "/dev"), entry("devpts", "newinstance ptmxmode=0666", "/dev/pts")],
        {"/dev": "tmpfs ro", "/dev/pts": "devpts"}, change=with_devices, promises=("spec:165",)),
]


# ---- the machinery ----

CASES = [pytest.param(r, mode, id=f"{mode}: {r.name}", marks=promise(*r.promises))
         for r in ROWS for mode in r.modes]


def test_the_matrix_is_large_enough():
    """Issue of the main job, 7.2: at least 120 rows."""
    assert len(CASES) >= 120
    assert len({case.id for case in CASES}) == len(CASES)


def mount_source(container, path, on_disk):
    """A mount of its own: a tmpfs, or a directory on the bundle's file system."""
    if not on_disk:
        host_module.mount(os.path.basename(path), path, "tmpfs", 0, "mode=755")
        return
    directory = f"{container.bundle}/disk-{os.path.basename(path)}"
    os.mkdir(directory)
    host_module.mount(directory, path, None, host_module.MS_BIND)


def prepare(container, owner, on_disk):
    """The sources: directories that are mounts of their own, shared, with a mount below."""
    sources = f"{container.bundle}/sources"
    os.mkdir(sources)
    host_module.mount("sources", sources, "tmpfs", 0, "mode=755")
    for name in ("dir", "dir2", "dir3", "upper", "work"):
        os.mkdir(f"{sources}/{name}")
    with open(f"{sources}/file", "w", encoding="ascii") as file:
        file.write("file\n")
    mount_source(container, f"{sources}/dir", on_disk)
    os.mkdir(f"{sources}/dir/sub")
    mount_source(container, f"{sources}/dir/sub", on_disk)
    for directory, names, files in os.walk(sources):
        for name in [directory] + [f"{directory}/{x}" for x in names + files]:
            os.chown(name, owner, owner)
    return sources


def words_of(seen):
    """Every word that a row may ask for."""
    words = [seen["type"]] + seen["options"] + [f"super:{x}" for x in seen["super_options"]]
    return set(words) | {x.split(":")[0] for x in seen["propagation"]}


@pytest.fixture(name="make")
def make_fixture(runtime):
    """make(row, mode): a container of the row. Its sources' mounts are taken away at the end."""
    mounted = []

    def make(wanted, mode):
        container = runtime.container(["/bin/cat", "/proc/self/mountinfo"])
        config = container.config
        config["root"]["readonly"] = False
        maps = any("uidMappings" in x or "idmap" in x.get("options", []) for x in wanted.mounts)
        on_disk = maps and tare.linux_version() < (6, 3)  # the first that maps the ids of a tmpfs
        sources = prepare(container, FIRST if mode == "userns" else 0, on_disk)
        mounted.append(sources)
        for mount in wanted.mounts:
            mount = dict(mount, source=mount["source"].replace("SOURCES", sources))
            mount["options"] = [x.replace("SOURCES", sources) for x in mount.get("options", [])]
            config["mounts"].append(mount)
        if wanted.change:
            wanted.change(container.bundle, config)
        if mode == "userns":
            tare.user_namespace(config, FIRST)
            container.chown(FIRST)
        return container

    yield make
    for sources in mounted:
        host_module.umount(sources)


@pytest.mark.parametrize("wanted, mode", CASES)
def test_mount(make, wanted, mode):
    container = make(wanted, mode)
    result = container.run()
    assert result.rc == 0, result
    table = tare.parse_mountinfo(result.out)
    for target, words in wanted.has.items():
        if words is None:
            assert target not in table, result.out
            continue
        assert target in table, result.out
        found = words_of(table[target])
        for word in words.split():
            assert (word.lstrip("!") in found) != word.startswith("!"), (target, word, sorted(found))


def shell(make, mode, script, *mounts):
    """Runs a script in a container of the mode; returns what it printed."""
    container = make(row("script", list(mounts), {}), mode)
    container.config["process"]["args"] = ["/bin/sh", "-ec", script]
    result = container.run()
    assert result.rc == 0, result
    return result.out


MODES = pytest.mark.parametrize("mode", ["root", "userns"])


@promise("spec:165")
@MODES
def test_dev_belongs_to_root_and_pts_to_tty(make, mode):
    """File systems are opened in the namespaces that own them."""
    out = shell(make, mode, "stat -c '%u %g %a' /dev /dev/shm; mount | grep devpts; stat -c %g /dev/pts")
    lines = out.splitlines()
    assert lines[0] == "0 0 755" and lines[1] == "0 0 1777"
    # the option is shown as the host counts
    outer = int(tare.read_text("/proc/self/gid_map").split()[1]) + (FIRST if mode == "userns" else 0)
    assert f"gid={5 + outer}" in lines[2] or "gid=5," in lines[2]


@promise("spec:99")
def test_remount_of_a_tmpfs_in_a_user_namespace(make):
    """The superblock belongs to the container's user namespace."""
    container = make(row("remount", [entry("tmpfs", "size=64k")], {}), "userns")
    config = container.config
    config["process"]["args"] = ["/bin/sh", "-ec",
                                 "mount -t tmpfs -o remount,size=1m tmpfs /x; cat /proc/self/mountinfo"]
    for name in ("bounding", "effective", "permitted"):
        config["process"]["capabilities"][name] = ["CAP_SYS_ADMIN"]
    result = container.run()
    assert result.rc == 0, result
    assert "size=1024k" in tare.parse_mountinfo(result.out)["/x"]["super_options"]


@promise("spec:147")
@MODES
def test_a_message_queue_of_the_host_is_not_visible(make, mode):
    name = b"/tare-matrix-%d" % os.getpid()
    librt = ctypes.CDLL("librt.so.1", use_errno=True)
    queue = librt.mq_open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600, None)
    assert queue >= 0, os.strerror(ctypes.get_errno())
    try:
        assert shell(make, mode, "ls /dev/mqueue") == ""
    finally:
        librt.mq_unlink(name)
        os.close(queue)


@promise("spec:90")
@MODES
def test_copy_up_keeps_the_contents(make, mode):
    out = shell(make, mode, "cat /etc/group; stat -c %U:%a /etc/passwd; touch /etc/new",
                entry("tmpfs", "tmpcopyup", "/etc"))
    assert out == "root:x:0:\ntty:x:5:\nuser:x:1000:\nroot:644\n"


@promise("spec:91", "spec:93")
def test_idmap_maps(make):
    """Maps of the mount's own: what belongs to 0 on the disk belongs to 2000 inside."""
    assert shell(make, "root", "stat -c %u:%g /x", id_map("idmap")) == "2000:2000\n"


@promise("spec:77")
@MODES
def test_file_bind_shows_the_file(make, mode):
    assert shell(make, mode, "cat /etc/file",
                 bind("ro", "/etc/file", "SOURCES/file")) == "file\n"


@promise("spec:252")
@MODES
def test_masks_hide(make, mode):
    container = make(row("masks", [], {}, change=set_root("linux.maskedPaths",
                                                          ["/etc/passwd", "/home"])), mode)
    os.mkdir(f"{container.rootfs}/home/secret")
    container.config["process"]["args"] = [
        "/bin/sh", "-c", "cat /etc/passwd; ls /home; touch /home/x; chmod 600 /etc/passwd"]
    result = container.run()
    assert result.out == "" and "Read-only file system" in result.err
    assert os.stat("/dev/null").st_mode & 0o777 == 0o666


# ---- what must be refused ----

REFUSED = [
    ("missing source", bind(source="SOURCES/missing"), "no such file or directory", "contract:14"),
    ("directory on file", bind(target="/etc/passwd"), "not a directory", "contract:14"),
    ("file on directory", bind(source="SOURCES/file", target="/etc"), "not a directory", "contract:14"),
    ("inside /proc", bind(target="/proc/self/attr"), "it is inside /proc", "contract:14"),
    ("volume on /proc", bind(target="/proc"), "is not of type proc", "CVE-2019-16884"),
    ("tmpfs on /proc", entry("tmpfs", target="/proc"), "is not of type proc", "CVE-2019-16884"),
    ("unknown type", entry("nosuchfs"), "nosuchfs", "spec:79"),
    ("bad option", entry("tmpfs", "size=no"), "size", "spec:99"),
    ("maps of one kind", dict(bind(), uidMappings=[{"containerID": 0, "hostID": 0, "size": 1}]),
     "apping", "spec:96"),
]


@pytest.mark.parametrize("mount, text", [pytest.param(m, t, id=n, marks=promise(p))
                                         for n, m, t, p in REFUSED])
def test_refused(make, mount, text):
    """Exit status 1, one message that names the mount; nothing stays (the fixtures look)."""
    result = make(row("refused", [mount], {}), "root").run()
    assert result.rc == 1 and result.out == ""
    assert text in result.err and len(result.err.splitlines()) == 1, result.err


@promise("contract:14", "CVE-2019-19921", "CVE-2023-27561", "CVE-2023-28642")
@pytest.mark.parametrize("name", ["proc", "sys"])
@pytest.mark.parametrize("target", ["/{}", "/{}/", "/x/../{}", "//{}", "{}"])
def test_proc_and_sys_are_no_links(make, name, target):
    container = make(row("link", [], {}), "root")
    os.rmdir(f"{container.rootfs}/{name}")
    os.makedirs(f"{container.rootfs}/evil/{name}")
    os.symlink(f"evil/{name}", f"{container.rootfs}/{name}")
    for mount in container.config["mounts"]:
        if mount["destination"] == f"/{name}":
            mount["destination"] = target.format(name)
    result = container.run()
    assert result.rc == 1 and "must be mounted on ordinary directory" in result.err


@promise("CVE-2019-18837", "CVE-2024-45310")
@pytest.mark.parametrize("content", ["CANARY", "../../../../../../../../../../CANARY", "link2/../..CANARY",
                                     "/proc/self/root/../..CANARY", "link"])
@pytest.mark.parametrize("tail", ["", "/deep/er"])
def test_links_in_targets_stay_inside(make, content, tail):
    container = make(row("link", [], {}), "root")
    canary = f"{container.bundle}/sources/dir2"
    os.symlink(content.replace("CANARY", canary), f"{container.rootfs}/link")
    os.symlink("/etc", f"{container.rootfs}/link2")
    before = set(host_module.mount_points())
    container.config["mounts"] += [entry("tmpfs", target=f"/link{tail}"),
                                   {"destination": f"/link{tail}/file", "options": ["bind"],
                                    "source": f"{container.bundle}/sources/file"}]
    result = container.try_create()
    # a link that never ends, or goes through magic or missing directories, is refused
    assert result.rc in (0, 1) and (result.rc == 0 or "link" in result.err), result
    assert os.listdir(canary) == []
    assert set(host_module.mount_points()) == before


@promise("CVE-2026-41579", "CVE-2026-47766")
@pytest.mark.parametrize("content", ["CANARY", "../../../../../../../../../../CANARY"])
def test_dev_as_a_link_stays_inside(make, content):
    container = make(row("link", [], {}), "root")
    canary = f"{container.bundle}/sources/dir2"
    with open(f"{canary}/ptmx", "w", encoding="ascii") as file:
        file.write("canary")
    os.rmdir(f"{container.rootfs}/dev")
    os.symlink(content.replace("CANARY", canary), f"{container.rootfs}/dev")
    container.config["mounts"] = [m for m in container.config["mounts"]
                                  if not m["destination"].startswith("/dev")]
    container.try_create()
    assert os.listdir(canary) == ["ptmx"]
    assert tare.read_text(f"{canary}/ptmx") == "canary"
