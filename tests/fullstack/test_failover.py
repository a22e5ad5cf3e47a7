"""The address of the database leads to another server, and those who are connected to the old one stay so."""

import http.client
from collections.abc import Iterator

import pytest

from tests.fullstack import links
from tests.support import asked, commands, databases, deployment, failover, machine
from tools.soak import verdict

_LATER = [{"bridge": "br2"}, {"bridge": "br3"}]


@pytest.fixture(params=[databases.MariaDB, databases.PostgreSQL])
def pair(request: pytest.FixtureRequest) -> Iterator[failover.Pair]:
    """The servers."""
    machine.prepare()
    with failover.Pair(request.param) as made:
        yield made


@pytest.fixture
def clustered(pair: failover.Pair) -> Iterator[deployment.Deployment]:
    """Two controllers and two APIs over them."""
    with deployment.Deployment(copies=2, options={"database": {"connection": pair.url}}) as made:
        yield made


def test_another_server_takes_over(pair: failover.Pair, clustered: deployment.Deployment) -> None:
    writing, reading = clustered.rests
    node = clustered.add_node("compute", agent={"report_interval": "3", "rpc_timeout": "5"})
    for end in _LATER:
        node.host.linux_bridge(end["bridge"])
    site = asked.Asked(reading, node)
    site.begin()
    site.links["before"] = writing.create(links.wanted("compute"))
    verdict.wait_until_calm(site)

    pair.fail_over()

    def create() -> bool:
        answer = writing.request("POST", "/v1/bridge-links", {"host": "compute", "ends": _LATER})
        assert answer.status in (http.client.CREATED, http.client.SERVICE_UNAVAILABLE), answer
        site.links["after"] = answer.body
        return answer.status == http.client.CREATED

    commands.wait_until(create, what="an API that stores a link in the new server")
    wanted = {link["id"] for link in site.links.values()}
    commands.wait_until(
        lambda: {link["id"] for link in reading.links()} == wanted, what="an API that reads from the new server"
    )
    verdict.wait_until_calm(site)
    assert verdict.disagreements(site) == []
