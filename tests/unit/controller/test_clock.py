"""All who write down times go by one clock, whatever that of their own host says, and notice if that one is set."""

import datetime
from typing import Any

import pytest

from vethagent.controller.db.clock import Clock

START = 1_800_000_000.0


class Connection:
    """To a server with a clock of its own."""

    def __init__(self, scene: "Scene") -> None:
        self._scene = scene

    def exec_driver_sql(self, statement: str) -> "Connection":
        assert "UTC_TIMESTAMP" in statement
        return self

    def scalar_one(self) -> datetime.datetime:
        self._scene.asked += 1
        self._scene.pass_by(self._scene.slow)
        return datetime.datetime.fromtimestamp(self._scene.server, datetime.UTC).replace(tzinfo=None)


class Scene:
    """Clocks: of this host, of the server, and the one that nobody can set."""

    def __init__(self, dialect: str = "mysql") -> None:
        self.own, self.server, self.monotonic = START + 7200, START, 50.0
        self.asked, self.slow = 0, 0.0
        self.clock = Clock(dialect, wall=lambda: self.own, monotonic=lambda: self.monotonic)

    def ask(self) -> None:
        connection: Any = Connection(self)
        self.clock.ask(lambda: connection)

    def pass_by(self, seconds: float) -> None:
        self.own, self.server, self.monotonic = self.own + seconds, self.server + seconds, self.monotonic + seconds

    def now(self) -> float:
        return self.clock.now().timestamp() - START

    def unmoved(self, seconds: float = 75) -> float | None:
        found = self.clock.unmoved(seconds)
        return None if found is None else found.timestamp() - START


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_it_is_the_servers(scene: Scene) -> None:
    assert scene.now() == 7200
    scene.ask()
    assert scene.now() == 0
    scene.pass_by(9)
    scene.ask()
    assert (scene.now(), scene.asked) == (9, 1)
    scene.pass_by(1)
    scene.ask()
    assert (scene.now(), scene.asked) == (10, 2)
    assert scene.unmoved() is None


def test_that_this_host_has_another_time_by_now_changes_nothing(scene: Scene) -> None:
    scene.ask()
    scene.own -= 86400
    assert scene.now() == 0
    scene.ask()
    assert (scene.now(), scene.asked) == (0, 2)


def test_a_host_that_was_suspended_asks_again(scene: Scene) -> None:
    scene.ask()
    scene.own, scene.server = scene.own + 600, scene.server + 600
    scene.ask()
    assert (scene.now(), scene.unmoved()) == (600, 0)


@pytest.mark.parametrize("moved", [3600, -3600])
def test_a_clock_that_is_set_is_noticed_for_a_while(
    scene: Scene, moved: float, caplog: pytest.LogCaptureFixture
) -> None:
    scene.ask()
    scene.server += moved
    scene.pass_by(10)
    assert scene.now() == 10
    scene.ask()
    assert (scene.now(), scene.unmoved()) == (moved + 10, 10)
    assert f"was set by {moved:+} seconds" in caplog.text
    scene.pass_by(74)
    assert scene.unmoved() == 84
    scene.pass_by(1)
    assert scene.unmoved() is None


def test_an_answer_that_took_long_is_not_believed(scene: Scene) -> None:
    scene.ask()
    scene.slow = 3.0
    scene.pass_by(10)
    scene.ask()
    assert (round(scene.now(), 3), scene.unmoved()) == (13, None)


def test_a_file_has_the_clock_of_its_host() -> None:
    scene = Scene("sqlite")
    scene.ask()
    assert (scene.now(), scene.asked, scene.unmoved()) == (7200, 0, None)
    scene.pass_by(5)
    scene.own += 100
    assert (scene.now(), scene.unmoved()) == (7305, 7205)
