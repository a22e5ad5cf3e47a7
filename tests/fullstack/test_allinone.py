"""The embedded default: controller, API and agent in one process, no broker, SQLite."""

from collections.abc import Iterator

import pytest

from tests.fullstack import links
from tests.support import commands, hosts, machine, processes, rest, traffic


@pytest.fixture
def host() -> Iterator[hosts.Host]:
    machine.prepare()
    with hosts.Host("compute") as made:
        made.linux_bridge("br1")
        made.ovs_bridge("br-eth1")
        yield made


def test_the_main_job_in_one_process(host: hosts.Host, concurrency: str) -> None:
    guest1, guest2 = host.guest("br1", "192.0.2.1/24"), host.guest("br-eth1", "192.0.2.2/24")
    devices = host.devices()
    allinone = processes.make_allinone(host, concurrency=concurrency)
    allinone.start()
    api = rest.Rest(host.namespace)
    api.wait_until_served()
    api.wait_for_agent("compute")

    link = api.create(links.wanted("compute"))
    api.wait_for_status(link["id"], "ACTIVE")
    links.check_plugged(host, link["id"])
    traffic.wait_for_ping(guest1, guest2.address)
    assert traffic.transfer(guest1, guest2)

    host.ip("link", "delete", links.FIRST)
    commands.wait_until(
        lambda: any(event["kind"] == "repaired" for event in api.events(f"link_id={link['id']}")), what="the repair"
    )
    api.wait_for_status(link["id"], "ACTIVE")
    traffic.wait_for_ping(guest1, guest2.address)

    with traffic.Pings(guest1, guest2.address) as pings:
        assert allinone.stop() == 0
        links.check_plugged(host, link["id"])
        allinone.start()
        api.wait_until_served()
        api.wait_for_agent("compute")
        pings.wait_for_answers(10)
    assert pings.lost() == []

    api.delete(link["id"])
    api.wait_until_gone(link["id"])
    assert host.devices() == devices
    assert allinone.stop() == 0
