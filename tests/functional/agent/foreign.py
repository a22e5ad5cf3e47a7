"""Devices and ports that are not ours and look much like it."""

from tests.support import hosts

ID = "0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a"


def crowd(host: hosts.Host) -> None:
    """Fill a node with foreign devices and ports of all sorts; none of them joins two bridges."""
    for number, alias in enumerate((f"vethagent:{ID}x", "vethagent:", f"vethagent-{ID}", f" vethagent:{ID}", "mine")):
        host.ip("link", "add", f"for-a{number}", "type", "veth", "peer", "name", f"for-b{number}")
        host.ip("link", "set", f"for-a{number}", "alias", alias)
        host.ip("link", "set", f"for-a{number}", "master", "br1", "up")
    host.ip("tuntap", "add", "name", "for-tap", "mode", "tap")
    host.ip("link", "set", "for-tap", "alias", f"vethagent:{ID}x", "group", "7")
    for number, mark in enumerate((f"vethagent-link-id={ID}x", f"vethagent-link={ID}", f"link-id={ID}")):
        host.ip("link", "add", f"for-c{number}", "type", "veth", "peer", "name", f"for-d{number}")
        host.vsctl(
            "add-port", "br-eth1", f"for-c{number}", "--", "set", "Port", f"for-c{number}", f"external_ids:{mark}"
        )
