"""Over the bus that lives in one process, from the client that an agent uses to the database."""

import logging
import uuid
from collections.abc import Iterator

import oslo_messaging
import pytest
from oslo_config import cfg

from tests.unit.controller import fakes
from vethagent import exceptions, model
from vethagent.controller import service
from vethagent.controller.db.database import Database
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.controller.service import ControllerServer
from vethagent.model import Status
from vethagent.rpc import transport as bus
from vethagent.rpc import wire
from vethagent.rpc.controller_api import ControllerAPI


@pytest.fixture
def transport() -> Iterator[oslo_messaging.Transport]:
    transport = oslo_messaging.get_rpc_transport(
        cfg.CONF, url=f"fake://{uuid.uuid4().hex}/", allowed_remote_exmods=bus.REMOTE_MODULES
    )
    yield transport
    transport.cleanup()


@pytest.fixture
def controller(transport: oslo_messaging.Transport, database: Database, liveness: Liveness) -> Iterator[ControllerAPI]:
    server = ControllerServer(transport, database, server="c1", liveness=liveness)
    server.start()
    assert server.wait_until_listening(30)
    yield ControllerAPI(transport, timeout=30)
    server.stop()


def test_a_hosts_first_minute(controller: ControllerAPI, links: Links) -> None:
    answer = controller.report_state({}, fakes.report())
    assert answer.desired_digest == model.desired_digest([])
    link = links.create(fakes.CONTEXT, fakes.body())
    assert controller.report_state({}, fakes.report()).desired_digest == model.desired_digest([(link.id, 1)])
    state = controller.get_bridge_links({}, "h1")
    assert [each.id for each in state.links] == [link.id]
    for _ in range(2):
        controller.report_port_events({}, fakes.batch([fakes.event(link.id, 1)]))
    assert links.show(link.id).status is Status.ACTIVE


@pytest.mark.parametrize(
    ("method", "arguments", "match"),
    [
        ("report_state", {"report": {"host": "h 1"}}, "host"),
        ("report_state", {"report": None}, "StateReport"),
        ("report_port_events", {"events": {"host": "h1", "stream": "x", "events": []}}, "stream"),
        ("get_bridge_links", {"host": "../etc"}, "host"),
        ("get_bridge_links", {"host": {}}, "host"),
    ],
)
def test_what_the_contract_does_not_allow_is_refused_and_goes_back_as_itself(
    controller: ControllerAPI, method: str, arguments: dict[str, object], match: str
) -> None:
    with pytest.raises(exceptions.InvalidMessage, match=match):
        controller._call({}, method, **arguments)


def test_a_newer_major_version_is_refused(controller: ControllerAPI) -> None:
    report = wire.dump(fakes.report()) | {"version": "2.0"}
    with pytest.raises(exceptions.UnsupportedVersion):
        controller._call({}, "report_state", report=report)


def test_only_the_contract_can_be_called(controller: ControllerAPI) -> None:
    with pytest.raises(Exception, match="_reports"):
        controller._call({}, "_reports")


class _DeafServer:
    """A broker that never answers."""

    def start(self) -> None:
        raise AssertionError("not reached")

    stop = wait = start


def test_stop_does_not_wait_for_a_broker_that_never_came(
    transport: oslo_messaging.Transport, database: Database, liveness: Liveness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "get_server", lambda *_: _DeafServer())
    server = ControllerServer(transport, database, server="c1", liveness=liveness)
    server.stop()
    assert not server.wait_until_listening(0)


def test_a_server_that_cannot_start_is_logged_and_tried_again(
    transport: oslo_messaging.Transport,
    database: Database,
    liveness: Liveness,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    target = oslo_messaging.Target(topic="t", server="c1")
    made = iter([_DeafServer(), _DeafServer(), oslo_messaging.get_rpc_server(transport, target, [])])
    monkeypatch.setattr(bus, "get_server", lambda *_: next(made))
    monkeypatch.setattr(service, "_AGAIN", 0.0)
    server = ControllerServer(transport, database, server="c1", liveness=liveness)
    with caplog.at_level(logging.ERROR):
        server._listen()
    assert [record.getMessage() for record in caplog.records] == ["agents are not heard: not reached"]
    assert server.wait_until_listening(0)
    server.stop()
