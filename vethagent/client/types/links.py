"""A link, what happens to it, and why it is as it is."""

from typing import NotRequired, TypedDict


class End(TypedDict):
    """One end of a link as wanted."""

    bridge: str
    kind: NotRequired[str]
    device: NotRequired[str | None]
    mac: NotRequired[str | None]
    tag: NotRequired[int | None]


class EndState(TypedDict):
    """One end of a link as its agent saw it; None is 'unknown'."""

    bridge: str
    kind: str
    device: str
    present: bool
    ifindex: int | None
    peer_ifindex: int | None
    attached_to: str | None
    mac: str | None
    mtu: int | None
    up: bool | None
    carrier: bool | None
    tx_checksum: bool | None
    stp: bool | None
    datapath_type: str | None
    ofport: int | None
    tag: int | None
    error: str | None


class Difference(TypedDict):
    """One thing that is not as wanted; of a link also ``since`` when, null if that is not known."""

    code: str
    device: str
    wanted: str
    observed: str
    since: NotRequired[str | None]


class LinkCreate(TypedDict):
    """Body that makes a link."""

    host: str
    ends: list[End]
    name: NotRequired[str | None]
    mtu: NotRequired[int | None]
    adopt: NotRequired[bool]
    allow_loop: NotRequired[bool]
    admin_state_up: NotRequired[bool]
    confirm: NotRequired[bool]
    id: NotRequired[str]
    labels: NotRequired[dict[str, str]]


class LinkUpdate(TypedDict, total=False):
    """Body that changes a link: what is absent stays as it is."""

    ends: list[End]
    name: str | None
    mtu: int | None
    adopt: bool
    allow_loop: bool
    admin_state_up: bool
    confirm: bool
    labels: dict[str, str | None]


class Link(TypedDict):
    """A link: what is wanted, and what its agent made of it; times are RFC 3339."""

    id: str
    template_id: str | None
    host: str
    name: str | None
    ends: list[End]
    mtu: int | None
    adopt: bool
    allow_loop: bool
    admin_state_up: bool
    confirm: bool
    labels: dict[str, str]
    generation: int
    request_id: str | None
    status: str
    reason: str
    message: str
    flapping: NotRequired[bool]
    observed: list[EndState]
    differences: list[Difference]
    observed_generation: int | None
    created_at: str
    updated_at: str
    status_changed_at: str


class Event(TypedDict):
    """A port event as it was stored; ``took_ms`` is in milliseconds, times are RFC 3339."""

    id: int
    host: str
    link_id: str
    link_name: str | None
    seq: int
    kind: str
    generation: int
    status: str
    reason: str
    message: str
    repaired: list[Difference]
    differences: list[Difference]
    ends: list[EndState]
    took_ms: float | None
    observed_at: str
    received_at: str
    request_id: str | None
    timing: "Timing | None"


class Change(TypedDict):
    """One change of a link: who, when and why."""

    id: int
    link_id: str
    host: str
    link_name: str | None
    generation: int
    status: str
    reason: str
    message: str
    changed_by: str
    request_id: str | None
    changed_at: str


class Condition(TypedDict):
    """One thing that has to be so for a link to be as wanted."""

    name: str
    wanted: str
    observed: str
    met: bool
    since: str | None


class Timing(TypedDict):
    """When each part of what led to a port event was done, in RFC 3339; None is not known, or was not needed."""

    cast_at: str | None
    heard_at: str | None
    planned_at: str | None
    kernel_at: str | None
    ovsdb_at: str | None
    sent_at: str | None


class Station(TypedDict):
    """One part of the way from a request to its record; ``took_ms`` is since the one before."""

    name: str
    what: str
    at: str
    where: str
    took_ms: float | None


class LinkTiming(TypedDict):
    """How long each part of the newest change took."""

    link_id: str
    kind: str
    generation: int
    request_id: str | None
    total_ms: float
    stations: list[Station]


class Diagnosis(TypedDict):
    """Why a link is as it is."""

    link_id: str
    status: str
    reason: str
    sentence: str
    conditions: list[Condition]
