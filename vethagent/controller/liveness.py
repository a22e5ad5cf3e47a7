"""Whether an agent is alive, judged when somebody asks.

Nothing is written when an agent falls silent: every controller and API comes to the same answer from the time of the
last report, so there is no race between them, no storm of updates when the bus was away, and what the agent last said
of its links is not lost. Times are those of the database's clock, never of the agent. If that is set forward or back
no report is any older for it: for as long as an agent may be silent, what would be recent by the clock as it was is so.

Lists are selected and sorted by the database, so it has to judge too. The rules are here once: they take values, and
columns just as well.
"""

import dataclasses
import datetime
from collections.abc import Callable
from typing import NamedTuple, TypeVar, overload

import sqlalchemy
from sqlalchemy import orm

from vethagent.model import Reason, Status

#: What is so, or the condition on columns for it.
B = TypeVar("B", bool, sqlalchemy.ColumnElement[bool])


def utcnow() -> datetime.datetime:
    """Return the time of this host."""
    return datetime.datetime.now(datetime.UTC)


#: By how much the clock of another controller may be ahead: it may have been set, and not everybody has noticed.
_AHEAD = datetime.timedelta(minutes=10)

#: As what links of a silent agent are shown, but for those that go: nobody can say that they work.
SILENT, GOING = (Status.DOWN.value, Reason.AGENT_DOWN.value), Status.PENDING_DELETE.value


class Span(NamedTuple):
    """When a report was taken that is just recent enough, and one that is dated too late to be believed."""

    oldest: datetime.datetime
    newest: datetime.datetime


#: A report in any of them is recent.
Recent = tuple[Span, ...]


@overload
def reports(reported_at: datetime.datetime, recent: Recent) -> bool: ...
@overload
def reports(
    reported_at: orm.InstrumentedAttribute[datetime.datetime], recent: Recent
) -> sqlalchemy.ColumnElement[bool]: ...
def reports(
    reported_at: datetime.datetime | orm.InstrumentedAttribute[datetime.datetime], recent: Recent
) -> bool | sqlalchemy.ColumnElement[bool]:
    """Return whether an agent that reported last at ``reported_at`` is alive.

    A time to come is that of a clock which was set back since: who died meanwhile would be alive until it is reached.
    """
    if isinstance(reported_at, datetime.datetime):
        return any(span.oldest <= reported_at <= span.newest for span in recent)
    return sqlalchemy.or_(*((reported_at >= span.oldest) & (reported_at <= span.newest) for span in recent))


def believed(alive: B, going: B) -> B:
    """Return whether a link is shown as it is held: its agent is ``alive``, or it is ``going``."""
    return alive | going


def judged(status: str, reason: str, *, alive: bool) -> tuple[str, str]:
    """Return status and reason of a link as they are shown."""
    return (status, reason) if believed(alive, status == GOING) else SILENT


def judged_status(
    status: orm.InstrumentedAttribute[str],
    reported_at: orm.InstrumentedAttribute[datetime.datetime],
    recent: Recent,
) -> sqlalchemy.ColumnElement[str]:
    """Return the status as it is shown, of these columns of a link and of its agent."""
    held = believed(reports(reported_at, recent), status == GOING)
    return sqlalchemy.case((held, status), else_=SILENT[0])


@dataclasses.dataclass(frozen=True)
class Shown:
    """What is shown as the state of a link."""

    status: str
    reason: str
    message: str
    changed_at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Liveness:
    """Judges by ``agent_down_time``, seconds without a report; ``unmoved`` as of Clock."""

    agent_down_time: float
    now: Callable[[], datetime.datetime] = utcnow
    unmoved: Callable[[float], datetime.datetime | None] = lambda _: None

    def recent(self) -> Recent:
        """Return when an agent that is alive has reported."""
        silence = datetime.timedelta(seconds=self.agent_down_time)
        moments = self.now(), self.unmoved(self.agent_down_time)
        return tuple(Span(moment - silence, moment + _AHEAD) for moment in moments if moment is not None)

    def is_alive(self, reported_at: datetime.datetime) -> bool:
        """Return whether an agent that reported then is alive."""
        return reports(reported_at, self.recent())

    def shown(self, held: Shown, reported_at: datetime.datetime) -> Shown:
        """Return ``held`` as it is shown."""
        status, reason = judged(held.status, held.reason, alive=self.is_alive(reported_at))
        if (status, reason) == (held.status, held.reason):
            return held
        now, since = self.now(), reported_at + datetime.timedelta(seconds=self.agent_down_time)
        message = f"the agent has not reported for {self.agent_down_time:g} seconds"
        if reported_at > now:
            message = "the agent has not reported since a clock was set back"
        return Shown(status=status, reason=reason, message=message, changed_at=min(since, now))
