import errno
import pathlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.clocks import Clock
from vethagent.plumbing import ways
from vethagent.plumbing.ways import GatewayWay, Server, TcpWay

#: TEST-NET-1 (RFC 5737): nobody is there.
NOBODY = "192.0.2.1"


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The addresses of this host; without any its servers stand for others."""
    found: set[str] = set()
    monkeypatch.setattr(ways, "is_own", found.__contains__)
    return found


@pytest.fixture
def server() -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened.getsockname()


@pytest.fixture
def nobody_listens() -> Server:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        address: Server = opened.getsockname()
    return address


@pytest.fixture
def faces(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The MAC addresses of all neighbours, by IP address."""
    found: dict[str, str] = {}
    monkeypatch.setattr(ways, "face", found.get)
    return found


def answer(monkeypatch: pytest.MonkeyPatch, outcome: OSError | None) -> list[Server]:
    asked: list[Server] = []

    def connect(address: Server, timeout: float) -> socket.socket:
        asked.append(address)
        if outcome is not None:
            raise outcome
        return socket.socket()

    monkeypatch.setattr(socket, "create_connection", connect)
    return asked


def test_a_server_that_listens(server: Server) -> None:
    assert TcpWay("the bus", [server]).reached() is True


def test_a_host_that_refuses_is_there(nobody_listens: Server) -> None:
    assert TcpWay("the bus", [nobody_listens]).reached() is True


def test_a_name_is_looked_up(server: Server) -> None:
    assert TcpWay("the bus", [("localhost", server[1])]).reached() is True


@pytest.mark.parametrize("error", [TimeoutError(), OSError(errno.EHOSTUNREACH, ""), OSError(errno.ENETUNREACH, "")])
def test_silence_is_a_loss(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    answer(monkeypatch, error)
    assert TcpWay("the bus", [(NOBODY, 1)]).reached() is False


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENOBUFS, errno.EADDRNOTAVAIL])
def test_what_the_host_has_run_out_of_says_nothing(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    answer(monkeypatch, OSError(code, ""))
    assert TcpWay("the bus", [(NOBODY, 1)]).reached() is None


def test_one_of_several_is_enough_and_is_asked_first_the_next_time(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    way = TcpWay("the bus", [(NOBODY, 1), server], timeout=0.05)
    assert way.reached() is True
    asked = answer(monkeypatch, None)
    assert way.reached() is True and asked == [server]


def test_a_server_on_this_host_is_always_there_so_another_one_has_to_answer(
    monkeypatch: pytest.MonkeyPatch, own: set[str], server: Server
) -> None:
    """As on each node of a cluster of brokers that has bridges too."""
    own.add(server[0])
    assert TcpWay("the bus", [server]).reached() is True
    way = TcpWay("the bus", [server, (NOBODY, 1)])
    for outcome in TimeoutError(), None:
        asked = answer(monkeypatch, outcome)
        assert way.reached() is (outcome is None) and asked == [(NOBODY, 1)]


def test_each_of_several_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, TimeoutError())
    way = TcpWay("the bus", [(NOBODY, port) for port in (1, 2, 3)], timeout=2)
    assert way.reached() is False and 6 <= way.patience < 20


def test_one_that_refuses_is_no_proof_if_another_has_taken_the_connection_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a node of a cluster that is down for maintenance, while the host is cut off from the one that works."""
    outcomes: dict[int, type[OSError] | None] = {1: ConnectionRefusedError, 2: None}

    def connect(address: Server, _timeout: float) -> socket.socket:
        if outcome := outcomes[address[1]]:
            raise outcome
        return socket.socket()

    monkeypatch.setattr(socket, "create_connection", connect)
    way = TcpWay("the bus", [(NOBODY, 1), (NOBODY, 2)])
    assert way.reached() is True
    outcomes[2] = TimeoutError
    assert [way.reached(), way.reached()] == [False, False]
    outcomes[2] = ConnectionRefusedError  # it only restarts
    assert way.reached() is True
    outcomes[1], outcomes[2] = None, TimeoutError
    assert way.reached() is True


class SlowServers(Clock):
    """Each takes ``seconds`` to answer; the time that is waited for them passes at once."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.waited: list[float] = []

    def connect(self, _address: Server, timeout: float) -> socket.socket:
        self.waited.append(timeout)
        self.now += min(self.seconds, timeout)
        if timeout < self.seconds:
            raise TimeoutError
        return socket.socket()


def test_a_way_that_is_slow_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """No trial ends before three probes in a row have found none."""
    servers = SlowServers(2.2)
    monkeypatch.setattr(ways, "time", servers)
    monkeypatch.setattr(socket, "create_connection", servers.connect)
    way = TcpWay("the bus", [(NOBODY, 1)])
    assert [way.reached() for _ in range(5)] == [False, False, True, True, True]

    servers.seconds = 0.001
    assert [way.reached() for _ in range(2)] == [True, True]
    assert servers.waited == [1, 2, 3, 3, 3, 3, 1]


def test_a_host_that_is_pinged_in_vain_is_given_no_more_time_for_that(
    monkeypatch: pytest.MonkeyPatch, faces: dict[str, str]
) -> None:
    servers, pinged = SlowServers(100), list[str]()

    def ping(host: str, timeout: float) -> bool:
        pinged.append(host)
        servers.now += timeout
        return False

    monkeypatch.setattr(ways, "time", servers)
    monkeypatch.setattr(socket, "create_connection", servers.connect)
    monkeypatch.setattr(ways, "_pings", ping)
    faces[NOBODY] = "0e:00:00:00:00:01"
    way = TcpWay("the bus", [(NOBODY, 1)], faces=faces)
    begun = servers.now
    assert [way.reached() for _ in range(3)] == [False, False, False]
    assert servers.waited == [1, 2, 3] and pinged == [NOBODY] * 3
    assert servers.now - begun == 9 and way.patience == 4


def test_of_several_only_the_first_is_given_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = SlowServers(100)
    monkeypatch.setattr(ways, "time", servers)
    monkeypatch.setattr(socket, "create_connection", servers.connect)
    way = TcpWay("the bus", [(NOBODY, port) for port in (1, 2, 3)])
    assert [way.reached() for _ in range(3)] == [False, False, False]
    assert servers.waited == [1, 1, 1, 2, 1, 1, 3, 1, 1]
    assert way.patience == 5


def cannot_be_looked_up(monkeypatch: pytest.MonkeyPatch, name: str, code: int) -> None:
    """Let a name not be found, and all others be."""
    real = socket.getaddrinfo

    def find(host: str, *args: Any, **kwargs: Any) -> Any:
        if host == name:
            raise socket.gaierror(code, "not found")
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", find)


def test_names_that_cannot_be_looked_up_any_more_keep_their_addresses(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    way = TcpWay("the bus", [("localhost", server[1])])
    assert way.reached() is True
    cannot_be_looked_up(monkeypatch, "localhost", socket.EAI_AGAIN)
    way._resolved_at = float("-inf")
    assert way.reached() is True


def test_a_name_that_cannot_be_looked_up_takes_no_other_with_it(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    cannot_be_looked_up(monkeypatch, "gone.example", socket.EAI_NONAME)
    assert TcpWay("the bus", [("gone.example", 5672), ("localhost", server[1])]).reached() is True


@pytest.mark.parametrize(("host", "found"), [("127.0.0.1", [True]), ("localhost", [False, True])])
def test_a_name_server_that_does_not_answer_for_one_name_hides_no_other_server(
    monkeypatch: pytest.MonkeyPatch, server: Server, host: str, found: list[bool]
) -> None:
    clock, real = SlowServers(0), socket.getaddrinfo
    monkeypatch.setattr(ways, "time", clock)

    def find(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "silent.example":
            clock.now += 20
            raise socket.gaierror(socket.EAI_AGAIN, "no name server")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", find)
    way = TcpWay("the bus", [("silent.example", 5672), (host, server[1])])
    assert [way.reached() for _ in found] == found


def test_a_server_that_moves_is_found_as_soon_as_its_name_leads_there(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    """Its old address is silent."""
    real = socket.create_connection

    def connect(address: Server, timeout: float) -> socket.socket:
        if address[0] == NOBODY:
            raise TimeoutError
        return real(address, timeout)

    def find(host: str, *args: Any, **kwargs: Any) -> Any:
        return look_up(leads_to[0] if host == "broker.example" else host, *args, **kwargs)

    leads_to, look_up = [NOBODY], socket.getaddrinfo
    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(socket, "getaddrinfo", find)
    way = TcpWay("the bus", [("broker.example", server[1])])
    assert [way.reached(), way.reached()] == [False, False]
    leads_to[0] = server[0]
    assert way.reached() is True


def test_a_name_server_that_does_not_answer_is_not_asked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, asked = SlowServers(0), []
    monkeypatch.setattr(ways, "time", clock)

    def find(host: str, *_: Any, **__: Any) -> Any:
        asked.append(host)
        if len(asked) > 2:
            clock.now += 20
            raise socket.gaierror(socket.EAI_AGAIN, "no name server")
        return [(0, 0, 0, "", (NOBODY, 1))]

    monkeypatch.setattr(socket, "getaddrinfo", find)
    answer(monkeypatch, TimeoutError())
    way = TcpWay("the bus", [("one.example", 1), ("two.example", 1)])
    assert [way.reached() for _ in range(5)] == [False] * 5
    assert asked == ["one.example", "two.example", "one.example"]


def test_a_server_whose_name_was_never_found_is_out_of_reach(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """As for an agent that was started again after the link had come which takes the way to the name server too."""
    clock, real = SlowServers(0), socket.getaddrinfo
    monkeypatch.setattr(ways, "time", clock)

    def hang(*_: Any, **__: Any) -> Any:
        clock.now += 20
        raise socket.gaierror(socket.EAI_AGAIN, "no name server")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    way = TcpWay("the bus", [("localhost", server[1])])
    assert way.reached() is False and way.patience == 20, "that is no time in which the agent stood still"
    monkeypatch.setattr(socket, "getaddrinfo", real)
    assert way.reached() is True and way.patience < 20, "it is found as soon as it can be"


def test_another_device_that_refuses_has_taken_the_address(
    monkeypatch: pytest.MonkeyPatch, faces: dict[str, str]
) -> None:
    learned: list[dict[str, str]] = []
    way = TcpWay("the bus", [(NOBODY, 1)], learned=lambda known: learned.append(dict(known)))
    faces[NOBODY] = "0e:00:00:00:00:01"
    answer(monkeypatch, None)
    assert way.reached() is True
    answer(monkeypatch, ConnectionRefusedError())
    assert way.reached() is True  # it only restarts
    faces[NOBODY] = "0e:00:00:00:00:02"
    assert way.reached() is False
    del faces[NOBODY]
    assert way.reached() is True  # nobody knows
    faces[NOBODY] = "0e:00:00:00:00:02"
    answer(monkeypatch, None)
    assert way.reached() is True  # the server itself has moved
    answer(monkeypatch, ConnectionRefusedError())
    assert way.reached() is True
    assert learned[-1] == {NOBODY: "0e:00:00:00:00:02"}
    faces[NOBODY] = "0e:00:00:00:00:01"
    assert TcpWay("the bus", [(NOBODY, 1)], faces=learned[-1]).reached() is False


def test_who_takes_the_address_while_a_connection_is_taken_is_not_the_host(
    monkeypatch: pytest.MonkeyPatch, faces: dict[str, str]
) -> None:
    """The host has taken it, and when it is looked up what that looks like it is the other one already."""
    way = TcpWay("the bus", [(NOBODY, 1)])
    faces[NOBODY] = "0e:00:00:00:00:01"
    answer(monkeypatch, None)
    assert way.reached() is True

    def connect(address: Server, timeout: float) -> socket.socket:
        faces[NOBODY] = "0e:00:00:00:00:02"
        return socket.socket()

    monkeypatch.setattr(socket, "create_connection", connect)
    assert way.reached() is True
    answer(monkeypatch, ConnectionRefusedError())
    assert way.reached() is False


# -- the gateway ---------------------------------------------------------------------------------------------------

ROUTES = (
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
    "eth1\t00000000\t010200C0\t0003\t0\t0\t200\t00000000\t0\t0\t0\n"
    "eth0\t00000000\t0100007F\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
    "tun0\t00000000\t020200C0\t0003\t0\t0\t50\t00000080\t0\t0\t0\n"
    "eth3\t00000000\t00000000\t0003\t0\t0\t20\t00000000\t0\t0\t0\n"
    "eth0\t000200C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
)


@pytest.fixture
def routes(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "route"
    path.write_text(ROUTES)
    monkeypatch.setattr(ways, "_ROUTES", path)
    return path


def test_the_gateway_of_the_best_route(routes: pathlib.Path) -> None:
    """That of eth3 is known by an IPv6 address only, and whoever pings 0.0.0.0 is answered by this host."""
    assert ways._ipv4_gateway() == "127.0.0.1"
    routes.write_text(ROUTES.splitlines()[0])
    assert not any(GatewayWay("IPv4", pings=pings).reached() for pings in (True, False))


@pytest.mark.usefixtures("routes")
def test_a_gateway_that_answers_no_ping_but_arp(monkeypatch: pytest.MonkeyPatch, faces: dict[str, str]) -> None:
    monkeypatch.setattr(ways, "_pings", lambda *_: False)
    way = GatewayWay("IPv4", pings=False, timeout=0.02)
    assert GatewayWay("IPv4", pings=True).reached() is way.reached() is False
    faces["127.0.0.1"] = "0e:00:00:00:00:01"
    assert way.reached() is True


@pytest.mark.usefixtures("routes")
def test_another_device_that_answers_is_another_way(monkeypatch: pytest.MonkeyPatch, faces: dict[str, str]) -> None:
    monkeypatch.setattr(ways, "_pings", lambda *_: True)
    for pings in True, False:
        way = GatewayWay("IPv4", pings=pings)
        names = []
        for face in "0e:00:00:00:00:01", "0e:00:00:00:00:02", "0e:00:00:00:00:01":
            faces["127.0.0.1"] = face
            assert way.reached() is True
            names.append(way.name)
        assert names[0] == names[2] != names[1]


@pytest.mark.usefixtures("routes")
def test_who_may_not_ping_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: int) -> socket.socket:
        raise PermissionError

    monkeypatch.setattr(socket, "socket", opened)
    assert GatewayWay("IPv4", pings=True).reached() is False
