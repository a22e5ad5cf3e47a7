"""What the entry points share."""

import gc
import pathlib
import tomllib

import pytest
from oslo_config import cfg

from vethagent import conf as options
from vethagent.cmd import common

PROJECT = tomllib.loads((pathlib.Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]


def test_what_is_imported_is_left_to_the_collector_no_more() -> None:
    try:
        common.spare_imports()
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()


def test_each_program_has_a_purpose() -> None:
    assert {*common.PURPOSES, "vethctl"} == set(PROJECT["scripts"])


@pytest.mark.parametrize("prog", sorted(common.PURPOSES))
def test_help_begins_with_what_a_program_is_for(prog: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        common.read(cfg.ConfigOpts(), prog, options.list_agent_opts, ["--help"])
    usage, purpose, *_ = capsys.readouterr().out.split("\n\n")
    assert usage == f"usage: {prog} [options]"
    assert " ".join(purpose.split()).startswith(f"{common.PURPOSES[prog]} Reads vethagent.conf and {prog}.conf")


def test_a_completion_whose_template_oslo_config_may_lack() -> None:
    with pytest.raises((common.StartError, SystemExit)):
        common.read(cfg.ConfigOpts(), "vethagent-agent", options.list_agent_opts, ["--shell_completion", "bash"])


def test_connections_are_kept_for_as_long_as_the_configuration_says(tmp_path: pathlib.Path) -> None:
    conf = cfg.ConfigOpts()
    file = tmp_path / "vethagent.conf"
    file.write_text(
        "[database]\nconnection = mysql+pymysql://vethagent@db.example.org/vethagent\nconnection_recycle_time = 60\n"
    )
    common.read(conf, "vethagent-api", options.list_api_opts, ["--config-file", str(file)])
    assert common.open_database(conf, check=False)._engine.pool._recycle == 60
