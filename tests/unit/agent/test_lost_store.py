"""A store that is lost and made anew."""

import pathlib

import pytest

from tests.unit.agent.node import Node
from tests.unit.plumbing.builders import link
from vethagent.agent.store import Store


def test_a_lost_store_is_told_of_until_it_was_reported_and_no_longer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """Nothing happens to a link meanwhile."""
    node = Node(monkeypatch)
    node.store = Store(str(tmp_path / "agent.sqlite"))
    node.boot()
    node.desired.put(link())
    node.inbox.mark([link().id])
    node.settle()
    (tmp_path / "agent.sqlite").unlink()
    node.desired.keep_faces({"a": "b"})
    node.settle()
    for later, told in ((0.0, True), (1.0, True), (1.1, False)):
        node.now += later
        node.settle()
        assert node.health.is_bad("store") is told
    assert [each.id for each, _ in Store(str(tmp_path / "agent.sqlite")).links()] == [link().id]
