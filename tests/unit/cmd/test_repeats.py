"""A library that says the same over and over is heard now and then."""

import logging
import sys

import pytest
from oslo_config import cfg
from oslo_log import formatters, log

from vethagent.cmd.repeats import Once, Repeats

IDS = ("0d5a3cbe-6d4a-4e57-9bd5-0123456789ab", "ffffffff-6d4a-4e57-9bd5-0123456789ab")


class Said:
    """What passes, said by a logger of this name."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._filter = Repeats(lambda: self.now)

    def hear(self, text: str, *arguments: object, name: str = "oslo.messaging._drivers.impl_rabbit") -> str | None:
        """Return the line, None if it is held back."""
        record = logging.LogRecord(name, logging.ERROR, "", 1, text, arguments, None)
        return record.getMessage() if self._filter.filter(record) else None


@pytest.fixture
def said() -> Said:
    """Nothing was said so far."""
    return Said()


def test_the_same_by_other_connections(said: Said) -> None:
    assert said.hear("[%s] unreachable, again in %d s", IDS[0], 1) == f"[{IDS[0]}] unreachable, again in 1 s"
    assert said.hear("[%s] unreachable, again in %d s", IDS[1], 30) is None
    assert said.hear("[%s] refused", IDS[0]) is not None


def test_it_is_said_again_after_a_while(said: Said) -> None:
    said.hear("unreachable")
    said.hear("unreachable")
    said.now += 299
    assert said.hear("unreachable") is None
    said.now += 1
    assert said.hear("unreachable") == "unreachable (said 2 times more before)"
    assert said.hear("unreachable") is None


def test_what_somebody_sent_makes_no_line_that_is_endless_or_cannot_be_written(said: Said) -> None:
    told = said.hear("no method %s", "\ud800" + "x" * 1_000_000)
    assert told is not None and told.startswith(r"no method \ud800xxx") and len(told.encode()) < 1100


@pytest.mark.parametrize(
    "error, told",
    [
        (ConnectionRefusedError("ACCESS_REFUSED"), "retrying. ConnectionRefusedError: ACCESS_REFUSED"),
        (TimeoutError(), "retrying. TimeoutError"),
    ],
)
def test_where_it_was_raised_is_left_out(error: Exception, told: str) -> None:
    try:
        raise error
    except OSError:
        record = logging.LogRecord("oslo_utils.excutils", logging.ERROR, "", 1, "retrying.", (), sys.exc_info())
    assert Repeats().filter(record)
    assert logging.Formatter().format(record) == told


def test_our_own_lines_pass(said: Said) -> None:
    assert said.hear("bus does not work", name="vethagent.agent.health") is not None
    assert said.hear("bus does not work", name="vethagent.agent.health") is not None


def test_it_does_not_grow_without_end(said: Said) -> None:
    for number in range(2000):
        said.hear("unreachable: " + "x" * number)
    assert len(said._filter._said) <= 500


@pytest.mark.parametrize("sentence", ["ovsdb does not work: %s", "the store cannot be written"])
def test_what_was_raised_is_said_once(sentence: str) -> None:
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    conf([])
    try:
        raise ConnectionError("no such file")
    except ConnectionError as error:
        arguments = (error,) if "%s" in sentence else ()
        record = logging.LogRecord("vethagent.agent.health", logging.WARNING, "", 1, sentence, arguments, None)
        assert Once(formatters.ContextFormatter(config=conf)).format(record).count("no such file") == 1
