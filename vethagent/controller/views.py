"""Resources as the API shows them, and how they come out of the tables."""

import datetime
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pydantic
from pydantic import Field

from vethagent import model
from vethagent.controller.closed_rings import InRing
from vethagent.controller.db import models
from vethagent.controller.digests import Digests, HeldLink
from vethagent.controller.liveness import Liveness, Shown
from vethagent.controller.new_links import BEGINNING, NewLink


class OpenDifference(model.Difference):
    """One thing of a link that is not as wanted."""

    since: datetime.datetime | None = Field(
        default=None, description="When its agent first saw so; null if that is not known"
    )


class Link(model.BridgeLinkSpec):
    """A bridge link: what is wanted, and what its agent made of it."""

    id: model.LinkId
    template_id: str | None = Field(description="The link template that made it, and alone changes it")
    labels: dict[str, str]
    generation: model.Count = Field(description="Rises with every change; the ETag")
    request_id: str | None = Field(description="Of the request that made this generation")
    status: model.AnyStatus
    reason: model.AnyReason
    message: str = Field(description="The reason as a sentence; of an ACTIVE link why it may carry nothing after all")
    flapping: bool = Field(description="Whether the status changes over and over, so that history only counts")
    observed: tuple[model.EndState, ...] = Field(description="The two ends as the agent last saw them")
    differences: tuple[OpenDifference, ...] = Field(description="What is not as wanted")
    observed_generation: int | None = Field(description="The generation that the agent last spoke of")
    created_at: datetime.datetime
    updated_at: datetime.datetime
    status_changed_at: datetime.datetime


class Change(model.Model):
    """One change of a link: who, when and why."""

    id: int
    link_id: str
    host: str
    link_name: str | None
    generation: int
    status: str = Field(description="A status of links, DELETED, or FLAPPING and STEADY: changes between were not told")
    reason: str
    message: str
    changed_by: str = Field(description="'agent', 'user' or 'template' and the name, or 'anonymous'")
    request_id: str | None
    changed_at: datetime.datetime


class AgentChange(model.Model):
    """One thing that happened to an agent: who, when and why."""

    id: int
    host: str
    kind: str = Field(description="Such as NEW, DOWN, REVIVED, RESTARTED, TWO_AGENTS, UPGRADED, READY, HEALTH, MODE")
    message: str
    changed_by: str = Field(description="'agent' and its host, 'controller', 'user' and the name, or 'anonymous'")
    request_id: str | None
    changed_at: datetime.datetime


class Agent(model.Model):
    """The agent of one host."""

    host: str
    alive: bool = Field(description="Whether it reports")
    flapping: bool = Field(description="Whether it changes over and over, so that history only counts")
    ready: bool = Field(description="Whether it has been in step with the controller since it started")
    health: tuple[model.HealthReason, ...] = Field(description="What does not work as it should; empty is good")
    mode: model.Mode = Field(description="As wanted")
    reported_mode: model.AnyMode
    description: str | None
    labels: dict[str, str]
    agent_version: str
    contract_version: str
    started_at: datetime.datetime
    reported_at: datetime.datetime = Field(description="By the clock of the controller that took the report")
    report_interval: float = Field(description="Seconds")
    links: dict[str, int] = Field(description="Number of links by status, as they are shown")
    drifted: int = Field(description="Number of links that were found changed and are left so")
    counters: dict[str, int]
    desired_in_step: bool = Field(description="Whether the agent reported the desired state that is held")
    observed_in_step: bool = Field(description="Whether what is held of its links is what the agent reported")


class OneAgent(Agent):
    """The agent of one host, with what takes a look at other hosts."""

    rings: tuple[InRing, ...] = Field(description="Links of the host that close a ring; as with its bridges")


class Inventory(model.Model):
    """A host as its agent sees it."""

    version: str = model.MODEL_VERSION
    host: str
    bridges: tuple[model.Bridge, ...]
    pairs: tuple[model.VethPair, ...]
    ways: tuple[model.BridgeWay, ...] = Field(description="Each from one bridge to another one")
    rings: tuple[InRing, ...] = Field(
        description="Links that close a ring through physical networks which nobody has allowed"
    )
    live: bool = Field(description="Whether the agent was asked just now; else it is what it has last told")
    reported_at: datetime.datetime = Field(description="By the clock of the controller")


class Event(model.Model):
    """A port event as it was stored."""

    id: int = Field(description="Rises; of the database")
    host: str
    link_id: str
    link_name: str | None = Field(description="At the time; null if there was no name or no such link")
    seq: int = Field(description="Number within the agent's event stream")
    kind: model.AnyEventKind
    generation: int
    status: model.AnyStatus
    reason: model.AnyReason
    message: str
    repaired: tuple[model.Difference, ...]
    differences: tuple[model.Difference, ...]
    ends: tuple[model.EndState, ...]
    took_ms: float | None = Field(description="Milliseconds from the agent's first notice until so")
    observed_at: datetime.datetime = Field(description="By the agent's clock")
    received_at: datetime.datetime = Field(description="By the controller's clock")
    request_id: str | None
    timing: model.Timing | None = Field(description="Null if the agent told none; older ones do not")

    @pydantic.field_validator("took_ms")
    @classmethod
    def _check_finite(cls, value: float | None) -> float | None:
        return value if value is None or math.isfinite(value) else None


def wanted_of(row: models.BridgeLink) -> dict[str, Any]:
    """Return the fields of BridgeLinkSpec as ``row`` has them."""
    return {
        "host": row.host,
        "name": row.name,
        "ends": [
            {"bridge": end.bridge, "kind": end.kind, "device": end.device, "mac": end.mac, "tag": end.tag}
            for end in row.ends
        ],
        "mtu": row.mtu,
        "adopt": row.adopt,
        "allow_loop": row.allow_loop,
        "admin_state_up": row.admin_state_up,
        "confirm": row.confirm,
    }


def message_of(row: models.BridgeLink) -> model.BridgeLink:
    """Return ``row`` as its agent gets it."""
    return model.BridgeLink(id=row.id, generation=row.generation, request_id=row.request_id, **wanted_of(row))


def ref_of(row: models.BridgeLink) -> model.LinkRef:
    """Return ``row`` as its agent gets it when it is to go."""
    return model.LinkRef(link_id=row.id, generation=row.generation, request_id=row.request_id)


def link_of(
    row: models.BridgeLink,
    reported_at: datetime.datetime,
    liveness: Liveness,
    health: Sequence[Mapping[str, Any]] = (),
) -> Link:
    """Return ``row`` as it is shown; ``reported_at`` is when its agent last reported, ``health`` what it told of it."""
    held = Shown(row.status, row.reason, row.message, row.status_changed_at)
    shown = liveness.shown(held, reported_at)
    return Link(
        id=row.id,
        template_id=row.template_id,
        labels=dict(row.labels),
        generation=row.generation,
        request_id=row.request_id,
        status=shown.status,
        reason=shown.reason,
        message=shown.message or _doubt(row, shown, health),
        flapping=row.flap_untold is not None,
        observed=row.observed,
        differences=row.differences,
        observed_generation=row.observed_generation,
        created_at=row.created_at,
        updated_at=row.updated_at,
        status_changed_at=shown.changed_at,
        **wanted_of(row),
    )


def _doubt(row: models.BridgeLink, shown: Shown, health: Sequence[Mapping[str, Any]]) -> str:
    """Return why packets may not pass over a link that is as wanted, "" if nothing is known that speaks for it.

    It is no other status: what the kernel's datapath knows passes without ovs-vswitchd too.
    """
    if shown.status != model.Status.ACTIVE or all(end["kind"] != model.BridgeKind.OVS for end in row.observed):
        return ""
    return next((f"packets may not pass: {each['message']}" for each in health if each["part"] == "vswitchd"), "")


def new_link_of(link: NewLink, reported_at: datetime.datetime, liveness: Liveness) -> Link:
    """Return what ``link_of`` does of a link that has just been stored."""
    shown = liveness.shown(Shown(**BEGINNING, changed_at=link.now), reported_at)
    wanted = link.message
    return Link(
        template_id=link.template_id,
        labels=link.labels,
        status=shown.status,
        reason=shown.reason,
        message=shown.message,
        flapping=False,
        observed=(),
        differences=(),
        observed_generation=None,
        created_at=link.now,
        updated_at=link.now,
        status_changed_at=shown.changed_at,
        **{
            name: getattr(wanted, name)
            for name in ("id", "generation", "request_id", *model.BridgeLinkSpec.model_fields)
        },
    )


def agent_of(row: models.Agent, *, alive: bool, counts: Mapping[tuple[str, str], int], held: Digests | None) -> Agent:
    """Return ``row`` as it is shown.

    ``counts`` of its links are by status and reason; ``held`` is over what is held of them now, None if nobody asked.
    """
    fields = {name: getattr(row, name) for name in Agent.model_fields if hasattr(row, name)}
    links: dict[str, int] = {}
    for (status, _), count in counts.items():
        links[status] = links.get(status, 0) + count
    drifted = sum(count for (_, reason), count in counts.items() if reason == model.Reason.DRIFT)
    return Agent(
        **fields
        | {
            "alive": alive,
            "flapping": row.flap_untold is not None,
            "labels": dict(row.labels),
            "links": links,
            "drifted": drifted,
            "desired_in_step": held is not None and row.desired_digest == held.desired,
            "observed_in_step": held is not None and row.observed_digest == held.observed,
        }
    )


def event_of(row: models.PortEvent) -> Event:
    """Return ``row`` as it is shown."""
    return Event(**{name: getattr(row, name) for name in Event.model_fields})


def agent_change_of(row: models.AgentChange) -> AgentChange:
    """Return ``row`` as it is shown."""
    return AgentChange(**{name: getattr(row, name) for name in AgentChange.model_fields})


def change_of(row: models.LinkChange) -> Change:
    """Return ``row`` as it is shown."""
    return Change(**{name: getattr(row, name) for name in Change.model_fields})


#: The columns of HeldLink, in its order.
HELD_COLUMNS = tuple(getattr(models.BridgeLink, name) for name in HeldLink._fields)
