"""An agent and what happens to it."""

from typing import NotRequired, TypedDict

from vethagent.client.types.hosts import InRing


class AgentUpdate(TypedDict, total=False):
    """Body that changes an agent: what is absent stays as it is."""

    mode: str
    description: str | None
    labels: dict[str, str | None]


class HealthReason(TypedDict):
    """One part of an agent that does not work as it should."""

    part: str
    message: str


class Agent(TypedDict):
    """The agent of one host; ``report_interval`` is in seconds, times are RFC 3339.

    Only that of ``get`` has ``rings``.
    """

    host: str
    alive: bool
    flapping: NotRequired[bool]
    ready: bool
    health: list[HealthReason]
    mode: str
    reported_mode: str
    description: str | None
    labels: dict[str, str]
    agent_version: str
    contract_version: str
    started_at: str
    reported_at: str
    report_interval: float
    links: dict[str, int]
    drifted: int
    counters: dict[str, int]
    desired_in_step: bool
    observed_in_step: bool
    rings: NotRequired[list[InRing]]


class AgentChange(TypedDict):
    """One thing that happened to an agent: who, when and why."""

    id: int
    host: str
    kind: str
    message: str
    changed_by: str
    request_id: str | None
    changed_at: str
