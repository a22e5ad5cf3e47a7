from collections.abc import Callable

import pytest
from oslo_config import cfg

from vethagent import conf as options


@pytest.mark.parametrize(
    ("listed", "groups"),
    [
        (options.list_agent_opts, {"DEFAULT", "agent"}),
        (options.list_controller_opts, {"DEFAULT", "controller"}),
        (options.list_api_opts, {"DEFAULT", "controller", "api"}),
        (options.list_opts, {"DEFAULT", "agent", "controller", "api"}),
    ],
)
def test_each_process_reads_its_groups(listed: Callable[[], options.Options], groups: set[str]) -> None:
    assert {group for group, _ in listed()} == groups
    conf = cfg.ConfigOpts()
    options.register(conf, listed)
    conf([], default_config_files=[], default_config_dirs=[])
    for group, opts in listed():
        for opt in opts:
            _ = conf[opt.dest] if group == "DEFAULT" else conf[group][opt.dest]


def test_every_option_tells_what_it_is_for() -> None:
    for _, opts in options.list_opts():
        for opt in opts:
            assert opt.help
            assert opt.help.endswith(".")


def test_defaults_serve_this_host_only() -> None:
    conf = cfg.ConfigOpts()
    options.register(conf, options.list_api_opts)
    conf([], default_config_files=[], default_config_dirs=[])
    assert (conf.api.host, conf.api.port, conf.api.auth_strategy) == ("127.0.0.1", 9798, "noauth")
    assert conf.controller.agent_down_time == 75
