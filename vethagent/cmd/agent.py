"""``vethagent-agent``: the agent of this host."""

from vethagent.cmd import bootstrap

PROG = "vethagent-agent"

bootstrap.end_by_sigint()
bootstrap.choose(bootstrap.configured_concurrency(PROG))

import oslo_messaging
from oslo_config import cfg
from oslo_service import service

from vethagent import conf as options
from vethagent import exceptions
from vethagent.agent.service import Agent, AgentSettings
from vethagent.agent.store import Store
from vethagent.cmd import alone, common, guru, launching, outlets, privileges, reload
from vethagent.cmd.scraping import MetricsListener
from vethagent.cmd.supervisor import Supervisor
from vethagent.rpc import transport as bus

bootstrap.imported()


def settings(conf: cfg.ConfigOpts) -> AgentSettings:
    """Return what ``conf`` says of the agent."""
    return AgentSettings(
        host=conf.host,
        version=common.version(),
        store=conf.agent.store,
        ovsdb_connection=conf.agent.ovsdb_connection,
        ovsdb_timeout=conf.agent.ovsdb_timeout,
        helper_timeout=conf.agent.helper_timeout,
        rpc_timeout=conf.agent.rpc_timeout,
        report_interval=conf.agent.report_interval,
        audit_interval=conf.agent.audit_interval,
        watchdog_timeout=conf.agent.watchdog_timeout,
        brokers=bus.brokers(conf),
        confirm_timeout=conf.agent.confirm_timeout,
        confirm_gateway=conf.agent.confirm_gateway,
        stop_timeout=conf.graceful_shutdown_timeout,  # oslo.service has registered it by the time of a start
        bridge_mappings=conf.agent.bridge_mappings,
    )


def make(conf: cfg.ConfigOpts, transport: oslo_messaging.Transport, supervisor: Supervisor, held: alone.Alone) -> Agent:
    """Return the agent that ``conf`` wants, not started yet."""
    return Agent(
        settings(conf),
        transport,
        tell=supervisor.tell,
        supervised=supervisor.watchdog,
        log_trouble=outlets.trouble,
        stay_alone=held.look,
    )


def metrics_listener(conf: cfg.ConfigOpts, agent: Agent) -> MetricsListener:
    """Return what serves the metrics of ``agent``, not started yet."""
    return MetricsListener(agent.metrics.registry, host=conf.agent.metrics_host, port=conf.agent.metrics_port)


class AgentService(service.ServiceBase):
    """The agent as oslo.service runs it: everything is made in ``start``, after the fork that native threads have."""

    def __init__(self, supervisor: Supervisor, held: alone.Alone) -> None:
        self._supervisor = supervisor
        self._held = held
        self._transport: oslo_messaging.Transport | None = None
        self._agent: Agent | None = None
        self._metrics: MetricsListener | None = None

    def start(self) -> None:
        """Open everything and begin."""
        self._transport = common.open_transport(cfg.CONF)
        agent = make(cfg.CONF, self._transport, self._supervisor, self._held)
        self._agent = agent  # first: it may have to be ended while it starts
        agent.start()
        self._metrics = metrics_listener(cfg.CONF, agent)
        self._metrics.start()

    def wait(self) -> None:
        """Nothing: oslo.service itself waits for the signal."""

    def stop(self) -> None:
        """End; links stay as they are."""
        self._supervisor.stopping()
        for part in (self._metrics, self._agent):
            if part is not None:
                part.stop()
        self._metrics = self._agent = None

    def reset(self) -> None:
        """Nothing: on SIGHUP oslo.service has read the options anew, and those that may change take effect by that."""


def main(arguments: list[str] | None = None) -> None:
    """Run until SIGTERM."""
    conf = cfg.CONF
    try:
        common.configure(conf, PROG, options.list_agent_opts, arguments)
        guru.prepare(conf, PROG)
        reload.prepare(conf, options.list_agent_opts)
        # What is wrong is told now, in one line.
        common.open_transport(conf).cleanup()
        held = alone.stay_alone(conf.agent.store)
        Store(conf.agent.store, read=False).close()
    except exceptions.VethagentError as error:
        common.fail(PROG, error)
    common.spare_imports()
    privileges.prepare(conf)
    launching.run(conf, lambda supervisor: AgentService(supervisor, held))


if __name__ == "__main__":
    main()
