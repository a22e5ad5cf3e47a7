"""Which device ovs-vswitchd has open for each port. Pure.

It keeps the one that it found when the row came, whatever has its name later. On a userspace datapath nothing passes
over any other.
"""

from collections.abc import Iterable

#: In place of the ifindex of a device that has gone since.
_GONE = 0


class Opened:
    """``stale`` are the ports whose name another device has now than the one that was opened under it."""

    def __init__(self) -> None:
        self.stale: set[str] = set()
        self._indexes: dict[str, int] = {}

    def row(self, port: str, ifindex: int | None) -> None:
        """The row of a port has come or gone; ``ifindex`` is that of the device that is opened for it, if any is."""
        self.stale.discard(port)
        self._indexes.pop(port, None)
        if ifindex is not None:
            self._indexes[port] = ifindex

    def named(self, port: str, ifindex: int) -> None:
        """A device has the name of a port that is there."""
        if self._indexes.setdefault(port, ifindex) == ifindex:
            self.stale.discard(port)
        else:
            self.stale.add(port)

    def gone(self, name: str, ifindex: int) -> None:
        """A device has gone; should one come with the same index it is another one."""
        if self._indexes.get(name) == ifindex:
            self._indexes[name] = _GONE

    def lost(self, ports: Iterable[str]) -> None:
        """What was opened for these has gone, and nobody told of that."""
        for port in ports:
            self._indexes[port] = _GONE
            self.stale.add(port)
