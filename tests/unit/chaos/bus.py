"""A bus in memory that anything can happen to: what was cast once may arrive never, late, twice, or somewhere else."""

import copy
import dataclasses
import json
from collections.abc import Callable
from typing import Any, Self

import oslo_messaging


@dataclasses.dataclass(frozen=True)
class Cast:
    """One message; ``host`` is whom it was meant for."""

    host: str
    context: dict[str, Any]
    method: str
    arguments: dict[str, Any]


class Bus:
    """Keeps all that was ever cast; nothing of it arrives by itself. Calls are answered at once.

    ``away`` is a broker that is down. ``lose`` names what gets lost of the next call: its "request" or its "answer".
    """

    def __init__(self) -> None:
        self.casts: list[Cast] = []
        #: What agents have called, the newest last: method and arguments.
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.away = False
        self.lose = ""
        self.controller: object = None

    def client(self, transport: object, target: oslo_messaging.Target, **_: object) -> "Client":
        """Return what ``oslo_messaging.get_rpc_client`` would."""
        return Client(self)

    def hear_again(self, back: int) -> None:
        """Let a call that was made so many calls ago arrive once more, as by a controller that stood still with it."""
        method, arguments = self.calls[-1 - back % len(self.calls)]
        _answer(getattr(self.controller, method), {}, arguments)

    def deliver(self, cast: Cast, endpoint: object) -> None:
        """Let a cast arrive, as the text that it is on the wire."""
        arrived = json.loads(json.dumps(dataclasses.asdict(cast)))
        getattr(endpoint, cast.method)(arrived["context"], **arrived["arguments"])


class Client:
    """Stands for an RPCClient."""

    def __init__(self, bus: Bus, host: str = "") -> None:
        self._bus = bus
        self._host = host

    def prepare(self, *, server: str = "", version: str = "") -> Self:
        return type(self)(self._bus, server)

    def cast(self, context: dict[str, Any], method: str, **arguments: Any) -> None:
        if self._bus.away:
            raise oslo_messaging.MessageDeliveryFailure("away")
        self._bus.casts.append(Cast(self._host, context, method, copy.deepcopy(arguments)))

    def call(self, context: dict[str, Any], method: str, **arguments: Any) -> Any:
        if self._bus.away:
            raise oslo_messaging.MessageDeliveryFailure("away")
        lost, self._bus.lose = self._bus.lose, ""
        if lost == "request":
            raise oslo_messaging.MessagingTimeout("no answer")
        self._bus.calls.append((method, copy.deepcopy(arguments)))
        answer = _answer(getattr(self._bus.controller, method), context, arguments)
        if lost == "answer":
            raise oslo_messaging.MessagingTimeout("no answer")
        return json.loads(json.dumps(answer))


def _answer(method: Callable[..., Any], context: dict[str, Any], arguments: dict[str, Any]) -> Any:
    try:
        return method(context, **json.loads(json.dumps(arguments)))
    except oslo_messaging.ExpectedException as error:
        raise error.exc_info[1] from None
