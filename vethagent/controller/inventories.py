"""What agents tell of their hosts, kept so that it is known while they are away."""

import dataclasses
import datetime
import logging
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import oslo_messaging
import sqlalchemy
from sqlalchemy import orm

from vethagent import exceptions, model
from vethagent.controller.db import models
from vethagent.controller.db.database import Database, retried
from vethagent.controller.db.pieces import pieces
from vethagent.controller.errors import Loop
from vethagent.controller.liveness import Liveness
from vethagent.rpc import transport as bus
from vethagent.rpc.agent_api import AgentAPI

LOG = logging.getLogger(__name__)
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Topology:
    """Of an inventory what the search for loops takes.

    ``ways`` are those of others, as (bridge, bridge, whether by patch ports); ``stp`` tells of each bridge whether STP
    or RSTP runs on it; ``networks`` are physical networks by bridge.
    """

    ways: tuple[tuple[str, str, bool], ...] = ()
    stp: dict[str, bool] = dataclasses.field(default_factory=dict)
    networks: dict[str, str] = dataclasses.field(default_factory=dict)

    def without(self, first: str, second: str) -> "Topology":
        """Return the same but for one way between two bridges that is no patch: the pair that a link takes over."""
        pair = next((way for way in self.ways if not way[2] and {*way[:2]} == {first, second}), None)
        if pair is None:
            return self
        place = self.ways.index(pair)
        return dataclasses.replace(self, ways=self.ways[:place] + self.ways[place + 1 :])


def topology_of(description: model.HostDescription) -> Topology:
    """Return what of ``description`` matters for loops; pure."""
    return Topology(
        ways=tuple((*way.bridges, way.patch) for way in description.ways if way.link_id is None),
        stp={bridge.name: bridge.stp for bridge in description.bridges},
        networks={each.name: each.physical_network[:64] for each in description.bridges if each.physical_network},
    )


def read(session: orm.Session, hosts: Iterable[str]) -> dict[str, Topology]:
    """Return the topologies of ``hosts``, as far as they are known."""
    table, names = models.HostInventory, sorted(set(hosts))
    found = {}
    for piece in pieces(names):
        statement = sqlalchemy.select(table.host, table.topology).where(table.host.in_(piece))
        for host, topology in session.execute(statement):
            ways = tuple((first, second, bool(patch)) for first, second, patch in topology["ways"])
            found[host] = Topology(ways, topology["stp"], topology["networks"])
    return found


def marks(session: orm.Session, host: str) -> set[str]:
    """Return the ids of the links whose marks ``host`` has shown last."""
    table = models.HostInventory
    body = session.scalar(sqlalchemy.select(table.body).where(table.host == host)) or {}
    shown = [*body.get("pairs", ()), *(port for bridge in body.get("bridges", ()) for port in bridge["ports"])]
    return {each["link_id"] for each in shown} - {None}


def forget_ways(session: orm.Session, host: str) -> None:
    """Forget what others have joined on ``host``, whose agent is forgotten: nobody tells when it is so no more.

    Physical networks are kept, as the links of the host are, which count in them.
    """
    table = models.HostInventory
    row = session.get(table, host, with_for_update=True)
    if row is not None:
        row.topology = row.topology | {"ways": []}
    network = models.PhysicalNetwork
    session.execute(sqlalchemy.update(network).where(network.host == host).values(joined=False))


class Inventories:
    """Takes inventories in, and gives back the last one of each host."""

    def __init__(self, database: Database, liveness: Liveness) -> None:
        self._database = database
        self._liveness = liveness

    @retried
    def store(self, inventory: model.HostInventory) -> None:
        """Keep ``inventory`` in the place of what was held of its host; of a host that never reported it is dropped."""
        description = inventory.description
        host, topology, table = description.host, topology_of(description), models.HostInventory
        with self._database.writer() as session:
            # In this order, as whoever makes links locks them (physical.claim, then a foreign key): with the other one
            # each waits for the other, and who asks for link after link wins each time. What is not there is not
            # locked: MariaDB locks the gap then, and of many hosts that are new each waits for the others.
            known = session.scalar(sqlalchemy.select(table.host).where(table.host == host))
            row = session.get(table, host, with_for_update=True) if known else None
            no_labels = [orm.lazyload(models.Agent.label_rows)]
            agent = session.get(models.Agent, host, options=no_labels, with_for_update=True)
            if agent is None:
                return
            agent.inventory_digest = inventory.digest
            if row is None:
                row = table(host=host)
                session.add(row)
            row.body = description.model_dump(mode="json", exclude={"version"})
            row.topology = {"ways": topology.ways, "stp": topology.stp, "networks": topology.networks}
            row.networks = len(topology.networks)
            row.reported_at = self._liveness.now()
            _replace_networks(session, host, topology)

    def is_alive(self, host: str) -> bool:
        """Return whether an agent that tells inventories reports from ``host``."""
        agent = models.Agent
        told = sqlalchemy.select(agent.reported_at).where(agent.host == host, agent.inventory_digest.is_not(None))
        with self._database.reader() as session:
            reported_at = session.scalar(told)
        return reported_at is not None and self._liveness.is_alive(reported_at)

    def last(self, host: str) -> tuple[dict[str, Any], datetime.datetime] | None:
        """Return the fields of the HostDescription that was told last, and when; None if none was."""
        with self._database.reader() as session:
            row = session.get(models.HostInventory, host)
            return None if row is None else (row.body, row.reported_at)


class Newest:
    """Asks agents again before something is refused because of what they told some time ago."""

    def __init__(self, inventories: Inventories, agent_api: AgentAPI) -> None:
        self._inventories = inventories
        self._agent_api = agent_api

    def newest(self, context: bus.Context, attempt: Callable[[], T]) -> T:
        """Return what ``attempt`` returns; after a Loop it is called again if an agent tells what is there by now.

        Also if that is what is held: the agent may have told it by itself meanwhile. Of several hosts each may be the
        next one to blame, and each is asked once.
        """
        asked: set[str] = set()
        while True:
            try:
                return attempt()
            except Loop as error:
                hosts = set(error.hosts) - asked
                if not self.ask(context, hosts):
                    raise
                asked |= hosts

    def ask(self, context: bus.Context, hosts: Iterable[str]) -> bool:
        """Have the agents of ``hosts`` tell what is there by now; return whether one of them has."""
        return True in {self._is_told(context, host) for host in hosts}

    def _is_told(self, context: bus.Context, host: str) -> bool:
        if not self._inventories.is_alive(host):
            return False
        try:
            inventory = model.inventory(self._agent_api.describe_host(context, host))
        except (exceptions.VethagentError, oslo_messaging.RemoteError) as error:  # away, busy, or of another release
            LOG.info("The agent of %s was not asked again: %s", host, error)
            return False
        self._inventories.store(inventory)
        return True


def _replace_networks(session: orm.Session, host: str, topology: Topology) -> None:
    table = models.PhysicalNetwork
    held = {
        row.bridge: row.physical_network for row in session.scalars(sqlalchemy.select(table).where(table.host == host))
    }
    joined = any(not patch for _, _, patch in topology.ways)
    wanted = topology.networks
    session.execute(sqlalchemy.delete(table).where(table.host == host))
    rows = [
        {"host": host, "bridge": bridge, "physical_network": network, "joined": joined}
        for bridge, network in wanted.items()
    ]
    if rows:
        session.execute(sqlalchemy.insert(table), rows)
    if wanted != held:
        told = ", ".join(f"{network} on {bridge}" for bridge, network in sorted(wanted.items())) or "none"
        LOG.info("%s: physical networks are now %s", host, told)
