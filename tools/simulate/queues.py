"""What is on the bus beside the calls of agents, in the form that oslo.messaging gives it.

Casts to all agents come over one connection: each server of oslo.messaging would have one, and three threads.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kombu import connection, entity, messaging

from vethagent import constants

LOG = logging.getLogger(__name__)

_EXCHANGE = "vethagent"
_ENVELOPE = "oslo.message"
#: Seconds between two looks at the depth of a queue.
_LOOK_EACH = 0.2


class Depth:
    """Looks now and then how many messages wait in the queue of the controllers."""

    def __init__(self, url: str) -> None:
        self._channel = _connect(url).default_channel
        self._depths: list[int] = []
        threading.Thread(target=self._run, name="depth", daemon=True).start()

    def taken(self) -> list[int]:
        """Return what was seen since the last time."""
        depths, self._depths = self._depths, []
        return depths

    def _run(self) -> None:
        while True:
            time.sleep(_LOOK_EACH)
            found = self._channel.queue_declare(constants.CONTROLLER_TOPIC, passive=True)
            self._depths.append(found.message_count)


class Backlog:
    """State reports that wait for a controller, as calls of which nobody waits for the answer."""

    def __init__(self, url: str) -> None:
        self._connection = _connect(url)
        self._channel = self._connection.default_channel
        self._answers = f"simulate-answers-{uuid.uuid4()}"
        self._channel.queue_declare(self._answers, durable=False, auto_delete=False)

    def put(self, reports: Iterable[dict[str, Any]]) -> None:
        """Put one call for each report into the queue of the controllers."""
        producer = messaging.Producer(self._channel, exchange=_exchange(), serializer="json")
        for report in reports:
            message = {
                "method": "report_state",
                "args": {"report": report},
                "version": "1.0",
                "_msg_id": uuid.uuid4().hex,
                "_reply_q": self._answers,
                "_timeout": None,
                "_unique_id": uuid.uuid4().hex,
            }
            body = {"oslo.version": "2.0", _ENVELOPE: json.dumps(message)}
            producer.publish(body, routing_key=constants.CONTROLLER_TOPIC)

    def answered(self) -> int:
        """Return how many calls were answered."""
        return int(self._channel.queue_declare(self._answers, passive=True).message_count)


class Casts:
    """Takes casts from the queues that agents have, in the form that oslo.messaging gives them."""

    def __init__(self, url: str, hosts: Sequence[str], cast: Callable[[str, str, dict[str, Any]], None]) -> None:
        """``url`` is for kombu; ``cast`` gets host, method and arguments, on the one thread that there is."""
        self._connection = _connect(url)
        self._cast = cast
        exchange = _exchange()
        self._consumers = [
            messaging.Consumer(
                self._connection.default_channel,
                queues=[entity.Queue(topic, exchange, routing_key=topic, durable=False, auto_delete=False)],
                callbacks=[self._taker(host)],
                no_ack=True,
                accept=["json"],
            )
            for host in hosts
            for topic in (f"{constants.AGENT_TOPIC}.{host}",)
        ]

    def start(self) -> None:
        """Make the queues and begin to take."""
        for consumer in self._consumers:
            consumer.consume()
        threading.Thread(target=self._run, name="casts", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                self._connection.drain_events(timeout=1)
            except TimeoutError:
                continue

    def _taker(self, host: str) -> Callable[[Any, object], None]:
        def take(body: Any, _message: object) -> None:
            envelope = json.loads(body) if isinstance(body, str) else body
            message = json.loads(envelope[_ENVELOPE])
            try:
                self._cast(host, message["method"], message["args"])
            except Exception:  # as a server does
                LOG.exception("A cast to %s failed", host)

        return take


def _connect(url: str) -> connection.Connection:
    return connection.Connection(url.replace("rabbit://", "amqp://", 1))


def _exchange() -> entity.Exchange:
    return entity.Exchange(_EXCHANGE, type="topic", durable=False, auto_delete=False)
