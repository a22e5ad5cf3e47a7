"""``vethagent-api``: the REST API with a server of its own."""

from vethagent.cmd import bootstrap

bootstrap.end_by_sigint()
bootstrap.choose("threading")

import signal

from oslo_config import cfg

from vethagent import conf as options
from vethagent import exceptions
from vethagent.cmd import common, fallen, guru, reload, serving
from vethagent.cmd.signals import Signals
from vethagent.cmd.supervisor import Supervisor

bootstrap.imported()

PROG = "vethagent-api"


def main(arguments: list[str] | None = None) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reads again what can change in a running process."""
    conf = cfg.CONF
    supervisor = Supervisor()
    fallen.prepare(supervisor)
    try:
        common.configure(conf, PROG, options.list_api_opts, arguments)
        guru.prepare(conf, PROG)
        reload.prepare(conf, options.list_api_opts)
        server = serving.api_server(conf, serving.build(conf))
        signals = Signals(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        server.start()
    except exceptions.VethagentError as error:
        common.fail(PROG, error)
    common.spare_imports()
    supervisor.tell("READY=1\nSTATUS=serving on {} port {}".format(*server.address))
    while signals.wait() is signal.SIGHUP:
        conf.mutate_config_files()
        server.renew()
    supervisor.stopping()
    server.stop()


if __name__ == "__main__":
    main()
