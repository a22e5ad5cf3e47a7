"""Operations on roll-outs."""

import logging
from collections.abc import Sequence

import sqlalchemy
from sqlalchemy import orm

from vethagent import logs, model
from vethagent.controller import history, paging
from vethagent.controller.db import models
from vethagent.controller.db.database import Database, retried
from vethagent.controller.errors import NotFound, RolloutOver, UnknownRevision
from vethagent.controller.fleet import placing, showing, starting
from vethagent.controller.fleet.advancing import enter
from vethagent.controller.fleet.deciding import OPEN, MemberState, RolloutState
from vethagent.controller.fleet.fleet import Fleet
from vethagent.controller.fleet.requests import ROLLOUT_SORT_KEYS, RolloutQuery
from vethagent.controller.liveness import Liveness
from vethagent.rpc import transport as bus
from vethagent.rpc.agent_api import AgentAPI

LOG = logging.getLogger(__name__)


class Rollouts:
    """What the API does with roll-outs."""

    def __init__(self, database: Database, agent_api: AgentAPI, liveness: Liveness) -> None:
        self._database = database
        self._liveness = liveness
        self._fleet = Fleet(database, agent_api, liveness)

    def show(self, rollout_id: str) -> showing.Rollout:
        """Return one roll-out; raise NotFound."""
        with self._database.reader() as session:
            row, name = _get(session, rollout_id)
            return showing.rollout_of(row, name)

    def list(self, query: RolloutQuery) -> tuple[Sequence[showing.Rollout], bool]:
        """Return the roll-outs that ``query`` asks for, and whether there are more; raise UnknownMarker."""
        table = models.Rollout
        statement = _with_name()
        if query.template_id is not None:
            statement = statement.where(table.template_id == query.template_id)
        if query.state is not None:
            statement = statement.where(table.state == query.state.value)
        by = paging.order(query.sort, {name: getattr(table, name) for name in ROLLOUT_SORT_KEYS}, table.id)
        with self._database.reader() as session:
            page = paging.page(session, statement, by, query.marker, every=_with_name())
            rows = session.execute(page.limit(query.limit + 1)).all()
        return [showing.rollout_of(*row) for row in rows[: query.limit]], len(rows) > query.limit

    def history(self, rollout_id: str) -> Sequence[showing.RolloutChange]:
        """Return what happened to a roll-out, the oldest first; raise NotFound."""
        table = models.RolloutChange
        statement = sqlalchemy.select(table).where(table.rollout_id == rollout_id).order_by(table.id)
        with self._database.reader() as session:
            _get(session, rollout_id)
            return [showing.change_of(row) for row in session.scalars(statement)]

    def pause(self, context: bus.Context, rollout_id: str) -> showing.Rollout:
        """Begin no more batches; what was begun goes on. Raise NotFound or RolloutOver."""
        self._enter(context, rollout_id, RolloutState.PAUSED, (RolloutState.RUNNING, RolloutState.STOPPED))
        return self.show(rollout_id)

    def resume(self, context: bus.Context, rollout_id: str) -> showing.Rollout:
        """Go on, after what has failed was tried again. Raise NotFound or RolloutOver."""
        template_id = self._enter(
            context, rollout_id, RolloutState.RUNNING, (RolloutState.PAUSED, RolloutState.STOPPED)
        )
        self._fleet.advance(template_id)
        return self.show(rollout_id)

    def undo(self, context: bus.Context, rollout_id: str, revision: int | None = None) -> showing.Rollout:
        """Let what an earlier revision wanted be the newest one, and return its roll-out.

        Raise NotFound, RolloutOver if this is not the newest roll-out of its template, or UnknownRevision.
        """
        template_id, undoing = self._undo(context, rollout_id, revision)
        about = logs.about(request_id=context.get("request_id"))
        LOG.info("the roll-out %s is undone by %s", rollout_id, undoing, extra=about)
        self._fleet.advance(template_id)
        return self.show(undoing)

    @retried
    def _enter(
        self, context: bus.Context, rollout_id: str, state: RolloutState, from_states: Sequence[RolloutState]
    ) -> str:
        with self._database.writer() as session:
            template, rollout = _locked(session, rollout_id)
            if rollout.state not in OPEN:
                raise RolloutOver(f"the roll-out {rollout_id} is {rollout.state}")
            if rollout.state in from_states:
                by, request_id, now = history.user_of(context), context.get("request_id"), self._liveness.now()
                enter(session, rollout, state, "", by=by, request_id=request_id, now=now)
                if state is RolloutState.RUNNING:
                    _retry(session, rollout)
                template.look_at = now
        about = logs.about(request_id=context.get("request_id"))
        LOG.info("the roll-out %s is %s", rollout_id, state, extra=about)
        return template.id

    @retried
    def _undo(self, context: bus.Context, rollout_id: str, number: int | None) -> tuple[str, str]:
        with self._database.writer() as session:
            placing.lock_membership(session)
            template, rollout = _locked(session, rollout_id)
            if template.rollout_id != rollout.id:
                raise RolloutOver(f"there is a newer roll-out of the template: {template.rollout_id}")
            before = template.revision - 1 if number is None else number
            revision = session.get(models.TemplateRevision, (template.id, before))
            if revision is None:
                raise UnknownRevision(f"the link template {template.name} has no revision {before} to go back to")
            now = self._liveness.now()
            template.generation += 1
            template.updated_at = now
            link = model.TemplateLink.model_validate(revision.link)
            selector = model.Selector.model_validate(revision.selector)
            begun = starting.start(session, template, link=link, selector=selector, context=context, now=now)
        return template.id, begun.id


def _retry(session: orm.Session, rollout: models.Rollout) -> None:
    """Have those begun again that have failed; they are waited for like a batch."""
    member = models.TemplateMember
    failed = sqlalchemy.select(member).where(member.rollout_id == rollout.id, member.state == MemberState.FAILED)
    for row in session.scalars(failed):
        row.state, row.message, row.started_at = MemberState.STARTED, "", None
        rollout.settled_at = None


def _with_name() -> sqlalchemy.Select[models.Rollout, str]:
    template = models.LinkTemplate
    return sqlalchemy.select(models.Rollout, template.name).join(template, template.id == models.Rollout.template_id)


def _get(session: orm.Session, rollout_id: str) -> tuple[models.Rollout, str]:
    found = session.execute(_with_name().where(models.Rollout.id == rollout_id)).one_or_none()
    if found is None:
        raise NotFound(f"there is no roll-out {rollout_id}")
    return found[0], found[1]


def _locked(session: orm.Session, rollout_id: str) -> tuple[models.LinkTemplate, models.Rollout]:
    """Return a roll-out and its template, whose lock is held; raise NotFound."""
    template, rollout = models.LinkTemplate, models.Rollout
    statement = (
        sqlalchemy.select(template)
        .join(rollout, rollout.template_id == template.id)
        .where(rollout.id == rollout_id)
        .with_for_update()
    )
    held = session.scalars(statement).one_or_none()
    row = session.get(rollout, rollout_id) if held is not None else None
    if held is None or row is None:
        raise NotFound(f"there is no roll-out {rollout_id}")
    return held, row
