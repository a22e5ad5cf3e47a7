"""What goes over a broker, as the broker itself tells it: its firehose, which needs no help of those who speak."""

import json
from typing import Any

from kombu import connection, entity

from tests.support import namespaces, rabbit

_EXCHANGE = "amq.rabbitmq.trace"

#: What a controller asks itself from time to time, which is not said to anybody else.
_TO_ITSELF = "hear"

#: ``to`` (agent or controller), ``method``, ``arguments``, and ``answer`` if it was a call that was answered.
Said = dict[str, Any]


class Tap:
    """Hears everything that is sent from now on."""

    def __init__(self, broker: rabbit.RabbitMQ, network: namespaces.Namespace) -> None:
        broker.control("trace_on")
        with network.entered():
            self._connection = connection.Connection(broker.url.replace("rabbit://", "amqp://"))
            self._connection.connect()
        exchange = entity.Exchange(_EXCHANGE, type="topic", passive=True, durable=True)
        queue = entity.Queue(exchange=exchange, routing_key="publish.#", exclusive=True, auto_delete=True)
        self._queue = queue(self._connection.channel())
        self._queue.declare()
        self._broker = broker

    def close(self) -> list[Said]:
        """Hear no more, and return what one side said to the other, each call with its answer."""
        self._broker.control("trace_off")
        said: list[Said] = []
        calls: dict[str, Said] = {}
        while (message := self._queue.get(no_ack=True)) is not None:
            envelope = json.loads(message.body)
            inner = json.loads(envelope["oslo.message"]) if "oslo.message" in envelope else {}
            if inner.get("method") == _TO_ITSELF:
                continue
            if "method" in inner:
                to = message.headers["routing_keys"][0].partition(".")[0].removeprefix("vethagent-")
                said.append({"to": to, "method": inner["method"], "arguments": inner["args"]})
                calls[str(inner.get("_msg_id"))] = said[-1]
            elif inner.get("result") is not None and inner["_msg_id"] in calls:
                calls[inner["_msg_id"]]["answer"] = inner["result"]
        self._connection.release()
        return said
