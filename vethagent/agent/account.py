"""What an agent has let the controller know of its links, so that both can tell whether it has arrived. Pure."""

import collections
import dataclasses
from collections.abc import Iterable

from vethagent import model
from vethagent.agent.outlook import Outlook
from vethagent.model import LinkState, Reason, Status


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """``whole``: the controller can have heard all of it, so a digest of its own that differs means a loss."""

    desired_digest: str
    observed_digest: str
    links: dict[str, int]
    whole: bool


def render(outlook: Outlook, told: Iterable[LinkState], *, whole: bool) -> Account:
    """Return the account of the links in ``outlook``, of which ``told`` has been said.

    Of a link of which nothing has been said yet the controller believes what follows from its own request, and so
    does this: else each request would look like a loss until its first event.
    """
    said = {state.link_id: state for state in told}
    words = [_wanted(link_id, generation, said.get(link_id)) for link_id, generation in outlook.wanted.items()]
    words += [_going(link_id, generation, said.get(link_id)) for link_id, generation in outlook.going.items()]
    return Account(
        outlook.digest(),
        model.observed_digest(words),
        dict(collections.Counter(status for _, _, status, _ in words)),
        whole,
    )


_Word = tuple[str, int, str, str]


def _wanted(link_id: str, generation: int, said: LinkState | None) -> _Word:
    if said is None:
        return link_id, generation, Status.BUILD, Reason.PLUGGING
    return link_id, said.generation, said.status, said.reason


def _going(link_id: str, generation: int, said: LinkState | None) -> _Word:
    if said is None or said.status is not Status.PENDING_DELETE or said.generation != generation:
        return link_id, generation, Status.PENDING_DELETE, Reason.UNPLUGGING
    return link_id, generation, Status.PENDING_DELETE, said.reason
