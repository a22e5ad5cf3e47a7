import threading

import pytest

from vethagent.plumbing.switch import Switch


class Scene:
    def __init__(self) -> None:
        self.now = 100.0
        self.backs = 0
        self.switch = Switch(self._back, clock=lambda: self.now)

    def _back(self) -> None:
        self.backs += 1


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_silence_counts_from_the_first_change_that_was_not_acted_on(scene: Scene) -> None:
    switch = scene.switch
    switch.seen(5, 5)
    scene.now += 60
    assert switch.silent_for() == 0
    switch.seen(6, 5)
    scene.now += 3
    switch.seen(7, 5)
    assert switch.silent_for() == 3


def test_who_is_slow_but_acts_is_not_silent(scene: Scene) -> None:
    switch = scene.switch
    switch.seen(9, 5)
    scene.now += 3
    switch.seen(9, 7)
    scene.now += 1
    assert switch.silent_for() == 1


def test_that_it_acts_again_is_told_once_and_only_after_a_while(scene: Scene) -> None:
    switch = scene.switch
    switch.seen(5, 5)
    switch.seen(6, 5)
    switch.seen(6, 6)
    assert scene.backs == 0
    switch.seen(7, 6)
    scene.now += 2
    switch.seen(8, 6)
    assert scene.backs == 0
    switch.seen(8, 8)
    assert scene.backs == 1


def test_a_port_is_leaving_until_the_change_that_took_it_out_was_acted_on(scene: Scene) -> None:
    switch = scene.switch
    switch.seen(5, 5)
    switch.seen(6, 5)
    switch.left(["a"], 6)
    assert switch.is_leaving(["b", "a"])
    assert not switch.is_leaving(["b"])
    assert not switch.wait(["a"], 0)
    switch.seen(6, 6)
    assert not switch.is_leaving(["a"])
    assert switch.wait(["a"], 0)


def test_what_left_before_anybody_looked_is_not_known(scene: Scene) -> None:
    """An agent before this one may have taken out any port."""
    switch = scene.switch
    switch.seen(6, 5)
    assert switch.is_leaving(["a"]) and not switch.wait(["a"], 0)
    assert not switch.is_leaving([]) and switch.wait([], 0)
    switch.seen(7, 5)
    switch.left(["b"], 7)
    switch.unknown()
    switch.seen(7, 6)
    assert not switch.is_leaving(["a"]) and switch.is_leaving(["b"])
    switch.seen(1, 0)
    assert not switch.is_leaving(["a", "b"]), "another database"


def test_an_answer_may_come_before_the_question_is_known(scene: Scene) -> None:
    scene.switch.seen(6, 6)
    scene.switch.left(["a"], 6)
    assert not scene.switch.is_leaving(["a"])


def test_who_waits_is_woken(scene: Scene) -> None:
    switch = scene.switch
    switch.seen(6, 5)
    switch.left(["a"], 6)
    thread = threading.Timer(0.05, lambda: switch.seen(6, 6))
    thread.start()
    assert switch.wait(["a"], 30)
    thread.join()


@pytest.mark.parametrize("away", [False, True])
def test_a_database_that_was_made_anew_counts_anew(scene: Scene, *, away: bool) -> None:
    switch = scene.switch
    switch.seen(56, 56)
    switch.seen(57, 56)
    switch.left(["a"], 57)
    if away:
        switch.unknown()
    switch.seen(1, 1)
    assert not switch.is_leaving(["a", "b"]) and switch.wait(["a", "b"], 0)


def test_without_the_database_nothing_is_known(scene: Scene) -> None:
    switch = scene.switch
    switch.seen(6, 5)
    scene.now += 60
    switch.unknown()
    assert switch.silent_for() == 0
    scene.now += 60
    switch.seen(6, 5)
    assert switch.silent_for() == 0
