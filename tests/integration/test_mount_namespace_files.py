"""The file of a mount namespace, as a source and somewhere below one (snapd mounts such in /run/snapd/ns): the kernel
lets no mount namespace into a newer one. All on one processor, since from Linux 6.18 on it is by processor that
the ages of namespaces are told apart."""
import pytest

import tare


@pytest.fixture
def source(runtime, tmp_path):
    """A directory in which something is mounted, and in that a mount namespace and a network namespace."""
    path = tmp_path / "source"
    path.mkdir()
    runtime.wrapper = ["taskset", "-c", "0", "unshare", "-m", "--propagation", "private", "sh", "-ec", f"""
        mount -t tmpfs tmpfs {path} && mkdir {path}/ns && cd {path}/ns && touch mnt net
        unshare --mount=mnt --propagation private true && unshare --net=net true
        exec "$@" """, "sh"]
    yield str(path)
    runtime.wrapper = []


@pytest.fixture
def container(runtime):
    container = runtime.container(["/bin/cat", "/proc/self/mountinfo"])
    # first what is assembled outside in any case
    container.config["mounts"].append({"destination": "/run", "type": "tmpfs", "source": "tmpfs"})
    return container


def bound(container, source, *options):
    container.config["mounts"].append({"destination": "/run/x", "type": "bind", "source": source,
                                       "options": list(options)})
    return container.run()


@pytest.mark.without("detached", "open_tree_ns")
@pytest.mark.parametrize("options", [["rbind"], ["rbind", "rro", "rslave"]])
def test_below_a_source_it_is_left_out(container, source, options):
    result = bound(container, source, *options)
    assert result.rc == 0, result
    table = tare.parse_mountinfo(result.out)
    assert "/run/x/ns/net" in table and "/run/x/ns/mnt" not in table, result.out
    for point in ("/run/x", "/run/x/ns/net"):
        assert ("ro" in table[point]["options"]) == ("rro" in options), result.out


@pytest.mark.without("detached", "open_tree_ns")
@pytest.mark.parametrize("option", ["bind", "rbind"])
def test_as_a_source_it_is_refused(container, source, option):
    """In a root that is entered as a namespace the kernel would leave it out without a word."""
    result = bound(container, f"{source}/ns/mnt", option)
    assert result.rc == 1, result
    assert "the source is a mount namespace, which can't be mounted in another" in result.err
    assert f'error mounting "{source}/ns/mnt" to rootfs at "/run/x"' in result.err.replace("\\", "")
