"""What a controller and an agent compare to notice that they are out of step; pure."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from vethagent import model
from vethagent.model import Reason, Status


class HeldLink(NamedTuple):
    """Of one link what the digests are made from; the ``reported`` values are None until its agent spoke of it."""

    id: str
    generation: int
    status: str
    reason: str
    observed_generation: int | None
    reported_status: str | None
    reported_reason: str | None


class Digests(NamedTuple):
    """Of one host."""

    desired: str
    observed: str


def over(links: Collection[HeldLink]) -> Digests:
    """Return both digests over the links of a host."""
    return Digests(desired(links), observed(links))


def desired(links: Iterable[HeldLink]) -> str:
    """Return the digest over all of a host's links that are to be there."""
    return model.desired_digest((link.id, link.generation) for link in links if link.status != Status.PENDING_DELETE)


def observed(links: Iterable[HeldLink]) -> str:
    """Return the digest over what is held as the agent's last word on each of its host's links.

    A link that goes counts as going, so an agent that has forgotten it sees a difference and pulls; one that was
    never reported counts as being plugged. That an agent is down is not its own word and does not count.
    """
    return model.observed_digest(_last_word(link) for link in links)


def _last_word(link: HeldLink) -> tuple[str, int, str, str]:
    if link.status == Status.PENDING_DELETE:
        return link.id, link.generation, Status.PENDING_DELETE, link.reason
    if link.observed_generation is None or link.reported_status is None:
        return link.id, link.generation, Status.BUILD, Reason.PLUGGING
    return link.id, link.observed_generation, link.reported_status, link.reported_reason or ""
