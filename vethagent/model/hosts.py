"""What an agent answers: its host, and what it would do."""

from pydantic import Field

from vethagent.model.base import Message, Model
from vethagent.model.digests import digest
from vethagent.model.fields import AnyBridgeKind, Digest, Host, LinkId
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
    physical_network: str | None = Field(default=None, description="As the agent's bridge_mappings say")
    ports: tuple[BridgePort, ...] = ()


class VethPair(Model):
    """One veth pair of a host with the bridges that its two devices are in; ``link_id`` if it is owned."""

    devices: tuple[str, str]
    bridges: tuple[str | None, str | None]
    link_id: str | None = None


class BridgeWay(Model):
    """One way from a bridge to another one of the same host, of any kind; ``link_id`` if it is owned."""

    bridges: tuple[str, str]
    device: str = Field(description="In the first bridge")
    patch: bool = Field(default=False, description="Patch ports of Open vSwitch")
    link_id: str | None = None


class HostDescription(Message):
    """Answer to ``describe_host``."""

    host: Host
    bridges: tuple[Bridge, ...] = ()
    pairs: tuple[VethPair, ...] = ()
    ways: tuple[BridgeWay, ...] = ()


class HostInventory(Message):
    """What an agent tells of its host when it is another than the one before; ``digest`` is for the agent to say."""

    description: HostDescription
    digest: Digest


def inventory(description: HostDescription) -> HostInventory:
    """Return ``description`` with its digest, which is over all of it."""
    return HostInventory(description=description, digest=digest([(description.model_dump_json(),)]))


class PlannedLink(Model):
    """The steps that an agent would take for one link, in order, each one a sentence."""

    link_id: LinkId
    steps: tuple[str, ...] = ()
    state: LinkState


class HostPlan(Message):
    """Answer to ``plan_bridge_links``."""

    host: Host
    links: tuple[PlannedLink, ...] = ()
