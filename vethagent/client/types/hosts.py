"""What an agent sees on its host, and what it would do there."""

from typing import NotRequired, TypedDict

from vethagent.client.types.links import Difference, EndState


class BridgePort(TypedDict):
    """One device in a bridge; ``link_id`` if it is owned."""

    device: str
    link_id: str | None


class Bridge(TypedDict):
    """One bridge of a host."""

    name: str
    kind: str
    mtu: int | None
    datapath_type: str | None
    stp: bool
    physical_network: NotRequired[str | None]
    ports: list[BridgePort]


class VethPair(TypedDict):
    """One veth pair with the bridges that its two devices are in; ``link_id`` if it is owned."""

    devices: list[str]
    bridges: list[str | None]
    link_id: str | None


class BridgeWay(TypedDict):
    """One way from a bridge to another one of the same host; ``link_id`` if it is owned."""

    bridges: list[str]
    device: str
    patch: bool
    link_id: str | None


class InRing(TypedDict):
    """A link that is a piece of a ring through physical networks; ``path`` is the way round."""

    link_id: str
    path: str


class HostDescription(TypedDict):
    """A host as its agent sees it; if it could not be asked (``live``), as it told at ``reported_at``."""

    host: str
    bridges: list[Bridge]
    pairs: list[VethPair]
    ways: NotRequired[list[BridgeWay]]
    rings: NotRequired[list[InRing]]
    live: NotRequired[bool]
    reported_at: NotRequired[str]


class LinkState(TypedDict):
    """A link as it is on its host."""

    link_id: str
    generation: int
    status: str
    reason: str
    message: str
    ends: list[EndState]
    differences: list[Difference]


class PlannedLink(TypedDict):
    """The steps that an agent would take for one link, each a sentence."""

    link_id: str
    steps: list[str]
    state: LinkState


class HostPlan(TypedDict):
    """What an agent would do."""

    host: str
    links: list[PlannedLink]
