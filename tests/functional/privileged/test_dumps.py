"""Dumps of devices: one that the kernel interrupts, because something changed while it was read, and a slim one."""

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


def test_a_dump_that_is_interrupted_again_and_again_ends(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a host with many devices of which some come and go all the time, each read is of another moment."""
    names = [f"d{number}" for number in range(MANY)]
    kernel.batch(*(f"link add {name} group 77 type bridge" for name in names))
    lasting = set(kernel.devices())
    receive, reads = rtnl.RouteSocket._receive, 0

    def receive_and_change(route: rtnl.RouteSocket) -> bytes:
        nonlocal reads
        reads += 1
        assert reads < 100
        data = receive(route)
        kernel.ip("link", "add", f"late{reads}", "group", "77", "type", "bridge")
        return data

    monkeypatch.setattr(rtnl.RouteSocket, "_receive", receive_and_change)
    found = {device.name for device in kernel.dump().values()}
    monkeypatch.undo()
    assert found >= lasting
    kernel.ip("link", "delete", "group", "77")


def test_the_groups_of_all_devices_are_read(kernel: Kernel) -> None:
    kernel.ip("link", "add", "d0", "group", "77", "type", "bridge")
    kernel.ip("link", "add", "d1", "group", "78", "type", "bridge")
    try:
        groups = kernel.groups()
        assert groups == {device.group for device in kernel.dump().values()}
        assert groups >= {77, 78}
    finally:
        for group in ("77", "78"):
            kernel.ip("link", "delete", "group", group)
