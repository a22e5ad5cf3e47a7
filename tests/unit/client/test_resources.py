"""Requests that the client makes."""

from typing import Any, cast

import pytest

from vethagent.client import exceptions
from vethagent.client.agents import Agents
from vethagent.client.events import Events
from vethagent.client.links import Links
from vethagent.client.transport import Transport


class Recorder:
    """In the place of a transport: gives ``answers`` one by one."""

    def __init__(self, *answers: Any) -> None:
        self._answers = iter(answers)
        self.requests: list[tuple[str, str, dict[str, Any], Any]] = []

    def request(
        self, method: str, path: str, *, query: Any = None, body: Any = None, generation: Any = None, key: Any = None
    ) -> Any:
        sent = {name: value for name, value in (query or {}).items() if value is not None}
        self.requests.append((method, path, sent, body))
        return next(self._answers)

    @property
    def transport(self) -> Transport:
        return cast(Transport, self)


def page(*ids: str, following: str | None = None) -> dict[str, Any]:
    links = [{"rel": "next", "href": f"http://behind.a.proxy/v1/bridge-links?limit=2&marker={following}"}]
    return {"bridge_links": [{"id": link_id} for link_id in ids], "links": links if following else []}


def test_list_follows_pages_and_keeps_filters() -> None:
    recorder = Recorder(page("a", "b", following="b"), page("c"))
    found = Links(recorder.transport).list(host="h1", status="ACTIVE")
    assert [link["id"] for link in found] == ["a", "b", "c"]
    assert [query for _method, _path, query, _body in recorder.requests] == [
        {"host": "h1", "status": "ACTIVE"},
        {"host": "h1", "status": "ACTIVE", "marker": "b"},
    ]


@pytest.mark.parametrize(
    ("limit", "pages", "limits"), [(1, 1, [1]), (2, 1, [2]), (3, 2, [3, 1]), (1500, 2, [1000, 1000])]
)
def test_limit_is_over_all_pages(limit: int, pages: int, limits: list[int]) -> None:
    recorder = Recorder(page("a", "b", following="b"), page("c", "d"))
    found = list(Links(recorder.transport).list(limit=limit))
    assert len(found) == min(limit, 4)
    assert [query["limit"] for _method, _path, query, _body in recorder.requests] == limits
    assert len(recorder.requests) == pages


def test_pages_that_do_not_end() -> None:
    recorder = Recorder(page("a", following="a"), page("a", following="a"))
    with pytest.raises(exceptions.UnexpectedAnswer):
        list(Links(recorder.transport).list())


def test_names_cannot_leave_their_place_in_the_path() -> None:
    recorder = Recorder({}, {}, None)
    Links(recorder.transport).get("../agents?x=1")
    Agents(recorder.transport).get("a/b")
    Links(recorder.transport).delete("x", force=True)
    assert recorder.requests == [
        ("GET", "/bridge-links/..%2Fagents%3Fx%3D1", {}, None),
        ("GET", "/agents/a%2Fb", {}, None),
        ("DELETE", "/bridge-links/x", {"force": "true"}, None),
    ]


def test_events_since_takes_all_pages() -> None:
    full = {"port_events": [{"id": number} for number in range(1, 1001)]}
    recorder = Recorder(full, {"port_events": [{"id": 1001}]})
    assert [event["id"] for event in Events(recorder.transport).since(0)][-1] == 1001
    assert [query["after"] for _method, _path, query, _body in recorder.requests] == [0, 1000]


def test_many_links_are_one_request() -> None:
    made: Any = {"host": "h1", "ends": [{"bridge": "br1"}, {"bridge": "br-eth1"}]}
    recorder = Recorder({"bridge_links": [{"id": "a"}, {"id": "b"}]}, {"bridge_links": [{"id": "b"}]})
    links = Links(recorder.transport)
    assert [link["id"] for link in links.create_many((made, made))] == ["a", "b"]
    assert [link["id"] for link in links.delete_many(iter("ab"), force=True)] == ["b"]
    assert recorder.requests == [
        ("POST", "/bridge-links/bulk-create", {}, {"bridge_links": [made, made]}),
        ("POST", "/bridge-links/bulk-delete", {}, {"ids": ["a", "b"], "force": True}),
    ]
