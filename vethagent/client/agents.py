"""Agents."""

import urllib.parse
from typing import cast

from vethagent.client.transport import Transport
from vethagent.client.types import Agent, AgentUpdate

PATH = "/agents"


class Agents:
    """``/v1/agents``; every method may raise a ClientError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> list[Agent]:
        """Return all agents that ever reported."""
        return cast(list[Agent], self._transport.request("GET", PATH)["agents"])

    def get(self, host: str) -> Agent:
        """Return the agent of ``host``; NotFound if there is none."""
        return cast(Agent, self._transport.request("GET", _path(host)))

    def update(self, host: str, body: AgentUpdate) -> Agent:
        """Change what ``body`` names and return the agent."""
        return cast(Agent, self._transport.request("PATCH", _path(host), body=body))


def _path(host: str) -> str:
    return f"{PATH}/{urllib.parse.quote(host, safe='')}"
