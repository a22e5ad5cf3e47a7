"""Devices, rows and states of links, as tests of the agent need them."""

import uuid
from collections.abc import Callable
from concurrent import futures
from typing import Any, TypeVar

from tests.unit.plumbing.builders import LINK_ID
from vethagent import model
from vethagent.agent.inbox import Inbox
from vethagent.model import Difference, LinkState, Reason, Status
from vethagent.plumbing import naming
from vethagent.privileged.ifinfo import Device

T = TypeVar("T")

MISSING = Difference(code="DEVICE_MISSING", device="phy-br1", wanted="present", observed="absent")
WRONG_MTU = Difference(code="MTU", device="phy-br1", wanted="1500", observed="1400")


def state(
    status: Status = Status.ACTIVE,
    reason: Reason = Reason.NONE,
    *,
    link_id: str = LINK_ID,
    generation: int = 1,
    **fields: Any,
) -> LinkState:
    return LinkState(link_id=link_id, generation=generation, status=status, reason=reason, **fields)


def ref(link_id: str = LINK_ID, generation: int = 1) -> model.LinkRef:
    return model.LinkRef(link_id=link_id, generation=generation)


def end_of(link_id: str, index: int, name: str, **fields: Any) -> Device:
    values: dict[str, Any] = {"kind": "veth", "alias": naming.alias(link_id), "mtu": 1500, "up": True, "carrier": True}
    return Device(index, name, **(values | fields))


def ids(count: int) -> list[str]:
    return [str(uuid.UUID(int=number, version=4)) for number in range(1, count + 1)]


class PromptInbox(Inbox):
    """Lets whoever asks answer the question, as there is but one thread."""

    def ask(self, question: Callable[[], T]) -> "futures.Future[T]":
        answer: futures.Future[T] = futures.Future()
        answer.set_result(question())
        return answer


class AnsweringInbox(Inbox):
    """Answers questions at once, as the consumer would a moment later."""

    def ask(self, question: Any) -> Any:
        answer = super().ask(question)
        for each in self.left().questions:
            each()
        return answer

    def left(self) -> Any:
        return self.take(0)
