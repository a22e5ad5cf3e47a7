"""Options of the controller, which the API reads too."""

from oslo_config import cfg

OPTIONS: list[cfg.Opt] = [
    cfg.IntOpt(
        "agent_down_time",
        default=75,
        min=2,
        max=86400,
        help="Seconds without a state report after which an agent is shown as not alive and its links as DOWN. More "
        "than twice the agents' report_interval, or agents that are well are taken for dead.",
    ),
    cfg.IntOpt(
        "event_retention",
        default=30,
        min=1,
        max=3650,
        help="Days for which port events are kept, what became of links that are gone and of agents, and earlier "
        "roll-outs; 'vethagent-manage db purge' deletes what is older.",
    ),
    cfg.HostAddressOpt(
        "metrics_host",
        default="127.0.0.1",
        help="Address on which vethagent-controller serves its own metrics at /metrics, to everybody who reaches it. "
        "Those of the fleet are served by the API.",
    ),
    cfg.PortOpt(
        "metrics_port",
        default=9797,
        help="Port on which vethagent-controller serves its own metrics; 0 turns that off.",
    ),
]


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return the options by group."""
    return [("controller", OPTIONS)]
