"""Values that have the right form for oslo.config, and that no service of ours on this host can start with."""

import os
import pathlib
import shlex
import stat
from collections.abc import Callable
from typing import Any

import oslo_messaging
import sqlalchemy.exc
from oslo_config import cfg

from vethagent.cmd import config_check
from vethagent.controller.api import auth
from vethagent.rpc import transport as bus


def problem(section: str, name: str, value: Any) -> str | None:
    """Return what is wrong with the value of an option, None if nothing is known to be."""
    look = _LOOKS.get((section, name))
    if look is None or not value:
        return config_check.NO_VALUE if (section, name) in _NEVER_EMPTY and not value else None
    try:
        look(value)
    except (ValueError, ImportError) as error:
        return config_check.plain(error)
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
        url = sqlalchemy.engine.make_url(value)
        url.get_dialect().import_dbapi()
    except sqlalchemy.exc.NoSuchModuleError as error:
        raise ValueError(str(error)) from None
    except sqlalchemy.exc.ArgumentError:
        raise ValueError("it is no URL of a database") from None  # which may have a password
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError("it names no file, and what SQLite has in memory is lost")


def _notifications(value: str) -> None:
    bus.check_driver("oslo.messaging.notify.drivers", value)


def _keystone(value: str) -> None:
    bus.check_driver("keystoneauth1.plugin", value)


def _file(value: str) -> None:
    """Only what is certain: who looks need not be allowed to see it, and a library finds a relative path somewhere."""
    if not os.path.isabs(value):
        return
    try:
        if stat.S_ISDIR(os.stat(value).st_mode):
            raise ValueError(f"{value} is a folder")
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"there is no file {value}") from None
    except OSError:
        return


def _command(value: str) -> None:
    for word in shlex.split(value):
        _file(word)


def _store(value: str) -> None:
    if value == ":memory:":
        return
    if os.path.isdir(value):
        raise ValueError(f"{value} is a folder")
    _folder(os.path.dirname(value) or ".")


def _folder(value: str) -> None:
    """A service makes a folder that is not there if it may, and it is not root."""
    if value == _MADE_BY_SYSTEMD:
        return
    above = pathlib.Path(value).absolute()
    while not os.path.exists(above):
        above = above.parent
    found = os.stat(above)
    if not stat.S_ISDIR(found.st_mode):
        raise ValueError(f"{above} is no folder")
    made_by_others = found.st_uid != 0 or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if above != pathlib.Path(value).absolute() and not made_by_others:
        raise ValueError(f"there is no folder {value}, and root alone can make it")


#: By the StateDirectory of our units.
_MADE_BY_SYSTEMD = "/var/lib/vethagent"

_LOOKS: dict[tuple[str, str], Callable[[Any], None]] = {
    ("DEFAULT", "log_config_append"): _file,
    ("DEFAULT", "state_path"): _folder,
    ("DEFAULT", "transport_url"): _bus,
    ("agent", "store"): _store,
    ("api", "certificate_file"): _file,
    ("api", "http_basic_user_file"): _file,
    ("api", "key_file"): _file,
    ("oslo_messaging_rabbit", "ssl_ca_file"): _file,
    ("oslo_messaging_rabbit", "ssl_cert_file"): _file,
    ("oslo_messaging_rabbit", "ssl_key_file"): _file,
    ("oslo_policy", "policy_file"): _file,
    ("oslo_messaging_notifications", "transport_url"): _bus,
    ("oslo_messaging_notifications", "driver"): _notifications,
    ("database", "connection"): _database,
    ("api", "http_basic_roles"): auth.check_roles,
    ("keystone_authtoken", "auth_type"): _keystone,
    ("vethagent_privileged", "helper_command"): _command,
}
#: Where nothing is given and not even the default holds.
_NEVER_EMPTY = {("DEFAULT", "transport_url"), ("database", "connection")}
