"""What has to hold while something between a host and the database is away, and after it."""

import functools
import http.client
from typing import Any

from tests.fullstack import links
from tests.support import commands, deployment, rest, traffic

SPOKES = ("spoke1", "spoke2", "spoke3")


class Outage:
    """Three links of ``node`` before a fault: one that nobody touches, one that is cut, one that is to go."""

    def __init__(self, made: deployment.Deployment, node: deployment.Node) -> None:
        self._made, self._rest, self._node = made, made.rest, node
        self._kept, self._cut, self._going = links.plug(made, node), self._spoke(0), self._spoke(1)
        self._rest.wait_for_agent(node.name)
        self._indexes = self._devices(self._kept)
        self._events_before = self._events(self._kept)
        self._log_before = len(self._log())
        self._coming: rest.Link | None = None

    def cut(self) -> None:
        """Delete a device, and wait until the agent has made it again."""
        device, (before, _) = self._cut["observed"][0]["device"], self._devices(self._cut)
        self._node.host.ip("link", "delete", device)
        commands.wait_until(lambda: self._index(device) not in (None, before), what="the repair")

    def request(self) -> None:
        """Ask for a link, and for the end of another."""
        ends = [{"bridge": "br1"}, {"bridge": SPOKES[2]}]
        self._coming = self._rest.create(links.wanted(self._node.name, ends=ends))
        self._rest.delete(self._going["id"])

    def wait_for_word(self, text: str) -> None:
        """Wait until the agent's log has ``text`` in what it said since."""
        commands.wait_until(lambda: text in self._log()[self._log_before :], what=text, timeout=30)

    def forget(self) -> None:
        """Delete the devices of all links."""
        for link in self._all():
            self._node.host.ip("link", "delete", link["observed"][0]["device"])

    def wait_for_restored(self) -> None:
        """Wait until all links are there again and carry packets, of which the controller knows nothing."""
        for link in self._all():
            is_there = functools.partial(self._is_there, link)
            commands.wait_until(is_there, what="the devices", timeout=30)
        traffic.wait_for_ping(self._node.guest1, self._node.guest2.address, timeout=30)
        links.check_plugged(self._node.host, self._kept["id"])
        assert self._repairs() == 0

    def check_restored(self) -> None:
        """Wait until everything is in step; that the links were restored is told once."""
        commands.wait_until(self._is_well, what="an agent in good health", timeout=60)
        for link in self._all():
            repairs = functools.partial(self._repairs, link)
            commands.wait_until(repairs, what="the report of the repair", timeout=60)
            self._rest.wait_for_status(link["id"], "ACTIVE")
            assert self._repairs(link) == 1

    def check(self) -> None:
        """Wait until everything is in step, then check that nothing flapped, was lost or was told twice."""
        if self._coming is not None:
            self._rest.wait_for_status(self._coming["id"], "ACTIVE", timeout=60)
            self._rest.wait_until_gone(self._going["id"], timeout=60)
        commands.wait_until(self._repairs, what="the report of the repair", timeout=60)
        commands.wait_until(self._is_well, what="an agent in good health", timeout=60)
        assert self._repairs() == 1
        assert self._devices(self._kept) == self._indexes
        assert self._events(self._kept) == self._events_before
        found = self._rest.events(f"host={self._node.name}&limit=1000&after=0")
        assert [event["seq"] for event in found] == list(range(1, len(found) + 1))

    def is_heard(self) -> bool:
        """Change a link, wait until it is as wanted, and return whether a cast has told the agent of it."""
        before, mtu = self._agent()["counters"].get("casts", 0), self._cut["mtu"]
        answer = self._rest.request("PATCH", f"/v1/bridge-links/{self._cut['id']}", {"mtu": None if mtu else 1400})
        assert answer.status == http.client.OK, answer
        self._cut = answer.body
        commands.wait_until(self._is_followed, what="the change", timeout=60)
        commands.wait_until(self._is_well, what="a report of it", timeout=60)
        return bool(self._agent()["counters"].get("casts", 0) > before)

    def _spoke(self, number: int) -> rest.Link:
        ends = [{"bridge": "br1"}, {"bridge": SPOKES[number]}]
        return links.plug(self._made, self._node, ends=ends)

    def _index(self, device: str) -> int | None:
        found = self._node.host.device(device)
        return int(found["ifindex"]) if found is not None else None

    def _devices(self, link: rest.Link) -> list[int | None]:
        return [self._index(end["device"]) for end in link["observed"]]

    def _events(self, link: rest.Link) -> list[int]:
        return [int(event["id"]) for event in self._rest.events(f"link_id={link['id']}&after=0")]

    def _is_there(self, link: rest.Link) -> bool:
        return None not in self._devices(link)

    def _all(self) -> list[rest.Link]:
        return [self._kept, self._cut, self._going]

    def _repairs(self, link: rest.Link | None = None) -> int:
        found = self._rest.events(f"link_id={(link or self._cut)['id']}&after=0")
        return sum(event["kind"] == "repaired" for event in found)

    def _is_well(self) -> bool:
        agent = self._agent()
        in_step = agent["desired_in_step"] and agent["observed_in_step"]
        return bool(agent["alive"] and agent["ready"] and in_step and not agent["health"])

    def _is_followed(self) -> bool:
        link = self._rest.get(f"/v1/bridge-links/{self._cut['id']}")
        return bool(link["observed_generation"] == link["generation"] and link["status"] == "ACTIVE")

    def _agent(self) -> dict[str, Any]:
        agent: dict[str, Any] = self._rest.get(f"/v1/agents/{self._node.name}")
        return agent

    def _log(self) -> str:
        return self._node.agent.log.read_text(errors="replace")
