"""The bridges of a host as a picture of characters."""

from collections.abc import Iterator

from vethagent.client.types import Bridge, HostDescription, VethPair


def draw(host: HostDescription) -> Iterator[str]:
    """Yield lines: each bridge with its ports, and at a port that is one end of a pair where the other end is."""
    pairs = {device: pair for pair in host["pairs"] for device in pair["devices"]}
    since = (
        ""
        if host.get("live", True)
        else f", as its agent told it at {host['reported_at'][:19]}Z; it cannot be asked now"
    )
    yield host["host"] + since
    for bridge in host["bridges"]:
        yield from _bridge(bridge, pairs)
    loose = [pair for pair in host["pairs"] if None in pair["bridges"]]
    if loose:
        yield ""
        yield "veth pairs with an end in no bridge:"
        yield from (f"  {' <-> '.join(_end(pair, index) for index in (0, 1))}{_owner(pair)}" for pair in loose)


def _bridge(bridge: Bridge, pairs: dict[str, VethPair]) -> Iterator[str]:
    facts = [bridge["kind"], f"mtu {bridge['mtu']}" if bridge["mtu"] else "", "stp" if bridge["stp"] else ""]
    if network := bridge.get("physical_network"):
        facts.append(f"physical network {network}")
    yield "|"
    yield f"+-- {bridge['name']} ({', '.join(filter(None, facts))})"
    for port in bridge["ports"]:
        pair = pairs.get(port["device"])
        yield f"|     +-- {port['device']}" + (_far_end(port["device"], pair) if pair is not None else "")


def _far_end(device: str, pair: VethPair) -> str:
    far = 1 - pair["devices"].index(device)
    return f" <-> {_end(pair, far)}{_owner(pair)}"


def _end(pair: VethPair, index: int) -> str:
    bridge, device = pair["bridges"][index], pair["devices"][index]
    return f"{device} in {bridge}" if bridge else device


def _owner(pair: VethPair) -> str:
    return f"  [link {pair['link_id']}]" if pair["link_id"] else "  [foreign]"
