"""What tare does where a newer kernel's feature is missing: each switch of --kernel-caps makes a difference, and what
is no switch is taken away by a filter. That the older ways work is shown by the other tests, with each of the
switches off (TARE_KERNEL_CAPS=each)."""
import json
import os
import sys

import pytest

import tare
from tare import promise


@pytest.fixture(autouse=True)
def only_tare(runtime):
    if not runtime.is_tare:
        pytest.skip("another runtime has no switches")


@pytest.mark.parametrize("switches, has", [("", True), ("-pidfs_id", False)])
def test_who_a_process_is_without_the_id_of_its_pidfd(runtime, switches, has):
    """Its start time is recorded in any case; later verbs go by what the record has."""
    if has and (runtime.kernel_caps or "pidfs_id" in tare.lacking_switches(runtime.path)):
        pytest.skip("this kernel has no file handles of pidfds (Linux 6.14), or is not to have them")
    runtime.kernel_caps = ",".join(filter(None, (runtime.kernel_caps, switches)))
    container = runtime.container(["/bin/sleep", "1000"])
    container.create()
    with open(f"{runtime.state_root}/{container.id}/state.json", encoding="utf-8") as file:
        init = json.load(file)["init"]
    assert ("pidfsId" in init) == has and init["startTime"] > 0
    container.start()
    assert container.exec("/bin/true").rc == 0
    assert container.status() == "running"
    container.kill("KILL")
    container.wait()
    container.delete()


@promise("CVE-2019-5736")
def test_the_sealed_copy_below_linux_6_3(runtime):
    container = runtime.container(["/bin/echo", "hello"])
    runtime.wrapper = [sys.executable, f"{tare.TOP}/tests/lib/below_6_3.py"]
    result = container.run()
    assert (result.rc, result.out) == (0, "hello\n"), result
