"""Pulls that are not answered."""

from unittest import mock

import pytest

from tests.unit.agent.beat import Setup
from tests.unit.plumbing.builders import link
from vethagent import exceptions


def test_what_was_not_answered_is_asked_again_though_casts_have_told_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then what casts change is kept for the answer, however much that becomes."""
    setup = Setup(monkeypatch)
    setup.beat()
    setup.controller_wants(link())
    with monkeypatch.context() as patch, pytest.raises(exceptions.BusUnavailable):
        patch.setattr(setup.controller, "get_bridge_links", mock.Mock(side_effect=exceptions.BusUnavailable("away")))
        setup.beat()
    setup.desired.put(link())
    for _ in range(2):
        setup.beat()
    assert setup.controller.pulls == 1
    assert not setup.desired._changed_in


def test_reports_go_on_although_no_pull_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else an agent that works is taken for a dead one."""
    setup = Setup(monkeypatch)
    setup.beat()
    setup.controller_wants(link())
    away = mock.Mock(side_effect=exceptions.BusUnavailable("too slow"))
    monkeypatch.setattr(setup.controller, "get_bridge_links", away)
    for _ in range(3):
        with pytest.raises(exceptions.BusUnavailable):
            setup.beat()
    assert len(setup.controller.reports) == 4
