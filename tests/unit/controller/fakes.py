"""A clock that is set by hand, an agent API that remembers, and messages as an agent sends them."""

import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from vethagent import exceptions, model
from vethagent.rpc import transport as bus

START = datetime.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=datetime.UTC)
STREAM = str(uuid.UUID(int=1))
CONTEXT = {"request_id": "req-1"}


class Clock:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime.datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += datetime.timedelta(seconds=seconds)


class AgentApi:
    """Remembers casts as (method, host, argument); ``away`` is a bus that is not there."""

    def __init__(self) -> None:
        self.casts: list[tuple[str, str, Any]] = []
        self.away = False
        self.asked: list[Any] = []
        self.answers: dict[str, Any] = {}

    def plug_bridge_link(self, context: bus.Context, link: model.BridgeLink) -> None:
        self._cast("plug", link.host, link)

    def plug_bridge_links(self, context: bus.Context, host: str, links: Sequence[model.BridgeLink]) -> None:
        self._cast("plug_many", host, links)

    def unplug_bridge_links(self, context: bus.Context, host: str, refs: Sequence[model.LinkRef]) -> None:
        self._cast("unplug_many", host, refs)

    def unplug_bridge_link(self, context: bus.Context, host: str, ref: model.LinkRef) -> None:
        self._cast("unplug", host, ref)

    def describe_host(self, context: bus.Context, host: str) -> Any:
        return self._call("describe_host", host)

    def plan_bridge_links(self, context: bus.Context, host: str, links: Sequence[model.BridgeLink]) -> Any:
        return self._call("plan_bridge_links", links)

    def _call(self, method: str, argument: object) -> Any:
        self.asked.append(argument)
        answer = self.answers.get(method, exceptions.BusUnavailable("away"))
        if callable(answer):
            answer = answer(argument)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def set_mode(self, context: bus.Context, host: str, mode: model.Mode) -> None:
        self._cast("set_mode", host, mode)

    def _cast(self, method: str, host: str, argument: object) -> None:
        if self.away:
            raise exceptions.BusUnavailable("away")
        self.casts.append((method, host, argument))


def report(host: str = "h1", **fields: Any) -> model.StateReport:
    values: dict[str, Any] = {
        "host": host,
        "agent_version": "1.2.3",
        "started_at": START,
        "report_interval": 30,
        "mode": "enforce",
        "health": {"ready": True},
        "desired_digest": model.desired_digest([]),
        "observed_digest": model.observed_digest([]),
        "links": {"ACTIVE": 1},
        "counters": {"plugs": 2},
    }
    return model.StateReport.model_validate(values | fields)


def event(link_id: str, seq: int, **fields: Any) -> model.PortEvent:
    """Return an event; what is of the state may be given too."""
    state = {
        "link_id": link_id,
        "generation": 1,
        "status": "ACTIVE",
        "ends": [{"bridge": "br1", "kind": "linux", "device": "a"}, {"bridge": "br2", "kind": "ovs", "device": "b"}],
    }
    state |= {name: fields.pop(name) for name in list(fields) if name in model.LinkState.model_fields}
    values = {"seq": seq, "kind": "changed", "observed_at": START, "state": state}
    return model.PortEvent.model_validate(values | fields)


def batch(events: Sequence[model.PortEvent], host: str = "h1", stream: str = STREAM) -> model.PortEvents:
    return model.PortEvents(host=host, stream=stream, events=tuple(events))


def body(**fields: Any) -> model.BridgeLinkCreate:
    values = {"host": "h1", "ends": [{"bridge": "br1", "device": "phy-br1"}, {"bridge": "br2", "device": "eth1-br1"}]}
    return model.BridgeLinkCreate.model_validate(values | fields)
