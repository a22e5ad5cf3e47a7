"""What is otherwise than by the defaults of oslo.messaging, and how often a message is sent."""

import pathlib
import sys
from collections.abc import Callable, Iterator

import amqp
import kombu.exceptions
import oslo_messaging
import pytest
from oslo_config import cfg
from oslo_messaging._drivers import common

from tests.unit.clocks import Clock
from vethagent import conf as options
from vethagent import exceptions
from vethagent.rpc import transport


def test_an_agent_takes_one_and_a_controller_many() -> None:
    conf = cfg.ConfigOpts()
    transport.set_defaults(conf)
    conf([], default_config_files=[])
    assert conf.oslo_messaging_rabbit.rabbit_qos_prefetch_count == 1

    transport.prefer_throughput(conf)
    assert conf.oslo_messaging_rabbit.rabbit_qos_prefetch_count == 64


@pytest.mark.parametrize(("text", "driver"), [("", "fake"), ("transport_url = rabbit://r/", "rabbit")])
def test_who_is_alone_needs_no_broker(tmp_path: pathlib.Path, text: str, driver: str) -> None:
    file = tmp_path / "allinone.conf"
    file.write_text(f"[DEFAULT]\n{text}\n")
    conf = cfg.ConfigOpts()
    transport.set_defaults(conf)
    conf([], default_config_files=[str(file)])
    transport.stay_within(conf)
    assert oslo_messaging.TransportURL.parse(conf).transport == driver


def test_a_broker_is_given_up_within_half_a_minute() -> None:
    conf = cfg.ConfigOpts()
    transport.set_defaults(conf)
    conf([], default_config_files=[])
    # It asks at each of so many parts of this, so the last one may pass before it begins to wait.
    found = conf.oslo_messaging_rabbit
    assert found.heartbeat_timeout_threshold * (1 + 1 / found.heartbeat_rate) < 30


def test_who_has_gone_is_not_answered_for_longer_than_answers_are_waited_for() -> None:
    conf = cfg.ConfigOpts()
    transport.set_defaults(conf)
    options.register(conf, options.list_agent_opts)
    conf([], default_config_files=[])
    assert conf.oslo_messaging_rabbit.kombu_missing_consumer_retry_timeout <= conf.agent.rpc_timeout


def test_what_a_file_says_counts(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "controller.conf"
    file.write_text("[oslo_messaging_rabbit]\nrabbit_qos_prefetch_count = 7\n")
    conf = cfg.ConfigOpts()
    transport.set_defaults(conf)
    conf([], default_config_files=[str(file)])
    transport.prefer_throughput(conf)

    assert conf.oslo_messaging_rabbit.rabbit_qos_prefetch_count == 7


@pytest.mark.parametrize("option", ["direct_mandatory_flag", "ssl_enforce_hostname_verification"])
def test_an_option_that_is_deprecated_stops_no_start(tmp_path: pathlib.Path, option: str) -> None:
    """It is told of in the log when it is first read, and oslo.config then takes it for another one than before."""
    file = tmp_path / "agent.conf"
    file.write_text(f"[DEFAULT]\ntransport_url = rabbit://r/\n[oslo_messaging_rabbit]\n{option} = false\n")
    conf = cfg.ConfigOpts()
    transport.set_defaults(conf)
    conf([], default_config_files=[str(file)])
    assert conf.oslo_messaging_rabbit[option] is False
    transport.get_transport(conf).cleanup()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    made = Clock()
    monkeypatch.setattr(transport, "time", made)
    yield made


def _failing(clock: Clock, reasons: list[tuple[Exception, float]]) -> Callable[[], str]:
    """Return a message that fails by each of ``reasons``, after so many seconds, and then is taken."""

    def send() -> str:
        if not reasons:
            return "taken"
        reason, seconds = reasons.pop(0)
        clock.sleep(seconds)
        try:
            raise kombu.exceptions.OperationalError(str(reason)) from reason  # as kombu does
        except kombu.exceptions.OperationalError:
            raise oslo_messaging.MessageDeliveryFailure("unable to connect")  # noqa: B904 - as oslo.messaging does

    return send


DEAD, NO_LEADER = ConnectionRefusedError("refused"), amqp.exceptions.MessageNacked()


def test_a_queue_without_a_leader_is_waited_for(clock: Clock) -> None:
    assert transport.send(_failing(clock, [(ConnectionResetError("reset"), 0.0)] + [(NO_LEADER, 0.0)] * 3)) == "taken"
    assert clock.now > 1000.6  # seconds that an election takes, and nobody would see how often it is asked for


@pytest.mark.parametrize(("reason", "seconds"), [(DEAD, 0.0), (NO_LEADER, 0.0), (TimeoutError("timed out"), 20.0)])
def test_it_is_given_up_when_none_takes_it(clock: Clock, reason: Exception, seconds: float) -> None:
    with pytest.raises(exceptions.BusUnavailable, match="unable to connect"):
        transport.send(_failing(clock, [(reason, seconds)] * 100))
    assert clock.now - 1000 <= max(3, 2 * seconds)


def test_what_is_not_refused_is_tried_twice(clock: Clock) -> None:
    reasons: list[tuple[Exception, float]] = [(DEAD, 0.0)] * 100
    with pytest.raises(exceptions.BusUnavailable):
        transport.send(_failing(clock, reasons))
    assert len(reasons) == 98


def test_what_the_other_side_raised_is_told_without_its_traceback() -> None:
    """Else the health of an agent would have it, as often as the database of the controller is away."""
    try:
        raise exceptions.DatabaseUnavailable("it is away")
    except exceptions.DatabaseUnavailable:
        sent = common.serialize_remote_exception(sys.exc_info())
    arrived = common.deserialize_remote_exception(sent, transport.REMOTE_MODULES)
    assert "Traceback" in str(arrived)

    def call() -> None:
        raise arrived

    with pytest.raises(exceptions.DatabaseUnavailable) as told:
        transport.send(call)
    assert (str(told.value), type(told.value)) == ("it is away", exceptions.DatabaseUnavailable)
