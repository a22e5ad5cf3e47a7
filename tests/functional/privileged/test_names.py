"""A device gets its name back as it is."""

import os

import pytest

from tests.functional.privileged.kernel import LINK, Kernel
from vethagent.privileged.operations import ChangeEnd


@pytest.mark.parametrize("mtu", [None, 1400])
def test_a_device_stays_up_while_it_is_renamed(kernel: Kernel, mtu: int | None) -> None:
    """Down, even for a moment, it loses packets, and in a bridge that runs STP those of half a minute."""
    if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 2):
        pytest.skip("before Linux 6.2 only a device that is down gets another name")
    index, _ = kernel.pair()
    kernel.ip("link", "set", "aa", "name", "other")
    with kernel.listening() as told:
        kernel.done(ChangeEnd(link_id=LINK, ifindex=index, name="aa", mtu=mtu, up=True))
    assert kernel.index("aa") == index
    seen = [message.device for message in told if message.device is not None and message.device.ifindex == index]
    assert seen
    assert all(device.up for device in seen)
