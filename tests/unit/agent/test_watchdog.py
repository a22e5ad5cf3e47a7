import pytest

from vethagent.agent.health import HealthKeeper
from vethagent.agent.watchdog import Watchdog


class Switch:
    def __init__(self) -> None:
        self.silent = 0.0
        self.asked: list[float] = []

    def switch_silent_for(self) -> float:
        return self.silent

    def ask_switch(self, idle: float) -> None:
        self.asked.append(idle)


class Scene:
    def __init__(self) -> None:
        self.switch = Switch()
        self.health = HealthKeeper()
        self.watchdog = Watchdog(self.switch, self.health, timeout=30)

    def wrong(self) -> list[str]:
        self.watchdog.look()
        return [reason.part for reason in self.health.state().reasons]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_switch_that_is_silent_is_told_of_until_it_is_not(scene: Scene) -> None:
    assert scene.wrong() == []
    scene.switch.silent = 9
    assert scene.wrong() == []
    scene.switch.silent = 10
    assert scene.wrong() == ["vswitchd"]
    scene.switch.silent = 0
    assert scene.wrong() == []


def test_only_a_switch_that_owes_nothing_is_asked(scene: Scene) -> None:
    scene.watchdog.look()
    assert scene.switch.asked == [10]
    scene.switch.silent = 1
    scene.watchdog.look()
    assert scene.switch.asked == [10]
