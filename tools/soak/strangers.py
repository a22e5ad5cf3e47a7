"""What is on a host and not ours, some of it much like it: at the end it has to be what it was at the beginning."""

from typing import Any

from tests.functional.agent import foreign
from tests.support import hosts, lasting, whole

#: How the names begin: look-alikes, and the devices of guests.
_NAMES = ("for-", "tap")
#: Parts of the names of what changes by itself, or with a bridge or ovs-vswitchd.
_RESTLESS = ("timer", "topology_change", "message_age", "designated", "config_pending", "state", "flags", "promiscuity")
_RESTLESS_COLUMNS = ("statistics", "status", "ofport", "link_resets", "lacp", "rstp")


class Strangers:
    """Devices and ports that look much like ours, and those of guests."""

    def __init__(self, host: hosts.Host) -> None:
        self._host = host
        foreign.crowd(host)
        self._before: dict[str, Any] = {}

    def begin(self) -> None:
        """Remember how they are now."""
        self._before = self._picture()

    def changed(self) -> list[str]:
        """Return which are not as they were, each a sentence."""
        now = self._picture()
        names = sorted(name for name in self._before.keys() | now.keys() if self._before.get(name) != now.get(name))
        return [
            f"{self._host.name}: the foreign {name} was {self._before.get(name)} and is {now.get(name)}"
            for name in names
        ]

    def _picture(self) -> dict[str, Any]:
        seen = whole.Snapshot(self._host)
        found = {f"device {name}": _lasting(device) for name, device in seen.devices.items() if _is_foreign(name)}
        for table, rows in (("port", seen.ports), ("interface", seen.interfaces)):
            for name, row in rows.items():
                if _is_foreign(name):
                    found[f"{table} {name}"] = lasting.without(row, _RESTLESS_COLUMNS)
        return found | {f"bridges of {name}": bridges for name, bridges in seen.where.items() if _is_foreign(name)}


def _is_foreign(name: str) -> bool:
    return name.startswith(_NAMES)


def _lasting(device: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = lasting.without(device, _RESTLESS)
    return kept | {"up": "UP" in device["flags"]}
