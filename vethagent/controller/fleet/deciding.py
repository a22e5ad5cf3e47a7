"""What is to happen next in a roll-out, and what has become of one host of it; pure."""

import dataclasses
import datetime
import enum

from vethagent import model
from vethagent.model import Reason, Status


class RolloutState(enum.StrEnum):
    """RUNNING begins batches; PAUSED is a person's wish; STOPPED is for too many failures. The others have ended."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"
    COMPLETED = "COMPLETED"
    SUPERSEDED = "SUPERSEDED"


#: A roll-out in one of these can still be brought to its end.
OPEN = (RolloutState.RUNNING, RolloutState.PAUSED, RolloutState.STOPPED)


class MemberState(enum.StrEnum):
    """Of one host of a template: its turn has not come; asked; as wanted; not so; nobody there to answer."""

    WAITING = "WAITING"
    STARTED = "STARTED"
    DONE = "DONE"
    FAILED = "FAILED"
    AWAY = "AWAY"


@dataclasses.dataclass(frozen=True)
class Tally:
    """Hosts of a roll-out by state; of the waiting ones those ``here`` have an agent that would act now."""

    here: int = 0
    not_here: int = 0
    started: int = 0
    done: int = 0
    failed: int = 0
    away: int = 0

    @property
    def judged(self) -> int:
        """Return how many were begun and have an agent that can fail."""
        return self.started + self.done + self.failed


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a roll-out is: ``batches`` were begun, and since ``settled_at`` none of them is waited for."""

    state: RolloutState
    batches: int
    settled_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True)
class Rest:
    """Nothing is to be done before something happens."""


@dataclasses.dataclass(frozen=True)
class Settle:
    """The batch is over, and the pause begins."""


@dataclasses.dataclass(frozen=True)
class Sleep:
    """The pause lasts until then."""

    until: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Start:
    """Begin so many hosts; with ``here`` False those whose agents are not there, all of them."""

    count: int
    here: bool = True


@dataclasses.dataclass(frozen=True)
class Stop:
    """Too many have failed."""

    message: str


@dataclasses.dataclass(frozen=True)
class Complete:
    """Every host had its turn."""


Action = Rest | Settle | Sleep | Start | Stop | Complete


def decide(progress: Progress, tally: Tally, policy: model.RolloutPolicy, now: datetime.datetime) -> Action:
    """Return the next step of a roll-out.

    Agents that are not there come last and are not waited for: what they get was seen to work elsewhere by then, and
    they are no canary.
    """
    if progress.state is not RolloutState.RUNNING:
        return Rest()
    if tally.failed > policy.max_failure_share * tally.judged:
        share = f"{tally.failed} of {tally.judged} hosts begun have failed"
        return Stop(f"{share}, {policy.max_failure_share:.0%} may")
    if tally.started:
        return Rest()
    if not tally.here and not tally.not_here:
        return Complete()
    return _next_batch(progress, tally, policy, now)


def _next_batch(progress: Progress, tally: Tally, policy: model.RolloutPolicy, now: datetime.datetime) -> Action:
    if progress.batches:
        if progress.settled_at is None:
            return Settle()
        until = progress.settled_at + datetime.timedelta(seconds=policy.pause)
        if now < until:
            return Sleep(until)
    if not tally.here:
        return Start(tally.not_here, here=False)
    size = policy.batch_size if progress.batches or not policy.canary else policy.canary
    return Start(min(size, tally.here))


@dataclasses.dataclass(frozen=True)
class LinkNow:
    """What of a link tells whether its host is as wanted."""

    status: str
    reason: str
    message: str
    generation: int
    observed_generation: int | None
    admin_state_up: bool


@dataclasses.dataclass(frozen=True)
class MemberNow:
    """One host: whether its link is to go, and since when it has been asked."""

    state: MemberState
    leaving: bool
    started_at: datetime.datetime


def judge(
    member: MemberNow, link: LinkNow | None, *, here: bool, now: datetime.datetime, time_limit: float
) -> tuple[MemberState, str]:
    """Return the state of a host that was begun, and a sentence if it is not as wanted.

    Only an agent that is there can fail; one that fell silent is AWAY once its time is over.
    """
    if link is None:
        return (MemberState.DONE, "") if member.leaving else (member.state, "")
    answered = (link.observed_generation or 0) >= link.generation
    if not member.leaving and answered:
        if link.status == Status.ERROR:
            return MemberState.FAILED, f"{link.reason}: {link.message}"
        if link.status == Status.ACTIVE or (not link.admin_state_up and link.reason == Reason.ADMIN_DOWN):
            return MemberState.DONE, ""
    if member.state is not MemberState.STARTED or now < member.started_at + datetime.timedelta(seconds=time_limit):
        return member.state, ""
    if not here:
        return MemberState.AWAY, "its agent was not there"
    wanted = "gone" if member.leaving else "as wanted"
    return MemberState.FAILED, f"not {wanted} after {time_limit:g} seconds: {link.status} {link.reason}".rstrip()
