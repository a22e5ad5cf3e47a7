"""Options of the agent."""

import ipaddress
import os
from typing import Any

from oslo_config import cfg, types

from vethagent import constants, model


class BridgeMappings(types.Dict):
    """``NETWORK:BRIDGE,…``; no network and no bridge is there twice."""

    def __init__(self) -> None:
        super().__init__(value_type=types.String(), type_name="NETWORK:BRIDGE,…")

    def __call__(self, value: Any) -> dict[str, Any]:
        """Return the bridges by network; raise ValueError."""
        mappings = super().__call__(value)
        for network, bridge in mappings.items():
            model.check_text(network)
            if len(network) > _MAX_NETWORK:
                raise ValueError(f"{network!r} is longer than {_MAX_NETWORK} characters")
            try:
                model.check_device_name(bridge)
            except ValueError as error:
                raise ValueError(f"the bridge of {network}, {bridge!r}: {error}") from None
        if len(set(mappings.values())) < len(mappings):
            raise ValueError("a bridge has two physical networks")
        return mappings


#: Bytes that the path of a Unix socket may have, and the name at the end of a longer one.
_MAX_PATH, _MAX_NAME = 107, 80


class OvsdbConnection(types.String):
    """``unix:PATH`` or ``tcp:ADDRESS:PORT``, as Open vSwitch has them, or ``none``; an address is no name."""

    def __init__(self) -> None:
        super().__init__(type_name="unix:PATH, tcp:ADDRESS:PORT or none")

    def __call__(self, value: Any) -> str:
        """Return the text; raise ValueError."""
        text = str(super().__call__(value))
        if text == constants.NO_OVSDB:
            return text
        kind, _, rest = text.partition(":")
        address, _, port = rest.rpartition(":")
        if not (kind == "unix" and rest.startswith("/")) and not (kind == "tcp" and _is_address(address, port)):
            raise ValueError(f"{text!r} is not unix:PATH, with a path from /, nor tcp:ADDRESS:PORT, nor none")
        if kind == "unix" and not _is_in_reach(rest):
            raise ValueError(f"{text!r} is a path of more than {_MAX_PATH} bytes with too long a name at its end")
        return text


def _is_in_reach(path: str) -> bool:
    """Return whether the library can reach a socket: one of a long path by way of /proc, where its name has to fit."""
    return len(os.fsencode(path)) <= _MAX_PATH or len(os.fsencode(os.path.basename(path))) <= _MAX_NAME


def _is_address(address: str, port: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    bracketed = address.startswith("[") and address.endswith("]")
    return bracketed == (parsed.version == 6) and port.isdecimal() and 0 < int(port) < 65536


#: As much as the controller's database takes.
_MAX_NETWORK = 64

OPTIONS = [
    cfg.StrOpt(
        "concurrency",
        default="eventlet",
        choices=[
            ("eventlet", "green threads on one native thread"),
            ("threading", "native threads"),
        ],
        help="What the agent runs its threads on. Read before everything else, so a change needs a restart.",
    ),
    cfg.IntOpt(
        "report_interval",
        default=30,
        min=1,
        max=3600,
        help="Seconds between two state reports. Each is up to a tenth early or late, so that agents do not report "
        "all at once. A change of health is reported at once.",
    ),
    cfg.Opt(
        "ovsdb_connection",
        type=OvsdbConnection(),
        default="unix:/var/run/openvswitch/db.sock",
        help="Where the Open vSwitch database of this host is reached: unix:PATH, or tcp:ADDRESS:PORT. "
        "On a host without Open vSwitch it is none: else health says all the time that it is not reached.",
    ),
    cfg.IntOpt(
        "ovsdb_timeout",
        default=10,
        min=1,
        max=300,
        help="Seconds that one transaction of the Open vSwitch database may take, and after which a database server "
        "that says nothing at all is taken to hang, but not less than 2.",
    ),
    cfg.IntOpt(
        "helper_timeout",
        default=10,
        min=1,
        max=600,
        help="Seconds that one batch may take in the privileged helper before the helper is started again.",
    ),
    cfg.IntOpt(
        "rpc_timeout",
        default=10,
        min=1,
        max=300,
        help="Seconds to wait for the controller's answer.",
    ),
    cfg.IntOpt(
        "audit_interval",
        default=600,
        min=0,
        max=86400,
        help="Seconds between two looks at all devices and ports, for changes that came without an event. "
        "0 turns it off.",
    ),
    cfg.IntOpt(
        "watchdog_timeout",
        default=30,
        min=3,
        max=3600,
        help="Seconds within which the agent notices, and reports, that a part does not answer: ovs-vswitchd, the "
        "privileged helper, or its own reconciler. Each may owe an answer for a third of it.",
    ),
    cfg.FloatOpt(
        "confirm_timeout",
        default=10,
        min=0,
        max=600,
        help="Seconds for which a link is watched after packets pass over it for the first time, and for which the way "
        "to the hosts of transport_url may be lost meanwhile before the link is taken back and kept back. 0 turns it "
        "off, for one link its --no-confirm does.",
    ),
    cfg.BoolOpt(
        "confirm_gateway",
        default=False,
        help="Take a link back also if with it a default gateway, that of IPv4 or that of IPv6, is lost, or another "
        "device answers in its place. A gateway that answers ARP or NDP and no pings is missed within a minute only, "
        "so confirm_timeout has to be longer. Without a host in transport_url, as with fake://, nothing is watched.",
    ),
    cfg.Opt(
        "bridge_mappings",
        type=BridgeMappings(),
        default={},
        help="Physical networks that bridges of this host are connected to: NETWORK:BRIDGE, with commas between them. "
        "The controller refuses a link that would join two of them a second time, also by links of other hosts.",
    ),
    cfg.HostAddressOpt(
        "metrics_host",
        default="127.0.0.1",
        help="Address on which the agent serves its metrics at /metrics, to everybody who reaches it.",
    ),
    cfg.PortOpt(
        "metrics_port",
        default=9799,
        help="Port on which the agent serves its metrics; 0 turns that off.",
    ),
    cfg.StrOpt(
        "store",
        default="$state_path/agent.sqlite",
        help="File with the links that are wanted on this host; from it they are restored after a reboot.",
    ),
]


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return the options by group."""
    return [("agent", OPTIONS)]
