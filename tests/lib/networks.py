"""Network namespaces of a test's own, and what is in them."""
import json
import subprocess


class Net:
    """A network namespace, held by a process."""

    def __init__(self):
        self.holder = subprocess.Popen(  # pylint: disable=consider-using-with
            ["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        self.pid = self.holder.pid
        self.path = f"/proc/{self.pid}/ns/net"
        self.prefix = ["nsenter", f"--net={self.path}"]

    def ip(self, *words, ok=True):
        """Runs ip in it; the decoded answer of a question."""
        done = subprocess.run(self.prefix + ["ip", "-json", *words], capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0 or not ok, done
        return json.loads(done.stdout) if done.stdout.strip() else []

    def links(self):
        """{name: what ip says of it}"""
        return {link["ifname"]: link for link in self.ip("-d", "addr")}

    def addresses(self, name):
        """The addresses of a device: {(address, prefix length, scope)}."""
        return {(a["local"], a["prefixlen"], a["scope"]) for a in self.links()[name]["addr_info"]}

    def add(self, name, peer=None):
        """Makes a pair of devices."""
        self.ip("link", "add", name, "type", "veth", "peer", "name", peer or f"{name}p")

    def close(self):
        """Ends the holder, and with it the namespace unless someone is in it."""
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


class Inside(Net):
    """A process's network namespace, such as a container's."""

    def __init__(self, pid):  # pylint: disable=super-init-not-called
        self.pid = pid
        self.path = f"/proc/{pid}/ns/net"
        self.prefix = ["nsenter", f"--net={self.path}"]
