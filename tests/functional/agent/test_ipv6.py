"""On a host with IPv6 the ends of a link have no address and send nothing of their own."""

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Self

from tests.functional.agent.node import FIRST, SECOND, Node
from tests.support import commands

_ETH_P_ALL, _ETH_P_IPV6 = 3, 0x86DD
_NEIGHBOUR_SOLICITATION = 135
_BY_HAND = ("hand1", "hand2")


@contextlib.contextmanager
def _ipv6(node: Node) -> Iterator[None]:
    """Devices of the host that come meanwhile have IPv6, as they have on a host of which nobody has changed that."""
    switch = "/proc/sys/net/ipv6/conf/default/disable_ipv6"
    node.host.run("sh", "-c", f"echo 0 > {switch}")
    try:
        yield
    finally:
        node.host.run("sh", "-c", f"echo 1 > {switch}")


class _Senders:
    """Which devices send packets of IPv6, from now on."""

    def __init__(self, node: Node) -> None:
        with node.host.namespace.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._socket.setblocking(False)
        self.seen: set[str] = set()
        self._asked: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def has_asked(self, device: str) -> bool:
        """Return whether it has been asked from a device if its address is free."""
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, (name, kind, way, *_) = self._socket.recvfrom(2048)
                if kind == _ETH_P_IPV6 and way == socket.PACKET_OUTGOING:
                    self.seen.add(name)
                    if (frame[20], frame[54]) == (socket.IPPROTO_ICMPV6, _NEIGHBOUR_SOLICITATION):
                        self._asked.add(name)
        return device in self._asked


def _addresses(node: Node, *devices: str) -> list[str]:
    shown = json.loads(node.host.ip("-6", "-j", "address", "show"))
    return [address["local"] for device in shown if device["ifname"] in devices for address in device["addr_info"]]


def _make_by_hand(node: Node) -> None:
    node.batch(f"link add {_BY_HAND[0]} type veth peer name {_BY_HAND[1]}", *(f"link set {n} up" for n in _BY_HAND))


def test_the_ends_have_no_address_and_send_nothing(node: Node) -> None:
    """A pair made by hand afterwards shows that one with addresses would have been heard by then."""
    with _ipv6(node), _Senders(node) as senders:
        link = node.plug_usual()
        assert _addresses(node, FIRST, SECOND) == []
        with node.remade(link):
            node.host.ip("link", "delete", FIRST)
        _make_by_hand(node)
        commands.wait_until(lambda: senders.has_asked(_BY_HAND[0]), what="duplicate address detection", timeout=30)
        assert len(_addresses(node, *_BY_HAND)) == 2
        assert _addresses(node, FIRST, SECOND) == []
        assert senders.seen <= set(_BY_HAND)
    node.carries()


def test_what_is_restored_has_no_address(fragile: Node) -> None:
    node = fragile
    with _ipv6(node):
        links = [node.plug_usual(), node.plug("br2", "br-eth2", mtu=1200)]
        devices = [end["device"] for link in links for end in link["observed"]]
        assert node.allinone.stop() == 0
        for link in links:
            node.host.ip("link", "delete", link["observed"][0]["device"])
        node.start()
        for link in links:
            node.check_repaired(link)
        assert _addresses(node, *devices) == []
