from collections.abc import Callable

import pytest
from oslo_config import cfg, types

from vethagent import conf as options
from vethagent.conf import agent


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


def test_every_number_has_a_unit_and_a_range() -> None:
    for group, opts in options.list_opts():
        for opt in opts:
            if isinstance(opt.type, types.Integer | types.Float):
                assert str(opt.help).startswith(("Seconds ", "Days ", "Bytes ", "Requests ", "Port ")), (
                    f"{group} {opt.name}"
                )
                assert None not in (opt.type.min, opt.type.max), f"{group} {opt.name}"


def test_every_default_is_a_value_that_is_taken() -> None:
    for group, opts in options.list_opts():
        for opt in opts:
            if opt.default is not None and "$" not in str(opt.default):
                text = "" if opt.default == {} else str(opt.default)
                assert opt.type(text) == opt.default, f"{group} {opt.name}"


def test_defaults_serve_this_host_only() -> None:
    conf = cfg.ConfigOpts()
    options.register(conf, options.list_api_opts)
    conf([], default_config_files=[], default_config_dirs=[])
    assert (conf.api.host, conf.api.port, conf.api.auth_strategy) == ("127.0.0.1", 9798, "noauth")
    assert conf.controller.agent_down_time == 75


def mappings(value: str) -> dict[str, str]:
    conf = cfg.ConfigOpts()
    options.register(conf, options.list_agent_opts)
    conf([], default_config_files=[], default_config_dirs=[])
    conf.set_override("bridge_mappings", value, group="agent")
    found: dict[str, str] = conf.agent.bridge_mappings
    return found


def test_bridge_mappings() -> None:
    assert mappings("") == {}
    assert mappings("physnet1:br-eth1, physnet2:br-ex") == {"physnet1": "br-eth1", "physnet2": "br-ex"}


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ("physnet1", "NAME:VALUE"),
        ("physnet1:", "must not be empty"),
        ("physnet1:br/1", "the bridge of physnet1"),
        ("physnet1:br1,physnet1:br2", "Duplicate"),
        ("physnet1:br1,physnet2:br1", "two physical networks"),
        ("physnet\x1b1:br1", "control characters"),
        (f"{'n' * 65}:br1", "longer than 64"),
    ],
)
def test_bad_bridge_mappings_are_refused(value: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        mappings(value)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("unix:/run/openvswitch/db.sock", True),
        ("tcp:127.0.0.1:6640", True),
        ("tcp:[::1]:6640", True),
        ("unix:db.sock", False),
        ("tcp:127.0.0.1:66400", False),
        ("tcp:127.0.0.1", False),
        ("tcp:127.0.0.256:6640", False),
        ("tcp:::1:6640", False),
        ("tcp:[127.0.0.1]:6640", False),
        ("tcp:host:6640", False),
        ("ssl:127.0.0.1:6640", False),
        ("none", True),
        ("None", False),
        ("", False),
    ],
)
def test_ways_to_the_database_of_open_vswitch(text: str, good: bool) -> None:
    try:
        assert agent.OvsdbConnection()(text) == text and good
    except ValueError as error:
        assert not good and "tcp:ADDRESS:PORT" in str(error)


@pytest.mark.parametrize(("folder", "name", "good"), [(200, 7, True), (0, 106, True), (0, 107, False)])
def test_long_paths_to_the_database_of_open_vswitch(folder: int, name: int, good: bool) -> None:
    """A longer one is reached through its folder, if the name in that is not too long as well."""
    text = "unix:" + f"/{'f' * folder}" * bool(folder) + f"/{'n' * name}"
    try:
        assert agent.OvsdbConnection()(text) == text and good
    except ValueError as error:
        assert not good and "107 bytes" in str(error)
