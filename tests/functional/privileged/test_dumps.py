"""A dump of devices that the kernel interrupts, because something changed while it was read."""

import pytest

from tests.functional.privileged.kernel import Kernel
from vethagent.privileged import rtnl

#: More devices than one read of a dump brings.
MANY = 300


def test_a_dump_that_is_interrupted_is_asked_for_again(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"d{number}" for number in range(MANY)]
    kernel.batch(*(f"link add {name} group 77 type bridge" for name in names))
    receive, reads = rtnl.RouteSocket._receive, 0

    def receive_and_change(route: rtnl.RouteSocket) -> bytes:
        nonlocal reads
        reads += 1
        data = receive(route)
        if reads == 1:
            kernel.ip("link", "add", "late", "type", "bridge")
            kernel.ip("link", "delete", "d1")
        return data

    monkeypatch.setattr(rtnl.RouteSocket, "_receive", receive_and_change)
    found = {device.name for device in kernel.dump().values()}
    monkeypatch.undo()
    assert reads > 2
    assert found == set(kernel.devices())
    assert "late" in found
    kernel.ip("link", "delete", "group", "77")
