"""How a process is run that oslo.service is the master of."""

from collections.abc import Callable
from typing import NoReturn

from oslo_config import cfg
from oslo_service import service

from vethagent.cmd import fallen, signals
from vethagent.cmd.supervisor import Supervisor


def run(conf: cfg.ConfigOpts, make: Callable[[Supervisor], service.ServiceBase]) -> NoReturn:
    """Run the service that ``make`` returns until a signal ends it; SystemExit is raised then."""
    supervisor = Supervisor()
    fallen.prepare(supervisor)
    signals.end_new_children_by_sigterm()
    try:
        raise SystemExit(service.launch(conf, make(supervisor), restart_method="mutate").wait())
    finally:
        supervisor.stopping()
