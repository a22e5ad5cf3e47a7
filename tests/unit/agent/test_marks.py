"""Marks on the host of what nobody wants there."""

from typing import Any

import pytest

from tests.unit.agent.beat import Setup
from tests.unit.agent.builders import ids
from vethagent import exceptions, model
from vethagent.privileged.ifinfo import Device

(A,) = ids(1)


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch) -> Setup:
    return Setup(monkeypatch)


def test_a_mark_that_nobody_knows_is_suspected_at_once(setup: Setup) -> None:
    setup.observed.put_device(7, Device(7, "v7", "veth", f"vethagent:{A}"))
    setup.beat()
    setup.beat()
    assert setup.controller.pulls == 1 and setup.desired.removal(A) is None
    setup.beat()
    assert setup.desired.removal(A) is not None


def test_a_mark_that_comes_back_is_left_alone_and_told_of(setup: Setup) -> None:
    device = Device(7, "v7", "veth", f"vethagent:{A}")
    for _ in range(2):
        setup.observed.put_device(7, device)
        for _ in range(3):
            setup.beat()
        setup.observed.put_device(7, None)
        setup.desired.gone(model.LinkRef(link_id=A, generation=0))
    setup.observed.put_device(7, device)
    setup.beat()
    assert setup.desired.removal(A) is None
    assert [(each.part, A in each.message) for each in setup.controller.reports[-1].health.reasons] == [("marks", True)]
    setup.observed.put_device(7, None)
    setup.beat()
    assert setup.controller.reports[-1].health.reasons == ()


def test_a_mark_of_a_link_of_another_host_is_kept_as_long_as_it_is_wanted_there(setup: Setup) -> None:
    setup.observed.put_device(7, Device(7, "v7", "veth", f"vethagent:{A}"))
    setup.controller.elsewhere = (A,)
    for _ in range(3):
        setup.beat()
    assert [(reason.part, A in reason.message) for reason in setup.health.state().reasons] == [("marks", True)]
    pulls = setup.controller.pulls
    for _ in range(20):
        setup.beat()
    assert setup.controller.pulls == pulls + 2, "it is asked for now and then"
    assert setup.desired.removal(A) is None and not setup.desired.suspects
    setup.controller.elsewhere = ()
    for _ in range(10):
        setup.beat()
        if setup.desired.suspects:
            break
    assert setup.desired.removal(A) is None and setup.desired.suspects
    setup.beat()
    assert setup.desired.removal(A) is not None
    setup.beat()
    assert setup.health.state().reasons == ()


def test_that_such_a_mark_has_gone_is_seen(setup: Setup) -> None:
    setup.observed.put_device(7, Device(7, "v7", "veth", f"vethagent:{A}"))
    setup.controller.elsewhere = (A,)
    for _ in range(3):
        setup.beat()
    setup.observed.put_device(7, None)
    setup.beat()
    assert setup.health.state().reasons == ()


def test_a_mark_is_kept_until_the_controller_knows_what_is_here(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, it cannot tell that the link is wanted on another host."""

    def refuse(context: dict[str, Any], inventory: model.HostInventory) -> None:
        raise exceptions.DatabaseUnavailable("many hosts tell of themselves at once")

    setup.inventory = model.inventory(model.HostDescription(host="h1"))
    setup.observed.put_device(7, Device(7, "v7", "veth", f"vethagent:{A}"))
    with monkeypatch.context() as patch:
        patch.setattr(setup.controller, "report_inventory", refuse)
        for _ in range(5):
            setup.beat()
        assert setup.desired.suspects and setup.desired.removal(A) is None
    for _ in range(3):
        setup.beat()
    assert setup.desired.removal(A) is not None
