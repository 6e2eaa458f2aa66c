"""What `meson install` puts where."""
import os
import shutil
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGES = sorted(name for name in os.listdir(f"{TOP}/man") if name[-2:] in (".1", ".5"))


def installed_files(directory):
    return {os.path.relpath(os.path.join(parent, name), directory)
            for parent, _, names in os.walk(directory) for name in names}


def check_tree(prefix):
    """Everything is there and nothing else; the program runs."""
    found = installed_files(prefix)
    expected = {f"share/man/man{page[-1]}/{page}" for page in PAGES}
    expected |= {"bin/tare", "share/bash-completion/completions/tare",
                 "share/fish/vendor_completions.d/tare.fish"}
    zsh = {f for f in found if f.startswith("share/zsh/") and f.endswith("/_tare")}
    assert len(zsh) == 1, found
    # Debian compresses manual pages and adds its documents
    found = {f.removesuffix(".gz") for f in found if not f.startswith("share/doc/")}
    assert found - zsh == expected
    done = subprocess.run([f"{prefix}/bin/tare", "--version"], capture_output=True, text=True,
                          check=True)
    assert done.stdout.startswith("tare version ")


def test_meson_install(build_directory, tmp_path):
    subprocess.run(["meson", "install", "-C", build_directory, "--no-rebuild", "--quiet",
                    "--destdir", str(tmp_path)], check=True, stdout=subprocess.DEVNULL)
    check_tree(f"{tmp_path}/usr/local")


@pytest.mark.seconds(360)  # compiles everything
def test_deb(tmp_path):
    """The Debian package is built, and installed below another root by dpkg."""
    if not shutil.which("dpkg-buildpackage") or not shutil.which("dh"):
        pytest.skip("dpkg-buildpackage or debhelper is not installed")
    done = subprocess.run([f"{TOP}/contrib/packaging/build-deb", str(tmp_path)], text=True,
                          env=dict(os.environ, DEB_BUILD_OPTIONS="nocheck"),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    package, = (name for name in os.listdir(tmp_path)
                if name.startswith("tare_") and name.endswith(".deb"))
    root = tmp_path / "root"
    for directory in ("updates", "info"):
        os.makedirs(root / "var/lib/dpkg" / directory)
    (root / "var/lib/dpkg/status").touch()
    # what it depends on is outside of that root, and scripts are run by none
    subprocess.run(["dpkg", f"--root={root}", "--force-depends", "--force-not-root",
                    "--force-bad-path", "--log=/dev/null", "--install", tmp_path / package],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    check_tree(root / "usr")
    status = subprocess.run(["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W",
                             "-f", "${db:Status-Status}", "tare"],
                            capture_output=True, text=True, check=True).stdout
    assert status == "installed"
    subprocess.run(["dpkg", f"--root={root}", "--force-not-root", "--force-bad-path",
                    "--log=/dev/null", "--purge", "tare"], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    assert not os.path.exists(root / "usr/bin/tare")
