"""Many clients of several APIs that want the same thing at once: who comes first has it, and all are told the truth."""

import collections
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import pytest

from tests.unit.controller import fakes
from vethagent import model
from vethagent.controller.db.database import Database
from vethagent.controller.errors import NameConflict, PreconditionFailed
from vethagent.controller.events import Events
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.controller.requests import LinkQuery

CLIENTS = 12
APIS = 3
BULK = 20

Outcomes = collections.Counter[str]
AtOnce = Callable[[Callable[[Links, int], Any]], Outcomes]


@pytest.fixture
def at_once(url: str, liveness: Liveness, known: str) -> Iterator[AtOnce]:
    """Have CLIENTS do something, and count what came of it: 'done', or the name of an error."""
    databases = [Database(url) for _ in range(APIS)]
    apis: list[Links] = [Links(each, fakes.AgentApi(), liveness) for each in databases]  # type: ignore[arg-type]

    def outcome(act: Callable[[Links, int], Any], number: int) -> str:
        try:
            act(apis[number % APIS], number)
        except (NameConflict, PreconditionFailed) as error:
            return type(error).__name__
        return "done"

    def run(act: Callable[[Links, int], Any]) -> Outcomes:
        with futures.ThreadPoolExecutor(CLIENTS) as pool:
            return Outcomes(pool.map(lambda number: outcome(act, number), range(CLIENTS)))

    yield run
    for database in databases:
        database.close()


def bodies(number: int, **fields: Any) -> list[model.BridgeLinkCreate]:
    """Return what one client asks for; with an id each is the same for all of them."""
    return [
        fakes.body(ends=[{"bridge": f"a{number}-{each}"}, {"bridge": f"b{number}-{each}"}], **values(each, fields))
        for each in range(BULK)
    ]


def values(each: int, fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value.format(each) for name, value in fields.items()}


def kept(links: Links) -> int:
    return len(links.list(LinkQuery())[0])


def test_of_those_who_change_one_generation_one_does(at_once: AtOnce, links: Links, events: Events) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())

    def change(api: Links, number: int) -> None:
        body = model.BridgeLinkUpdate(mtu=1400 + number)
        api.update(fakes.CONTEXT, link.id, body, generations={link.generation})

    assert at_once(change) == {"done": 1, "PreconditionFailed": CLIENTS - 1}
    assert links.show(link.id).generation == link.generation + 1
    assert len(events.history(link.id)) == 2


def test_of_those_who_name_no_generation_each_does(at_once: AtOnce, links: Links, events: Events) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())

    def change(api: Links, number: int) -> None:
        api.update(fakes.CONTEXT, link.id, model.BridgeLinkUpdate(mtu=1400 + number))

    assert at_once(change) == {"done": CLIENTS}
    assert links.show(link.id).generation == link.generation + CLIENTS
    assert [each.generation for each in events.history(link.id)] == list(range(1, CLIENTS + 2))


def test_who_sends_the_same_with_ids_makes_it_once(at_once: AtOnce, links: Links, events: Events) -> None:
    ids = "00000000-0000-4000-8000-0000000000{:02}"
    assert at_once(lambda api, _: api.create_all(fakes.CONTEXT, bodies(0, id=ids))) == {"done": CLIENTS}
    assert kept(links) == BULK
    assert {len(events.history(ids.format(each))) for each in range(BULK)} == {1}


def test_of_those_who_want_a_name_one_has_it_and_all_that_it_asked_for(at_once: AtOnce, links: Links) -> None:
    def create(api: Links, number: int) -> None:
        wanted = bodies(number)
        api.create_all(fakes.CONTEXT, [*wanted, fakes.body(name="only one", ends=wanted[0].model_dump()["ends"])][1:])

    assert at_once(create) == {"done": 1, "NameConflict": CLIENTS - 1}
    assert kept(links) == BULK


def test_who_deletes_what_others_delete_is_told_no_lie(at_once: AtOnce, links: Links, events: Events) -> None:
    ids = [link.id for link in links.create_all(fakes.CONTEXT, bodies(0))]
    assert at_once(lambda api, _: api.delete_all(fakes.CONTEXT, ids)) == {"done": CLIENTS}
    assert {link.status for link in links.list(LinkQuery())[0]} == {"PENDING_DELETE"}
    assert {len(events.history(each)) for each in ids} == {2}
    assert at_once(lambda api, _: api.delete_all(fakes.CONTEXT, ids, force=True)) == {"done": CLIENTS}
    assert kept(links) == 0
    assert {len(events.history(each)) for each in ids} == {3}
