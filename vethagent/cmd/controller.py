"""``vethagent-controller``: answers the agents."""

from vethagent.cmd import bootstrap

bootstrap.end_by_sigint()
bootstrap.choose("threading")

import threading
from collections.abc import Callable

import oslo_messaging
from oslo_config import cfg
from oslo_service import service

from vethagent import conf as options
from vethagent import exceptions
from vethagent.cmd import common, guru, launching, reload
from vethagent.cmd.scraping import MetricsListener
from vethagent.cmd.supervisor import Supervisor
from vethagent.controller.db.database import Database
from vethagent.controller.service import ControllerServer
from vethagent.rpc import transport as bus

bootstrap.imported()

PROG = "vethagent-controller"

#: Seconds for which a broker that is away holds up what is to start after this.
_PATIENCE = 10


class ControllerService(service.ServiceBase):
    """The controller in the process that oslo.service forks: all is made in ``start``, from CONF as it is then."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._server: ControllerServer | None = None
        self._transport: oslo_messaging.Transport | None = None
        self._database: Database | None = None
        self._metrics: MetricsListener | None = None
        self._end_notifications: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Connect and serve."""
        conf = cfg.CONF
        self._database = common.open_database(conf, check=False)
        self._database.say()
        self._transport = common.open_transport(conf)
        self._end_notifications = common.notify(conf, "controller", self._database)
        liveness = common.liveness(conf, self._database)
        self._server = ControllerServer(
            self._transport,
            self._database,
            server=conf.host,
            liveness=liveness,
            brokers=bus.brokers(conf),
            changed=lambda status: self._supervisor.tell(f"STATUS={status}"),
        )
        self._server.start()
        self._metrics = MetricsListener(
            self._server.metrics.registry, host=conf.controller.metrics_host, port=conf.controller.metrics_port
        )
        self._metrics.start()
        threading.Thread(target=self._tell, args=[self._server], name="ready", daemon=True).start()

    def wait(self) -> None:
        """Nothing: oslo.service itself waits for the signal."""

    def stop(self) -> None:
        """Finish what was begun."""
        self._supervisor.stopping()
        for part in (self._metrics, self._server):
            if part is not None:
                part.stop()
        self._end_notifications()
        if self._database is not None:
            self._database.close()

    def reset(self) -> None:
        """Nothing: with native threads SIGHUP starts a new process instead, with the options that may change."""

    def _tell(self, server: ControllerServer) -> None:
        if not server.wait_until_listening(_PATIENCE):
            self._supervisor.tell(f"READY=1\nSTATUS={server.standing}")
            server.wait_until_listening()
        self._supervisor.tell(f"READY=1\nSTATUS={server.standing}")


def main(arguments: list[str] | None = None) -> None:
    """Run until SIGTERM."""
    conf = cfg.CONF
    try:
        common.configure(conf, PROG, options.list_controller_opts, arguments)
        bus.prefer_throughput(conf)
        guru.prepare(conf, PROG)
        reload.prepare(conf, options.list_controller_opts)
        # What is wrong is told now, by the process that was started, and not over and over by the one it forks.
        database = common.open_database(conf)
        common.open_transport(conf).cleanup()
        common.notify(conf, "controller", database)()
        database.close()
    except exceptions.VethagentError as error:
        common.fail(PROG, error)
    common.spare_imports()
    launching.run(conf, ControllerService)


if __name__ == "__main__":
    main()
