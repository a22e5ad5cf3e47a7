"""Values that have the right form for oslo.config, and that no service of ours can start with."""

from collections.abc import Callable
from typing import Any

import oslo_messaging
import sqlalchemy.exc
from oslo_config import cfg

from vethagent.controller.api import auth
from vethagent.rpc import transport as bus


def problem(section: str, name: str, value: Any) -> str | None:
    """Return what is wrong with the value of an option, None if nothing is known to be."""
    look = _LOOKS.get((section, name))
    if look is None or not value:
        return None
    try:
        look(value)
    except (ValueError, ImportError) as error:
        return str(error)
    return None


def _bus(value: str) -> None:
    try:
        url = oslo_messaging.TransportURL.parse(cfg.ConfigOpts(), value)
    except oslo_messaging.InvalidTransportURL as error:
        raise ValueError(str(error)) from error
    bus.check_driver("oslo.messaging.drivers", url.transport)
    bus.check_ports((str(host.hostname), host.port) for host in url.hosts if host.port is not None)


def _database(value: str) -> None:
    try:
        sqlalchemy.engine.make_url(value).get_dialect().import_dbapi()
    except sqlalchemy.exc.NoSuchModuleError as error:
        raise ValueError(str(error)) from None
    except sqlalchemy.exc.ArgumentError:
        raise ValueError("it is no URL of a database") from None  # which may have a password


def _notifications(value: str) -> None:
    bus.check_driver("oslo.messaging.notify.drivers", value)


def _keystone(value: str) -> None:
    bus.check_driver("keystoneauth1.plugin", value)


_LOOKS: dict[tuple[str, str], Callable[[Any], None]] = {
    ("DEFAULT", "transport_url"): _bus,
    ("oslo_messaging_notifications", "transport_url"): _bus,
    ("oslo_messaging_notifications", "driver"): _notifications,
    ("database", "connection"): _database,
    ("api", "http_basic_roles"): auth.check_roles,
    ("keystone_authtoken", "auth_type"): _keystone,
}
