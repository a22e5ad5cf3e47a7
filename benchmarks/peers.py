"""What people use instead: five commands for each link, or all at once with ``ip -batch`` and one ovs-vsctl.

Each is started in the host's namespace by itself, so that no ``ip netns exec`` is measured.
"""

from collections.abc import Iterable, Sequence

from benchmarks.shapes import Wanted
from tests.support import commands, hosts


class Peer:
    """A way to plug and unplug; each returns when its commands have ended."""

    name: str

    def __init__(self, host: hosts.Host) -> None:
        self._host = host
        self._database = f"--db={host.ovsdb}"

    def plug(self, links: Sequence[Wanted]) -> None:
        """Make the links."""
        raise NotImplementedError

    def unplug(self, links: Sequence[Wanted]) -> None:
        """Remove them."""
        raise NotImplementedError

    def _run(self, *command: str, stdin: str = "") -> None:
        commands.run(*command, stdin=stdin, timeout=280)


class Shell(Peer):
    """ip, brctl, ovs-vsctl, ip, ip for each link, in one shell."""

    name = "shell: five commands a link"

    def plug(self, links: Sequence[Wanted]) -> None:
        """Make the links one after the other."""
        lines = []
        for link in links:
            first, second = (end.device for end in link.ends)
            lines.append(f"ip link add {second} type veth peer name {first}")
            lines += [
                f"ovs-vsctl {self._database} add-port {end.bridge} {end.device}"
                if end.ovs
                else f"brctl addif {end.bridge} {end.device}"
                for end in link.ends
            ]
            lines += [f"ip link set {end.device} up" for end in link.ends]
        self._script(lines)

    def unplug(self, links: Sequence[Wanted]) -> None:
        """Remove them one after the other."""
        lines = []
        for link in links:
            lines += [f"ovs-vsctl {self._database} del-port {end.bridge} {end.device}" for end in link.ends if end.ovs]
            lines.append(f"ip link del {link.ends[0].device}")
        self._script(lines)

    def _script(self, lines: Iterable[str]) -> None:
        with self._host.namespace.entered():
            self._run("sh", "-e", stdin="\n".join(lines))


class Batch(Peer):
    """``ip -batch`` and one ovs-vsctl, for all links together."""

    name = "floor: ip -batch, one ovs-vsctl"
    #: What is said of each device that is made.
    _new = ""

    def plug(self, links: Sequence[Wanted]) -> None:
        """Make all pairs, then all ports; ovs-vsctl waits until ovs-vswitchd has them."""
        lines = []
        for link in links:
            first, second = link.ends
            lines.append(f"link add {second.device}{self._new} type veth peer name {first.device}{self._new}")
            for end in link.ends:
                master = "" if end.ovs else f" master {end.bridge}"
                lines.append(f"link set {end.device}{master} up")
        with self._host.namespace.entered():
            self._run("ip", "-batch", "-", stdin="\n".join(lines))
            self._vsctl(
                [["add-port", end.bridge, end.device] for link in links for end in link.ends if end.ovs],
            )

    def repair(self, links: Sequence[Wanted]) -> None:
        """Make links anew whose pairs have gone: ovs-vswitchd has to let go of each before another has its name."""
        with self._host.namespace.entered():
            self._vsctl([["del-port", end.bridge, end.device] for link in links for end in link.ends if end.ovs])
        self.plug(links)

    def unplug(self, links: Sequence[Wanted]) -> None:
        """Take all ports out without waiting for ovs-vswitchd, then delete pair by pair."""
        with self._host.namespace.entered():
            self._vsctl(
                [["del-port", end.bridge, end.device] for link in links for end in link.ends if end.ovs], "--no-wait"
            )
            self._run("ip", "-batch", "-", stdin="\n".join(f"link del {link.ends[0].device}" for link in links))

    def _vsctl(self, steps: list[list[str]], *options: str) -> None:
        if steps:
            words = [word for step in steps for word in ("--", *step)]
            self._run("ovs-vsctl", self._database, *options, *words)


class Lean(Batch):
    """The same by somebody who knows what the kernel takes most of its time for."""

    name = "the same, one queue a device"
    _new = " numtxqueues 1 numrxqueues 1"
