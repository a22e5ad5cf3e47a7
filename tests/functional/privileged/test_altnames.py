"""Names that a device has besides its own: the kernel gives none of them to another device."""

import pytest

from tests.functional.privileged.kernel import LINK, Kernel, create
from vethagent.privileged.operations import ChangeEnd


def _add(kernel: Kernel, device: str, altname: str) -> None:
    kernel.ip("link", "property", "add", "dev", device, "altname", altname)


@pytest.mark.parametrize("holder", ["renamed", "bb"])
def test_a_wanted_name_is_an_altname_of_the_link_itself(kernel: Kernel, holder: str) -> None:
    index, _ = kernel.pair()
    kernel.ip("link", "set", "aa", "name", "renamed")
    _add(kernel, holder, "aa")
    _add(kernel, holder, "stays")
    kernel.done(ChangeEnd(link_id=LINK, ifindex=index, name="aa", up=True))
    assert kernel.index("aa") == index
    altnames = [device.get("altnames", []) for device in kernel.devices().values()]
    assert sorted(filter(None, altnames)) == [["stays"]]


def test_a_name_that_is_an_altname_of_another_cannot_be_had(kernel: Kernel) -> None:
    index, _ = kernel.pair()
    kernel.foreign("xx", "yy")
    for name in ("cc", "dd"):
        _add(kernel, "xx", name)
    refused = kernel.refused(ChangeEnd(link_id=LINK, ifindex=index, name="cc"), create(LINK, ("dd", "ee")))
    assert refused == [f"the name {name} is taken by a veth device, xx, as an altname" for name in ("cc", "dd")]


def test_a_name_that_another_has_cannot_be_had(kernel: Kernel) -> None:
    index, _ = kernel.pair()
    refused = kernel.refused(ChangeEnd(link_id=LINK, ifindex=index, name="br1"), create(LINK, ("cc", "br1")))
    assert refused == ["the name br1 is taken by a bridge device"] * 2
