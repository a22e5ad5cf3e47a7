"""A node with a way to the bus that is there or not; the thread that makes probes is played here."""

import contextlib
import pathlib
from collections.abc import Iterator

import pytest

from tests.unit.agent.node import Node
from vethagent import model
from vethagent.agent.store import Store
from vethagent.agent.trials import Probe
from vethagent.privileged import operations
from vethagent.privileged.recovery import Outcome


class Bus:
    """A way that is there or not."""

    name = "the bus"
    patience = 0.0

    def __init__(self) -> None:
        self.there: bool | None = True

    def reached(self) -> bool | None:
        return self.there


class Watched(Node):
    """The node, and what its confirmer's thread would do."""

    def __init__(self, patch: pytest.MonkeyPatch, path: pathlib.Path) -> None:
        self.bus = Bus()
        self.path = path
        super().__init__(patch)
        patch.setattr("vethagent.agent.confirmer._PATIENCE", 0)  # nobody makes the probe meanwhile
        self.ways = [self.bus]
        self.store = Store(str(path))
        self.boot()
        self.settle()
        self.said()

    def settle(self) -> None:
        for _ in range(8):
            self.round()
            self.happen()
            self.probe()

    def probe(self) -> None:
        """Make the probes that are due."""
        confirmer = self.confirmer
        due = confirmer._trials.next_probe(hurry=bool(confirmer._waiting))
        if confirmer._waiting if due is None else due <= self.now:
            reached = frozenset({"the bus"}) if self.bus.there else frozenset()
            unknown = frozenset({"the bus"}) if self.bus.there is None else frozenset()
            confirmer._take(Probe(self.now, self.now, reached, unknown))

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1.1
            self.settle()

    def crash(self, *, ovsdb: bool = True) -> None:
        """Begin anew from what is on disk, with or without ``ovsdb``."""
        self.store = Store(str(self.path))
        self.boot(ovsdb=ovsdb)
        self.settle()

    def has(self, name: str) -> bool:
        return any(device.name == name for device in self.host.kernel.devices.values())


@contextlib.contextmanager
def cutting_off(node: Watched) -> Iterator[None]:
    """In the block the way is lost as soon as anything is plugged."""
    apply = node.host.apply

    def cut(batch_operations: list[operations.Operation]) -> list[Outcome]:
        node.bus.there = False
        return apply(batch_operations)

    node.host.apply = cut  # type: ignore[method-assign]
    yield
    node.host.apply = apply  # type: ignore[method-assign]


def trip(node: Watched, *links: model.BridgeLink) -> None:
    """Plug links with which the way is lost."""
    with cutting_off(node):
        node.plug(*links)
