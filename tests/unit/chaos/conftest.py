"""A world for each test."""

import pathlib
from collections.abc import Iterator

import pytest

from tests.unit.chaos.world import World


@pytest.fixture
def world(template: pathlib.Path, tmp_path: pathlib.Path) -> Iterator[World]:
    """A controller with a database of its own, and an agent."""
    path = tmp_path / "controller.sqlite"
    path.write_bytes(template.read_bytes())
    made = World(path)
    yield made
    made.close()
