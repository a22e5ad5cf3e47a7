"""``vethagent-allinone``: controller, API and agent in one process, over an embedded bus and a file."""

from vethagent.cmd import bootstrap

PROG = "vethagent-allinone"

bootstrap.end_by_sigint()
bootstrap.choose(bootstrap.configured_concurrency(PROG))

import logging
from collections.abc import Callable

import oslo_messaging
from oslo_config import cfg
from oslo_service import service

from vethagent import conf as options
from vethagent import exceptions
from vethagent.agent.service import Agent
from vethagent.agent.store import Store
from vethagent.cmd import agent as agent_command
from vethagent.cmd import alone, common, guru, launching, privileges, reload, serving
from vethagent.cmd.scraping import MetricsListener
from vethagent.cmd.supervisor import Supervisor
from vethagent.controller.api.server import ApiServer
from vethagent.controller.db import migration
from vethagent.controller.db.database import Database
from vethagent.controller.service import ControllerServer
from vethagent.rpc import transport as bus
from vethagent.rpc.agent_api import AgentAPI

bootstrap.imported()

LOG = logging.getLogger(__name__)


class AllInOneService(service.ServiceBase):
    """All of it as oslo.service runs it, one transport shared: ``fake://`` reaches no further than that."""

    def __init__(self, supervisor: Supervisor, held: alone.Alone) -> None:
        self._supervisor = supervisor
        self._held = held
        self._transport: oslo_messaging.Transport | None = None
        self._database: Database | None = None
        self._controller: ControllerServer | None = None
        self._api: ApiServer | None = None
        self._agent: Agent | None = None
        self._metrics: list[MetricsListener] = []
        self._end_notifications: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin with the controller, so that the agent's first report is heard."""
        conf = cfg.CONF
        self._database = common.open_database(conf)
        self._database.say()
        self._transport = common.open_transport(conf)
        self._end_notifications = common.notify(conf, "allinone", self._database)
        liveness = common.liveness(conf, self._database)
        self._controller = ControllerServer(self._transport, self._database, server=conf.host, liveness=liveness)
        self._controller.start()
        application = serving.application(conf, self._database, AgentAPI(self._transport), liveness)
        self._api = serving.api_server(conf, application)
        self._api.start()
        agent = agent_command.make(conf, self._transport, self._supervisor, self._held)
        self._agent = agent  # first: it may have to be ended while it starts
        agent.start()
        self._metrics = [
            agent_command.metrics_listener(conf, agent),
            MetricsListener(
                self._controller.metrics.registry,
                host=conf.controller.metrics_host,
                port=conf.controller.metrics_port,
            ),
        ]
        for listener in self._metrics:
            listener.start()

    def wait(self) -> None:
        """Nothing: oslo.service itself waits for the signal."""

    def stop(self) -> None:
        """End; links stay as they are."""
        self._supervisor.stopping()
        for part in (*self._metrics, self._agent, self._api, self._controller):
            if part is not None:
                part.stop()
        self._agent = self._api = self._controller = None
        self._metrics = []
        self._end_notifications()
        if self._database is not None:
            self._database.close()
            self._database = None

    def reset(self) -> None:
        """Read the certificate again: oslo.service has done so with the options that may change."""
        if self._api is not None:
            self._api.renew()


def _try_out(conf: cfg.ConfigOpts) -> None:
    """Raise what ``start`` would, where it is still one line and not oslo.service's account of a failure."""
    database = common.open_database(conf)
    transport = common.open_transport(conf)
    liveness = common.liveness(conf, database)
    serving.api_server(conf, serving.application(conf, database, AgentAPI(transport), liveness)).try_out()
    transport.cleanup()
    database.close()


def main(arguments: list[str] | None = None) -> None:
    """Run until SIGTERM; the tables are made and brought up to date first."""
    conf = cfg.CONF
    try:
        common.configure(conf, PROG, options.list_opts, arguments)
        bus.stay_within(conf)
        guru.prepare(conf, PROG)
        reload.prepare(conf, options.list_opts)
        held = alone.stay_alone(conf.agent.store)
        # That takes as long as it takes, also if the server does not answer.
        LOG.info("Waiting for the tables in %s to be brought up to date", common.database_place(conf))
        with common.about_database(conf):
            migration.upgrade(common.connection_url(conf))
        _try_out(conf)
        Store(conf.agent.store, read=False).close()
    except exceptions.VethagentError as error:
        common.fail(PROG, error)
    common.spare_imports()
    privileges.prepare(conf)
    launching.run(conf, lambda supervisor: AllInOneService(supervisor, held))


if __name__ == "__main__":
    main()
