"""What an agent says: links as they are, events, and its own state."""

from pydantic import Field

from vethagent.model.base import Message, Model
from vethagent.model.fields import (
    AnyBridgeKind,
    AnyEventKind,
    AnyMode,
    AnyReason,
    AnyStatus,
    Count,
    Digest,
    Flag,
    Host,
    LinkId,
    Reason,
    Text,
    Utc,
)


class EndState(Model):
    """One end as it is: kernel (ifindex to tx_checksum) and OVSDB (ofport to error) together; None is 'unknown'."""

    bridge: str
    kind: AnyBridgeKind
    device: str
    present: bool = False
    ifindex: int | None = None
    peer_ifindex: int | None = None
    attached_to: str | None = Field(default=None, description="The bridge that the device is in")
    mac: str | None = None
    mtu: int | None = None
    up: bool | None = None
    carrier: bool | None = None
    tx_checksum: bool | None = Field(default=None, description="Offload on; known for owned devices only")
    datapath_type: str | None = Field(default=None, description="Of the OVS bridge; empty is the kernel's")
    stp: bool | None = Field(default=None, description="Whether STP or RSTP runs on the bridge")
    ofport: int | None = None
    tag: int | None = None
    error: str | None = Field(default=None, description="Of the OVS interface")


class Difference(Model):
    """One thing that is not as wanted."""

    code: str = Field(description="Such as DEVICE_MISSING; stable")
    device: str
    wanted: str
    observed: str


class LinkState(Model):
    """A link as it is on its host."""

    link_id: LinkId
    generation: Count
    status: AnyStatus
    reason: AnyReason = Reason.NONE
    message: str = ""
    ends: tuple[EndState, ...] = ()
    differences: tuple[Difference, ...] = ()


class Timing(Model):
    """When each part of what led to an event was done; null is not known, or was not needed."""

    cast_at: Utc | None = Field(default=None, description="The cast left, by the clock of its sender")
    heard_at: Utc | None = Field(default=None, description="The agent had the cast; from here on it is its clock")
    planned_at: Utc | None = Field(default=None, description="It knew what to do, and began")
    kernel_at: Utc | None = Field(default=None, description="The kernel had done its part")
    ovsdb_at: Utc | None = Field(default=None, description="Open vSwitch's database had the rows, or was rid of them")
    sent_at: Utc | None = Field(default=None, description="The event left for the controller")


class PortEvent(Model):
    """One link after it changed: the whole observed state, never a delta."""

    seq: Count = Field(description="Number within the agent's event stream, rising")
    kind: AnyEventKind
    state: LinkState
    repaired: tuple[Difference, ...] = Field(default=(), description="What was wrong since the last event, and is not")
    took_ms: float | None = Field(default=None, description="Milliseconds from first notice until so")
    observed_at: Utc
    request_id: Text | None = None
    timing: Timing | None = Field(default=None, description="Without sent_at; since 1.3")


class PortEvents(Message):
    """A batch of events of one host; (stream, seq) tells a repeat."""

    host: Host
    stream: LinkId = Field(description="A new one whenever the agent's numbering begins again")
    sent_at: Utc | None = Field(default=None, description="Since 1.3")
    events: tuple[PortEvent, ...]


class HealthReason(Model):
    """One part of an agent that does not work as it should."""

    part: str = Field(
        description="bus, casts, controller, events, log, loops, marks, mode, netlink, ovsdb, privsep, reconciler, "
        "store, vswitchd"
    )
    message: str


class Health(Model):
    """``ready``: in step with the controller since the start; degraded is having reasons."""

    ready: bool = False
    reasons: tuple[HealthReason, ...] = ()

    @property
    def degraded(self) -> bool:
        """Whether any part does not work as it should."""
        return bool(self.reasons)


class StateReport(Message):
    """The heartbeat of an agent."""

    host: Host
    agent_version: str
    started_at: Utc
    report_interval: float = Field(gt=0, description="Seconds until the next one, about")
    mode: AnyMode
    health: Health
    desired_digest: Digest
    observed_digest: Digest
    inventory_digest: Digest | None = Field(default=None, description="Of what the host shows; null is not known yet")
    links: dict[AnyStatus, Count] = Field(default_factory=dict)
    counters: dict[str, Count] = Field(default_factory=dict)


class ReportAnswer(Message):
    """What the controller holds for the host; a digest that differs makes the agent pull."""

    desired_digest: Digest
    observed_digest: Digest
    mode: AnyMode
    wants_inventory: Flag = Field(default=False, description="The one with the reported digest is not held")
    incarnation: LinkId | None = Field(
        default=None, description="Of the record of this host; another one means that the database is another"
    )
