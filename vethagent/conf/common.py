"""Options that every process reads."""

import socket

from oslo_config import cfg

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "host",
        default=socket.gethostname(),
        regex=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
        max_length=255,
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
