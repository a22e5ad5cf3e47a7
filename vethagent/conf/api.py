"""Options of the API."""

from oslo_config import cfg

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "auth_strategy",
        default="noauth",
        choices=[("noauth", "everybody on this host may do everything, nobody else anything")],
        help="Who may use the API.",
    ),
    cfg.HostAddressOpt(
        "host",
        default="127.0.0.1",
        help="Address that vethagent-api listens on. With noauth only an address of the loopback is taken.",
    ),
    cfg.PortOpt(
        "port",
        default=9798,
        help="Port that vethagent-api listens on.",
    ),
    cfg.IntOpt(
        "threads",
        default=10,
        min=1,
        max=1000,
        help="Requests that vethagent-api serves at once.",
    ),
    cfg.IntOpt(
        "max_body_size",
        default=1024 * 1024,
        min=1024,
        max=64 * 1024 * 1024,
        help="Bytes that the body of a request may have.",
    ),
    cfg.StrOpt(
        "certificate_file",
        help="PEM file with the certificate, and those that it stands on; given, vethagent-api serves HTTPS.",
    ),
    cfg.StrOpt(
        "key_file",
        help="PEM file with the private key; if not given it is in certificate_file.",
    ),
]


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return the options by group."""
    return [("api", OPTIONS)]
