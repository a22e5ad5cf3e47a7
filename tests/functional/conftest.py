"""A host for each test that asks for one."""

from collections.abc import Iterator

import pytest

from tests.support import hosts, machine


@pytest.fixture(scope="session", autouse=True)
def _machine() -> None:
    machine.prepare()


@pytest.fixture
def host(_machine: None) -> Iterator[hosts.Host]:
    """A compute node without bridges."""
    with hosts.Host("compute") as made:
        yield made
