"""Options of the agent."""

from oslo_config import cfg

OPTIONS = [
    cfg.StrOpt(
        "concurrency",
        default="eventlet",
        choices=[
            ("eventlet", "green threads on one native thread"),
            ("threading", "native threads"),
        ],
        help="What the agent runs its threads on. Read before everything else, so a change needs a restart.",
    ),
    cfg.IntOpt(
        "report_interval",
        default=30,
        min=1,
        max=3600,
        help="Seconds between two state reports. Each is up to a tenth early or late, so that agents do not report "
        "all at once. A change of health is reported at once.",
    ),
    cfg.StrOpt(
        "ovsdb_connection",
        default="unix:/var/run/openvswitch/db.sock",
        help="Where the Open vSwitch database of this host is reached.",
    ),
    cfg.IntOpt(
        "ovsdb_timeout",
        default=10,
        min=1,
        max=300,
        help="Seconds that one transaction of the Open vSwitch database may take, and after which a database server "
        "that says nothing at all is taken to hang, but not less than 2.",
    ),
    cfg.IntOpt(
        "helper_timeout",
        default=10,
        min=1,
        max=600,
        help="Seconds that one batch may take in the privileged helper before the helper is started again.",
    ),
    cfg.IntOpt(
        "rpc_timeout",
        default=10,
        min=1,
        max=300,
        help="Seconds to wait for the controller's answer.",
    ),
    cfg.IntOpt(
        "audit_interval",
        default=600,
        min=0,
        max=86400,
        help="Seconds between two looks at all devices and ports, for changes that came without an event. "
        "0 turns it off.",
    ),
    cfg.IntOpt(
        "watchdog_timeout",
        default=30,
        min=3,
        max=3600,
        help="Seconds within which the agent notices, and reports, that a part does not answer: ovs-vswitchd, the "
        "privileged helper, or its own reconciler. Each may owe an answer for a third of it.",
    ),
    cfg.FloatOpt(
        "confirm_timeout",
        default=10,
        min=0,
        max=600,
        help="Seconds for which a link is watched after packets pass over it for the first time, and for which the way "
        "to the hosts of transport_url may be lost meanwhile before the link is taken back and kept back. 0 turns it "
        "off, for one link its --no-confirm does.",
    ),
    cfg.BoolOpt(
        "confirm_gateway",
        default=False,
        help="Take a link back also if with it the default gateway (IPv4) is lost that answered pings or ARP before.",
    ),
    cfg.HostAddressOpt(
        "metrics_host",
        default="127.0.0.1",
        help="Address on which the agent serves its metrics at /metrics, to everybody who reaches it.",
    ),
    cfg.PortOpt(
        "metrics_port",
        default=9799,
        help="Port on which the agent serves its metrics; 0 turns that off.",
    ),
    cfg.StrOpt(
        "store",
        default="$state_path/agent.sqlite",
        help="File with the links that are wanted on this host; from it they are restored after a reboot.",
    ),
]


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return the options by group."""
    return [("agent", OPTIONS)]
