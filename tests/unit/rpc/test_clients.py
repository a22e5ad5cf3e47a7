"""What the clients put on the bus and what they make of the answers."""

import datetime
import time
from collections.abc import Callable
from typing import Any

import oslo_messaging.conffixture
import pytest
from oslo_config import cfg

from vethagent import constants, exceptions, model
from vethagent.rpc import agent_api, controller_api, transport, wire

LINK_ID = "00000000-0000-0000-0000-000000000001"
CONTEXT = {"request_id": "req-1"}
LINK = model.BridgeLink(
    id=LINK_ID,
    generation=3,
    host="h1",
    ends=(model.LinkEnd(bridge="br1"), model.LinkEnd(bridge="br2")),
)
REF = model.LinkRef(link_id=LINK_ID, generation=4)
DIGEST = "0" * 32


class Bus:
    """An RPC client that remembers; ``error`` is raised, ``answer`` is given; ``stale`` is raised once."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str | None, str, dict[str, Any]]] = []
        self.made: tuple[Any, ...] = ()
        self.answer: object = None
        self.error: Exception | None = None
        self.stale: Exception | None = None
        self._server: str | None = None
        self.version: str | None = None

    def make(self, transport: object, target: Any, **options: Any) -> "Bus":
        self.made = (target.topic, target.version, options)
        return self

    def prepare(self, *, server: str | None = None, version: str | None = None) -> "Bus":
        self._server, self.version = server, version
        return self

    def cast(self, context: dict[str, Any], method: str, **arguments: Any) -> None:
        self._send("cast", context, method, arguments)

    def call(self, context: dict[str, Any], method: str, **arguments: Any) -> object:
        self._send("call", context, method, arguments)
        return self.answer

    def _send(self, how: str, context: dict[str, Any], method: str, arguments: dict[str, Any]) -> None:
        if how == "cast":
            assert 0 <= time.time() - context["sent_at"] < 60
            context = {name: value for name, value in context.items() if name != "sent_at"}
        assert context == CONTEXT
        stale, self.stale = self.stale, None
        if error := stale or self.error:
            raise error
        self.sent.append((how, self._server, method, arguments))


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    fake = Bus()
    monkeypatch.setattr(oslo_messaging, "get_rpc_client", fake.make)
    return fake


@pytest.fixture
def agents(bus: Bus) -> agent_api.AgentAPI:
    return agent_api.AgentAPI(None, timeout=7)


@pytest.fixture
def controller(bus: Bus) -> controller_api.ControllerAPI:
    return controller_api.ControllerAPI(None, timeout=7)


def test_nothing_is_tried_again_so_that_an_absent_broker_blocks_nobody(bus: Bus, agents: agent_api.AgentAPI) -> None:
    assert bus.made == (constants.AGENT_TOPIC, "1.0", {"timeout": 7, "retry": 0})
    controller_api.ControllerAPI(None, timeout=8)
    assert bus.made == (constants.CONTROLLER_TOPIC, "1.0", {"timeout": 8, "retry": 0})


def test_a_connection_from_before_a_restart_of_the_broker_loses_nothing(
    bus: Bus, agents: agent_api.AgentAPI, controller: controller_api.ControllerAPI
) -> None:
    bus.answer = {"host": "h1", "links": []}
    for ask in (lambda: agents.sync_bridge_links(CONTEXT, "h1"), lambda: controller.get_bridge_links(CONTEXT, "h1")):
        bus.stale = oslo_messaging.MessageDeliveryFailure("reset by peer")
        ask()
    assert [method for _, _, method, _ in bus.sent] == ["sync_bridge_links", "get_bridge_links"]


def test_what_is_not_answered_is_not_sent_again(bus: Bus, controller: controller_api.ControllerAPI) -> None:
    bus.stale = oslo_messaging.MessagingTimeout("no answer")
    with pytest.raises(exceptions.BusUnavailable):
        controller.get_bridge_links(CONTEXT, "h1")
    assert not bus.sent


def test_a_call_that_outlives_its_time_out_is_told_of(
    bus: Bus, controller: controller_api.ControllerAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does for which oslo.messaging waits for a broker that is not reached."""
    now = 1000.0
    stuck: list[float] = []
    monkeypatch.setattr("vethagent.rpc.controller_api.time.monotonic", lambda: now)

    def wait(message: Callable[[], object]) -> None:
        nonlocal now
        now = 1007.0
        stuck.append(controller.stuck_for())
        now = 1009.0
        stuck.append(controller.stuck_for())
        raise exceptions.BusUnavailable("away")

    monkeypatch.setattr("vethagent.rpc.transport.send", wait)
    with pytest.raises(exceptions.BusUnavailable):
        controller.get_bridge_links(CONTEXT, "h1")
    assert stuck == [0, 9]
    assert controller.stuck_for() == 0


def test_casts(bus: Bus, agents: agent_api.AgentAPI) -> None:
    agents.plug_bridge_link(CONTEXT, LINK)
    agents.plug_bridge_links(CONTEXT, "h1", [LINK])
    agents.unplug_bridge_link(CONTEXT, "h1", REF)
    agents.unplug_bridge_links(CONTEXT, "h1", [REF])
    agents.sync_bridge_links(CONTEXT, "h1")
    agents.set_mode(CONTEXT, "h1", model.Mode.OBSERVE)
    assert bus.sent == [
        ("cast", "h1", "plug_bridge_link", {"link": wire.dump(LINK)}),
        ("cast", "h1", "plug_bridge_links", {"links": [wire.dump(LINK)]}),
        ("cast", "h1", "unplug_bridge_link", {"link_id": LINK_ID, "generation": 4}),
        ("cast", "h1", "unplug_bridge_links", {"links": [wire.dump(REF)]}),
        ("cast", "h1", "sync_bridge_links", {}),
        ("cast", "h1", "set_mode", {"mode": "observe"}),
    ]


def test_answers_of_an_agent_are_validated(bus: Bus, agents: agent_api.AgentAPI) -> None:
    bus.answer = {"host": "h1", "bridges": [{"name": "br1", "kind": "linux"}]}
    assert agents.describe_host(CONTEXT, "h1").bridges[0].name == "br1"
    bus.answer = {"host": "h1", "links": []}
    assert agents.plan_bridge_links(CONTEXT, "h1", [LINK]) == model.HostPlan(host="h1")
    assert bus.sent[1] == ("call", "h1", "plan_bridge_links", {"links": [wire.dump(LINK)]})
    bus.answer = {"host": "h1", "links": [{"steps": 7}]}
    with pytest.raises(exceptions.InvalidMessage, match=r"HostPlan: links\.0"):
        agents.plan_bridge_links(CONTEXT, "h1", [LINK])


def test_calls_of_the_controller(bus: Bus, controller: controller_api.ControllerAPI) -> None:
    report = model.StateReport(
        host="h1",
        agent_version="1",
        started_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        report_interval=30,
        mode=model.Mode.ENFORCE,
        health=model.Health(),
        desired_digest=DIGEST,
        observed_digest=DIGEST,
    )
    bus.answer = {"desired_digest": DIGEST, "observed_digest": DIGEST, "mode": "paused"}
    assert controller.report_state(CONTEXT, report).mode is model.Mode.PAUSED
    events = model.PortEvents(host="h1", stream=LINK_ID, events=())
    controller.report_port_events(CONTEXT, events)
    bus.answer = {"host": "h1", "links": [wire.dump(LINK)]}
    assert controller.get_bridge_links(CONTEXT, "h1").links == (LINK,)
    assert bus.sent == [
        ("call", None, "report_state", {"report": wire.dump(report)}),
        ("call", None, "report_port_events", {"events": wire.dump(events)}),
        ("call", None, "get_bridge_links", {"host": "h1"}),
    ]


def test_only_a_controller_of_the_newer_version_is_told_the_inventory(
    bus: Bus, controller: controller_api.ControllerAPI
) -> None:
    inventory = model.inventory(model.HostDescription(host="h1"))
    controller.report_inventory(CONTEXT, inventory)
    assert bus.sent == [("call", None, "report_inventory", {"inventory": wire.dump(inventory)})]
    assert (bus.version, bus.made[1]) == ("1.1", "1.0")


@pytest.mark.parametrize(
    "error",
    [
        oslo_messaging.MessagingTimeout("no answer"),
        oslo_messaging.MessageDeliveryFailure("no broker"),
        ConnectionRefusedError(111, "refused"),
        OSError("socket"),
    ],
)
def test_a_bus_that_is_away_has_one_name(
    bus: Bus, agents: agent_api.AgentAPI, controller: controller_api.ControllerAPI, error: Exception
) -> None:
    bus.error = error
    with pytest.raises(exceptions.BusUnavailable, match=type(error).__name__):
        agents.plug_bridge_link(CONTEXT, LINK)
    with pytest.raises(exceptions.BusUnavailable):
        agents.describe_host(CONTEXT, "h1")
    with pytest.raises(exceptions.BusUnavailable):
        controller.get_bridge_links(CONTEXT, "h1")


def test_what_the_other_side_refuses_is_not_a_bus_that_is_away(
    bus: Bus, controller: controller_api.ControllerAPI
) -> None:
    bus.error = exceptions.InvalidMessage("host: no")
    with pytest.raises(exceptions.InvalidMessage):
        controller.get_bridge_links(CONTEXT, "h1")


@pytest.mark.parametrize("kind", [kind for kind in vars(exceptions).values() if isinstance(kind, type)])
def test_an_error_can_be_built_again_from_its_arguments(kind: type[exceptions.VethagentError]) -> None:
    error = kind("a sentence")
    again = type(error)(*error.args)
    assert (again.args, again.code, str(again)) == (error.args, error.code, "a sentence")


@pytest.mark.parametrize(
    ("url", "brokers"),
    [
        ("fake://", ()),
        ("rabbit://user:secret@10.0.0.1:5673,user:secret@[2001:db8::1]/", (("10.0.0.1", 5673), ("2001:db8::1", 5672))),
        ("rabbit://broker/", (("broker", 5672),)),
        ("kafka://broker/", (("broker", 9092),)),
    ],
)
def test_where_the_brokers_are(url: str, brokers: tuple[tuple[str, int], ...]) -> None:
    conf = cfg.ConfigOpts()
    with oslo_messaging.conffixture.ConfFixture(conf, transport_url=url):
        assert transport.brokers(conf) == brokers
