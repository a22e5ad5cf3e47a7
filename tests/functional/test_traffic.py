"""Traffic between guests: what is not answered was lost on the way."""

import os
from collections.abc import Iterator

import pytest

from tests.support import hosts, traffic

#: What waits for one neighbour to be found takes up to 277 of the 341 places that there are.
UNKNOWN = ("198.51.100.11", "198.51.100.12", "198.51.100.13")


@pytest.fixture
def one_processor() -> Iterator[None]:
    """Run this and what it starts on one processor, and so all answers from one socket of the kernel."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.usefixtures("one_processor")
def test_answers_that_wait_for_a_neighbour_keep_no_others_back(host: hosts.Host) -> None:
    """As those do that were asked for through an ovs-vswitchd that stands still."""
    host.linux_bridge("busy")
    host.linux_bridge("calm")
    mute, asked = host.guest("busy", "198.51.100.1/24"), host.guest("busy", "198.51.100.2/24")
    source, target = host.guest("calm", "192.0.2.1/24"), host.guest("calm", "192.0.2.2/24")
    traffic.wait_for_ping(mute, asked.address)
    mute.run("sh", "-c", "echo 8 > /proc/sys/net/ipv4/conf/eth0/arp_ignore")
    with traffic.Pings(source, target.address, interval=0.001) as pings:
        for address in UNKNOWN:
            mute.ip("address", "add", f"{address}/24", "dev", "eth0")
            mute.run("ping", "-q", "-c", "300", "-i", "0.002", "-W", "0.1", "-I", address, asked.address, check=False)
        pings.wait_for_answers(100)
    assert pings.lost() == []
