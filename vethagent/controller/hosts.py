"""What the agents are asked while somebody waits for the answer: their hosts as they are, and what they would do."""

import datetime

import sqlalchemy

from vethagent import exceptions, model
from vethagent.controller import agent_queries, names, physical, views
from vethagent.controller.closed_rings import ClosedRings
from vethagent.controller.db import models
from vethagent.controller.db.database import Database
from vethagent.controller.errors import AgentDown, NotFound, UnknownHost
from vethagent.controller.inventories import Inventories, Newest
from vethagent.controller.liveness import Liveness
from vethagent.controller.new_links import new_link
from vethagent.model import Status
from vethagent.rpc import transport as bus
from vethagent.rpc.agent_api import AgentAPI


class Hosts:
    """Each method may raise AgentDown, BusUnavailable or AgentBusy; nothing is changed by any."""

    def __init__(self, database: Database, agent_api: AgentAPI, liveness: Liveness) -> None:
        self._database = database
        self._agent_api = agent_api
        self._liveness = liveness
        self._inventories = Inventories(database, liveness)
        self._newest = Newest(self._inventories, agent_api)
        self._rings = ClosedRings(database)

    def describe(self, context: bus.Context, host: str) -> views.Inventory:
        """Return bridges, their ports, and veth pairs as the agent sees them; raise NotFound.

        If it cannot be asked it is what the agent has last told, and an error only if it never did.
        """
        try:
            self._check_alive(host)
            now = self._agent_api.describe_host(context, host)
        except (AgentDown, exceptions.BusUnavailable, exceptions.AgentBusy):
            if (last := self._inventories.last(host)) is None:
                raise
            fields, reported_at = last
            return views.Inventory(**fields, rings=self._rings.on(host), live=False, reported_at=reported_at)
        fields = now.model_dump(exclude={"version"})
        rings = self._rings.on(host)
        return views.Inventory(**fields, rings=rings, live=True, reported_at=self._liveness.now())

    def plan(self, context: bus.Context, host: str) -> model.HostPlan:
        """Return what the agent would do now for the links of its host; raise NotFound."""
        self._check_alive(host)
        with self._database.reader() as session:
            rows = session.scalars(
                sqlalchemy.select(models.BridgeLink)
                .where(models.BridgeLink.host == host, models.BridgeLink.status != Status.PENDING_DELETE)
                .order_by(models.BridgeLink.id)
            ).all()
            wanted = [views.message_of(row) for row in rows]
        return self._agent_api.plan_bridge_links(context, host, wanted)

    def plan_link(self, context: bus.Context, body: model.BridgeLinkCreate) -> model.HostPlan:
        """Return what the agent would do if the link were created; raise what creating it would."""
        wanted = new_link(context, body, self._liveness.now()).message
        self._newest.newest(context, lambda: self._check_new(wanted))
        self._check_alive(body.host)
        return self._agent_api.plan_bridge_links(context, body.host, [wanted])

    def _check_new(self, wanted: model.BridgeLink) -> None:
        with self._database.reader() as session:
            if agent_queries.known(session, wanted.host) is None:
                raise UnknownHost(f"host: no agent has ever reported from {wanted.host!r}", "host")
            names.check(session, [wanted])
            physical.check(session, [wanted])

    def _check_alive(self, host: str) -> None:
        with self._database.reader() as session:
            agent = agent_queries.known(session, host)
        if agent is None:
            raise NotFound(f"no agent has ever reported from {host!r}")
        if not self._liveness.is_alive(agent.reported_at):
            at = agent.reported_at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            raise AgentDown(f"the agent of {host} cannot be asked: it reported last at {at}")
