"""What the kernel has no more of."""

from tests.functional.agent.node import FIRST, HOST, SECOND, Node, condition
from tests.support import commands

CONCURRENCY = ("threading",)

#: As many as a Linux bridge can have: of 1024 numbers the first one is of no port.
PORTS = 1023
GROUP = "77"
ENDS = {"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND}


def test_a_linux_bridge_without_a_free_port(fragile: Node) -> None:
    node = fragile
    before = node.picture()
    node.host.linux_bridge("full")
    pairs = [(f"p{number}", f"q{number}") for number in range(PORTS - 1)]
    node.batch(*(f"link add {a} group {GROUP} master full type veth peer name {b}" for a, b in pairs))
    node.set_mode("paused")
    rivals = [node.create("full", bridge) for bridge in ("br2", "br-eth2")]
    other = node.create(*ENDS)
    node.set_mode("enforce")
    node.check(node.wait(other, "ACTIVE"))
    found: dict[str, str] = {}

    def told() -> list[str]:
        found.clear()
        for rival in rivals:
            shown = node.api.get(f"/v1/bridge-links/{rival['id']}")
            found[shown["status"]] = f"{shown['reason']} {shown['message']}"
        return sorted(found)

    condition(told, ["ACTIVE", "ERROR"], "one has the last port, the other has none")
    assert found["ERROR"].startswith(f"NETLINK_ERROR EXFULL: the Linux bridge has {PORTS} ports already")
    commands.wait_until(lambda: _tries_no_more(node), what="a while without another try")
    node.host.ip("link", "set", pairs[0][0], "nomaster")
    for rival in rivals:
        node.check(node.wait(rival, "ACTIVE"))
    for rival in (*rivals, other):
        node.unplug(rival)
    node.host.ip("link", "delete", "group", GROUP)
    node.host.ip("link", "delete", "full")
    assert node.picture() == before


def _tries_no_more(node: Node) -> bool:
    """Return whether for three reports nothing is tried: its own try is nothing for which a link is tried again."""
    before = node.api.get(f"/v1/agents/{HOST}")["counters"].get("batches", 0)
    for _ in range(3):
        node.wait_for_report()
    return bool(node.api.get(f"/v1/agents/{HOST}")["counters"].get("batches", 0) == before)


def test_more_events_than_the_socket_holds(fragile: Node) -> None:
    node = fragile
    link = node.plug(*ENDS)
    overflows = node.api.get(f"/v1/agents/{HOST}")["counters"].get("netlink_overflows", 0)
    with node.remade(link), node.unseen():
        node.batch(*(f"link set br2 mtu {1500 - number % 2}" for number in range(1, 5001)), f"link delete {FIRST}")
    node.wait_for_report()
    assert node.api.get(f"/v1/agents/{HOST}")["counters"]["netlink_overflows"] > overflows
