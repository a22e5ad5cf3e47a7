"""Options that every process reads."""

import socket

from oslo_config import cfg

OPTIONS = [
    cfg.HostAddressOpt(
        "host",
        default=socket.gethostname(),
        sample_default="<the host's name>",
        help="Name of this host: the agent's address on the bus, and what a link names as its host.",
    ),
    cfg.StrOpt(
        "state_path",
        default="/var/lib/vethagent",
        help="Folder, writable by the service, for what has to survive a restart.",
    ),
]


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return the options by group."""
    return [("DEFAULT", OPTIONS)]
