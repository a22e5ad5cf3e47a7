"""``vethagent-controller``: answers the agents."""

from vethagent.cmd import bootstrap

bootstrap.choose("threading")

from collections.abc import Callable

import oslo_messaging
from oslo_config import cfg
from oslo_service import service

from vethagent import conf as options
from vethagent import exceptions
from vethagent.cmd import common, guru
from vethagent.cmd.scraping import MetricsListener
from vethagent.controller.db.database import Database
from vethagent.controller.liveness import Liveness
from vethagent.controller.service import ControllerServer
from vethagent.rpc import transport as bus

PROG = "vethagent-controller"


class ControllerService(service.ServiceBase):
    """The controller in the process that oslo.service forks: all is made in ``start``, from CONF as it is then."""

    def __init__(self) -> None:
        self._server: ControllerServer | None = None
        self._transport: oslo_messaging.Transport | None = None
        self._database: Database | None = None
        self._metrics: MetricsListener | None = None
        self._end_notifications: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Connect and serve."""
        conf = cfg.CONF
        self._database = common.open_database(conf, check=False)
        self._transport = common.open_transport(conf)
        self._end_notifications = common.notify(conf, "controller", self._database)
        liveness = Liveness(conf.controller.agent_down_time)
        self._server = ControllerServer(
            self._transport, self._database, server=conf.host, liveness=liveness, brokers=bus.brokers(conf)
        )
        self._server.start()
        self._metrics = MetricsListener(
            self._server.metrics.registry, host=conf.controller.metrics_host, port=conf.controller.metrics_port
        )
        self._metrics.start()

    def wait(self) -> None:
        """Nothing: oslo.service itself waits for the signal."""

    def stop(self) -> None:
        """Finish what was begun."""
        for part in (self._metrics, self._server):
            if part is not None:
                part.stop()
        self._end_notifications()
        if self._database is not None:
            self._database.close()

    def reset(self) -> None:
        """Nothing: with native threads SIGHUP starts a new process instead."""


def main(arguments: list[str] | None = None) -> None:
    """Run until SIGTERM."""
    conf = cfg.CONF
    try:
        common.configure(conf, PROG, options.list_controller_opts, arguments)
        guru.prepare(conf, PROG)
        # What is wrong is told now, by the process that was started, and not over and over by the one it forks.
        common.open_database(conf).close()
        common.open_transport(conf).cleanup()
    except exceptions.VethagentError as error:
        common.fail(PROG, error)
    raise SystemExit(service.launch(conf, ControllerService()).wait())


if __name__ == "__main__":
    main()
