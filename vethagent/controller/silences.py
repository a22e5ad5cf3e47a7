"""When the agent of a link was silent, as a part of the link's history; pure.

Nothing is stored of each link then: there are thousands of an agent that is down, and of all agents if the bus is.
"""

from collections.abc import Sequence

from vethagent.controller import history, views
from vethagent.controller.liveness import SILENT, judged

#: Of an agent's history.
KINDS = ("DOWN", "REVIVED")


def merged(changes: Sequence[views.Change], agent: Sequence[views.AgentChange]) -> list[views.Change]:
    """Return ``changes`` of a link, with what those of its ``agent`` that are of KINDS mean for it; all by time."""
    told: list[views.Change] = []
    waiting = sorted((each for each in agent if each.kind in KINDS), key=lambda each: each.changed_at)
    for change in changes:
        while waiting and waiting[0].changed_at < change.changed_at:
            told += _of(told, waiting.pop(0))
        told.append(change)
    for each in waiting:
        told += _of(told, each)
    return told


def _of(told: Sequence[views.Change], agent: views.AgentChange) -> list[views.Change]:
    held = next((each for each in reversed(told) if (each.status, each.reason) != SILENT), None)
    if held is None or held.status == history.DELETED:
        return []
    status, reason = judged(held.status, held.reason, alive=agent.kind == "REVIVED")
    if (status, reason) == (told[-1].status, told[-1].reason):
        return []
    changed = {name: getattr(agent, name) for name in ("message", "changed_by", "request_id", "changed_at")}
    return [held.model_copy(update={"status": status, "reason": reason, **changed})]
