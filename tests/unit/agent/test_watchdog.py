import threading

import pytest

from vethagent.agent.health import HealthKeeper
from vethagent.agent.inbox import Inbox
from vethagent.agent.watchdog import Watchdog


class Parts:
    """Helper and ovs-vswitchd."""

    def __init__(self) -> None:
        self.silent = self.busy = 0.0
        self.there = False
        self.trouble = ""
        self.asked: list[float] = []
        self.looks: list[float] = []

    def busy_for(self) -> float:
        return self.busy

    def is_there(self) -> bool:
        return self.there

    def look(self, idle: float) -> None:
        self.looks.append(idle)

    def switch_silent_for(self) -> float:
        return self.silent

    def ask_switch(self, idle: float) -> None:
        self.asked.append(idle)


class Scene:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, supervised: float | None = 60) -> None:
        self.now = 1000.0
        monkeypatch.setattr("vethagent.agent.watchdog.time.monotonic", lambda: self.now)
        self.parts, self.inbox, self.health = Parts(), Inbox(), HealthKeeper()
        self.told: list[str] = []
        self.absent: list[str] = []
        self.trouble = ""
        self.stuck = 0.0
        #: The folder of the store answers.
        self.answers = threading.Event()
        self.answers.set()
        self.looked = threading.Semaphore(0)
        self.watchdog = Watchdog(
            inbox=self.inbox,
            absent=lambda: self.absent,
            helper=self.parts,
            switch=self.parts,
            call_stuck_for=lambda: self.stuck,
            health=self.health,
            log_trouble=lambda: self.trouble,
            stay_alone=self.stay_alone,
            timeout=30,
            tell=self.told.append,
            supervised=supervised,
        )

    def stay_alone(self) -> None:
        assert self.answers.wait(60)
        self.looked.release()

    def wrong(self) -> list[str]:
        self.watchdog.look()
        return [reason.part for reason in self.health.state().reasons]

    def go_round(self) -> None:
        """Do what the reconciler does with a question."""
        batch = self.inbox.take(0)
        assert batch is not None
        for question in batch.questions:
            question()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


def test_a_switch_that_is_silent_is_told_of_until_it_is_not(scene: Scene) -> None:
    assert scene.wrong() == []
    scene.parts.silent = 9
    assert scene.wrong() == []
    scene.parts.silent = 10
    assert scene.wrong() == ["vswitchd"]
    scene.parts.silent = 0
    assert scene.wrong() == []


def test_a_switch_whose_database_goes_too_is_not_said_to_work(scene: Scene) -> None:
    scene.parts.silent = 10
    assert scene.wrong() == ["vswitchd"]
    scene.health.bad("ovsdb", "the connection is lost")
    scene.parts.silent = 0
    assert scene.wrong() == ["ovsdb", "vswitchd"]
    scene.health.good("ovsdb")
    assert scene.wrong() == []


def test_a_call_that_waits_for_the_broker_is_told_of(scene: Scene) -> None:
    assert scene.wrong() == []
    scene.stuck = 11
    assert scene.wrong() == ["bus"]
    scene.stuck = 0
    assert scene.wrong() == ["bus"]  # until a report arrives


def test_a_bridge_that_is_not_made_is_told_of_once_that_is_no_moment(scene: Scene) -> None:
    def looks() -> list[str]:
        found = scene.wrong()
        scene.go_round()
        return found

    assert looks() == []
    scene.absent = ["br-eth1"]
    assert [looks() for _ in range(4)] == [[], [], ["vswitchd"], ["vswitchd"]]
    scene.absent = []
    assert [looks() for _ in range(2)] == [["vswitchd"], []]
    scene.absent = ["br-eth1"]
    looks()
    scene.absent = ["br-eth2"]
    assert [looks() for _ in range(3)] == [[], [], ["vswitchd"]]


def test_only_a_switch_that_owes_nothing_is_asked(scene: Scene) -> None:
    scene.watchdog.look()
    assert scene.parts.asked == [10]
    scene.parts.silent = 1
    scene.watchdog.look()
    assert scene.parts.asked == [10]


def test_the_helper_is_looked_at(scene: Scene) -> None:
    scene.watchdog.look()
    assert scene.parts.looks == [10]


def test_a_helper_that_does_not_answer_is_told_of(scene: Scene) -> None:
    scene.parts.busy = 9
    assert scene.wrong() == []
    scene.parts.busy = 10
    assert scene.wrong() == ["privsep"]


def test_a_helper_that_is_there_again_is_told_of_though_nothing_is_to_be_done(scene: Scene) -> None:
    scene.parts.busy = 10
    assert scene.wrong() == ["privsep"]
    scene.parts.busy = 0
    assert scene.wrong() == ["privsep"]
    scene.parts.there = True
    assert scene.wrong() == []


def test_that_no_helper_can_be_started_is_told_of_though_nothing_is_to_be_done(scene: Scene) -> None:
    scene.parts.trouble = "no helper can be started"
    assert scene.wrong() == ["privsep"]
    scene.parts.trouble, scene.parts.there = "", True
    assert scene.wrong() == []


def test_a_reconciler_that_does_not_go_round_is_told_of(scene: Scene) -> None:
    assert scene.wrong() == []
    scene.now += 9
    assert scene.wrong() == []
    assert scene.told == []
    scene.now += 1
    assert scene.wrong() == ["reconciler"]
    assert scene.told == ["STATUS=does not work: reconciler"]
    scene.go_round()
    scene.health.good("reconciler")
    scene.watchdog.look()
    assert scene.told[1:] == ["READY=1\nWATCHDOG=1\nSTATUS=all parts work"]


def test_ready_is_said_once_and_life_each_time_that_it_has_gone_round(scene: Scene) -> None:
    scene.watchdog.look()
    scene.watchdog.look()
    assert scene.told == []
    scene.go_round()
    scene.watchdog.look()
    assert scene.told == ["READY=1\nWATCHDOG=1\nSTATUS=all parts work"]
    scene.watchdog.look()
    assert len(scene.told) == 1
    scene.go_round()
    scene.health.bad("bus", "away")
    scene.watchdog.look()
    assert scene.told[1:] == ["WATCHDOG=1\nSTATUS=does not work: bus"]


def test_a_supervisor_that_wants_no_sign_of_life_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, supervised=None)
    for _ in range(3):
        scene.watchdog.look()
        scene.go_round()
    assert scene.told == ["READY=1\nSTATUS=all parts work"]


def test_an_inbox_that_is_closed_is_no_sign_of_life(scene: Scene) -> None:
    scene.watchdog.look()
    scene.inbox.close()
    scene.watchdog.look()
    assert scene.told == []


def test_half_of_the_time_that_the_supervisor_waits_is_the_longest_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Scene(monkeypatch, supervised=60).watchdog._pause == 5
    assert Scene(monkeypatch, supervised=4).watchdog._pause == 2


def test_a_log_that_takes_nothing_is_told_of(scene: Scene) -> None:
    scene.trouble = "standard error takes nothing"
    assert scene.wrong() == ["log"]
    scene.trouble = ""
    assert scene.wrong() == []


def test_a_folder_that_hangs_holds_up_nothing_else(scene: Scene) -> None:
    scene.answers.clear()
    scene.watchdog.look()
    scene.now += 10
    assert scene.wrong() == ["reconciler"]
    scene.answers.set()
    assert scene.looked.acquire(timeout=60)
    assert not scene.looked.acquire(blocking=False)  # one look at a time
