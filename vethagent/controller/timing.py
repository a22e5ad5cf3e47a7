"""How long each part of the way took, from a request until it was recorded what became of it; pure."""

import datetime
from collections.abc import Iterator, Sequence

from pydantic import Field

from vethagent import model
from vethagent.controller import views
from vethagent.controller.errors import NotFound
from vethagent.model import EventKind

#: Of what one wants to know how long it took.
_KINDS = (EventKind.PLUGGED, EventKind.REPAIRED, EventKind.FAILED, EventKind.UNPLUGGED)

_OF_AGENT = (
    ("heard", "heard_at", "the agent had the cast"),
    ("planned", "planned_at", "the agent knew what to do, and began"),
    ("kernel", "kernel_at", "the kernel had done its part"),
    ("ovsdb", "ovsdb_at", "Open vSwitch's database had done its part"),
)


#: An event is not kept by its agent for longer.
_LONGEST = datetime.timedelta(days=3650)


class Station(model.Model):
    """One part of the way."""

    name: str = Field(description="requested, cast, heard, planned, kernel, ovsdb, seen, sent or received; stable")
    what: str
    at: datetime.datetime = Field(description="By the clock of ``where``")
    where: str = Field(description="'controller' (the API too) or 'agent'")
    took_ms: float | None = Field(
        description="Since the station before, null for the first; from one clock to another with their difference"
    )


class LinkTiming(model.Model):
    """How long the newest change of a link that its agent told took."""

    link_id: model.LinkId
    kind: model.AnyEventKind = Field(description="Of the port event")
    generation: int
    request_id: str | None
    total_ms: float = Field(description="From the first station to the last")
    stations: tuple[Station, ...]


def timing_of(link: views.Link, events: Sequence[views.Event]) -> LinkTiming:
    """Return how long the newest of ``events`` took that tells it; raise NotFound.

    They are those of ``link``, the newest first.
    """
    event = next((each for each in events if each.timing is not None and each.kind in _KINDS), None)
    if event is None or event.timing is None:
        raise NotFound(f"of link {link.id} no times are known; agents tell them since version 1.3 of the contract")
    # Kernel and Open vSwitch come in another order when a link goes.
    passed = sorted(_passed(link, event, event.timing), key=_order)
    stations = tuple(
        Station(name=name, what=what, at=at, where=where, took_ms=_ms(passed[number - 1][2], at) if number else None)
        for number, (name, what, at, where) in enumerate(passed)
    )
    return LinkTiming(
        link_id=link.id,
        kind=event.kind,
        generation=event.generation,
        request_id=event.request_id,
        total_ms=_ms(stations[0].at, stations[-1].at),
        stations=stations,
    )


def happened_at(
    observed_at: datetime.datetime, sent_at: datetime.datetime | None, received_at: datetime.datetime
) -> datetime.datetime:
    """Return when an agent saw what it told, by the clock of the controller.

    Of its own clock only the time that passed between seeing and sending is believed, if it tells that.
    """
    if sent_at is None:
        return observed_at
    return received_at - min(max(sent_at - observed_at, datetime.timedelta()), _LONGEST)


#: Name, what is so, since when, and by whose clock.
_Passed = tuple[str, str, datetime.datetime, str]


def _passed(link: views.Link, event: views.Event, timing: model.Timing) -> Iterator[_Passed]:
    if timing.cast_at is not None:
        if event.generation == link.generation and link.updated_at <= timing.cast_at:
            yield "requested", "the API began to store the request", link.updated_at, "controller"
        yield "cast", "the cast left", timing.cast_at, "controller"
    for name, field, what in _OF_AGENT:
        if (at := getattr(timing, field)) is not None:
            yield name, what, at, "agent"
    yield "seen", "the agent saw that it is so", event.observed_at, "agent"
    if timing.sent_at is not None:
        yield "sent", "the event left", timing.sent_at, "agent"
    yield "received", "the controller began to store it", event.received_at, "controller"


def _order(passed: _Passed) -> tuple[int, datetime.datetime]:
    """Return the place of one: those of the agent by its clock, as two clocks cannot be compared."""
    name, _, at, where = passed
    return (1, at) if where == "agent" else (2 if name == "received" else 0, at)


def _ms(first: datetime.datetime, then: datetime.datetime) -> float:
    return round((then - first).total_seconds() * 1000, 3)
