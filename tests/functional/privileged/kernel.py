"""A namespace as the helper sees it, and operations in short."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from tests.support import commands, namespaces
from vethagent.plumbing import rtnl as events
from vethagent.privileged import batch, ifinfo, operations, rtnl
from vethagent.privileged.recovery import Outcome

LINK = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
MARK = f"vethagent:{LINK}"

Device = dict[str, Any]

_AF_BRIDGE = 7


class Kernel:
    """One namespace; everything is done to it in this process."""

    def __init__(self, namespace: namespaces.Namespace) -> None:
        self._namespace = namespace
        #: How many messages of bridges about their ports have come to who listens.
        self.told_by_bridges = 0

    def apply(self, *wanted: operations.Operation) -> list[Outcome]:
        """Do a batch."""
        return self.apply_body(operations.dump(list(wanted)))

    def apply_body(self, body: Any) -> list[Outcome]:
        """Do a batch as it comes through the helper's channel."""
        with self._namespace.entered():
            return [Outcome(*outcome) for outcome in batch.apply(body)]

    def apply_until(self, deadline: float, *wanted: operations.Operation) -> None:
        """Do a batch that has to be done before a time of the monotonic clock."""
        with self._namespace.entered():
            batch.apply(operations.dump(list(wanted)), deadline)

    def done(self, *wanted: operations.Operation) -> list[int]:
        """Do a batch of which nothing may fail; return the ifindexes."""
        outcomes = self.apply(*wanted)
        assert [outcome.error for outcome in outcomes] == [""] * len(wanted)
        return [outcome.ifindex for outcome in outcomes]

    def refused(self, *wanted: operations.Operation) -> list[str]:
        """Do a batch of which all has to fail and nothing may change; return why it did."""
        before = self.picture()
        outcomes = self.apply(*wanted)
        after = self.picture()
        changed = {name: (before.get(name), after.get(name)) for name in before.keys() | after.keys()}
        assert not {name: both for name, both in changed.items() if both[0] != both[1]}, changed
        assert all(outcome.error for outcome in outcomes)
        return [outcome.error for outcome in outcomes]

    @contextlib.contextmanager
    def listening(self) -> Iterator[list[ifinfo.Message]]:
        """Listen as an agent does; what the kernel tells meanwhile of devices is in the list at the end."""
        told: list[ifinfo.Message] = []
        with self._namespace.entered():
            opened = events._listen()
        with opened:
            yield told
            with contextlib.suppress(BlockingIOError):
                while data := opened.recv(ifinfo.READ):
                    told += ifinfo.parse(data)
                    self.told_by_bridges += data[16] == _AF_BRIDGE

    def pair(
        self, link_id: str = LINK, names: tuple[str, str] = ("aa", "bb"), *, master: str = "br1"
    ) -> tuple[int, int]:
        """Make a pair of ours, the first device in a bridge; return the ifindexes."""
        self.done(create(link_id, names, master=self.index(master)))
        return self.index(names[0]), self.index(names[1])

    def foreign(self, first: str, second: str, *, marks: tuple[str, str] = ("", "")) -> tuple[int, int]:
        """Make a pair that is not ours."""
        self.ip("link", "add", first, "type", "veth", "peer", "name", second)
        for name, mark in zip((first, second), marks, strict=True):
            self.ip("link", "set", name, "alias", mark)
        return self.index(first), self.index(second)

    def bridge(self, name: str, *, mtu: int | None = None) -> int:
        """Make a Linux bridge that is up."""
        size = [] if mtu is None else ["mtu", str(mtu)]
        self.ip("link", "add", "name", name, *size, "up", "type", "bridge")
        return self.index(name)

    def ip(self, *arguments: str) -> str:
        """Run ip(8)."""
        return self._namespace.ip(*arguments)

    def batch(self, *lines: str) -> None:
        """Do lines of ip(8) in one go."""
        commands.run(*self._namespace.command("ip", "-batch", "-"), stdin="\n".join(lines))

    def dump(self) -> dict[int, ifinfo.Device]:
        """Return all devices as the helper lists them."""
        with self._namespace.entered(), rtnl.RouteSocket() as route:
            return route.dump()

    def groups(self) -> set[int]:
        """Return the groups of all devices as the helper reads them."""
        with self._namespace.entered(), rtnl.RouteSocket() as route:
            return route.groups()

    def run(self, *command: str) -> str:
        """Run a command in the namespace."""
        return self._namespace.run(*command)

    def devices(self) -> dict[str, Device]:
        """Return all devices by name."""
        return {device["ifname"]: device for device in json.loads(self.ip("-d", "-j", "link", "show"))}

    def device(self, name: str) -> Device:
        """Return one device."""
        return self.devices()[name]

    def index(self, name: str) -> int:
        """Return the ifindex of a device."""
        return int(self.device(name)["ifindex"])

    def queues(self, name: str) -> list[str]:
        """Return the queues of a device that are in use, such as rx-0."""
        return sorted(self.run("ls", f"/sys/class/net/{name}/queues").split())

    def picture(self) -> dict[str, tuple[Any, ...]]:
        """Return what the helper could have changed, of all devices."""
        keys = ("ifindex", "ifalias", "master", "mtu", "address", "group", "link")
        return {
            name: (*(str(device.get(key)) for key in keys), "UP" in device["flags"])
            for name, device in self.devices().items()
        }

    def empty(self) -> None:
        """Delete all devices."""
        for name in self.devices():
            if name != "lo":
                commands.run(*self._namespace.command("ip", "link", "delete", name), check=False)


def create(
    link_id: str = LINK,
    names: tuple[str, str] = ("aa", "bb"),
    *,
    master: int | None = None,
    mtu: int = 1500,
    tx_checksum: bool = True,
    up: bool = True,
) -> operations.CreatePair:
    """Return the operation that makes a pair, the first device in ``master``."""
    ends = [
        operations.NewEnd(name=name, mac=f"fe:00:00:00:{ord(name[-1]):02x}:{number:02x}", mtu=mtu, master=where, up=up)
        for number, (name, where) in enumerate(zip(names, (master, None), strict=True))
    ]
    first = ends[0].model_copy(update={"tx_checksum": tx_checksum})
    return operations.CreatePair(link_id=link_id, ends=(first, ends[1]))
