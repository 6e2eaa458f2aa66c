"""The engines as fixtures: set up when a test first asks for one."""
import os
import shutil

import pytest

import engine_setup

MADE = {}


@pytest.fixture(scope="session")
def machine(build_directory):
    """tare in its place, and the image. (Without the fixture host, whose mounts the engines' services don't see.)"""
    if not shutil.which("podman") or not shutil.which("dockerd"):
        pytest.skip("no engines here (tests/run --vm sid engines has them)")
    engine_setup.set_up(os.environ.get("TARE_RUNTIME") or f"{build_directory}/src/tare")


@pytest.fixture(scope="session")
def get_engine(machine):  # pylint: disable=unused-argument
    """A function that gives an engine by its name."""
    known = engine_setup.engines()

    def get(name):
        if name not in MADE:
            known[name].start()
            MADE[name] = known[name]
        return MADE[name]

    return get


@pytest.fixture(params=["docker", "podman", "rootless"])
def engine(request, get_engine):
    """docker, podman as root, podman as a user: what holds for all."""
    return get_engine(request.param)


@pytest.fixture(params=["podman", "rootless"])
def podman(request, get_engine):
    """podman as root, and as a user."""
    return get_engine(request.param)


@pytest.fixture
def docker(get_engine):
    """docker."""
    return get_engine("docker")


@pytest.fixture(scope="session")
def containerd(machine):  # pylint: disable=unused-argument
    """containerd has the image."""
    engine_setup.start_containerd()
