"""A man in the middle of the bus: what is cast to agents goes through his hands."""

import collections
import heapq
import itertools
import json
import random
import threading
import time
import uuid
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import amqp

from tests.support import deployment, rabbit
from vethagent import constants

_EXCHANGE = "vethagent"
#: How much of what is cast has each of these done to it.
_SHARE = 0.25
#: Seconds for which a cast is late, in the mean.
_LATE = 3.0
_PAUSE = 0.05


class Middle:
    """While it is entered a cast to one of the hosts is lost, late, there again, at another host, or as ever.

    ``done`` counts what was done. A cast that is there again looks like a new one, for the library drops a copy by its
    number. What is still under way at the end arrives then, in any order.
    """

    def __init__(self, made: deployment.Deployment, hosts: Sequence[str], *, seed: str) -> None:
        self.done: collections.Counter[str] = collections.Counter()
        self._made = made
        self._queues = [f"{constants.AGENT_TOPIC}.{host}" for host in hosts]
        self._rng = random.Random(seed)
        self._held: list[tuple[float, int, str, amqp.Message]] = []
        self._numbers = itertools.count()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        address = f"{self._made.network.address}:{rabbit.PORT}"
        self._connection = amqp.Connection(address, userid=rabbit.USER, password=rabbit.PASSWORD)
        with self._made.network.entered():
            self._connection.connect()
        self._channel = self._connection.channel()
        self._mine = self._channel.queue_declare(exclusive=True).queue
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        for queue in self._queues:
            self._channel.queue_bind(queue, _EXCHANGE, queue)
            self._channel.queue_unbind(self._mine, _EXCHANGE, queue)
        self._take_all()
        self._rng.shuffle(self._held)
        for _, _, queue, message in self._held:
            self._send(queue, message)
        self._connection.close()

    def _run(self) -> None:
        while not self._ended.wait(_PAUSE):
            for queue in self._queues:
                self._channel.queue_bind(self._mine, _EXCHANGE, queue)
                # An agent that is started or connects anew binds it again.
                self._channel.queue_unbind(queue, _EXCHANGE, queue)
            self._take_all()
            while self._held and self._held[0][0] < time.monotonic():
                _, _, queue, message = heapq.heappop(self._held)
                self._send(queue, message)

    def _take_all(self) -> None:
        while message := self._channel.basic_get(self._mine, no_ack=True):
            queue = message.delivery_info["routing_key"]
            self.done["cast"] += 1
            if not self._is_done("lost"):
                self._hold(queue, message)
            if self._is_done("there again"):
                self._hold(queue, _again(message))
            if self._is_done("at another host"):
                self._hold(self._rng.choice(self._queues), _again(message))

    def _hold(self, queue: str, message: amqp.Message) -> None:
        late = self._rng.expovariate(1 / _LATE) if self._is_done("late") else 0.0
        heapq.heappush(self._held, (time.monotonic() + late, next(self._numbers), queue, message))

    def _send(self, queue: str, message: amqp.Message) -> None:
        """Put it into the queue, past the exchange, from which it would be heard here again."""
        self._channel.basic_publish(amqp.Message(message.body, **_plain(message)), routing_key=queue)

    def _is_done(self, what: str) -> bool:
        done = self._rng.random() < _SHARE
        self.done[what] += done
        return done


def _again(message: amqp.Message) -> amqp.Message:
    envelope = json.loads(message.body)
    inner = json.loads(envelope["oslo.message"]) | {"_unique_id": uuid.uuid4().hex}
    body = json.dumps(envelope | {"oslo.message": json.dumps(inner)})
    return amqp.Message(body, **_plain(message))


def _plain(message: amqp.Message) -> dict[str, Any]:
    return {
        name: message.properties[name] for name in ("content_type", "content_encoding") if name in message.properties
    }
