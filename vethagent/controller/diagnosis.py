"""Why a link is as it is: every condition with what is wanted and what is observed; pure."""

import datetime
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydantic import Field

from vethagent import model
from vethagent.controller import views
from vethagent.controller.timing import happened_at
from vethagent.model import BridgeKind, Mode, Reason, Status

#: Of the state of the two ends, what a condition is about.
_Value = Callable[[Sequence[model.EndState]], object]


class Condition(model.Model):
    """One thing that has to be so for the link to be as wanted."""

    name: str
    wanted: str
    observed: str
    met: bool
    since: datetime.datetime | None = Field(description="Since when it is observed so; null if that is not known")


class Diagnosis(model.Model):
    """Why a link is as it is."""

    link_id: model.LinkId
    status: model.AnyStatus
    reason: model.AnyReason
    sentence: str = Field(description="Why it is not ACTIVE, or that it is")
    conditions: tuple[Condition, ...]


def diagnose(
    link: views.Link,
    agent: views.Agent,
    events: Sequence[views.Event],
    *,
    changes: Sequence[views.AgentChange] = (),
    ring: str | None = None,
    loop: str | None = None,
) -> Diagnosis:
    """Return the diagnosis of ``link``.

    ``events`` are its port events and ``changes`` those of its agent, the newest first; ``ring`` is the way round
    through physical networks, if it closes one, ``loop`` another way between its bridges.
    """
    conditions = (
        *_of_agent(agent, changes),
        _of_generation(link, events),
        *_of_ends(link, events),
        *_of_differences(link),
        *_of_ring(ring),
        *_of_loop(loop),
    )
    return Diagnosis(
        link_id=link.id,
        status=link.status,
        reason=link.reason,
        sentence=_sentence(link, agent, conditions, ring, loop),
        conditions=conditions,
    )


def _sentence(
    link: views.Link, agent: views.Agent, conditions: Sequence[Condition], ring: str | None, loop: str | None
) -> str:
    if link.status == Status.ACTIVE:
        doubt = f", but {link.message}" if link.message else ""
        closes = f", and closes a ring: {ring}" if ring is not None else ""
        closes += f", and closes a loop: {loop}" if loop is not None else ""
        was = f"was as wanted when the agent of {link.host} was paused, which has not looked at it since"
        return f"The link {was if agent.reported_mode == Mode.PAUSED else 'is as wanted'}{doubt}{closes}."
    if not agent.alive:
        return f"Nobody knows: the agent of {link.host} reported last at {_text(agent.reported_at)}."
    if (link.observed_generation or 0) < link.generation:
        since = _text(link.updated_at)
        return f"The agent has not told of generation {link.generation} yet, which is wanted since {since}."
    if agent.reported_mode == Mode.PAUSED:
        return f"The agent of {link.host} is paused and does nothing."
    why = f"{link.reason}: {link.message}" if link.message else _first_unmet(link, conditions)
    if agent.reported_mode == Mode.OBSERVE and link.reason == Reason.DRIFT:
        return f"The agent of {link.host} only observes, so it does not repair the link. {why}"
    return why


def _first_unmet(link: views.Link, conditions: Sequence[Condition]) -> str:
    unmet = [f"{each.name}: wanted is {each.wanted}, it is {each.observed}." for each in conditions if not each.met]
    return unmet[0] if unmet else f"The link is {link.status}" + (f" ({link.reason})." if link.reason else ".")


def _of_agent(agent: views.Agent, changes: Sequence[views.AgentChange]) -> Iterator[Condition]:
    yield Condition(
        name="agent alive",
        wanted=f"a report each {agent.report_interval:g} s",
        observed=f"the last one at {_text(agent.reported_at)}",
        met=agent.alive,
        since=_last(changes, "REVIVED") if agent.alive else agent.reported_at,
    )
    problems = "; ".join(f"{reason.part}: {reason.message}" for reason in agent.health)
    yield Condition(
        name="agent healthy",
        wanted="nothing wrong",
        observed=problems or "nothing wrong",
        met=not problems,
        since=_last(changes, "HEALTH"),
    )
    yield Condition(
        name="agent mode",
        wanted=Mode.ENFORCE,
        observed=agent.reported_mode,
        met=agent.reported_mode == Mode.ENFORCE,
        since=_last(changes, "MODE"),
    )


def _last(changes: Sequence[views.AgentChange], kind: str) -> datetime.datetime | None:
    """Return when a change of that ``kind`` was the last; if none was, it is so since the agent is known."""
    return next((each.changed_at for each in changes if each.kind in (kind, "NEW")), None)


def _of_generation(link: views.Link, events: Sequence[views.Event]) -> Condition:
    known = (link.observed_generation or 0) >= link.generation
    told = [_seen(event) for event in events if event.generation >= link.generation]
    return Condition(
        name="generation",
        wanted=str(link.generation),
        observed="none yet" if link.observed_generation is None else str(link.observed_generation),
        met=known,
        since=min(told, default=None) if known else link.updated_at,
    )


def _of_ends(link: views.Link, events: Sequence[views.Event]) -> Iterator[Condition]:
    for number, (wanted, end) in enumerate(zip(link.ends, link.observed, strict=False)):
        for name, expected, value, met in _facts(link, wanted, end):
            yield Condition(
                name=f"{end.device} {name.replace('_', ' ')}",
                wanted=expected,
                observed=_text(value),
                met=met,
                since=_since(lambda ends, at=number, of=name: getattr(ends[at], of), value, events),  # type: ignore[misc]
            )
    if len(link.observed) == 2:
        first, second = link.observed
        paired = first.ifindex is not None and (first.ifindex, first.peer_ifindex) == (
            second.peer_ifindex,
            second.ifindex,
        )
        yield Condition(
            name="pair",
            wanted="each the peer of the other",
            observed="so" if paired else f"peers {_text(first.peer_ifindex)} and {_text(second.peer_ifindex)}",
            met=paired,
            since=_since(_peers, _peers(link.observed), events),
        )


def _facts(link: views.Link, wanted: model.LinkEnd, end: model.EndState) -> Iterator[tuple[str, str, Any, bool]]:
    """Yield (field of EndState, what is wanted, what is observed, whether that is so)."""
    yield "present", "yes", end.present, end.present
    yield "attached_to", wanted.bridge, end.attached_to, end.attached_to == wanted.bridge
    yield "up", _text(link.admin_state_up), end.up, end.up == link.admin_state_up
    if link.admin_state_up:
        yield "carrier", "yes", end.carrier, bool(end.carrier)
    if link.mtu is not None:
        yield "mtu", str(link.mtu), end.mtu, end.mtu == link.mtu
    if wanted.mac is not None:
        yield "mac", wanted.mac, end.mac, end.mac == wanted.mac
    if end.kind == BridgeKind.OVS:
        yield "ofport", "above 0", end.ofport, (end.ofport or 0) > 0
        yield "tag", _text(wanted.tag), end.tag, end.tag == wanted.tag
        yield "error", "none", end.error, not end.error


def _of_differences(link: views.Link) -> Iterator[Condition]:
    for each in link.differences:
        yield Condition(
            name=f"{each.device} {each.code}",
            wanted=each.wanted,
            observed=each.observed,
            met=False,
            since=each.since or link.status_changed_at,
        )


def _of_loop(loop: str | None) -> Iterator[Condition]:
    if loop is not None:
        yield Condition(name="bridges", wanted="no other way", observed=loop, met=False, since=None)


def _of_ring(ring: str | None) -> Iterator[Condition]:
    if ring is not None:
        yield Condition(name="physical networks", wanted="no ring", observed=ring, met=False, since=None)


def _peers(ends: Sequence[model.EndState]) -> object:
    return [(end.ifindex, end.peer_ifindex) for end in ends]


def _since(of: _Value, value: object, events: Sequence[views.Event]) -> datetime.datetime | None:
    """Return when the first event of those in a row until now said ``value``."""
    since = None
    for event in events:
        if len(event.ends) != 2 or of(event.ends) != value:
            break
        since = _seen(event)
    return since


def _seen(event: views.Event) -> datetime.datetime:
    return happened_at(event.observed_at, event.timing.sent_at if event.timing else None, event.received_at)


def _text(value: object) -> str:
    match value:
        case None | "":
            return "none"
        case bool():
            return "yes" if value else "no"
        case datetime.datetime():
            return value.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)
