"""What drives templates: whoever hears that something has changed takes the next steps, each of them once."""

import datetime
import logging
from collections.abc import Set
from typing import NamedTuple

import sqlalchemy

from vethagent import logs
from vethagent.controller import casts, physical
from vethagent.controller.db import models
from vethagent.controller.db.database import Database, retried
from vethagent.controller.fleet import advancing, placing
from vethagent.controller.fleet.advancing import Turn
from vethagent.controller.fleet.placing import Placed
from vethagent.controller.inventories import Inventories, Newest
from vethagent.controller.liveness import Liveness
from vethagent.rpc import transport as bus
from vethagent.rpc.agent_api import AgentAPI

LOG = logging.getLogger(__name__)

#: Seconds after which somebody looks at a template that waits for answers, if none came.
BACKSTOP = 15.0


class _Taken(NamedTuple):
    placed: Placed
    context: bus.Context
    again: bool


class _Doubt(Exception):
    """Hosts would fail for what agents told some time ago; the ``hosts`` of these are to be asked first."""

    def __init__(self, context: bus.Context, hosts: Set[str]) -> None:
        super().__init__(context, hosts)
        self.context, self.hosts = context, hosts


class Fleet:
    """The same in every controller and every API; what is decided is decided under the lock of the template's row."""

    def __init__(
        self, database: Database, agent_api: AgentAPI, liveness: Liveness, *, backstop: float = BACKSTOP
    ) -> None:
        self._database = database
        self._agent_api = agent_api
        self._liveness = liveness
        self._inventories = Newest(Inventories(database, liveness), agent_api)
        self._backstop = datetime.timedelta(seconds=backstop)

    def advance(self, template_id: str) -> None:
        """Take all steps that can be taken now; a template that is gone has none."""
        asked: set[str] = set()
        while (taken := self._take(template_id, asked)) is not None:
            self.cast(taken.context, taken.placed)
            if not taken.again:
                return

    def cast(self, context: bus.Context, placed: Placed) -> None:
        """Tell the agents what was stored for them."""
        casts.plug(self._agent_api, context, placed.plugged)
        casts.unplug(self._agent_api, context, placed.unplugged)

    def due(self) -> tuple[list[str], float]:
        """Return the templates to look at now, and seconds until the next one is to be, at most the backstop."""
        table, now = models.LinkTemplate, self._liveness.now()
        # What is due later than anybody ever says was written down by a clock that was set back since.
        is_due = (table.look_at <= now) | (table.look_at > now + self._backstop * (advancing.SLOWER + 1))
        with self._database.reader() as session:
            due = session.scalars(sqlalchemy.select(table.id).where(is_due).order_by(table.look_at)).all()
            following = session.scalar(sqlalchemy.select(sqlalchemy.func.min(table.look_at)).where(table.look_at > now))
        longest = self._backstop.total_seconds()
        left = longest if following is None else (following - now).total_seconds()
        return list(due), min(longest, left)

    def _take(self, template_id: str, asked: set[str]) -> _Taken | None:
        """Take a step, once agents were asked of which it is in doubt whether what they told is still so."""
        while True:
            try:
                return physical.in_turn(lambda claim: self._take_once(template_id, asked, claim=claim))
            except _Doubt as doubt:
                self._inventories.ask(doubt.context, sorted(doubt.hosts))
                asked.update(doubt.hosts)

    @retried
    def _take_once(self, template_id: str, asked: Set[str], *, claim: bool) -> _Taken | None:
        with self._database.writer() as session:
            physical.claim(session, (), every=claim)
            found = placing.locked(session, [template_id])
            if not found:
                return None
            template = found[0]
            rollout = session.get(models.Rollout, template.rollout_id)
            if rollout is None:
                return None
            turn = Turn(session, template, rollout, self._liveness, backstop=self._backstop, claimed=claim)
            placed = turn.take()
            if doubted := placed.doubted - asked:
                raise _Doubt({"request_id": rollout.request_id}, doubted)
        for change in turn.changes:
            about = logs.about(request_id=rollout.request_id)
            LOG.info("the roll-out %s of %s is %s", rollout.id, template.name, change, extra=about)
        return _Taken(placed, {"request_id": rollout.request_id}, turn.again)
