"""Ways out of a host, as a real kernel shows them: whoever takes an address over is another one."""

import contextlib
import json
import socket
from collections.abc import Callable, Iterator

import pytest

from tests.support import commands, firewall, namespaces
from vethagent.plumbing.neighbours import is_own
from vethagent.plumbing.ways import GatewayWay, TcpWay, Version, gateways

PORT = 5672
HOSTS = {
    "IPv4": ("192.0.2.1/24", "192.0.2.2/24"),
    "IPv6": ("2001:db8::1/64", "2001:db8::2/64"),
    "link-local": ("fe80::1/64", "fe80::2/64"),
}
#: Who is behind such a neighbour of ours, and an address of ours that he knows.
BEYOND = {
    "IPv4": ("198.51.100.1/32", "198.51.100.2/32"),
    "IPv6": ("2001:db8:1::1/128", "2001:db8:1::2/128"),
}


class Lan:
    """A namespace with a Linux bridge, and behind it two others that have the same address, one of them at a time."""

    def __init__(self, kind: str, enter: Callable[[namespaces.Namespace], namespaces.Namespace]) -> None:
        own, taken = HOSTS[kind]
        self.address = taken.partition("/")[0]
        zoned = kind == "link-local"
        #: The address as it is named here, and as those name it who have it.
        self.named = f"{self.address}%lan" if zoned else self.address
        self.own = f"{self.address}%eth0" if zoned else self.address
        self._neighbour = own.partition("/")[0]
        self.here, *self.others = [enter(namespaces.Namespace(role)) for role in ("here", "first", "second")]
        for each in (self.here, *self.others):
            each.as_usual()
        self.here.ip("link", "add", "lan", "type", "bridge", "stp_state", "0")
        for number, other in enumerate(self.others):
            self.here.ip(
                "link", "add", f"to{number}", "master", "lan", "type", "veth", "peer", "eth0", "netns", other.name
            )
            other.ip("link", "set", "eth0", "up")
            self._give(other, taken, "eth0")
        self.here.ip("link", "set", "lan", "up")
        # Where the address was seen too, and no route leads: a bridge without an address hears what is shouted there.
        for number in range(8):
            aside, mac = f"aside{number}", f"02:00:00:00:00:0{number}"
            self.here.ip("link", "add", aside, "up", "type", "bridge", "stp_state", "0")
            self.here.ip("neighbour", "add", self.address, "lladdr", mac, "dev", aside, "nud", "stale")
        self._give(self.here, own, "lan")
        self.connect(0)

    def connect(self, number: int) -> None:
        """Have this one of the two reached, and the other one not."""
        for port in range(len(self.others)):
            self.here.ip("link", "set", f"to{port}", "up" if port == number else "down")
        self.here.ip("neighbour", "flush", "dev", "lan")

    @property
    def version(self) -> Version:
        """That of the address."""
        return "IPv6" if ":" in self.address else "IPv4"

    def lead_out(self) -> None:
        """Have the address be that of the default gateway."""
        self.here.ip("route", "add", "default", "via", self.address, "dev", "lan")

    def route(self, beyond: str, *, ruled: bool) -> str:
        """Have both of the two be a router to one address; return that.

        If it is ``ruled``, only what comes from our address goes there, as it does once a connection has that.
        """
        address, source = BEYOND[beyond]
        across = ["via", "inet6"] if beyond == "IPv4" and ":" in self.address else ["via"]
        (lan,) = json.loads(self.here.ip("-j", "link", "show", "dev", "lan"))
        self._give(self.here, source, "lo")
        by, ours = ["table", "100" if ruled else "main"], ["src", source.partition("/")[0]]
        self.here.ip("route", "add", address, *across, self.address, "dev", "lan", *by, *ours)
        if ruled:
            self.here.ip("rule", "add", "from", source, "lookup", "100")
            self.here.ip("route", "add", address, "dev", "lan", *ours)
        for other in self.others:
            self._give(other, address, "lo")
            # A router has no reason to ask in the name of who is behind it, by which that would be a neighbour.
            other.ip("neighbour", "add", self._neighbour, "lladdr", lan["address"], "dev", "eth0", "nud", "permanent")
            other.ip("route", "add", source, *across, self._neighbour, "dev", "eth0")
        return address.partition("/")[0]

    @staticmethod
    def _give(namespace: namespaces.Namespace, address: str, device: str) -> None:
        at_once = ["nodad"] if ":" in address else []
        namespace.ip("address", "add", address, "dev", device, *at_once)


@pytest.fixture(params=HOSTS)
def lan(request: pytest.FixtureRequest) -> Iterator[Lan]:
    with contextlib.ExitStack() as cleanup:
        yield Lan(request.param, cleanup.enter_context)


def test_whoever_refuses_in_place_of_the_broker_has_taken_its_address(lan: Lan) -> None:
    way = TcpWay("the bus", [(lan.named, PORT)])
    with lan.others[0].entered():
        (family, *_, address), *_ = socket.getaddrinfo(lan.own, PORT, type=socket.SOCK_STREAM)
        broker = socket.create_server(address, family=family)
    with lan.here.entered():
        with broker:
            commands.wait_until(way.reached, what="the broker")
        assert way.reached() is True  # it refuses, so it only restarts
        lan.connect(1)
        commands.wait_until(lambda: _refused(lan.named), what="somebody else who refuses")
        assert way.reached() is False
        lan.connect(0)
        commands.wait_until(way.reached, what="the broker's host")


def test_a_host_that_lets_nobody_connect_is_there_if_it_answers_pings(lan: Lan) -> None:
    """Its port is blocked, say, while whoever has taken its address is another one all the same."""
    way = TcpWay("the bus", [(lan.named, PORT)], timeout=0.3)
    with lan.others[0].entered():
        (family, *_, address), *_ = socket.getaddrinfo(lan.own, PORT, type=socket.SOCK_STREAM)
        broker = socket.create_server(address, family=family)
    with broker, firewall.silent(lan.others[1], PORT), lan.here.entered():
        commands.wait_until(way.reached, what="the broker")
        with firewall.silent(lan.others[0], PORT):
            assert way.reached() is True
            lan.connect(1)
            commands.wait_until(lambda: _pings(lan), what="somebody else who answers pings")
            assert way.reached() is False
            lan.connect(0)
            commands.wait_until(way.reached, what="the broker's host")
            lan.connect(2)
            assert way.reached() is False


@pytest.mark.parametrize(
    ("lan", "beyond", "ruled"),
    [
        ("IPv4", "IPv4", False),
        ("IPv4", "IPv4", True),
        ("IPv6", "IPv6", False),
        ("link-local", "IPv6", False),
        ("link-local", "IPv4", False),
    ],
    indirect=["lan"],
)
def test_a_router_that_refuses_in_place_of_another_has_taken_its_address(lan: Lan, beyond: str, ruled: bool) -> None:
    """The broker is in another network, and the guest rejects what is not for it as many firewalls do."""
    address = lan.route(beyond, ruled=ruled)
    way = TcpWay("the bus", [(address, PORT)])
    with lan.others[0].entered():
        broker = socket.create_server((address, PORT), family=socket.AF_INET6 if beyond == "IPv6" else socket.AF_INET)
    with lan.here.entered():
        with broker:
            commands.wait_until(way.reached, what="the broker")
        assert way.reached() is True
        lan.connect(1)
        commands.wait_until(lambda: _refused(address), what="somebody else who refuses")
        assert way.reached() is False
        lan.connect(0)
        commands.wait_until(way.reached, what="the router")


@pytest.mark.parametrize("lan", ["IPv4", "IPv6"], indirect=True)
def test_which_addresses_are_those_of_the_host(lan: Lan) -> None:
    ours, others = (address.partition("/")[0] for address in HOSTS["IPv6" if ":" in lan.address else "IPv4"])
    with lan.here.entered():
        assert [is_own(address) for address in ("127.0.1.1", ours, others, "203.0.113.1")] == [True, True, False, False]


def _pings(lan: Lan) -> bool:
    return commands.run("ping", "-c1", "-W1", lan.named, check=False).returncode == 0


def _refused(address: str) -> bool:
    with contextlib.suppress(ConnectionRefusedError, TimeoutError):
        socket.create_connection((address, PORT), 1).close()
        return False
    return True


def test_whoever_answers_in_place_of_the_gateway_has_taken_its_address(lan: Lan) -> None:
    """A gateway of the other version, of which there is none, is not found."""
    lan.lead_out()
    ways = gateways()

    def found() -> list[str]:
        return [way.name for way in ways if way.reached()]

    def both() -> list[str]:
        return names if len(names := found()) == 2 else []

    with lan.here.entered():
        before = commands.wait_until(both, what="the gateway")
        lan.connect(1)
        after = commands.wait_until(both, what="somebody else")
        assert set(before).isdisjoint(after)
        lan.connect(0)
        commands.wait_until(lambda: found() == before, what="the gateway again")


def test_a_gateway_that_answered_pings_is_missed_at_once(lan: Lan) -> None:
    """The kernel knows its MAC address for some time more, so without pings it is there."""
    lan.lead_out()
    way = GatewayWay(lan.version, pings=True)
    with lan.here.entered():
        commands.wait_until(way.reached, what="the gateway")
        lan.others[0].ip("address", "flush", "dev", "eth0")
        assert way.reached() is False
