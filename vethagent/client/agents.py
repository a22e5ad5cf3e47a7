"""Agents."""

import urllib.parse
from collections.abc import Iterator, Sequence
from typing import cast

from vethagent.client import paging
from vethagent.client.transport import Transport
from vethagent.client.types import Agent, AgentChange, AgentUpdate, Query

PATH = "/agents"


class Agents:
    """``/v1/agents``; every method may raise a ClientError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        host: str | None = None,
        alive: bool | None = None,
        mode: str | None = None,
        label: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Agent]:
        """Yield the agents that all filters let pass, at most ``limit``; pages are fetched as they are needed."""
        query: Query = {"host": host, "mode": mode, "label": label, "sort": sort}
        if alive is not None:
            query["alive"] = "true" if alive else "false"
        return paging.items(self._transport, PATH, "agents", query, limit)

    def get(self, host: str) -> Agent:
        """Return the agent of ``host``; NotFound if there is none."""
        return cast(Agent, self._transport.request("GET", _path(host), key="host"))

    def history(self, host: str) -> Sequence[AgentChange]:
        """Return what happened to the agent of ``host``, the oldest first."""
        answer = self._transport.request("GET", f"{_path(host)}/history", key="history")
        return cast(Sequence[AgentChange], answer["history"])

    def update(self, host: str, body: AgentUpdate) -> Agent:
        """Change what ``body`` names and return the agent."""
        return cast(Agent, self._transport.request("PATCH", _path(host), body=body, key="host"))

    def delete(self, host: str) -> None:
        """Forget an agent that is dead, until it reports again; Conflict while it is alive.

        Its links stay, but those that a template made.
        """
        self._transport.request("DELETE", _path(host))


def _path(host: str) -> str:
    return f"{PATH}/{urllib.parse.quote(host, safe='')}"
