"""What the two sides say to each other: the wire, the REST bodies and the OpenAPI schema are these models.

Every message names the version of the contract that its sender speaks. A reader ignores fields that it does not know
(a newer minor version) and refuses a newer major version. REST bodies come from people, so there the API validates
with ``extra="forbid"``: a misspelt field is an error, not a silence.
"""

import datetime
import enum
import hashlib
from collections.abc import Iterable
from typing import Annotated, Any, Self

import pydantic
from pydantic import AfterValidator, Field

from vethagent import constants

MODEL_VERSION = "1.0"


# -- fields ------------------------------------------------------------------------------------------------------


def check_device_name(name: str) -> str:
    """Return ``name`` if the kernel, OVS and a shell all take it as a device name, else raise ValueError.

    The kernel (``dev_valid_name`` in net/core/dev.c) refuses the empty name, 16 bytes or more, ``.``, ``..``, ``/``,
    ``:`` and white space, reads ``%d`` as a pattern, and has no room in sysctl for ``all`` and ``default``. Beyond
    that only printable ASCII is taken, and no leading ``-``, which commands would read as an option.
    """
    if not name:
        raise ValueError("must not be empty")
    if len(name.encode()) > constants.MAX_DEVICE_NAME:
        raise ValueError(f"is longer than {constants.MAX_DEVICE_NAME} bytes")
    if name in (".", "..", "all", "default"):
        raise ValueError(f"{name!r} is reserved")
    if name.startswith("-"):
        raise ValueError("must not begin with '-'")
    if bad := sorted({char for char in name if not "!" <= char <= "~" or char in "/:%"}):
        raise ValueError(f"must not contain {', '.join(map(repr, bad))}")
    return name


def _check_text(text: str) -> str:
    if text != text.strip():
        raise ValueError("must not begin or end with white space")
    if not text.isprintable():
        raise ValueError("must not contain control characters")
    return text


def _check_mac(mac: str) -> str:
    if int(mac[:2], 16) & 1:
        raise ValueError("is a multicast address")
    if mac == "00:00:00:00:00:00":
        raise ValueError("is the zero address")
    return mac


def _check_utc(at: datetime.datetime) -> datetime.datetime:
    return at.astimezone(datetime.UTC)


DeviceName = Annotated[str, AfterValidator(check_device_name)]
Host = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
LinkId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Mac = Annotated[
    str,
    Field(pattern=r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$", description="Unicast MAC address, lower case"),
    AfterValidator(_check_mac),
]
Mtu = Annotated[int, Field(strict=True, ge=constants.MIN_MTU, le=constants.MAX_MTU, description="Bytes")]
Tag = Annotated[int, Field(strict=True, ge=constants.MIN_TAG, le=constants.MAX_TAG, description="802.1Q VLAN id")]
Flag = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(max_length=255), AfterValidator(_check_text)]
#: As much as a database column and JSON readers of other languages take.
Count = Annotated[int, Field(strict=True, ge=0, lt=1 << 63)]
Utc = Annotated[pydantic.AwareDatetime, AfterValidator(_check_utc)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class BridgeKind(enum.StrEnum):
    """``auto`` is looked up on the host: whichever kind of bridge has the name there."""

    AUTO = "auto"
    LINUX = "linux"
    OVS = "ovs"


class Status(enum.StrEnum):
    """Of a link. ERROR waits for a change from outside and ends with it; DOWN is being repaired, or is wanted so."""

    BUILD = "BUILD"
    ACTIVE = "ACTIVE"
    DOWN = "DOWN"
    ERROR = "ERROR"
    PENDING_DELETE = "PENDING_DELETE"


class Reason(enum.StrEnum):
    """Why a link is not ACTIVE; NONE if it is."""

    NONE = ""
    PLUGGING = "PLUGGING"
    UNPLUGGING = "UNPLUGGING"
    UNPLUGGED = "UNPLUGGED"
    ADMIN_DOWN = "ADMIN_DOWN"
    AGENT_DOWN = "AGENT_DOWN"
    DRIFT = "DRIFT"
    BRIDGE_NOT_FOUND = "BRIDGE_NOT_FOUND"
    BRIDGE_AMBIGUOUS = "BRIDGE_AMBIGUOUS"
    NAME_CONFLICT = "NAME_CONFLICT"
    ADOPT_MISMATCH = "ADOPT_MISMATCH"
    LOOP = "LOOP"
    TAG_UNSUPPORTED = "TAG_UNSUPPORTED"
    NO_CARRIER = "NO_CARRIER"
    PORT_ERROR = "PORT_ERROR"
    NETLINK_ERROR = "NETLINK_ERROR"
    OVSDB_UNAVAILABLE = "OVSDB_UNAVAILABLE"
    OVSDB_REFUSED = "OVSDB_REFUSED"
    HELPER_UNAVAILABLE = "HELPER_UNAVAILABLE"
    HELPER_REFUSED = "HELPER_REFUSED"


class Mode(enum.StrEnum):
    """Of an agent: repair drift; report drift and change nothing; do nothing, casts wait."""

    ENFORCE = "enforce"
    OBSERVE = "observe"
    PAUSED = "paused"


class EventKind(enum.StrEnum):
    """What a port event tells; the state in it is always whole."""

    CHANGED = "changed"
    PLUGGED = "plugged"
    REPAIRED = "repaired"
    DRIFTED = "drifted"
    FAILED = "failed"
    UNPLUGGED = "unplugged"


# -- links -------------------------------------------------------------------------------------------------------


class Model(pydantic.BaseModel):
    """Immutable; unknown fields are ignored unless the caller of ``model_validate`` says otherwise."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")


class Message(Model):
    """A model that travels by itself and so names the version of the contract."""

    version: str = Field(default=MODEL_VERSION, pattern=r"^[0-9]{1,4}\.[0-9]{1,4}$")

    @pydantic.field_validator("version")
    @classmethod
    def _check_version(cls, version: str) -> str:
        if int(version.split(".")[0]) > int(MODEL_VERSION.split(".")[0]):
            raise ValueError(f"{version} is newer than {MODEL_VERSION}, the newest that is understood here")
        return version


class LinkEnd(Model):
    """One end of a link: the bridge and the device in it."""

    bridge: DeviceName
    kind: BridgeKind = BridgeKind.AUTO
    device: DeviceName | None = Field(default=None, description="Derived from the link id if not given")
    mac: Mac | None = Field(default=None, description="Derived from the link id if not given")
    tag: Tag | None = Field(default=None, description="Access VLAN of the OVS port")

    @pydantic.model_validator(mode="after")
    def _check_end(self) -> Self:
        if self.tag is not None and self.kind is BridgeKind.LINUX:
            raise ValueError("tag is for OVS bridges only")
        if self.device == self.bridge:
            raise ValueError(f"device must not have the name of its bridge, {self.bridge!r}")
        return self


def _check_ends(ends: tuple[LinkEnd, LinkEnd]) -> tuple[LinkEnd, LinkEnd]:
    first, second = ends
    if first.bridge == second.bridge:
        raise ValueError(f"must join two different bridges, both are {first.bridge!r}")
    if first.device is not None and first.device == second.device:
        raise ValueError(f"must have two different devices, both are {first.device!r}")
    if first.mac is not None and first.mac == second.mac:
        raise ValueError(f"must have two different MAC addresses, both are {first.mac}")
    for end, other in ((first, second), (second, first)):
        if end.device == other.bridge:
            raise ValueError(f"device {end.device!r} has the name of the other end's bridge")
    return ends


Ends = Annotated[tuple[LinkEnd, LinkEnd], AfterValidator(_check_ends)]


class BridgeLinkCreate(Model):
    """Body of ``POST /v1/bridge-links``."""

    host: Host
    ends: Ends
    name: Text | None = Field(default=None, min_length=1)
    mtu: Mtu | None = Field(default=None, description="Bytes; the smaller of the two bridges' if not given")
    adopt: Flag = Field(default=False, description="Take over the pair if it is there exactly as wanted")
    allow_loop: Flag = Field(default=False, description="Plug even if it closes a loop of bridges")
    admin_state_up: Flag = True


class BridgeLinkUpdate(Model):
    """Body of ``PATCH /v1/bridge-links/{id}``: what is absent stays as it is."""

    ends: Ends | None = None
    name: Text | None = Field(default=None, min_length=1)
    mtu: Mtu | None = None
    adopt: Flag | None = None
    allow_loop: Flag | None = None
    admin_state_up: Flag | None = None

    @pydantic.model_validator(mode="after")
    def _check_nulls(self) -> Self:
        nulls = [name for name in self.model_fields_set if getattr(self, name) is None]
        if bad := sorted(set(nulls) - {"name", "mtu"}):
            raise ValueError(f"{bad[0]} must not be null")
        return self


class BridgeLink(BridgeLinkCreate, Message):
    """One veth pair that is wanted on one host; each change raises ``generation``."""

    id: LinkId
    generation: Count
    request_id: Text | None = Field(default=None, description="Of the request that made this generation")


class LinkRef(Message):
    """A link that is to go, as of ``generation``."""

    link_id: LinkId
    generation: Count
    request_id: Text | None = Field(default=None, description="Of the request that asked for it")


class HostState(Message):
    """Everything that is wanted on one host; ``deleted`` are those that the controller waits to see gone."""

    host: Host
    links: tuple[BridgeLink, ...] = ()
    deleted: tuple[LinkRef, ...] = ()
    mode: Mode = Mode.ENFORCE


# -- what an agent says ------------------------------------------------------------------------------------------


class EndState(Model):
    """One end as it is: kernel (ifindex to tx_checksum) and OVSDB (ofport to error) together; None is 'unknown'."""

    bridge: str
    kind: BridgeKind
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
    status: Status
    reason: Reason = Reason.NONE
    message: str = ""
    ends: tuple[EndState, ...] = ()
    differences: tuple[Difference, ...] = ()


class PortEvent(Model):
    """One link after it changed: the whole observed state, never a delta."""

    seq: Count = Field(description="Number within the agent's event stream, rising")
    kind: EventKind
    state: LinkState
    repaired: tuple[Difference, ...] = Field(default=(), description="What was wrong since the last event, and is not")
    took_ms: float | None = Field(default=None, description="Milliseconds from first notice until so")
    observed_at: Utc
    request_id: Text | None = None


class PortEvents(Message):
    """A batch of events of one host; (stream, seq) tells a repeat."""

    host: Host
    stream: LinkId = Field(description="A new one whenever the agent's numbering begins again")
    events: tuple[PortEvent, ...]


class HealthReason(Model):
    """One part of an agent that does not work as it should."""

    part: str = Field(description="bus, ovsdb, netlink, privsep, store or reconciler")
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
    mode: Mode
    health: Health
    desired_digest: Digest
    observed_digest: Digest
    links: dict[Status, Count] = Field(default_factory=dict)
    counters: dict[str, Count] = Field(default_factory=dict)


class ReportAnswer(Message):
    """What the controller holds for the host; a digest that differs makes the agent pull."""

    desired_digest: Digest
    observed_digest: Digest
    mode: Mode


# -- calls to an agent -------------------------------------------------------------------------------------------


class BridgePort(Model):
    """One device in a bridge; ``link_id`` if it is owned."""

    device: str
    link_id: str | None = None


class Bridge(Model):
    """One bridge of a host."""

    name: str
    kind: BridgeKind
    mtu: int | None = None
    datapath_type: str | None = None
    stp: bool = False
    ports: tuple[BridgePort, ...] = ()


class VethPair(Model):
    """One veth pair of a host with the bridges that its two devices are in; ``link_id`` if it is owned."""

    devices: tuple[str, str]
    bridges: tuple[str | None, str | None]
    link_id: str | None = None


class HostDescription(Message):
    """Answer to ``describe_host``."""

    host: Host
    bridges: tuple[Bridge, ...] = ()
    pairs: tuple[VethPair, ...] = ()


class PlannedLink(Model):
    """The steps that an agent would take for one link, in order, each one a sentence."""

    link_id: LinkId
    steps: tuple[str, ...] = ()
    state: LinkState


class HostPlan(Message):
    """Answer to ``plan_bridge_links``."""

    host: Host
    links: tuple[PlannedLink, ...] = ()


# -- digests and errors ------------------------------------------------------------------------------------------


def digest(items: Iterable[tuple[str | int, ...]]) -> str:
    """Return an order-free hash, 32 hex digits, over ``items``.

    The items' hashes are added, so one item can be added or taken away without looking at the others, and (unlike with
    exclusive or) the same item twice does not vanish.
    """
    total = 0
    for item in items:
        text = "\0".join(map(str, item))
        total += int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest())
    return f"{total % (1 << 128):032x}"


def desired_digest(links: Iterable[tuple[str, int]]) -> str:
    """Return the digest over (link id, generation) of all that is wanted on a host."""
    return digest(links)


def observed_digest(links: Iterable[tuple[str, int, Status, Reason]]) -> str:
    """Return the digest over (link id, generation, status, reason) of all that was reported of a host."""
    return digest(links)


def explain(error: pydantic.ValidationError) -> tuple[str, str]:
    """Return (field, sentence) for the first thing wrong in ``error``; the field is dotted, '' for the whole."""
    first: Any = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    text = first["msg"].removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    return field, f"{field}: {text}" if field else text
