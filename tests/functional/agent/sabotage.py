"""What people and programs do to a link, and what the agent calls it."""

import dataclasses
from collections.abc import Callable
from typing import Protocol

from tests.functional.agent.node import FIRST, GOING, GONE, SECOND
from tests.support import commands, hosts

#: Nobody has a link of this id.
STRANGER = "0e0e0e0e-0e0e-4e0e-8e0e-0e0e0e0e0e0e"


class Place(Protocol):
    """Where it is done: a host with the bridges and the link of functional tests, such as a Node of theirs."""

    host: hosts.Host
    #: The guest behind each bridge.
    guests: dict[str, hosts.Guest]

    def batch(self, *lines: str) -> None:
        """Do lines of ip(8) in one go."""


@dataclasses.dataclass(frozen=True)
class Sabotage:
    """``act`` does it; ``codes`` and ``passing`` are those of the differences that are told, as in Node.repaired."""

    name: str
    act: Callable[[Place], object]
    codes: tuple[str, ...]
    passing: tuple[str, ...] = ()


def _ip(*arguments: str) -> Callable[[Place], object]:
    return lambda node: node.host.ip(*arguments)


def _vsctl(*arguments: str) -> Callable[[Place], object]:
    return lambda node: node.host.vsctl(*arguments)


def _move_away(device: str) -> Callable[[Place], object]:
    """The guest's namespace is somewhere else, and not empty."""
    return lambda node: node.host.ip("link", "set", device, "netns", node.guests["br2"].name, "name", "stray")


def _forget_both_marks(node: Place) -> None:
    node.batch(f'link set {FIRST} alias ""', f'link set {SECOND} alias ""')


def _rename_to_altname(device: str, holder: str) -> Callable[[Place], object]:
    """The wanted name stays with the pair, but as an altname, and so nobody can have it."""
    lines = f"link set {device} name other\nlink property add dev {holder} altname {device}"

    def act(node: Place) -> None:
        # The agent may be quicker than the second line, which then fails.
        commands.run("ip", "-n", node.host.namespace.name, "-batch", "-", stdin=lines, check=False)

    return act


def _move_port(node: Place) -> None:
    """The row moves with its marks."""
    port = node.host.vsctl("get", "Port", SECOND, "_uuid").strip()
    node.host.vsctl("remove", "Bridge", "br-eth1", "ports", port, "--", "add", "Bridge", "br-eth2", "ports", port)


def share_port(node: Place) -> None:
    """The schema allows it."""
    port = node.host.vsctl("get", "Port", SECOND, "_uuid").strip()
    node.host.vsctl("--no-wait", "add", "Bridge", "br-eth2", "ports", port)


def _swap_ends(node: Place) -> None:
    node.batch(f"link set {FIRST} nomaster", f"link set {SECOND} master br1")
    node.host.vsctl("--no-wait", "--if-exists", "del-port", SECOND, "--", "add-port", "br-eth1", FIRST)


def _add_interface(node: Place) -> None:
    """As a step towards a bond; the device need not be there."""
    row = ("--id=@more", "create", "Interface", "name=more")
    node.host.vsctl("--no-wait", "--", *row, "--", "add", "Port", SECOND, "interfaces", "@more")


def _exchange_interface(node: Place) -> None:
    """The port stays, with its name and its mark; the device of its only interface need not be there."""
    row = ("--id=@other", "create", "Interface", "name=stranger")
    node.host.vsctl("--no-wait", "--", *row, "--", "set", "Port", SECOND, "interfaces=@other")


def _offload_on(node: Place) -> None:
    node.host.run("ethtool", "--offload", FIRST, "tx", "on")


def _gro_on(node: Place) -> None:
    node.host.run("ethtool", "--offload", SECOND, "gro", "on")


#: The link is that of FIRST in br1 and SECOND in br-eth1.
ALL = [
    Sabotage("first end deleted", _ip("link", "delete", FIRST), GONE, GOING),
    Sabotage("second end deleted", _ip("link", "delete", SECOND), GONE, GOING),
    Sabotage("taken out of the bridge", _ip("link", "set", FIRST, "nomaster"), ("NOT_ATTACHED",)),
    Sabotage("put into another bridge", _ip("link", "set", FIRST, "master", "br2"), ("WRONG_BRIDGE", "NOT_ATTACHED")),
    Sabotage("OVS port deleted", _vsctl("del-port", SECOND), ("OVS_PORT_MISSING",)),
    Sabotage("tag set", _vsctl("set", "Port", SECOND, "tag=7"), ("TAG",)),
    Sabotage("first end set down", _ip("link", "set", FIRST, "down"), ("ADMIN_STATE",)),
    Sabotage("second end set down", _ip("link", "set", SECOND, "down"), ("ADMIN_STATE",)),
    Sabotage("address changed", _ip("link", "set", FIRST, "address", "0e:00:00:00:00:99"), ("MAC",)),
    Sabotage("first end renamed", _ip("link", "set", FIRST, "name", "other"), ("NAME",)),
    Sabotage("second end renamed", _ip("link", "set", SECOND, "name", "other"), ("NAME",)),
    Sabotage("first end renamed, its name an altname of it", _rename_to_altname(FIRST, "other"), ("NAME",)),
    Sabotage("second end renamed, its name an altname of the other", _rename_to_altname(SECOND, FIRST), ("NAME",)),
    Sabotage("first end moved away", _move_away(FIRST), ("NOT_A_PAIR",), (*GONE, *GOING)),
    Sabotage("second end moved away", _move_away(SECOND), ("NOT_A_PAIR",), (*GONE, *GOING)),
    Sabotage("first mark removed", _ip("link", "set", FIRST, "alias", ""), ("ALIAS",)),
    Sabotage("second mark removed", _ip("link", "set", SECOND, "alias", ""), ("ALIAS",)),
    Sabotage(
        "first end with the mark of another link",
        _ip("link", "set", FIRST, "alias", f"vethagent:{STRANGER}"),
        ("ALIAS",),
    ),
    Sabotage(
        "mark of the port removed",
        _vsctl("remove", "Port", SECOND, "external_ids", "vethagent-link-id"),
        ("EXTERNAL_IDS",),
    ),
    Sabotage(
        "port with the mark of another link",
        _vsctl("set", "Port", SECOND, f"external_ids:vethagent-link-id={STRANGER}"),
        ("EXTERNAL_IDS",),
    ),
    Sabotage("both marks removed", _forget_both_marks, ("ALIAS",), ("OVS_PORT_MISSING",)),
    Sabotage(
        "moved to another OVS bridge without its marks",
        _vsctl("del-port", SECOND, "--", "add-port", "br-eth2", SECOND),
        ("WRONG_BRIDGE", "OVS_PORT_MISSING"),
        ("EXTERNAL_IDS",),
    ),
    Sabotage("moved to another OVS bridge", _move_port, ("WRONG_BRIDGE",), ("OVS_PORT_MISSING",)),
    Sabotage("put into another OVS bridge as well", share_port, ("WRONG_BRIDGE",), ("OVS_PORT_MISSING",)),
    Sabotage("ends swapped", _swap_ends, ("WRONG_BRIDGE", "NOT_ATTACHED"), ("OVS_PORT_MISSING",)),
    Sabotage("VLANs picked", _vsctl("set", "Port", SECOND, "trunks=7"), ("VLANS",)),
    Sabotage("VLAN mode set", _vsctl("set", "Port", SECOND, "tag=7", "vlan_mode=native-tagged"), ("VLANS",), ("TAG",)),
    Sabotage("type of the interface changed", _vsctl("set", "Interface", SECOND, "type=internal"), ("PORT_TYPE",)),
    Sabotage("MTU requested", _vsctl("set", "Interface", SECOND, "mtu_request=1200"), ("MTU_REQUEST",), ("MTU",)),
    Sabotage("another interface in the port", _add_interface, ("INTERFACES",)),
    Sabotage("another interface in place of ours", _exchange_interface, ("OVS_PORT_MISSING",)),
    Sabotage(
        "mark of the interface removed",
        _vsctl("remove", "Interface", SECOND, "external_ids", "vethagent-link-id"),
        ("EXTERNAL_IDS",),
    ),
    Sabotage("first end put into Open vSwitch too", _vsctl("add-port", "br-eth2", FIRST), ("WRONG_BRIDGE",)),
    Sabotage("second end put into a Linux bridge too", _ip("link", "set", SECOND, "master", "br2"), ("WRONG_BRIDGE",)),
    Sabotage("checksum offload on", _offload_on, ("TX_CHECKSUM",)),
    Sabotage("GRO on", _gro_on, ("GRO",)),
]
#: The link has no MTU of its own.
MTU = Sabotage("MTU changed", _ip("link", "set", FIRST, "mtu", "1300"), ("MTU",))
