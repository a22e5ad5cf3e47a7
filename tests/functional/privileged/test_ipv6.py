"""A device that is made has no IPv6 address of its own making; where there is no IPv6 it is made all the same."""

import pytest

from tests.functional.privileged.kernel import MARK, Kernel, create
from vethagent.privileged import pairs

NAMES = ("aa", "bb")


def _modes(kernel: Kernel) -> list[str | None]:
    return [kernel.device(name).get("inet6_addr_gen_mode") for name in NAMES]


def _marks(kernel: Kernel) -> list[str | None]:
    return [kernel.device(name).get("ifalias") for name in NAMES]


def test_both_ends_make_no_address(kernel: Kernel) -> None:
    kernel.done(create(master=kernel.index("br1")))
    assert _modes(kernel) == ["none", "none"]
    assert _marks(kernel) == [MARK, MARK]


def test_one_that_is_made_by_hand_stays_as_it_is(kernel: Kernel) -> None:
    kernel.foreign(*NAMES, marks=(MARK, MARK))
    kernel.done(create())
    assert "none" not in _modes(kernel)


def test_packets_too_small_for_it(kernel: Kernel) -> None:
    kernel.done(create(mtu=1279))
    assert _modes(kernel) == [None, None]
    assert _marks(kernel) == [MARK, MARK]


@pytest.mark.parametrize("mtus", [(1279, 1279), (1500, 1279), (1279, 1500)])
def test_a_mark_is_set_although_the_kernel_refuses_what_is_beside_it(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, mtus: tuple[int, int]
) -> None:
    monkeypatch.setattr(pairs, "_IPV6_MTU", 0)
    wanted = create(master=kernel.index("br1"))
    ends = [end.model_copy(update={"mtu": mtu}) for end, mtu in zip(wanted.ends, mtus, strict=True)]
    kernel.done(wanted.model_copy(update={"ends": tuple(ends)}))
    assert _marks(kernel) == [MARK, MARK]
    assert [kernel.device(name)["mtu"] for name in NAMES] == list(mtus)


def test_no_ipv6_at_all(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "has_ipv6", lambda: False)
    kernel.done(create())
    assert "none" not in _modes(kernel)
    assert _marks(kernel) == [MARK, MARK]
