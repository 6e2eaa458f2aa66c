"""Probes as Kubernetes runs them, exec after exec in many containers: nothing may be left of any of them, neither in the
containers nor on the host. By default a few hundred; TARE_PROBES=full TARE_PATIENCE=5 runs 1,000 a minute against 50
containers for two minutes."""
import os
import resource
import time

from tare import promise, read_text

FULL = os.environ.get("TARE_PROBES") == "full"
CONTAINERS, PROBES = (50, 2000) if FULL else (5, 150)
EACH_MINUTE = 1000
AT_ONCE = 16  # so many probes may be under way


class Probes:
    """Probes that are under way."""

    def __init__(self, runtime):
        self.runtime, self.running = runtime, []
        self.out = os.open(f"{runtime.directory}/probes", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def start(self, container, *words):
        """One more, when there is room for it."""
        self.collect(AT_ONCE - 1)
        self.running.append(self.runtime.popen("exec", container.id, *words, stdout=self.out, stderr=self.out))

    def collect(self, most):
        """Waits until no more than so many are under way; each has to succeed."""
        while len(self.running) > most:
            for process in [x for x in self.running if x.poll() is not None]:
                self.running.remove(process)
                assert process.returncode == 0, read_text(f"{self.runtime.directory}/probes")
            time.sleep(0.002)

    def close(self):
        """None is left."""
        self.collect(0)
        os.close(self.out)


def memory_of(pid):
    """KiB that belong to a process alone."""
    return sum(int(line.split()[1]) for line in read_text(f"/proc/{pid}/smaps_rollup").splitlines()
               if line.startswith("Private_"))


def cgroups(runtime, pid):
    """(processes, cgroups below, cgroups that vanish below) of a process's cgroup."""
    path = next(line[3:] for line in read_text(f"/proc/{pid}/cgroup").splitlines() if line.startswith("0::"))
    place = runtime.view.cgroup2() + path
    stat = dict(line.split() for line in read_text(f"{place}/cgroup.stat").splitlines())
    return (read_text(f"{place}/cgroup.procs").split(), int(stat["nr_descendants"]),
            int(stat["nr_dying_descendants"]))


def measure(runtime, containers):
    """What must be the same after the probes as before them."""
    state = []
    for directory, _, files in os.walk(runtime.state_root):
        state += [(f"{directory}/{name}", os.lstat(f"{directory}/{name}").st_size) for name in files]
    return {
        "descriptors of the inits": [len(os.listdir(f"/proc/{x.pid}/fd")) for x in containers],
        "cgroups": [cgroups(runtime, x.pid) for x in containers],
        "state": sorted(state),
        "own descriptors": len(os.listdir("/proc/self/fd")),
        "mounts": len(runtime.view.mountinfo().splitlines()),
    }


@promise("contract:7.9")
def test_nothing_is_left_of_probes(runtime):
    containers = [runtime.container(["/bin/sleep", "100000"]) for _ in range(CONTAINERS)]
    for container in containers:
        container.create()
        container.start()
    probes = Probes(runtime)
    probes.start(containers[0], "/bin/true")
    probes.collect(0)
    before = measure(runtime, containers)
    memory = [memory_of(x.pid) for x in containers]
    began, spent = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    for number in range(PROBES):
        probes.start(containers[number % CONTAINERS], "/bin/test", "-e", "/etc/passwd")
        if FULL:
            time.sleep(max(0, began + number * 60 / EACH_MINUTE - time.monotonic()))
    probes.collect(0)
    took = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert measure(runtime, containers) == before
    assert [memory_of(x.pid) for x in containers] == memory
    assert read_text(f"{runtime.directory}/probes") == ""
    probes.close()
    processor = used.ru_utime + used.ru_stime - spent.ru_utime - spent.ru_stime
    print(f"{PROBES} probes of {CONTAINERS} containers in {took:.1f} s, {1000 * processor / PROBES:.2f} ms of the "
          "processor each")
