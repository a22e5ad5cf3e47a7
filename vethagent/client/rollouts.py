"""Roll-outs of link templates."""

import urllib.parse
from collections.abc import Iterator, Sequence
from typing import cast

from vethagent.client import paging
from vethagent.client.transport import Transport
from vethagent.client.types import Query, Rollout, RolloutChange

PATH = "/rollouts"


class Rollouts:
    """``/v1/rollouts``; every method may raise a ClientError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        template_id: str | None = None,
        state: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Rollout]:
        """Yield the roll-outs that all filters let pass, at most ``limit``; pages are fetched as they are needed."""
        query: Query = {"template_id": template_id, "state": state, "sort": sort}
        return paging.items(self._transport, PATH, "rollouts", query, limit)

    def get(self, rollout_id: str) -> Rollout:
        """Return a roll-out; NotFound if there is none."""
        return cast(Rollout, self._transport.request("GET", _path(rollout_id), key="id"))

    def history(self, rollout_id: str) -> Sequence[RolloutChange]:
        """Return what happened to a roll-out, the oldest first."""
        answer = self._transport.request("GET", f"{_path(rollout_id)}/history", key="history")
        return cast(Sequence[RolloutChange], answer["history"])

    def pause(self, rollout_id: str) -> Rollout:
        """Begin no more batches; Conflict if it has ended."""
        return cast(Rollout, self._transport.request("POST", f"{_path(rollout_id)}/pause", key="id"))

    def resume(self, rollout_id: str) -> Rollout:
        """Go on, after what has failed was tried again; Conflict if it has ended."""
        return cast(Rollout, self._transport.request("POST", f"{_path(rollout_id)}/resume", key="id"))

    def undo(self, rollout_id: str, *, revision: int | None = None) -> Rollout:
        """Go back to the revision before, or to ``revision``; return the roll-out that does."""
        query: Query = {"revision": revision}
        return cast(Rollout, self._transport.request("POST", f"{_path(rollout_id)}/undo", query=query, key="id"))


def _path(rollout_id: str) -> str:
    return f"{PATH}/{urllib.parse.quote(rollout_id, safe='')}"
