"""What is wanted: links, one by one and of a whole host."""

from typing import Annotated, Any, Self

import pydantic
from pydantic import AfterValidator, Field

from vethagent.model.base import NOT_NULL, Changes, Message, Model, contradiction, explain, is_newer_minor
from vethagent.model.fields import (
    AnyMode,
    BridgeKind,
    Count,
    DeviceName,
    Flag,
    Host,
    LabelChanges,
    Labels,
    LinkId,
    Mac,
    Mode,
    Mtu,
    Tag,
    Text,
)


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
            raise contradiction("tag is for OVS bridges only")
        if self.device == self.bridge:
            raise contradiction(f"device must not have the name of its bridge, {self.bridge!r}")
        return self


def _check_ends(ends: tuple[LinkEnd, LinkEnd]) -> tuple[LinkEnd, LinkEnd]:
    first, second = ends
    if first.bridge == second.bridge:
        raise contradiction(f"must join two different bridges, both are {first.bridge!r}")
    if first.device is not None and first.device == second.device:
        raise contradiction(f"must have two different devices, both are {first.device!r}")
    if first.mac is not None and first.mac == second.mac:
        raise contradiction(f"must have two different MAC addresses, both are {first.mac}")
    for end, other in ((first, second), (second, first)):
        if end.device == other.bridge:
            raise contradiction(f"device {end.device!r} has the name of the other end's bridge")
    return ends


Ends = Annotated[tuple[LinkEnd, LinkEnd], AfterValidator(_check_ends)]


class LinkShape(Model):
    """What a link is to be, on whatever host."""

    ends: Ends
    name: Text | None = Field(default=None, min_length=1)
    mtu: Mtu | None = Field(default=None, description="Bytes; the smaller of the two bridges' if not given")
    adopt: Flag = Field(default=False, description="Take over the pair if it is there exactly as wanted")
    allow_loop: Flag = Field(default=False, description="Plug even if it closes a loop of bridges")
    admin_state_up: Flag = True
    confirm: Flag = Field(default=True, description="Take the link back if with it the host lost the way to the bus")


class _OnHost(Model):
    host: Host


class BridgeLinkSpec(LinkShape, _OnHost):
    """What a link is to be. ``host`` comes first, as pydantic begins with the last base."""


class BridgeLinkCreate(BridgeLinkSpec):
    """Body of ``POST /v1/bridge-links``. With an ``id`` of the client's it may be sent again: it is made once."""

    id: LinkId | None = Field(default=None, description="A new one if not given")
    labels: Labels = Field(default_factory=dict)


class BridgeLinkUpdate(Changes):
    """Body of ``PATCH /v1/bridge-links/{id}``: what is absent stays as it is."""

    ends: Ends | None = NOT_NULL
    name: Text | None = Field(default=None, min_length=1)
    mtu: Mtu | None = None
    adopt: Flag | None = NOT_NULL
    allow_loop: Flag | None = NOT_NULL
    admin_state_up: Flag | None = NOT_NULL
    confirm: Flag | None = NOT_NULL
    labels: LabelChanges | None = NOT_NULL


class BridgeLink(BridgeLinkSpec, Message):
    """One veth pair that is wanted on one host; each change raises ``generation``."""

    id: LinkId
    generation: Count
    request_id: Text | None = Field(default=None, description="Of the request that made this generation")


class LinkRef(Message):
    """A link that is to go, as of ``generation``."""

    link_id: LinkId
    generation: Count
    request_id: Text | None = Field(default=None, description="Of the request that asked for it")


class UnreadLink(Model):
    """A link of which this version understands that it is wanted, and not what it is to be; ``why`` is a sentence."""

    id: LinkId
    host: Host
    generation: Count
    request_id: Text | None = None
    why: str


def read_link(body: object) -> BridgeLink | UnreadLink:
    """Return a link; one that this version does not understand if a newer minor version has sent it.

    Raise ValidationError if it is not valid for another reason, or of a newer major version.
    """
    try:
        return BridgeLink.model_validate(body)
    except pydantic.ValidationError as error:
        if not isinstance(body, dict) or not is_newer_minor(body.get("version")):
            raise
        return UnreadLink.model_validate({**body, "why": explain(error)[1]})


def _read_or_leave(body: object) -> object:
    try:
        return read_link(body)
    except pydantic.ValidationError:
        return body  # the message names it with its place


class HostState(Message):
    """Everything that is wanted on one host; ``deleted`` are those that the controller waits to see gone."""

    host: Host
    links: tuple[BridgeLink, ...] = ()
    deleted: tuple[LinkRef, ...] = ()
    mode: AnyMode = Mode.ENFORCE
    elsewhere: tuple[LinkId, ...] = Field(
        default=(), description="Links that are wanted on another host, and whose marks this one shows; since 1.4"
    )
    #: Never on the wire: those of ``links`` that a newer controller has sent and this version does not understand.
    unread: tuple[UnreadLink, ...] = Field(default=(), exclude=True)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _read_links(cls, body: Any) -> Any:
        if not isinstance(body, dict) or not isinstance(body.get("links"), list):
            return body
        links = [_read_or_leave(link) for link in body["links"]]
        return body | {
            "links": [link for link in links if not isinstance(link, UnreadLink)],
            "unread": [link for link in links if isinstance(link, UnreadLink)],
        }
