"""Names and addresses of the devices of a link that gives none. Pure."""

import base64
import dataclasses
import functools
import hashlib
import re

from vethagent import constants, model

_NAME_PREFIX = "va"
#: Unicast, locally administered and higher than the addresses of real cards: neither a Linux bridge nor Open vSwitch
#: takes such an address of a port for its own while there is another one.
_MAC_PREFIX = "fe"
#: Names and addresses of so many links are kept: they are asked for with each look at a link.
_KEPT = 4096
_MARK = re.compile(re.escape(constants.ALIAS_PREFIX) + "([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


@dataclasses.dataclass(frozen=True, slots=True)
class WantedEnd:
    """One end of a link with its device's name and address settled; ``other`` names the device at the other end."""

    bridge: str
    kind: model.BridgeKind
    device: str
    mac: str
    tag: int | None
    other: str


def wanted_ends(link: model.BridgeLink) -> tuple[WantedEnd, WantedEnd]:
    """Return the two ends of ``link``, in its order."""
    devices = [end.device or derived_device(link.id, number) for number, end in enumerate(link.ends)]
    first, second = (
        WantedEnd(
            bridge=end.bridge,
            kind=end.kind,
            device=devices[number],
            mac=end.mac or derived_mac(link.id, number),
            tag=end.tag,
            other=devices[1 - number],
        )
        for number, end in enumerate(link.ends)
    )
    return first, second


def devices(link_id: str, link: model.BridgeLink | None) -> set[str]:
    """Return the names of both devices of a link; of one that is not known those that it has if it gives none."""
    if link is None:
        return {derived_device(link_id, 0), derived_device(link_id, 1)}
    return {end.device for end in wanted_ends(link)}


@functools.lru_cache(2 * _KEPT)
def derived_device(link_id: str, end: int) -> str:
    """Return a device name of 15 bytes for end 0 or 1: 60 bits of a hash over the whole id, nothing cut off."""
    text = base64.b32encode(_hash(link_id)[:8]).decode().lower()[:12]
    return f"{_NAME_PREFIX}{text}{'ab'[end]}"


@functools.lru_cache(2 * _KEPT)
def derived_mac(link_id: str, end: int) -> str:
    """Return a stable, locally administered unicast address for end 0 or 1."""
    tail = bytearray(_hash(link_id)[8:13])
    tail[-1] = tail[-1] & 0xFE | end
    return f"{_MAC_PREFIX}:{tail.hex(':')}"


def alias(link_id: str) -> str:
    """Return the mark that the kernel devices of the link carry."""
    return constants.ALIAS_PREFIX + link_id


def owner(device_alias: str) -> str | None:
    """Return the link id that a mark names, None if it is not a mark of ours."""
    mark = _MARK.fullmatch(device_alias)
    return mark[1] if mark is not None else None


def _hash(link_id: str) -> bytes:
    return hashlib.blake2b(link_id.encode(), digest_size=16).digest()
