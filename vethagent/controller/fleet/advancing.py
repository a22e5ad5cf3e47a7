"""The next step of one template: what became of its members is judged, and its roll-out goes on if it may."""

import datetime
from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from vethagent import model
from vethagent.controller.db import models
from vethagent.controller.db.bytewise import Bytewise
from vethagent.controller.fleet import deciding, presence
from vethagent.controller.fleet.deciding import LinkNow, MemberNow, MemberState, RolloutState, Tally
from vethagent.controller.fleet.placing import Placed, Placer
from vethagent.controller.liveness import Liveness
from vethagent.model import Reason, Status

#: Hosts that are begun in one transaction outside of batches.
_CHUNK = 100

#: How much later than others those are looked at of which no answer is awaited; nobody is left alone for longer.
SLOWER = 10

_Row = tuple[models.TemplateMember, models.BridgeLink | None, bool]


class Turn:
    """One transaction's work on ``template``, whose lock is held. ``again`` tells that there is more to do at once."""

    def __init__(
        self,
        session: orm.Session,
        template: models.LinkTemplate,
        rollout: models.Rollout,
        liveness: Liveness,
        *,
        backstop: datetime.timedelta,
        claimed: bool,
    ) -> None:
        self._session = session
        self._template = template
        self._rollout = rollout
        self._now = liveness.now()
        self._here = presence.here(liveness.recent())
        self._policy = model.RolloutPolicy.model_validate(rollout.policy)
        self._placer = Placer(session, template, {"request_id": rollout.request_id}, self._now, claimed=claimed)
        self._backstop = backstop
        self.again = False
        self.changes: list[str] = []

    def take(self) -> Placed:
        """Do it, and return what is to be cast; raise Unclaimed."""
        self._begin_unrolled()
        self._session.flush()
        self._judge()
        self._session.flush()
        until = self._advance()
        self._session.flush()
        self._rollout.counts = _counts(self._tally())
        self._template.look_at = self._next_look(until)
        return self._placer.placed

    def _judge(self) -> None:
        for member, link, here in self._unsettled():
            if member.started_at is None or (link is None and not member.leaving):
                # It is to be tried again, its link from before is gone, or could not be made and now may be.
                self._placer.start(member, here=here)
                continue
            member.started_at = min(member.started_at, self._now)  # the clock may have been set back
            begun = MemberNow(MemberState(member.state), member.leaving, member.started_at)
            state, message = deciding.judge(
                begun, _now_of(link), here=here, now=self._now, time_limit=self._policy.time_limit
            )
            if state != member.state:
                member.state, member.message = state, message
        gone = self._members().where(
            models.TemplateMember.leaving, models.TemplateMember.state == MemberState.DONE, self._unrolled()
        )
        for member in self._session.scalars(gone):
            self._session.delete(member)

    def _unsettled(self) -> Sequence[_Row]:
        """Return members whose state may be another by now; those for which nothing was heard are left out."""
        member, link, agent = models.TemplateMember, models.BridgeLink, models.Agent
        gone = link.id.is_(None)
        # A link that could not be changed is well, and yet not as wanted.
        brought = member.revision == self._template.revision
        as_wanted = brought & ((link.status == Status.ACTIVE) | (link.reason == Reason.ADMIN_DOWN))
        worth = sqlalchemy.or_(
            member.state == MemberState.STARTED,
            (member.state == MemberState.AWAY) & (gone | (link.observed_generation >= link.generation)),
            (member.state == MemberState.FAILED) & as_wanted,
            (member.state == MemberState.FAILED) & gone & (member.leaving | self._unrolled()),
            (member.state == MemberState.DONE) & (link.status == Status.ERROR),
        )
        statement = (
            sqlalchemy.select(member, link, self._here)
            .join(agent, agent.host == member.host)
            .outerjoin(link, (link.template_id == member.template_id) & (link.host == member.host))
            .options(orm.lazyload(link.ends), orm.lazyload(link.label_rows))
            .where(member.template_id == self._template.id, worth)
            .order_by(member.host)
        )
        return [(row[0], row[1], bool(row[2])) for row in self._session.execute(statement)]

    def _begin_unrolled(self) -> None:
        """Begin hosts that wait for no roll-out."""
        waiting = self._waiting(self._unrolled(), limit=_CHUNK)
        for member, here in waiting:
            self._placer.start(member, here=here)
        self.again = len(waiting) == _CHUNK

    def _advance(self) -> datetime.datetime | None:
        """Take the roll-out one step on; return until when it has to wait, if only time can tell."""
        rollout = self._rollout
        if rollout.settled_at is not None:
            rollout.settled_at = min(rollout.settled_at, self._now)
        progress = deciding.Progress(RolloutState(rollout.state), rollout.batches, rollout.settled_at)
        action = deciding.decide(progress, self._tally(), self._policy, self._now)
        match action:
            case deciding.Sleep(until):
                return until
            case deciding.Settle():
                rollout.settled_at = self._now
                self.again = True
            case deciding.Start(count, here):
                self._begin(count, here=here)
                self.again = True
            case deciding.Stop(message):
                self._enter(RolloutState.STOPPED, message)
            case deciding.Complete():
                self._enter(RolloutState.COMPLETED, "")
            case deciding.Rest():
                pass
        return None

    def _begin(self, count: int, *, here: bool) -> None:
        rollout = self._rollout
        chosen = self._waiting(models.TemplateMember.rollout_id == rollout.id, limit=min(count, 200), here=here)
        for member, is_here in chosen:
            member.batch = rollout.batches
            self._placer.start(member, here=is_here)
        rollout.batches += 1
        rollout.settled_at = None
        names = [member.host for member, _ in chosen]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        begun = f"batch {rollout.batches}: {', '.join(names[:5])}{more}"
        self._enter(RolloutState.RUNNING, begun if here else f"{begun}, whose agents are not there")

    def _enter(self, state: RolloutState, message: str) -> None:
        enter(self._session, self._rollout, state, message, by="controller", request_id=None, now=self._now)
        self.changes.append(f"{state}{': ' if message else ''}{message}")

    def _waiting(
        self, which: sqlalchemy.ColumnElement[bool], *, limit: int, here: bool | None = None
    ) -> Sequence[tuple[models.TemplateMember, bool]]:
        member, agent = models.TemplateMember, models.Agent
        statement = (
            sqlalchemy.select(member, self._here)
            .join(agent, agent.host == member.host)
            .where(member.template_id == self._template.id, member.state == MemberState.WAITING, which)
            .order_by(Bytewise(member.host))
            .limit(limit)
        )
        if here is not None:
            statement = statement.where(self._here if here else ~self._here)
        return [(row[0], bool(row[1])) for row in self._session.execute(statement)]

    def _tally(self) -> Tally:
        member, agent = models.TemplateMember, models.Agent
        statement = (
            sqlalchemy.select(member.state, self._here, sqlalchemy.func.count())
            .join(agent, agent.host == member.host)
            .where(member.template_id == self._template.id, member.rollout_id == self._rollout.id)
            .group_by(member.state, self._here)
        )
        counts: dict[str, int] = {}
        for state, here, count in self._session.execute(statement):
            name = state.lower() if state != MemberState.WAITING else "here" if here else "not_here"
            counts[name] = counts.get(name, 0) + count
        return Tally(**counts)

    def _next_look(self, until: datetime.datetime | None) -> datetime.datetime | None:
        """Return when to look again if no event comes: of who waits for an answer one may have been lost."""
        member = models.TemplateMember
        lost = (member.state == MemberState.FAILED) & self._unrolled()
        waited = sqlalchemy.select(
            sqlalchemy.func.count(),
            sqlalchemy.func.sum(sqlalchemy.case(((member.state == MemberState.STARTED) | lost, 1), else_=0)),
            sqlalchemy.func.min(sqlalchemy.case((member.state == MemberState.STARTED, member.started_at))),
        ).where(member.template_id == self._template.id, member.state != MemberState.DONE)
        unsettled, asked, first = self._session.execute(waited).one()
        moments = [] if until is None else [until]
        if unsettled:
            moments.append(self._now + self._backstop * (1 if asked else SLOWER))
        if first is not None:
            limit = first + datetime.timedelta(seconds=self._policy.time_limit)
            moments += [limit] if limit > self._now else []
        return min([*moments, self._now + self._backstop * SLOWER]) if moments else None

    def _members(self) -> sqlalchemy.Select[models.TemplateMember]:
        table = models.TemplateMember
        return sqlalchemy.select(table).where(table.template_id == self._template.id)

    def _unrolled(self) -> sqlalchemy.ColumnElement[bool]:
        return models.TemplateMember.rollout_id.is_(None)


def enter(
    session: orm.Session,
    rollout: models.Rollout,
    state: RolloutState,
    message: str,
    *,
    by: str,
    request_id: str | None,
    now: datetime.datetime,
) -> None:
    """Let ``rollout`` be in ``state``, and remember who did it; its batches are told as what it does in RUNNING."""
    if rollout.state != state:
        rollout.state, rollout.state_changed_at = state, now
    rollout.message = message
    session.add(
        models.RolloutChange(
            rollout_id=rollout.id,
            state=state,
            message=message,
            changed_by=by,
            request_id=request_id,
            changed_at=now,
        )
    )


def _counts(tally: Tally) -> dict[str, Any]:
    waiting = tally.here + tally.not_here
    known = {name: getattr(tally, name) for name in ("started", "done", "failed", "away")}
    return {"total": waiting + sum(known.values()), "waiting": waiting} | known


def _now_of(link: models.BridgeLink | None) -> LinkNow | None:
    if link is None:
        return None
    return LinkNow(
        status=link.status,
        reason=link.reason,
        message=link.message,
        generation=link.generation,
        observed_generation=link.observed_generation,
        admin_state_up=link.admin_state_up,
    )
