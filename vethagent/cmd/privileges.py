"""What an agent's process may do, and how its helper gets to do more."""

import os
import pathlib
import shlex
import sys

from oslo_config import cfg
from oslo_privsep import capabilities, priv_context

from vethagent import privileged

_HELPER = "privsep-helper"
#: What it logs goes to the agent; but of two handlers that its options name oslo.privsep 3.12 leaves one, and a syslog
#: that hangs would hold it up for good.
_NO_OUTLETS = ("--nouse-syslog", "--nouse-journal")


def prepare(conf: cfg.ConfigOpts) -> None:
    """Give up what the agent itself does not need, and settle how the helper is started if no option says so.

    Three ways lead to a helper with CAP_NET_ADMIN: the agent is root; it was started with that capability as an
    ambient one (systemd's AmbientCapabilities), which is then not effective in the agent but goes on to what it starts;
    or sudo.
    """
    # oslo.privsep logs what its helper says at its start; that eventlet is deprecated is nothing to act on here.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:::oslo_privsep.daemon")
    # With that it imports eventlet, which takes dnspython with it: a quarter of its start, to look up no name.
    os.environ["EVENTLET_NO_GREENDNS"] = "yes"
    net_admin = capabilities.CAP_NET_ADMIN
    _, permitted, inheritable = capabilities.get_caps()
    if os.geteuid() == 0:
        _helper_without_sudo(conf)
    elif net_admin in permitted and net_admin in inheritable:
        capabilities.drop_all_caps_except([], [net_admin], [net_admin])
        _helper_without_sudo(conf)
    else:
        priv_context.init(root_helper=["sudo", "-n"])


def _helper_without_sudo(conf: cfg.ConfigOpts) -> None:
    beside = pathlib.Path(sys.executable).with_name(_HELPER)
    command = [str(beside) if beside.exists() else _HELPER]
    for name in conf.config_file or ():
        command += ["--config-file", name]
    for name in conf.config_dir or ():
        command += ["--config-dir", name]
    command += _NO_OUTLETS  # after the files, which win over what comes before them
    conf.set_default("helper_command", shlex.join(command), group=privileged.default.cfg_section)
