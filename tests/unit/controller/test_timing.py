import datetime
from typing import Any

import pytest

from tests.unit.controller import fakes
from vethagent import model
from vethagent.controller.errors import NotFound
from vethagent.controller.events import Events
from vethagent.controller.links import Links
from vethagent.controller.requests import EventQuery
from vethagent.controller.timing import LinkTiming, timing_of


def later(ms: float) -> datetime.datetime:
    return fakes.START + datetime.timedelta(milliseconds=ms)


def timing(**ms: float) -> dict[str, datetime.datetime]:
    return {name: later(value) for name, value in ms.items()}


PLUG = {"cast_at": 2, "heard_at": 3, "planned_at": 4, "kernel_at": 7, "ovsdb_at": 9}


@pytest.fixture
def link_id(links: Links, known: str) -> str:
    return links.create(fakes.CONTEXT, fakes.body()).id


@pytest.fixture
def ask(links: Links, events: Events, link_id: str) -> Any:
    def ask() -> LinkTiming:
        return timing_of(links.show(link_id), events.list(EventQuery(link_id=link_id))[::-1])

    return ask


def batch(event: model.PortEvent, sent: float | None = None) -> model.PortEvents:
    sent_at = None if sent is None else later(sent)
    return fakes.batch([event]).model_copy(update={"sent_at": sent_at})


def took(found: LinkTiming) -> list[tuple[str, float | None]]:
    return [(each.name, each.took_ms) for each in found.stations]


def test_the_way_of_a_plug(ask: Any, events: Events, clock: fakes.Clock, link_id: str) -> None:
    event = fakes.event(link_id, 1, kind="plugged", observed_at=later(10), timing=timing(**PLUG))
    clock.now = later(14)
    events.store(batch(event, sent=11))
    found = ask()
    assert took(found) == [
        ("requested", None),
        *(("cast", 2.0), ("heard", 1.0), ("planned", 1.0), ("kernel", 3.0), ("ovsdb", 2.0), ("seen", 1.0)),
        *(("sent", 1.0), ("received", 3.0)),
    ]
    assert (found.kind, found.generation, found.total_ms) == ("plugged", 1, 14.0)
    assert [each.where for each in found.stations] == ["controller"] * 2 + ["agent"] * 6 + ["controller"]


def test_a_repair_begins_on_the_host(ask: Any, events: Events, clock: fakes.Clock, link_id: str) -> None:
    clock.now = later(9)
    repair = timing(planned_at=1, ovsdb_at=2, kernel_at=3)
    events.store(batch(fakes.event(link_id, 1, kind="repaired", observed_at=later(5), timing=repair)))
    found = ask()
    assert [name for name, _ in took(found)] == ["planned", "ovsdb", "kernel", "seen", "received"]
    assert found.total_ms == 8


def test_clocks_may_differ(ask: Any, events: Events, clock: fakes.Clock, link_id: str) -> None:
    clock.now = later(30)
    behind = {name: value if name == "cast_at" else value - 1000 for name, value in PLUG.items()}
    events.store(batch(fakes.event(link_id, 1, kind="plugged", observed_at=later(-990), timing=timing(**behind))))
    found = ask()
    assert took(found)[2] == ("heard", -999.0) and took(found)[-1] == ("received", 1020.0)
    assert found.total_ms == 30


def test_an_older_agent_tells_no_times(ask: Any, events: Events, link_id: str) -> None:
    events.store(batch(fakes.event(link_id, 1, kind="plugged")))
    with pytest.raises(NotFound, match="no times are known"):
        ask()
