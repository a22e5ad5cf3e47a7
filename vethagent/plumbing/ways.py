"""Ways out of the host, and whether their other end answers. Needs no privilege."""

import contextlib
import errno
import ipaddress
import logging
import os
import pathlib
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from vethagent.plumbing.neighbours import face, ipv6_gateway, is_own

LOG = logging.getLogger(__name__)

#: What this host itself has run out of says nothing of the way.
_OURS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM}
_RESOLVE_AGAIN = 60.0
#: Times the timeout for which a server is waited for that has been silent: a way may be slow, and people be at work on
#: it who need no quicker one.
_LONGEST = 3.0
_ROUTES = pathlib.Path("/proc/self/net/route")
_GATEWAY = 0x2
#: By family: the protocol of pings, and its types of a request and of the reply (RFC 792, RFC 4443).
_ECHO = {socket.AF_INET: (socket.IPPROTO_ICMP, 8, 0), socket.AF_INET6: (socket.IPPROTO_ICMPV6, 128, 129)}

#: Host, a name or an address, and port.
Server = tuple[str, int]


class TcpWay:
    """The way to servers of which one has to be reached: one that takes a connection, or that refuses it.

    A host that refuses is there, and its server only restarts. One that keeps silent is there if it answers a ping: its
    port is blocked, or as many wait for the server as may. But if another device than before answers in its place, one
    with another MAC address, it is somebody who has taken the address, or that of the router to it. A server on this
    host is always there, so it is asked only if there is no other.
    """

    def __init__(
        self,
        name: str,
        servers: Sequence[Server],
        *,
        timeout: float = 1.0,
        faces: Mapping[str, str] | None = None,
        learned: Callable[[Mapping[str, str]], None] = lambda faces: None,
    ) -> None:
        """``timeout`` in seconds and for one address; the one that is asked first has more if it is slow.

        ``faces`` are the MAC addresses by IP address that were given to ``learned`` before.
        """
        self.name = name
        #: In the order in which they are looked up: addresses first, as no name server is asked for them.
        self._servers = sorted(servers, key=lambda server: not _is_address(server[0]))
        self._timeout = self._first = timeout
        self._found: dict[Server, set[Server]] = {}
        self._addresses: list[Server] = []
        #: Who has taken the last connection.
        self._taker: Server | None = None
        self._answered = False
        self._resolved_at = float("-inf")
        self._looked_up_for = 0.0
        self._faces = dict(faces or {})
        self._learned = learned

    @property
    def patience(self) -> float:
        """The seconds for which ``reached`` waits for answers, if none comes, and has just waited for a name server."""
        pings = sum(host in self._faces for host, _ in self._addresses)
        servers = self._first + self._timeout * (len(self._addresses) - 1 + pings) if self._addresses else 0.0
        return servers + self._looked_up_for

    def reached(self) -> bool | None:
        """Return whether a server answers, None if this host could not ask.

        If no address is known, and none can be looked up, nobody else here finds a server either. One that refuses
        counts only if none has taken a connection before, or that one is there: who is cut off from it has no bus.
        """
        answers: dict[Server, bool | None] = {}
        found = self._resolve()
        for address in [address for address in found if not is_own(address[0])] or found:
            timeout, begun = self._timeout if answers else self._first, time.monotonic()
            answers[address] = self._answers(address, timeout)
            taken = min(time.monotonic() - begun, timeout)  # without a ping
            if len(answers) == 1:
                self._first = min(max(2 * taken, self._timeout), _LONGEST * self._timeout)
            if answers[address] and address == self._taker:
                # Asked first the next time.
                self._addresses.sort(key=lambda known, best=address: known != best)  # type: ignore[misc]
                return True
        if any(answers.values()) and self._taker not in answers:
            return True
        if self._answered:
            self._resolved_at = float("-inf")  # the next time: a server may have moved
        return None if None in answers.values() else False

    def _answers(self, address: Server, timeout: float) -> bool | None:
        host, _ = address
        before = face(host)
        try:
            with contextlib.closing(socket.create_connection(address, timeout)):
                self._taker = address
        except (ConnectionRefusedError, ConnectionResetError):
            if host in self._faces:
                return face(host) in (None, self._faces[host])
        except OSError as error:
            return None if error.errno in _OURS else self._is_pinged(host)
        self._learn(host, before)
        return True

    def _is_pinged(self, host: str) -> bool:
        """Return whether a host that has taken a connection before answers a ping as the same."""
        if host not in self._faces or face(host) != self._faces[host]:
            return False
        try:
            return _pings(host, self._timeout)
        except OSError:
            return False

    def _learn(self, host: str, before: str | None) -> None:
        """Know a host that has taken a connection, under another MAC address only if it had that ``before`` it too.

        Else somebody may have taken its address since, who will refuse the next one.
        """
        known, found = self._faces.get(host), face(host)
        if found not in (None, known) and (known is None or found == before):
            self._faces[host] = found
            self._learned(self._faces)

    def _resolve(self) -> list[Server]:
        """Return the servers' addresses; of a name that cannot be looked up now those that were found the last time."""
        begun, self._looked_up_for = time.monotonic(), 0.0
        if not self._addresses or begun - self._resolved_at > _RESOLVE_AGAIN:
            self._resolved_at = begun
            self._look_up()
            self._looked_up_for = time.monotonic() - begun
            found = set().union(*self._found.values())
            kept = [address for address in self._addresses if address in found]
            self._addresses = kept + sorted(found.difference(kept))
        return list(self._addresses)

    def _look_up(self) -> None:
        """Look up every name, but no other one after a name server that does not answer: they have their turn next."""
        for host, port in list(self._servers):
            begun = time.monotonic()
            try:
                infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except OSError as error:
                LOG.warning("%s cannot be looked up: %s", host, error)
                self._answered = time.monotonic() - begun < self._timeout
                if not self._answered:
                    self._servers.remove((host, port))
                    self._servers.append((host, port))
                    return
            else:
                self._answered = True
                self._found[host, port] = {(_numbers(info[4]), port) for info in infos}


Version = Literal["IPv4", "IPv6"]


class GatewayWay:
    """The way to a default gateway, by what it answers: pings, or who asks for its MAC address by ARP, or NDP.

    Not a few are told not to answer pings. One that does has to go on with that, for otherwise it is missed only when
    the kernel looks it up anew, within a minute. If another device than before answers, one with another MAC address,
    it has taken the gateway's address. That is another way, so the name has the MAC address in it.
    """

    def __init__(self, version: Version, *, pings: bool, timeout: float = 1.0) -> None:
        """``timeout`` in seconds and for one answer."""
        self._version = version
        self._pings = pings
        self._timeout = timeout
        self._face: str | None = None

    @property
    def name(self) -> str:
        """That of the device which was found the last time."""
        return f"the default {self._version} gateway {self._face}" + ", pinged" * self._pings

    @property
    def patience(self) -> float:
        """The seconds for which ``reached`` waits for an answer, if none comes."""
        return self._timeout

    def reached(self) -> bool | None:
        """Return whether there is a gateway, and it answers."""
        try:
            gateway = _ipv4_gateway() if self._version == "IPv4" else ipv6_gateway()
            answers = _pings if self._pings else _resolves
            if gateway is None or not answers(gateway, self._timeout):
                return False
        except OSError as error:
            return None if error.errno in _OURS else False
        self._face = face(gateway)
        return True


def gateways() -> list[GatewayWay]:
    """Return the ways to the default gateways, those of which a probe tells at once first."""
    versions: tuple[Version, ...] = "IPv4", "IPv6"
    return [GatewayWay(version, pings=pings) for pings in (True, False) for version in versions]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _numbers(found: tuple[object, ...]) -> str:
    """Return the address of which ``getaddrinfo`` says this, one that holds for a single device with its ifindex."""
    address, _, *rest = found
    scope = rest[1] if len(rest) > 1 else 0
    return f"{address}%{scope}" if scope else str(address)


def _resolves(address: str, timeout: float) -> bool:
    """Return whether the kernel knows a MAC address for ``address``, or finds one.

    A datagram makes it look. One that has answered is looked up anew only within a minute.
    """
    family, target = _target(address, 9)
    with socket.socket(family, socket.SOCK_DGRAM) as nudge, contextlib.suppress(OSError):
        nudge.connect(target)
        nudge.send(b"")
    until = time.monotonic() + timeout
    while (found := face(address)) is None and time.monotonic() < until:
        time.sleep(timeout / 10)
    return found is not None


def _pings(address: str, timeout: float) -> bool:
    """Return whether ``address`` answers an ICMP echo; False also if this process may not ask.

    Sockets for that are open to those whom ``net.ipv4.ping_group_range`` names, with systemd to all.
    """
    family, target = _target(address, 0)
    protocol, request, reply = _ECHO[family]
    try:
        opened = socket.socket(family, socket.SOCK_DGRAM, protocol)
    except PermissionError:
        return False
    number = int.from_bytes(os.urandom(2))
    with opened:
        opened.settimeout(timeout)
        try:
            # The kernel fills in identifier and checksum.
            opened.sendto(struct.pack("!BBHHH", request, 0, 0, 0, number), target)
            kind, _, _, _, answered = struct.unpack("!BBHHH", opened.recv(64)[:8])
        except (TimeoutError, struct.error):
            return False
        return bool(kind == reply and answered == number)


def _target(address: str, port: int) -> tuple[socket.AddressFamily, tuple[object, ...]]:
    """Return family and socket address of an IP address, which may have the ifindex of its device behind it."""
    family, _, _, _, target = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0]
    return family, target


def _ipv4_gateway() -> str | None:
    """Return the address of the IPv4 default gateway with the best metric; one without (``via inet6``) is none."""
    routes = [line.split() for line in _ROUTES.read_text().splitlines()[1:]]
    gateways = [
        (int(route[6]), socket.inet_ntoa(struct.pack("=I", int(route[2], 16))))
        for route in routes
        if route[1] == route[7] == "00000000" != route[2] and int(route[3], 16) & _GATEWAY
    ]
    return min(gateways)[1] if gateways else None
