"""Links between bridges of different shapes. None closes a loop: every link has a bridge of its own at one end."""

import dataclasses
from collections.abc import Callable

from tests.support import commands, hosts

_SWITCHES = 8


@dataclasses.dataclass(frozen=True)
class End:
    """A bridge, and the device that is wanted in it."""

    bridge: str
    device: str
    ovs: bool


@dataclasses.dataclass(frozen=True)
class Wanted:
    """One link."""

    ends: tuple[End, End]

    def body(self, host: str) -> dict[str, object]:
        """Return it as REST wants it."""
        return {"host": host, "ends": [{"bridge": end.bridge, "device": end.device} for end in self.ends]}


def _joined(
    first: Callable[[int], tuple[str, bool]], second: Callable[[int], tuple[str, bool]], count: int
) -> list[Wanted]:
    return [
        Wanted((End(first(n)[0], f"phy{n}", first(n)[1]), End(second(n)[0], f"eth{n}", second(n)[1])))
        for n in range(count)
    ]


#: Name of a shape -> count -> links.
SHAPES: dict[str, Callable[[int], list[Wanted]]] = {
    "one-ovs": lambda count: _joined(lambda n: (f"lb{n}", False), lambda n: ("ob", True), count),
    "own": lambda count: _joined(lambda n: (f"lb{n}", False), lambda n: (f"ob{n}", True), count),
    "several-ovs": lambda count: _joined(lambda n: (f"lb{n}", False), lambda n: (f"ob{n % _SWITCHES}", True), count),
    "linux-linux": lambda count: _joined(lambda n: (f"lb{n}", False), lambda n: ("lb", False), count),
    "ovs-ovs": lambda count: _joined(lambda n: (f"ob{n}", True), lambda n: ("ob", True), count),
}

MEANING = {
    "one-ovs": "each a Linux bridge of its own, all one OVS bridge",
    "own": "each a Linux bridge and an OVS bridge of its own",
    "several-ovs": f"each a Linux bridge of its own, all {_SWITCHES} OVS bridges",
    "linux-linux": "each a Linux bridge of its own, all one Linux bridge",
    "ovs-ovs": "each an OVS bridge of its own, all one OVS bridge",
}


def make_bridges(host: hosts.Host, links: list[Wanted]) -> None:
    """Make the bridges of ``links``, as many at once as can be."""
    ends = [end for link in links for end in link.ends]
    linux = sorted({end.bridge for end in ends if not end.ovs})
    lines = [line for name in linux for line in (f"link add name {name} type bridge", f"link set {name} up")]
    commands.run("ip", "-n", host.namespace.name, "-batch", "-", stdin="\n".join(lines))
    switches = sorted({end.bridge for end in ends if end.ovs})
    for start in range(0, len(switches), 100):
        words: list[str] = []
        for name in switches[start : start + 100]:
            words += ["--", "add-br", name, "--", "set", "Bridge", name, "datapath_type=netdev"]
        commands.run("ovs-vsctl", "--timeout=120", f"--db={host.ovsdb}", *words, timeout=130)
    ups = "\n".join(f"link set {name} up" for name in switches)
    commands.run("ip", "-n", host.namespace.name, "-batch", "-", stdin=ups)


def remove_bridges(host: hosts.Host, links: list[Wanted]) -> None:
    """Remove them."""
    ends = [end for link in links for end in link.ends]
    linux = sorted({end.bridge for end in ends if not end.ovs})
    commands.run("ip", "-n", host.namespace.name, "-batch", "-", stdin="\n".join(f"link del {name}" for name in linux))
    words = [word for name in sorted({end.bridge for end in ends if end.ovs}) for word in ("--", "del-br", name)]
    if words:
        commands.run("ovs-vsctl", "--timeout=120", f"--db={host.ovsdb}", *words, timeout=130)
