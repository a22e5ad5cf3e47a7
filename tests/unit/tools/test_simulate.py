"""The parts of tools/simulate that can be wrong without anybody noticing."""

import threading
import time
from xml.etree import ElementTree

from tools.simulate import curves
from tools.simulate.measured import Span, lines, percentile
from tools.simulate.pool import Pool


class Doer:
    """Notes what is done; each thing is done again until it was done as often as wanted."""

    def __init__(self, times: int) -> None:
        self._times = times
        self._lock = threading.Lock()
        self.done: dict[str, int] = {}
        self.busy: set[str] = set()
        self.finished = threading.Event()
        self.at_once = False

    def do(self, thing: str) -> float | None:
        with self._lock:
            self.at_once |= thing in self.busy
            self.busy.add(thing)
        with self._lock:
            self.busy.remove(thing)
            self.done[thing] = self.done.get(thing, 0) + 1
            if all(self.done.get(each, 0) >= self._times for each in "abc"):
                self.finished.set()
            return time.monotonic() if self.done[thing] < self._times else None


def test_things_are_done_again_and_never_twice_at_once() -> None:
    doer = Doer(times=50)
    pool = Pool(doer.do, threads=4, name="test")
    for thing in "abc":
        pool.now(thing)

    assert doer.finished.wait(60)
    pool.close()
    assert not doer.at_once
    assert doer.done == dict.fromkeys("abc", 50)


def test_what_is_asked_for_meanwhile_is_done_afterwards() -> None:
    begun, go_on, again = threading.Event(), threading.Event(), threading.Event()

    def do(_thing: str) -> None:
        if begun.is_set():
            again.set()
        begun.set()
        assert go_on.wait(60)

    pool = Pool(do, threads=2, name="test")
    pool.now("a")
    assert begun.wait(60)
    pool.now("a")
    go_on.set()

    assert again.wait(60)
    pool.close()


def test_the_earlier_time_counts() -> None:
    done = threading.Event()
    pool: Pool[str] = Pool(lambda _: done.set(), threads=1, name="test")
    pool.at(time.monotonic() + 3600, "a")
    pool.now("a")

    assert done.wait(60)
    pool.close()


def test_figures() -> None:
    took = {"report_state": [0.010, 0.020, 0.030, 0.040]}
    span = Span("reports", 2.0, took, [0, 5, 1], {"controller": 0.5, "controller 1": 0.3}, {"controller": 1 << 20})

    found = span.figures()

    assert found["calls"]["report_state"] == {"rate": 2.0, "count": 4, "p50_ms": 30.0, "p99_ms": 40.0, "max_ms": 40.0}
    assert found["queue"] == {"median": 1, "max": 5}
    assert found["cpu_percent"] == {"controller": 25.0, "controller 1": 15.0}
    assert found["controller_ms_per_call"] == 200.0


def test_figures_of_nothing() -> None:
    assert percentile([], 99) == 0
    assert lines(Span("nothing", 1.0, {}, [], {}, {}).figures())


def test_a_picture_is_xml_with_all_curves() -> None:
    drawn = ElementTree.fromstring(curves.svg("A & B", "ms", {"one": [(100, 1), (1000, 20)], "two": [(100, 0.5)]}))

    text = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"A & B", "one", "two", "100", "1,000"} <= set(text)
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}circle"))) == 3
