"""Hosts whose agents answer what they are told, as a test wants; the bus and the clock are the test's."""

import uuid
from typing import Any

from tests.unit.controller import fakes
from vethagent import model
from vethagent.controller.agents import Agents
from vethagent.controller.db.database import Database
from vethagent.controller.events import Events
from vethagent.controller.fleet import showing
from vethagent.controller.fleet.fleet import Fleet
from vethagent.controller.fleet.requests import MemberQuery
from vethagent.controller.fleet.rollouts import Rollouts
from vethagent.controller.fleet.templates import Templates
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.controller.reports import Reports
from vethagent.controller.requests import AgentUpdate, LinkQuery


def body(**fields: Any) -> model.LinkTemplateCreate:
    values: dict[str, Any] = {
        "name": "uplink",
        "link": {"name": "up", "ends": [{"bridge": "br1", "device": "phy-br1"}, {"bridge": "br2"}]},
        "selector": {"hosts": ["*"]},
    }
    # The clock stands still unless a test moves it.
    policy = {"pause": 0} | fields.pop("policy", {"canary": 1, "batch_size": 2})
    return model.LinkTemplateCreate.model_validate(values | fields | {"policy": policy})


def update(**fields: Any) -> model.LinkTemplateUpdate:
    return model.LinkTemplateUpdate.model_validate(fields)


def spec(bridge: str) -> dict[str, Any]:
    return {"ends": [{"bridge": bridge}, {"bridge": "br2"}]}


class World:
    """A controller with an API, and the hosts ``h0``, ``h1`` …"""

    def __init__(self, database: Database, liveness: Liveness, clock: fakes.Clock) -> None:
        self.clock = clock
        self.agent_api = fakes.AgentApi()
        api: Any = self.agent_api
        self.templates = Templates(database, api, liveness)
        self.rollouts = Rollouts(database, api, liveness)
        self.links = Links(database, api, liveness)
        self.agents = Agents(database, api, liveness)
        self.fleet = Fleet(database, api, liveness)
        self.reports = Reports(database, liveness, self._heard)
        self.events = Events(database, liveness, self._heard)
        self.heard: list[str] = []
        self._seqs: dict[str, int] = {}

    def _heard(self, template_ids: Any) -> None:
        self.heard += template_ids
        for template_id in sorted(template_ids):
            self.fleet.advance(template_id)

    def report(self, *hosts: str) -> None:
        for host in hosts:
            self.reports.take(fakes.report(host))

    def hosts(self, count: int) -> list[str]:
        names = [f"h{number}" for number in range(count)]
        self.report(*names)
        return names

    def label(self, host: str, **labels: str | None) -> None:
        self.agents.update(fakes.CONTEXT, host, AgentUpdate(labels=labels))

    def linked(self) -> dict[str, str]:
        """The hosts that have a link of a template, or will lose it, by status."""
        return {link.host: str(link.status) for link in self.links.list(LinkQuery())[0]}

    def link(self, host: str) -> Any:
        [found] = self.links.list(LinkQuery(host=host))[0]
        return found

    def answer(self, *hosts: str, **state: Any) -> None:
        """Let the agents of ``hosts`` say that they have done what they were told, or ``state``."""
        for host in hosts:
            for link in self.links.list(LinkQuery(host=host))[0]:
                going = link.status == "PENDING_DELETE"
                done: dict[str, Any] = {"status": "DOWN", "kind": "unplugged"} if going else {"status": "ACTIVE"}
                self.tell(host, fakes.event(link.id, self.seq(host), generation=link.generation, **done | state))

    def tell(self, host: str, event: model.PortEvent) -> None:
        stream = str(uuid.uuid5(uuid.NAMESPACE_DNS, host))
        self.events.store(fakes.batch([event], host, stream))

    def seq(self, host: str) -> int:
        self._seqs[host] = self._seqs.get(host, -1) + 1
        return self._seqs[host]

    def fail(self, *hosts: str) -> None:
        self.answer(*hosts, status="ERROR", reason="BRIDGE_NOT_FOUND", message="there is no bridge")

    def settle(self, hosts: list[str]) -> None:
        """Let everybody answer until nothing more is asked."""
        for _ in range(2 * len(hosts) + 2):
            self.answer(*(host for host in hosts if host in self.linked()))

    def members(self, template_id: str) -> dict[str, str]:
        found = self.templates.hosts(template_id, MemberQuery())[0]
        return {member.host: str(member.state) + (" leaving" if member.leaving else "") for member in found}

    def rollout(self, template_id: str) -> showing.Rollout:
        return self.templates.show(template_id).rollout
