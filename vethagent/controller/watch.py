"""What no message tells: that an agent is silent, and that something has come to rest.

What is shown does not wait for this, it is judged when somebody asks. It is for history and those who are notified. Any
number of controllers may run it; each thing is noted once.
"""

import datetime
import logging
import threading
from collections.abc import Iterable, Sequence

import sqlalchemy
from sqlalchemy import orm

from vethagent import exceptions
from vethagent.controller import damping, history
from vethagent.controller.db import models
from vethagent.controller.db.database import Database, retried
from vethagent.controller.liveness import Liveness, reports

LOG = logging.getLogger(__name__)

#: Rows in one transaction.
_CHUNK = 500

#: Seconds between two looks, and the part of agent_down_time that it is at most.
_LOOK_EACH, _SHARE = 10.0, 5


class Watch:
    """Looks now and then, on a thread of its own."""

    def __init__(self, database: Database, liveness: Liveness) -> None:
        self._database = database
        self._liveness = liveness
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, listening: threading.Event) -> None:
        """Begin once agents have been listened to for agent_down_time: before that all of them are silent."""
        self._thread = threading.Thread(target=self._run, args=(listening,), name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()

    def look(self) -> None:
        """Note all that is to be noted now."""
        agent, link = models.Agent, models.BridgeLink
        for key, which, note in (
            (agent.host, self._silent, self._note_down),
            (agent.host, lambda: self._at_rest(agent), self._note_rest_of_agents),
            (link.id, lambda: self._at_rest(link), self._note_rest_of_links),
        ):
            while found := self._some(key, which()):
                note(found)

    def _some(self, key: orm.InstrumentedAttribute[str], which: sqlalchemy.ColumnElement[bool]) -> Sequence[str]:
        # Without a lock: to look for them, MySQL would lock all the others too.
        with self._database.reader() as session:
            return session.scalars(sqlalchemy.select(key).where(which).order_by(key).limit(_CHUNK)).all()

    def _run(self, listening: threading.Event) -> None:
        down_time = self._liveness.agent_down_time
        while not listening.wait(1):
            if self._ended.is_set():
                return
        if self._ended.wait(down_time):
            return
        while not self._ended.wait(min(_LOOK_EACH, down_time / _SHARE)):
            try:
                self.look()
            except exceptions.DatabaseUnavailable as error:  # which the log says once
                LOG.debug("silent agents were not looked for: %s", error)
            except Exception:
                LOG.exception("silent agents could not be looked for")

    @retried
    def _note_down(self, hosts: Sequence[str]) -> None:
        now = self._liveness.now()
        with self._database.writer() as session:
            for row in _agents(session, hosts, self._silent()):
                LOG.warning("the agent of %s is DOWN: it reported last at %s", row.host, row.reported_at)
                history.record_agents(session, note_down(row, now, self._liveness))

    @retried
    def _note_rest_of_agents(self, hosts: Sequence[str]) -> None:
        now = self._liveness.now()
        with self._database.writer() as session:
            for row in _agents(session, hosts, self._at_rest(models.Agent)):
                message = "down" if row.noted_down else "alive"
                told = history.agent_change(row.host, "", now, by=history.CONTROLLER, message=message)
                history.record_agents(session, [history.steady(row, told, word="kind")])

    @retried
    def _note_rest_of_links(self, ids: Sequence[str]) -> None:
        link, now = models.BridgeLink, self._liveness.now()
        plain = (orm.lazyload(link.ends), orm.lazyload(link.label_rows))
        statement = sqlalchemy.select(link).options(*plain).where(link.id.in_(ids), self._at_rest(link))
        with self._database.writer() as session:
            for row in session.scalars(statement.order_by(link.id).with_for_update()):
                told = history.change(row, now, by=history.CONTROLLER, request_id=None)
                history.record(session, [history.steady(row, told, word="status")])

    def _silent(self) -> sqlalchemy.ColumnElement[bool]:
        agent = models.Agent
        silent = ~reports(agent.reported_at, self._liveness.recent())
        return silent & ~agent.noted_down & agent.deleted_at.is_(None)

    def _at_rest(self, thing: type[models.Flapping]) -> sqlalchemy.ColumnElement[bool]:
        # The same rule as Flaps.rests.
        now, rest = self._liveness.now(), datetime.timedelta(seconds=damping.REST)
        return thing.flap_untold.is_not(None) & ((thing.flap_at <= now - rest) | (thing.flap_at > now + rest))


def note_down(agent: models.Agent, now: datetime.datetime, liveness: Liveness) -> list[dict[str, object]]:
    """Take down that ``agent`` is silent, and return what history has to tell of that."""
    agent.noted_down = True
    since = agent.reported_at + datetime.timedelta(seconds=liveness.agent_down_time)
    message = f"no report since {agent.reported_at.astimezone(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
    told = history.agent_change(agent.host, "DOWN", min(since, now), by=history.CONTROLLER, message=message)
    return history.damped(agent, [told], now, limit=damping.AGENT_LIMIT, word="kind")


def _agents(
    session: orm.Session, hosts: Sequence[str], which: sqlalchemy.ColumnElement[bool]
) -> Iterable[models.Agent]:
    """Return those of ``hosts``, locked, of which ``which`` still holds."""
    agent = models.Agent
    statement = sqlalchemy.select(agent).options(orm.lazyload(agent.label_rows)).where(agent.host.in_(hosts), which)
    return session.scalars(statement.order_by(agent.host).with_for_update()).all()
