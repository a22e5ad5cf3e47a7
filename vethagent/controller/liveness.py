"""Whether an agent is alive, judged when somebody asks.

Nothing is written when an agent falls silent: every controller and API comes to the same answer from the time of the
last report, so there is no race between them, no storm of updates when the bus was away, and what the agent last said
of its links is not lost. Times are those of the receiving controller, never of the agent.
"""

import dataclasses
import datetime
from collections.abc import Callable

from vethagent.model import Reason, Status


def utcnow() -> datetime.datetime:
    """Return the time of this host."""
    return datetime.datetime.now(datetime.UTC)


#: As what links of a silent agent are shown, but for those that go: nobody can say that they work.
SILENT, GOING = (Status.DOWN.value, Reason.AGENT_DOWN.value), Status.PENDING_DELETE.value


def judged(status: str, reason: str, *, alive: bool) -> tuple[str, str]:
    """Return status and reason of a link as they are shown."""
    return (status, reason) if alive or status == GOING else SILENT


@dataclasses.dataclass(frozen=True)
class Shown:
    """What is shown as the state of a link."""

    status: str
    reason: str
    message: str
    changed_at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Liveness:
    """Judges by ``agent_down_time``, seconds without a report."""

    agent_down_time: float
    now: Callable[[], datetime.datetime] = utcnow

    def oldest_alive(self) -> datetime.datetime:
        """Return the time of a report that is just recent enough."""
        return self.now() - datetime.timedelta(seconds=self.agent_down_time)

    def is_alive(self, reported_at: datetime.datetime) -> bool:
        """Return whether an agent that reported then is alive."""
        return reported_at >= self.oldest_alive()

    def shown(self, held: Shown, reported_at: datetime.datetime) -> Shown:
        """Return ``held`` as it is shown."""
        status, reason = judged(held.status, held.reason, alive=self.is_alive(reported_at))
        if (status, reason) == (held.status, held.reason):
            return held
        return Shown(
            status=status,
            reason=reason,
            message=f"the agent has not reported for {self.agent_down_time:g} seconds",
            changed_at=reported_at + datetime.timedelta(seconds=self.agent_down_time),
        )
