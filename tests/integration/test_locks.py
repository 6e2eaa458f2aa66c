"""The container's lock while somebody else holds it: who that is, and that delete --force does not depend on them."""
import contextlib
import subprocess

import pytest

from tare import eventually, promise


@contextlib.contextmanager
def locked(container):
    """A process that holds the container's lock, and does not end by itself."""
    directory = f"{container.runtime.state_root}/{container.id}"
    with subprocess.Popen(["flock", "--no-fork", directory, "sleep", "1000"]) as holder:
        try:
            eventually(lambda: subprocess.run(["flock", "-n", directory, "true"], check=False).returncode)
            yield holder
        finally:
            holder.kill()


@promise("contract:7.7")
@pytest.mark.parametrize("verb", [["pause"], ["delete"]])
def test_the_error_names_the_holder(runtime, verb):
    container = runtime.container(["/bin/sleep", "1000"]).create()
    with locked(container) as holder:
        result = runtime.call(*verb, container.id)
        assert result.rc == 1
        assert f"container {container.id} is locked by another command (process {holder.pid}: sleep 1000)" in result.err
    container.delete("--force")


@promise("contract:7.7")
def test_delete_by_force_ends_first_the_container_then_the_holder(runtime):
    """What works on a container that runs, such as a dump, ends with it; what does not is killed."""
    container = runtime.container(["/bin/sleep", "1000"]).create().start()
    with locked(container) as holder:
        with runtime.popen("delete", "--force", container.id) as deleting:
            eventually(lambda: container.status() == "stopped")
            assert holder.poll() is None and deleting.poll() is None
            assert deleting.wait(60) == 0
        assert holder.wait(60) == -9
    assert runtime.call("state", container.id).rc == 1
