"""Devices and ports that are not ours and look much like it."""

from tests.support import hosts

ID = "0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a"

_ALIASES = (
    *(f"vethagent:{ID}{end}" for end in ("x", " ", "\n", f",{ID}")),
    *("vethagent:", f"vethagent:{ID[:-1]}", f"vethagent:{ID.upper()}", f"vethagent:{ID.replace('-', '')}"),
    *(f"VETHAGENT:{ID}", f"vethagent-{ID}", f" vethagent:{ID}", f"\uff56ethagent:{ID}", ID, "mine"),
)
#: Of ports, in external_ids.
_MARKS = (
    *(f"vethagent-link-id={value}" for value in (f"{ID}x", f'"{ID} "', f'"{ID.upper()}"', f'"vethagent:{ID}"', '""')),
    *(f"vethagent-link={ID}", f"link-id={ID}", f"Vethagent-Link-Id={ID}"),
)


def crowd(host: hosts.Host) -> None:
    """Fill a node with foreign devices and ports of all sorts; none of them joins two bridges."""
    for number, alias in enumerate(_ALIASES):
        host.ip("link", "add", f"for-a{number}", "type", "veth", "peer", "name", f"for-b{number}")
        host.ip("link", "set", f"for-a{number}", "alias", alias)
        host.ip("link", "set", f"for-a{number}", "master", "br1", "up")
    host.ip("tuntap", "add", "name", "for-tap", "mode", "tap")
    host.ip("link", "set", "for-tap", "alias", f"vethagent:{ID}x", "group", "7")
    host.ip("link", "property", "add", "dev", "for-tap", "altname", f"vethagent:{ID}", "altname", "phy-br1-of-others")
    for number, mark in enumerate(_MARKS):
        host.ip("link", "add", f"for-c{number}", "type", "veth", "peer", "name", f"for-d{number}")
        host.vsctl(
            "add-port", "br-eth1", f"for-c{number}", "--", "set", "Port", f"for-c{number}", f"external_ids:{mark}"
        )
