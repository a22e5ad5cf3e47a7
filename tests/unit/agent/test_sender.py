"""The delivery of port events to a controller in memory."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.unit.agent.builders import ids, state
from tests.unit.agent.controller import Controller
from vethagent import exceptions, model
from vethagent.agent.health import HealthKeeper
from vethagent.agent.journal import Journal
from vethagent.agent.outbox import Outbox
from vethagent.agent.sender import EventSender

A, B = ids(2)


class StoppingOutbox(Outbox):
    """Ends the sender's loop when everything has arrived."""

    def confirm(self) -> None:
        super().confirm()
        if self.position()[1]:
            self.close()


def send(
    outbox: Outbox,
    controller: Controller,
    health: HealthKeeper,
    monkeypatch: pytest.MonkeyPatch,
    nap: Callable[[float], object] = lambda _: None,
) -> int:
    """Send until everything has arrived, and return in how many batches; ``nap`` is what happens while it waits."""
    delivered: list[Sequence[model.PortEvent]] = []
    sender = EventSender(
        outbox,
        controller,  # type: ignore[arg-type]
        host="h1",
        interval=30,
        health=health,
        delivered=delivered.append,
    )
    monkeypatch.setattr(sender._retry, "wait", nap)
    sender._run()
    return len(delivered)


def test_events_are_delivered_in_order_under_one_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    outbox, controller = StoppingOutbox(), Controller()
    journal = Journal(outbox.put)
    for number, link_id in enumerate(ids(1200)):
        journal.tell(state(link_id=link_id), request_id=f"req-{number}")
    assert send(outbox, controller, HealthKeeper(), monkeypatch) == len(controller.batches) > 1
    assert [event.seq for batch in controller.batches for event in batch.events] == list(range(1, 1201))
    assert len({batch.stream for batch in controller.batches}) == 1


def test_what_does_not_arrive_goes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    outbox, controller, health = StoppingOutbox(), Controller(), HealthKeeper()
    Journal(outbox.put).tell(state(link_id=A))
    controller.away = True
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        controller.away = len(naps) < 3

    send(outbox, controller, health, monkeypatch, nap)
    assert len(naps) == 3 and all(0 < seconds <= 30 for seconds in naps)
    assert [event.seq for batch in controller.batches for event in batch.events] == [1]
    assert not health.state().reasons


def test_events_that_are_not_taken_are_a_matter_of_health(monkeypatch: pytest.MonkeyPatch) -> None:
    outbox, controller, health = StoppingOutbox(), Controller(), HealthKeeper()
    Journal(outbox.put).tell(state(link_id=A))
    controller.away = True
    seen: list[str] = []

    def nap(_: float) -> None:
        seen.extend(reason.part for reason in health.state().reasons)
        controller.away = False

    send(outbox, controller, health, monkeypatch, nap)
    assert seen == ["events"]


def test_an_event_that_is_never_taken_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(Controller):
        def report_port_events(self, context: dict[str, Any], events: model.PortEvents) -> None:
            if any(event.state.link_id == A for event in events.events):
                raise exceptions.InvalidMessage("PortEvents: reason: is not known")
            super().report_port_events(context, events)

    outbox, controller, health = StoppingOutbox(), Refusing(), HealthKeeper()
    journal = Journal(outbox.put)
    journal.tell(state(link_id=A))
    journal.tell(state(link_id=B))
    send(outbox, controller, health, monkeypatch)
    assert [event.state.link_id for batch in controller.batches for event in batch.events] == [B]
