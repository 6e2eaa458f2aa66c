"""What several of the integration tests need."""
import pytest

from tare import eventually

# A program that ends with status 3 when it gets SIGTERM, and says what other signal it got.
TRAP = """
trap 'exit 3' TERM; trap 'echo USR1' USR1; trap 'echo HUP' HUP; trap 'echo WINCH' WINCH
trap 'echo RT36' 36; trap 'echo RT63' 63
echo up; while :; do sleep 0.02; done"""


@pytest.fixture
def sleeper(runtime):
    """A running container that waits for signals."""
    container = runtime.container(["/bin/sh", "-c", TRAP]).create().start()
    eventually(lambda: container.output()[0] == "up\n")
    return container
