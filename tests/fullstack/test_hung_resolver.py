"""The broker is known by its name, and who is asked for the address of that does not answer."""

import pathlib
import socket
from collections.abc import Iterator

import pytest

from tests.fullstack.outage import Outage
from tests.support import deployment, rabbit

NODES = 1
AGENT = {"rpc_timeout": "2", "report_interval": "5"}


@pytest.fixture(scope="module", params=["eventlet"])
def concurrency(request: pytest.FixtureRequest) -> str:
    """On native threads the system's library is asked by the thread that wants to know, and holds up no other."""
    return str(request.param)


_NAME = "broker.example"
_MOUNTED = 'mount --bind "$0" /etc/hosts && mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'


class Names:
    """What an agent finds in its /etc/hosts; for all else it asks somebody who never answers."""

    def __init__(self, folder: pathlib.Path, server: str, address: str) -> None:
        self._hosts, self._resolver = folder / "hosts", folder / "resolv.conf"
        self._resolver.write_text(f"nameserver {server}\noptions timeout:5 attempts:1\n")
        self._line = f"{address} {_NAME}\n"
        self.know()

    def know(self) -> None:
        """Have the name found."""
        self._hosts.write_text(self._line)

    def forget(self) -> None:
        """Have it asked for."""
        self._hosts.write_text("")

    def seen_by(self, command: list[str]) -> list[str]:
        """Return a command as one that sees this."""
        return ["unshare", "--mount", "sh", "-c", _MOUNTED, str(self._hosts), str(self._resolver), *command]


@pytest.fixture
def names(controller_side: deployment.Deployment, hub: deployment.Node, tmp_path: pathlib.Path) -> Iterator[Names]:
    """The agent, started anew, knows its broker by name."""
    address = controller_side.network.address
    with controller_side.network.entered():
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with silent:
        silent.bind((address, 53))
        made, agent = Names(tmp_path, address, address), hub.agent
        text = agent.configuration.read_text()
        named = text.replace(f"@{address}:{rabbit.PORT}", f"@{_NAME}:{rabbit.PORT}")
        assert named != text
        agent.stop()
        agent.configuration.write_text(named)
        agent._command = made.seen_by(agent._command)
        agent.start()
        yield made


@pytest.fixture
def outage(names: Names, clean: deployment.Deployment, hub: deployment.Node) -> Outage:
    """As ever, with that agent."""
    clean.rest.wait_for_agent(hub.name)
    return Outage(clean, hub)


def test_a_resolver_that_hangs(
    names: Names, outage: Outage, clean: deployment.Deployment, hub: deployment.Node
) -> None:
    names.forget()
    clean.broker.control("close_all_connections", "a test")
    outage.cut()
    outage.request()
    outage.wait_for_word("bus does not work")
    names.know()
    outage.check()
