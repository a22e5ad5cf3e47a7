"""What can be wrong on a host, each a thing that somebody does to a link or beside it."""

import dataclasses
from collections.abc import Callable

from tests.unit.plumbing.builders import LINK_ID, OTHER_ID
from tests.unit.plumbing.simulator import Host
from vethagent import model
from vethagent.plumbing import naming
from vethagent.plumbing.observed import OvsPort
from vethagent.privileged.ifinfo import Device

Damage = Callable[[Host, model.BridgeLink], None]


def owned(host: Host, link_id: str = LINK_ID) -> list[Device]:
    """Return the devices with the link's mark and their other ends."""
    mark = naming.alias(link_id)
    marked = [device for device in host.kernel.devices.values() if device.alias == mark and device.kind == "veth"]
    peers = [host.kernel.devices[device.peer] for device in marked if device.peer in host.kernel.devices]
    return sorted({device.ifindex: device for device in marked + peers}.values(), key=lambda device: device.ifindex)


def _rows(host: Host, wanted_link: model.BridgeLink) -> list[OvsPort]:
    names = {end.device for end in naming.wanted_ends(wanted_link)}
    return [row for row in host.rows.values() if row.name in names]


def _device_damage(number: int, **fields: object) -> Damage:
    def damage(host: Host, wanted_link: model.BridgeLink) -> None:
        if ours := owned(host, wanted_link.id)[number : number + 1]:
            host.change(ours[0].ifindex, **fields)

    return damage


def _row_damage(**fields: object) -> Damage:
    def damage(host: Host, wanted_link: model.BridgeLink) -> None:
        for row in _rows(host, wanted_link)[:1]:
            host.rows[row.name] = dataclasses.replace(row, **fields)  # type: ignore[arg-type]

    return damage


def _pull_out(host: Host, wanted_link: model.BridgeLink) -> None:
    for device in owned(host, wanted_link.id)[:1]:
        host.delete(device.ifindex)


def _send_away(number: int) -> Damage:
    """One end goes into another namespace."""

    def damage(host: Host, wanted_link: model.BridgeLink) -> None:
        ours = owned(host, wanted_link.id)
        if len(ours) == 2:
            del host.kernel.devices[ours[number].ifindex]
            host.change(ours[1 - number].ifindex, peer=None)

    return damage


def _move(number: int, bridge: str) -> Damage:
    def damage(host: Host, wanted_link: model.BridgeLink) -> None:
        for device in owned(host, wanted_link.id)[number : number + 1]:
            host.change(device.ifindex, master=host.kernel.named(bridge).ifindex)

    return damage


def _swap_names(host: Host, wanted_link: model.BridgeLink) -> None:
    if len(ours := owned(host, wanted_link.id)) == 2:
        host.change(ours[0].ifindex, name=ours[1].name)
        host.change(ours[1].ifindex, name=ours[0].name)


def _unmark(host: Host, wanted_link: model.BridgeLink) -> None:
    for device in owned(host, wanted_link.id):
        host.change(device.ifindex, alias="")


def _lose_rows(host: Host, wanted_link: model.BridgeLink) -> None:
    for row in _rows(host, wanted_link):
        del host.rows[row.name]


def _turn_offload_on(host: Host, _: model.BridgeLink) -> None:
    host.offload.clear()


def _take_name(number: int, kind: str) -> Damage:
    def damage(host: Host, wanted_link: model.BridgeLink) -> None:
        name = naming.wanted_ends(wanted_link)[number].device
        if name in {device.name for device in host.kernel.devices.values()}:
            return
        if kind == "veth":
            host.add_pair(name, "their-c")
        else:
            host.add(name, kind=kind)

    return damage


def _take_row(number: int, bridge: str, owner: str | None) -> Damage:
    def damage(host: Host, wanted_link: model.BridgeLink) -> None:
        name = naming.wanted_ends(wanted_link)[number].device
        if name not in host.rows:
            host.add_row(name, bridge, link_id=owner)

    return damage


def _leave_row(host: Host, _: model.BridgeLink) -> None:
    host.add_row("stale0", "br-eth2", link_id=LINK_ID, ofport=-1)


def _by_hand(exact: bool) -> Damage:
    """Somebody made the pair before, as the link wants it or nearly."""

    def damage(host: Host, wanted_link: model.BridgeLink) -> None:
        ends = naming.wanted_ends(wanted_link)
        if {end.device for end in ends} & ({d.name for d in host.kernel.devices.values()} | host.rows.keys()):
            return
        masters = [host.kernel.named(end.bridge) for end in ends]
        first, second = (master.ifindex if master.kind == "bridge" else None for master in masters)
        made = host.add_pair(*(end.device for end in ends), masters=(first, second))
        for index, end in zip((made.ifindex, made.peer or 0), ends, strict=True):
            host.change(
                index,
                mac=end.mac,
                mtu=wanted_link.mtu or (1500 if exact else 1300),
                up=wanted_link.admin_state_up,
            )
            if end.bridge in host.bridges:
                host.add_row(end.device, end.bridge, tag=end.tag)

    return damage


def _join_bridges(host: Host, wanted_link: model.BridgeLink) -> None:
    first, second = (host.kernel.named(end.bridge) for end in wanted_link.ends)
    if "their-x" in {device.name for device in host.kernel.devices.values()}:
        return
    masters = [bridge.ifindex if bridge.kind == "bridge" else None for bridge in (first, second)]
    host.add_pair("their-x", "their-y", masters=(masters[0], masters[1]))
    for name, bridge in (("their-x", first), ("their-y", second)):
        if bridge.kind != "bridge":
            host.add_row(name, bridge.name)


def _other_pair_of_ours(host: Host, wanted_link: model.BridgeLink) -> None:
    if "copy-a" not in {device.name for device in host.kernel.devices.values()}:
        host.add_pair("copy-a", "copy-b", alias=naming.alias(wanted_link.id))


def _mark_on_a_card(host: Host, wanted_link: model.BridgeLink) -> None:
    host.change(host.kernel.named("eth0").ifindex, alias=naming.alias(wanted_link.id))


DAMAGE: dict[str, Damage] = {
    "pull out": _pull_out,
    "send end 0 away": _send_away(0),
    "send end 1 away": _send_away(1),
    "rename end 0": _device_damage(0, name="renamed0"),
    "rename end 1": _device_damage(1, name="renamed1"),
    "swap names": _swap_names,
    "mtu": _device_damage(0, mtu=1300),
    "mac": _device_damage(1, mac="02:00:00:00:09:09"),
    "down": _device_damage(1, up=False),
    "end 0 out": _device_damage(0, master=None),
    "end 1 out": _device_damage(1, master=None),
    "end 0 into br3": _move(0, "br3"),
    "end 1 into br3": _move(1, "br3"),
    "no mark on end 0": _device_damage(0, alias=""),
    "no mark on end 1": _device_damage(1, alias=""),
    "no marks": _unmark,
    "foreign alias": _device_damage(0, alias="uplink to rack 7"),
    "another link's mark": _device_damage(1, alias=naming.alias(OTHER_ID)),
    "rows lost": _lose_rows,
    "row lost its mark": _row_damage(link_id=None),
    "row of another link": _row_damage(link_id=OTHER_ID),
    "row of two links": _row_damage(link_id=OTHER_ID, inner_link_id=LINK_ID, marked=False),
    "row in another bridge": _row_damage(bridge="br-eth2"),
    "row with another tag": _row_damage(tag=7),
    "row with other VLANs": _row_damage(vlans="trunks=5"),
    "row of another type": _row_damage(type="internal"),
    "row with another MTU": _row_damage(mtu_request=1200),
    "row with more interfaces": _row_damage(alone=False),
    "row with half a mark": _row_damage(marked=False),
    "row with an error": _row_damage(ofport=-1, error="no such device"),
    "offload on": _turn_offload_on,
    "name taken by a card": _take_name(0, ""),
    "name taken by a veth": _take_name(1, "veth"),
    "name taken by a port": _take_row(1, "br-eth1", None),
    "name taken by a port of another link": _take_row(0, "br-eth2", OTHER_ID),
    "row without a device": _take_row(1, "br-eth1", LINK_ID),
    "stale row": _leave_row,
    "made by hand": _by_hand(True),
    "made by hand, other MTU": _by_hand(False),
    "bridges joined by others": _join_bridges,
    "second pair with our mark": _other_pair_of_ours,
    "our mark on a card": _mark_on_a_card,
}
