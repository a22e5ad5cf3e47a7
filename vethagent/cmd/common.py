"""What the entry points share: reading the configuration, logging, and ending with one clear line."""

import contextlib
import gc
import importlib.metadata
import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NoReturn

import oslo_db.options
import oslo_messaging
from oslo_config import cfg
from oslo_log import log

from vethagent import conf as options
from vethagent import exceptions
from vethagent.cmd import config_check, outlets, repeats
from vethagent.cmd.bootstrap import PROJECT
from vethagent.rpc import transport as bus

if TYPE_CHECKING:
    from vethagent.controller.db.database import Database
    from vethagent.controller.liveness import Liveness


#: What a URL of a bus is refused with; a library may be missing that its driver takes.
_BAD_TRANSPORT = (oslo_messaging.InvalidTransportURL, oslo_messaging.DriverLoadFailure, ValueError, ImportError)

#: What a shell says of a process that SIGPIPE has ended.
_PIPE = 141

#: What ``--help`` says first.
PURPOSES = {
    "vethagent-agent": "The agent of a host: makes what the controller wants there, and keeps it so.",
    "vethagent-allinone": "Controller, API and agent of one host in one process, without a broker.",
    "vethagent-api": "The REST API, and the page at /ui.",
    "vethagent-controller": "Hears the agents of all hosts and casts to them.",
    "vethagent-manage": "Tables and configuration: db upgrade, db version, db purge, db downgrade, config check.",
    "vethagent-status": "Whether services of this version can be started: upgrade check.",
}

#: How oslo.config says where a value was found; only the file is of use to whoever reads it.
_LOCATION = re.compile(r"LocationInfo\(location=<[^>]*>, detail='([^']*)'\)")


class StartError(exceptions.VethagentError):
    """The process cannot start; the text is for the one who started it."""

    code = "START_ERROR"


def version() -> str:
    """Return the version of this program, "unknown" if it runs from a folder and is not installed."""
    try:
        return importlib.metadata.version(PROJECT)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def configure(
    conf: cfg.ConfigOpts,
    prog: str,
    listed: Callable[[], options.Options],
    arguments: list[str] | None = None,
    *,
    commands: Iterable[cfg.Opt] = (),
) -> None:
    """Read the configuration of ``prog``, check it, and set up logging; raise StartError.

    ``listed`` tells the options that it reads, ``commands`` are for its command line only.
    """
    read(conf, prog, listed, arguments, commands=commands)
    settle(conf, listed)


def read(
    conf: cfg.ConfigOpts,
    prog: str,
    listed: Callable[[], options.Options],
    arguments: list[str] | None = None,
    *,
    commands: Iterable[cfg.Opt] = (),
) -> None:
    """Read command line and files as ``configure`` does; raise StartError if they cannot be read."""
    log.register_options(conf)
    log.set_defaults(default_log_levels=[*log.get_default_log_levels(), "alembic=WARNING"])
    bus.set_defaults(conf)
    # Connections beyond max_pool_size are made anew for each transaction; after a restart of many agents, when a
    # controller has many transactions at once, that would take most of its time.
    oslo_db.options.set_defaults(
        conf, connection="sqlite:///$state_path/controller.sqlite", max_pool_size=20, max_overflow=10
    )
    options.register(conf, listed)
    conf.register_cli_opts(known := list(commands))
    try:
        _parse(conf, prog, arguments, hint=f"{PURPOSES[prog]}\n" if known else "")
    except (cfg.Error, ValueError, OSError) as error:  # OSError: releases of oslo.config lack files of their own
        raise StartError(_LOCATION.sub(r"\1", config_check.plain(error))) from error


def _parse(conf: cfg.ConfigOpts, prog: str, arguments: list[str] | None, *, hint: str) -> None:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            conf(
                arguments,
                project=PROJECT,
                prog=prog,
                version=version(),
                usage=f"{prog} [options]",
                description=f"{PURPOSES[prog]} Reads {PROJECT}.conf and {prog}.conf in /etc/{PROJECT}, unless "
                "--config-file names others.",
            )
    except SystemExit as ended:
        if ended.code == 1:  # a value of "debug" in a file: oslo.config says it itself, and not whose it is
            raise StartError(said.getvalue().removeprefix("argument --")) from None
        usage, line, error = said.getvalue().rstrip("\n").rpartition("\n")
        sys.stderr.write(f"{usage}{line}{hint}{error}\n" if ended.code else said.getvalue())
        raise
    sys.stderr.write(said.getvalue())


def settle(conf: cfg.ConfigOpts, listed: Callable[[], options.Options]) -> None:
    """Check what was read and set up logging; raise StartError.

    All values are looked at, also those of libraries: by itself oslo.config does so when one is first used, and never
    tells of an option that is misspelt.
    """
    try:
        ours = listed()
        for problem in config_check.check_for(files(conf), ours):
            raise StartError(str(problem))
        for group, opts in ours:
            for opt in opts:
                value = conf[opt.dest] if group == "DEFAULT" else conf[group][opt.dest]
                if value in (None, "") and opt.default is not None:  # by the environment, which is in no file
                    raise StartError(f"[{group}] {opt.dest}: {config_check.NO_VALUE}")
    except (cfg.Error, ValueError) as error:
        raise StartError(_LOCATION.sub(r"\1", config_check.plain(error))) from error
    outlets.open_stream()
    try:
        log.setup(conf, PROJECT)
    except (OSError, log.LogConfigError) as error:
        raise StartError(f"logs cannot be written as they are to be: {error}") from error
    repeats.hold_back()
    outlets.guard()


def files(conf: cfg.ConfigOpts) -> list[str]:
    """Return the files that were read, in their order."""
    found = list(conf.config_file or ())
    for folder in conf.config_dir or ():
        found += [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".conf")]
    return found


def open_database(conf: cfg.ConfigOpts, *, check: bool = True, patient: bool = False) -> "Database":
    """Return the database that ``conf`` names; with ``check`` raise StartError unless its tables are as needed.

    Who is ``patient`` waits for an answer as long as it takes.
    """
    # Here and not above: an agent has no database and does not load what it takes.
    from vethagent.controller.db import migration, patience
    from vethagent.controller.db.database import Database

    url = connection_url(conf)
    try:
        database = Database(
            url,
            connection_recycle_time=conf.database.connection_recycle_time,
            wsrep_sync_wait=conf.database.mysql_wsrep_sync_wait,
            max_pool_size=conf.database.max_pool_size,
            max_overflow=conf.database.max_overflow,
            pool_timeout=conf.database.pool_timeout,
            limits=None if patient else patience.USUAL,
        )
        if check:
            migration.check(database)
    except exceptions.VethagentError as error:
        raise _of_database(conf, error) from error
    except (cfg.Error, ImportError, ValueError, TypeError) as error:
        raise StartError(f"[database] connection cannot be used: {config_check.plain(error)}") from error
    return database


def liveness(conf: cfg.ConfigOpts, database: "Database") -> "Liveness":
    """Return who judges whether agents are alive, by the clock of ``database``."""
    from vethagent.controller.liveness import Liveness

    return Liveness(conf.controller.agent_down_time, database.clock.now, database.clock.unmoved)


def connection_url(conf: cfg.ConfigOpts) -> str:
    """Return the URL of the database; raise StartError if it cannot be one. It is not shown: it has a password."""
    # Here and not above: an agent has no database and does not load what it takes.
    from vethagent.cmd import config_values

    url = str(conf.database.connection)
    if problem := config_values.problem("database", "connection", url):
        raise StartError(f"[database] connection: {problem}")
    return url


def database_place(conf: cfg.ConfigOpts) -> str:
    """Return which database ``conf`` names, without anything of its URL that may be a secret; raise as above."""
    from sqlalchemy.engine import make_url

    return make_url(connection_url(conf)).set(query={}).render_as_string()  # and *** for a password


@contextlib.contextmanager
def about_database(conf: cfg.ConfigOpts) -> Iterator[None]:
    """Raise StartError if the block cannot use the database that ``conf`` names, and say which that is."""
    try:
        yield
    except exceptions.DatabaseUnavailable as error:
        raise _of_database(conf, error) from error


def _of_database(conf: cfg.ConfigOpts, error: Exception) -> StartError:
    return StartError(f"[database] connection: {database_place(conf)}: {error}")


def open_transport(conf: cfg.ConfigOpts) -> oslo_messaging.Transport:
    """Return the transport that ``conf`` names, not connected yet; raise StartError if the URL is not good."""
    try:
        bus.check_ports(bus.brokers(conf))
        return bus.get_transport(conf)
    except _BAD_TRANSPORT as error:
        raise StartError(f"transport_url cannot be used: {config_check.plain(error)}") from error


def notify(conf: cfg.ConfigOpts, service: str, database: "Database") -> Callable[[], None]:
    """Have what ``service`` commits to ``database`` notified, if ``conf`` says so; return what ends that.

    Raise StartError if the URL or the driver is not good.
    """
    from vethagent.controller.notifications import Notification, Notifications

    try:
        notifier = bus.get_notifier(conf, f"vethagent-{service}.{conf.host}")
    except _BAD_TRANSPORT as error:
        raise StartError(f"[oslo_messaging_notifications] cannot be used: {config_check.plain(error)}") from error
    if notifier is None:
        return lambda: None

    def send(told: Notification) -> None:
        getattr(notifier, told.priority)({"request_id": told.request_id}, told.event_type, told.payload)

    notifications = Notifications(send)
    database.committed = notifications.take
    return notifications.stop


def spare_imports() -> None:
    """Leave what is there by now to the collector no more: it stays for good, and each look at it takes 30 ms.

    Everything waits for as long, a repair too.
    """
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def printing() -> Iterator[None]:
    """End the process without a word if nobody reads any more what the block prints, as in ``… | head -1``."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # What is still in the buffer has nowhere to go; Python would complain of that at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(_PIPE) from None


def fail(prog: str, error: Exception, *, status: int = 1) -> NoReturn:
    """End the process with ``status`` and one line on stderr."""
    print(f"{prog}: {exceptions.one_line(error)}", file=sys.stderr)
    raise SystemExit(status)
