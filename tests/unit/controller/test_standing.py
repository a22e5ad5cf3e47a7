"""A database that is away is told once, and so is its return."""

import contextlib
import logging
import pathlib

import pytest

from vethagent import exceptions
from vethagent.controller.db.database import Database
from vethagent.controller.db.standing import Standing


class Time:
    """A clock."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def standing(clock: Time) -> Standing:
    """Of a process that serves."""
    made = Standing("read", clock=clock)
    made.said = True
    return made


def fail(standing: Standing, text: str = "gone\nand more") -> None:
    """Make a transaction that cannot be made."""
    with contextlib.suppress(exceptions.DatabaseUnavailable), standing.told():
        raise exceptions.DatabaseUnavailable(text)


def work(standing: Standing) -> None:
    """Make one that can."""
    with standing.told():
        pass


def test_it_is_said_once_and_once_that_it_is_over(
    standing: Standing, clock: Time, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(3):
        work(standing)
        fail(standing)
        fail(standing)
    assert caplog.messages == ["the database cannot be read: gone and more"], "some have to wait for a lock"
    clock.now += 15
    work(standing)
    work(standing)
    assert caplog.messages[1:] == ["the database can be read again"]
    fail(standing, "hung")
    assert caplog.messages[2:] == ["the database cannot be read: hung"]


def test_what_is_refused_says_nothing_of_the_database(standing: Standing, caplog: pytest.LogCaptureFixture) -> None:
    with contextlib.suppress(exceptions.InvalidMessage), standing.told():
        raise exceptions.InvalidMessage("no link")
    assert not caplog.messages


def test_a_command_says_it_by_itself(standing: Standing, caplog: pytest.LogCaptureFixture) -> None:
    standing.said = False
    fail(standing)
    assert not caplog.messages


def test_who_serves_says_it_for_reads_and_for_changes(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(f"sqlite:///{tmp_path}/none/c.sqlite")
    database.say()
    for transaction in (database.reader, database.writer) * 2:
        with pytest.raises(exceptions.DatabaseUnavailable), transaction() as session:
            session.connection()
    said = [text.partition(":")[0] for text in caplog.messages]
    assert said == ["the database cannot be read", "the database cannot be changed"]
