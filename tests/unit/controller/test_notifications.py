"""What is committed is sent once, and nobody waits for it."""

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import oslo_messaging
import pytest
from oslo_config import cfg

from tests.support import threads
from tests.support.commands import wait_until
from tests.unit.controller import fakes
from vethagent.controller.db.database import Database
from vethagent.controller.errors import NameConflict
from vethagent.controller.events import Events
from vethagent.controller.links import Links
from vethagent.controller.notifications import Notification, Notifications
from vethagent.controller.reports import Reports
from vethagent.rpc import transport as bus

SECONDS = 60


@pytest.fixture
def sent(database: Database) -> Iterator[list[Notification]]:
    """What was sent of what is committed to the database."""
    found: list[Notification] = []
    notifications = Notifications(found.append)
    database.committed = notifications.take
    yield found
    notifications.stop()


def types(sent: list[Notification]) -> list[str]:
    return [each.event_type for each in sent]


def test_the_life_of_a_link(sent: list[Notification], reports: Reports, links: Links, events: Events) -> None:
    reports.take(fakes.report())
    link = links.create(fakes.CONTEXT | {"user": "ann"}, fakes.body(name="seed"))
    with pytest.raises(NameConflict):
        links.create(fakes.CONTEXT, fakes.body(name="seed"))
    for _ in range(2):
        events.store(fakes.batch([fakes.event(link.id, 0, status="ERROR", reason="LOOP", message="no")]))
    links.delete(fakes.CONTEXT, link.id, force=True)
    told = ["agent.new", "bridge_link.build", "bridge_link.error", "bridge_link.pending_delete", "bridge_link.deleted"]
    wait_until(lambda: len(sent) >= len(told), what="all of them", timeout=SECONDS)
    assert types(sent) == told
    assert [each.priority for each in sent] == ["info", "info", "error", "info", "info"]
    assert sent[1].payload == {
        "payload_version": "1.0",
        "link_id": link.id,
        "host": "h1",
        "link_name": "seed",
        "generation": 1,
        "status": "BUILD",
        "reason": "PLUGGING",
        "message": "",
        "changed_by": "user ann",
        "request_id": "req-1",
        "changed_at": "2026-01-02T03:04:05.000678Z",
    }
    assert (sent[2].payload["message"], sent[2].payload["changed_by"]) == ("no", "agent h1")
    assert set(sent[0].payload) == {
        *("payload_version", "host", "kind", "message", "changed_by", "request_id", "changed_at")
    }


def test_a_broker_that_is_away_holds_up_nobody(
    database: Database, reports: Reports, caplog: pytest.LogCaptureFixture
) -> None:
    away, sent = threading.Event(), []

    def send(notification: Notification) -> None:
        assert away.wait(SECONDS)
        sent.append(notification.payload["host"])

    notifications = Notifications(send, room=3)
    database.committed = notifications.take
    for number in range(10):
        reports.take(fakes.report(f"h{number}"))
    assert sent == []
    away.set()
    wait_until(lambda: sent[-1:] == ["h9"], what="the newest one", timeout=SECONDS)
    notifications.stop()
    assert sent[-3:] == ["h7", "h8", "h9"]
    assert caplog.text.count("the oldest are lost") == 1
    assert "were lost" in caplog.text


def test_one_that_fails_is_no_failure_of_others(
    database: Database, reports: Reports, caplog: pytest.LogCaptureFixture
) -> None:
    sent = []

    def send(notification: Notification) -> None:
        if notification.payload["host"] == "h1":
            raise OSError("broken pipe")
        sent.append(notification.payload["host"])

    notifications = Notifications(send)
    database.committed = notifications.take
    reports.take(fakes.report("h1"))
    reports.take(fakes.report("h2"))
    wait_until(lambda: sent == ["h2"], what="the other one", timeout=SECONDS)
    notifications.stop()
    assert "a notification of agent h1 was not sent: broken pipe" in caplog.text


def test_without_a_driver_there_is_no_notifier() -> None:
    assert bus.get_notifier(cfg.CONF, "vethagent-api.c1") is None


def test_over_a_bus() -> None:
    """As another system hears it."""
    heard: list[tuple[Any, ...]] = []

    class Listener:
        def info(self, ctxt: Any, publisher_id: str, event_type: str, payload: Any, metadata: Any) -> None:
            heard.append((publisher_id, event_type, payload))

    assert bus.get_notifier(cfg.CONF, "vethagent-api.c1") is None  # knows the options from now on
    cfg.CONF.set_override("driver", ["messagingv2"], group="oslo_messaging_notifications")
    cfg.CONF.set_override("transport_url", f"fake://{uuid.uuid4().hex}/", group="oslo_messaging_notifications")
    try:
        transport = oslo_messaging.get_notification_transport(cfg.CONF)
        listener = oslo_messaging.get_notification_listener(
            transport, [oslo_messaging.Target(topic="notifications")], [Listener()]
        )
        listener.start()
        notifier = bus.get_notifier(cfg.CONF, "vethagent-api.c1")
        assert notifier is not None
        notifier.info({"request_id": "req-1"}, "agent.new", {"host": "h1"})
        wait_until(lambda: heard, what="the notification", timeout=SECONDS)
        listener.stop()
        listener.wait()
    finally:
        for name in ("driver", "transport_url"):
            cfg.CONF.clear_override(name, group="oslo_messaging_notifications")
    assert heard == [("vethagent-api.c1", "agent.new", {"host": "h1"})]


def test_what_could_not_be_sent_for_want_of_a_thread_goes_with_the_next(
    sent: list[Notification], reports: Reports, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    with threads.none_left(monkeypatch):
        reports.take(fakes.report())
    links.create(fakes.CONTEXT, fakes.body())
    wait_until(lambda: len(sent) == 2, what="both of them", timeout=SECONDS)
    assert types(sent) == ["agent.new", "bridge_link.build"]
