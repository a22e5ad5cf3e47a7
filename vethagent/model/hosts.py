"""What an agent answers: its host, and what it would do."""

from vethagent.model.base import Message, Model
from vethagent.model.fields import AnyBridgeKind, Host, LinkId
from vethagent.model.states import LinkState


class BridgePort(Model):
    """One device in a bridge; ``link_id`` if it is owned."""

    device: str
    link_id: str | None = None


class Bridge(Model):
    """One bridge of a host."""

    name: str
    kind: AnyBridgeKind
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
