"""What a host in memory must be like, found out without the code that plans."""

from tests.unit.plumbing.damage import owned
from tests.unit.plumbing.simulator import Host
from vethagent import model
from vethagent.model import BridgeKind
from vethagent.plumbing import naming


def check_active(host: Host, wanted_link: model.BridgeLink, state: model.LinkState) -> None:
    """Check that a link of which ``state`` says ACTIVE is whole and as wanted."""
    ends = naming.wanted_ends(wanted_link)
    for end, shown in zip(ends, state.ends, strict=True):
        device, other = host.kernel.named(end.device), host.kernel.named(end.other)
        assert (device.peer, other.peer, device.kind) == (other.ifindex, device.ifindex, "veth")
        assert device.alias == naming.alias(wanted_link.id) and device.up and device.mtu == other.mtu
        assert wanted_link.mtu in (None, device.mtu)
        assert device.mac == end.mac or wanted_link.adopt
        assert shown.present and shown.attached_to == end.bridge
        if shown.kind is BridgeKind.LINUX:
            assert device.master == host.kernel.named(end.bridge).ifindex
        else:
            row = host.rows[end.device]
            assert device.master is None
            assert (row.bridge, row.tag, row.link_id) == (end.bridge, end.tag, wanted_link.id)
            assert (row.vlans, row.type, row.mtu_request, row.alone, row.marked) == ("", "", None, True, True)
            assert row.ofport and row.ofport > 0 and not row.error
            if host.bridges[end.bridge].datapath_type == "netdev":
                assert host.offload.get(other.ifindex) is False


def joined_by_others(host: Host, wanted_link: model.BridgeLink) -> bool:
    """Return whether the link's bridges are joined without it; by a search of its own, over a plain list of edges."""
    ours = {device.name for device in owned(host, wanted_link.id)} | {
        end.device for end in naming.wanted_ends(wanted_link)
    }
    where = {row.name: row.bridge for row in host.rows.values()}
    where |= {d.name: host.kernel.devices[d.master].name for d in host.kernel.devices.values() if d.master}
    edges = set()
    for device in host.kernel.devices.values():
        peer = host.kernel.devices.get(device.peer) if device.peer else None
        if peer and device.name not in ours and device.name in where and peer.name in where:
            edges.add((where[device.name], where[peer.name]))
    reached = {wanted_link.ends[0].bridge}
    while more := {b for a, b in edges if a in reached} - reached:
        reached |= more
    return wanted_link.ends[1].bridge in reached
