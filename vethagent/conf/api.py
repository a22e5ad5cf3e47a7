"""Options of the API."""

from oslo_config import cfg

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "auth_strategy",
        default="noauth",
        choices=[
            ("noauth", "everybody on this host may do everything, nobody else anything"),
            ("http_basic", "users and passwords of http_basic_user_file, with the roles of http_basic_roles"),
            ("keystone", "tokens of Keystone, see [keystone_authtoken]"),
        ],
        help="How the API knows who is asking. Who may do what is then said by the rules of oslo.policy.",
    ),
    cfg.StrOpt(
        "http_basic_user_file",
        default="/etc/vethagent/htpasswd",
        help="With http_basic: file with a line for each user, the name, a colon, and a bcrypt digest of the password, "
        "as 'htpasswd -B' writes it. It is read again when it changes.",
    ),
    cfg.DictOpt(
        "http_basic_roles",
        default={},
        help="With http_basic: the role of users, such as 'alice:admin,bob:member'. A reader may look, a member may "
        "also change links, an admin also agents. A user that is not named is a reader.",
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
    cfg.IntOpt(
        "rate_limit",
        default=500,
        min=0,
        max=1000000,
        help="Requests a second that are served to one address, by each process; 0 is without limit. Behind a proxy "
        "all come from its address, unless it sends the client's and [oslo_middleware] enable_proxy_headers_parsing "
        "is on.",
    ),
    cfg.StrOpt(
        "certificate_file",
        help="PEM file with the certificate, and those that it stands on; given, vethagent-api serves HTTPS. "
        "It is read again on SIGHUP.",
    ),
    cfg.StrOpt(
        "key_file",
        help="PEM file with the private key; if not given it is in certificate_file.",
    ),
]


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return the options by group."""
    return [("api", OPTIONS)]
