"""What is otherwise than by the defaults of oslo.messaging."""

import pathlib

from oslo_config import cfg

from vethagent.rpc import transport


def test_an_agent_takes_one_and_a_controller_many() -> None:
    conf = cfg.ConfigOpts()
    transport.set_defaults(conf)
    conf([], default_config_files=[])
    assert conf.oslo_messaging_rabbit.rabbit_qos_prefetch_count == 1

    transport.prefer_throughput(conf)
    assert conf.oslo_messaging_rabbit.rabbit_qos_prefetch_count == 64


def test_a_broker_is_given_up_within_half_a_minute() -> None:
    conf = cfg.ConfigOpts()
    transport.set_defaults(conf)
    conf([], default_config_files=[])
    # It asks at each of so many parts of this, so the last one may pass before it begins to wait.
    found = conf.oslo_messaging_rabbit
    assert found.heartbeat_timeout_threshold * (1 + 1 / found.heartbeat_rate) < 30


def test_what_a_file_says_counts(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "controller.conf"
    file.write_text("[oslo_messaging_rabbit]\nrabbit_qos_prefetch_count = 7\n")
    conf = cfg.ConfigOpts()
    transport.set_defaults(conf)
    conf([], default_config_files=[str(file)])
    transport.prefer_throughput(conf)

    assert conf.oslo_messaging_rabbit.rabbit_qos_prefetch_count == 7
