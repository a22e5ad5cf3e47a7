import pathlib
import shlex

from oslo_config import cfg
from oslo_log import log
from oslo_privsep import priv_context

from vethagent import privileged
from vethagent.cmd import privileges


def test_a_helper_logs_to_nobody_but_its_agent(tmp_path: pathlib.Path) -> None:
    """Its files of options are those of the agent, and win over what comes before them."""
    file = tmp_path / "agent.conf"
    file.write_text("[DEFAULT]\nuse_syslog = true\nuse_journal = true\nlog_file = agent.log\n")
    agent, helper = cfg.ConfigOpts(), cfg.ConfigOpts()
    agent.register_opts(priv_context.OPTS, group=privileged.default.cfg_section)
    agent(["--config-file", str(file)])
    privileges._helper_without_sudo(agent)
    log.register_options(helper)
    helper(shlex.split(agent[privileged.default.cfg_section].helper_command)[1:], project="privsep")
    assert helper.log_file == "agent.log"
    assert (helper.use_syslog, helper.use_journal) == (False, False)
