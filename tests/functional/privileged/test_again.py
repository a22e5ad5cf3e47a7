"""A helper dies between two steps of a batch; another one is given the same batch, and nobody can tell."""

import pathlib
import re
import time
from typing import Any

import pytest

from tests.functional.privileged.kernel import LINK, OTHER, Kernel, create
from tests.support import commands
from vethagent import exceptions, faults
from vethagent.privileged import batch
from vethagent.privileged.operations import AdoptPair, ChangeEnd, DeletePair, Operation

POINTS = re.findall(r'_step\("(helper-[a-z]+)"\)', pathlib.Path(batch.__file__).read_text())
ADOPTED = "33333333-3333-4333-8333-333333333333"


class DiedError(Exception):
    """Stands for the helper's end."""


def _batch(kernel: Kernel) -> list[Operation]:
    """Return a batch with each verb in it; br2 has no other port than the one that comes."""
    kernel.bridge("br2")
    first, _ = kernel.pair(names=("aa", "bb"))
    kernel.pair(names=("cc", "dd"))
    kernel.pair(OTHER, ("ee", "ff"))
    adopted = kernel.foreign("gg", "hh")
    return [
        DeletePair(link_id=LINK, ifindex=first),
        DeletePair(link_id=LINK, ifindex=kernel.index("cc")),
        ChangeEnd(link_id=OTHER, ifindex=kernel.index("ee"), name="ii", mtu=1300, tx_checksum=False),
        AdoptPair(link_id=ADOPTED, ifindexes=adopted),
        create(names=("aa", "bb"), master=kernel.index("br2"), mtu=1400, tx_checksum=False),
    ]


def _seen(kernel: Kernel) -> dict[str, Any]:
    """Return what has to be alike however often a batch is begun; ifindexes are not.

    The kernel says a moment after a device came up that the other end runs too (linkwatch).
    """
    run = ("aa", "bb", "ii", "ff")
    commands.wait_until(lambda: all(kernel.device(name)["operstate"] == "UP" for name in run), what=f"{run} up")
    devices = kernel.devices()
    keys = ("ifalias", "master", "mtu", "link", "group", "operstate")
    shown = {name: kernel.run("ethtool", "--show-offload", name) for name in ("aa", "bb", "ii")}
    offload = {name: "on" if "tx-checksumming: on" in text else "off" for name, text in shown.items()}
    return {name: [device.get(key) for key in keys] for name, device in devices.items()} | {"offload": offload}


@pytest.mark.parametrize("point", POINTS)
def test_a_batch_that_is_repeated_after_a_death(kernel: Kernel, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    wanted = _batch(kernel)
    address = kernel.device("br2")["address"]

    def die(name: str) -> None:
        if name == point:
            raise DiedError

    with monkeypatch.context() as patch:
        patch.setattr(faults, "point", die)
        with pytest.raises(DiedError):
            kernel.apply(*wanted)
    bridge = kernel.device("br2")
    assert (bridge["mtu"], bridge["address"]) == (1500, address), "not even while it was half done"
    assert kernel.done(*wanted)[-1] == kernel.index("aa")
    again = _seen(kernel)
    kernel.done(*wanted)
    assert _seen(kernel) == again
    assert kernel.device("br2")["address"] == address
    mark = f"vethagent:{LINK}"
    assert again["aa"] == [mark, "br2", 1400, "bb", "default", "UP"]
    assert again["bb"] == [mark, None, 1400, "aa", "default", "UP"]
    assert again["ii"][2:] == [1300, "ff", "default", "UP"]
    assert again["br2"][2] == 1500
    assert [again["gg"][0], again["hh"][0]] == [f"vethagent:{ADOPTED}"] * 2
    assert again["offload"] == {"aa": "off", "bb": "on", "ii": "off"}
    assert {"cc", "dd", "ee"}.isdisjoint(again)


def test_a_batch_that_nobody_waits_for_does_nothing_more(kernel: Kernel) -> None:
    before = kernel.picture()
    with pytest.raises(exceptions.HelperUnavailable):
        kernel.apply_until(time.monotonic(), create())
    assert kernel.picture() == before
