"""Database servers of their own: all files in one folder, reached by a socket in it, gone with it."""

import itertools
import pathlib
import shutil
import signal
import socket

import sqlalchemy

from tests.support import commands, daemons, namespaces, service_user

_numbers = itertools.count(1)

#: Where Debian and Fedora have the programs of PostgreSQL, which are in nobody's PATH.
_POSTGRESQL = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")


class DatabaseServer:
    """A server that keeps nothing: what is committed need not survive a power failure."""

    def __init__(self, name: str, namespace: namespaces.Namespace, folder: pathlib.Path) -> None:
        folder.mkdir()
        folder.chmod(0o755)
        service_user.give(folder)
        #: Has its socket too.
        self.folder = folder
        self._namespace = namespace
        self.daemon = daemons.Daemon(self._command(), name=name, namespace=namespace, log=folder.with_suffix(".log"))

    def start(self) -> None:
        """Make the files if there are none yet, start, and wait until it answers."""
        if not self._data.exists():
            self._initialise()
        self.daemon.start()
        commands.wait_until(self._answers, what=f"the start of {self.daemon.name}", timeout=30)

    def kill(self) -> None:
        """End it as a power failure would."""
        self.daemon.kill()

    def children(self) -> list[int]:
        """Return the processes that it has started, one for each connection or none."""
        found = commands.run("pgrep", "--parent", str(self.daemon.pid), check=False).stdout
        return [int(pid) for pid in found.split()]

    def create(self) -> str:
        """Make a new empty database and return its URL."""
        name = f"vethagent{next(_numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def run(self, *statements: str) -> None:
        """Do ``statements`` as somebody who may do all."""
        engine = sqlalchemy.create_engine(self.url(self._first), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    def set_read_only(self, read_only: bool) -> None:
        """Let it take no changes, or take them again, and whoever is connected to it."""
        raise NotImplementedError

    def plain(self, url: str) -> str:
        """Return ``url`` with a user for whom read-only is read-only; he is made if there is none."""
        raise NotImplementedError

    def dump(self, name: str) -> str:
        """Return the statements that make a database."""
        raise NotImplementedError

    def restore(self, statements: str) -> None:
        """Do what ``dump`` of another server has returned."""
        raise NotImplementedError

    def url(self, name: str) -> str:
        """Return where a database is."""
        raise NotImplementedError

    @property
    def _data(self) -> pathlib.Path:
        return self.folder / "data"

    def _answers(self) -> bool:
        assert self.daemon.running, f"{self.daemon.name} ended:\n{self.daemon.tail()}"
        if not self._listens():
            return False
        engine = sqlalchemy.create_engine(self.url(self._first))
        try:
            engine.connect().close()
        except sqlalchemy.exc.OperationalError:
            return False
        finally:
            engine.dispose()
        return True

    def _listens(self) -> bool:
        return True

    #: Name of a database that is always there.
    _first = ""

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _initialise(self) -> None:
        raise NotImplementedError


class MariaDB(DatabaseServer):
    """MariaDB, with InnoDB as operators have it."""

    _first = "mysql"

    def __init__(self, namespace: namespaces.Namespace, folder: pathlib.Path) -> None:
        super().__init__("mariadb", namespace, folder)

    def set_read_only(self, read_only: bool) -> None:
        self.run(f"SET GLOBAL read_only = {read_only:d}")

    def plain(self, url: str) -> str:
        name = sqlalchemy.make_url(url).database
        self.run("CREATE USER IF NOT EXISTS plain@localhost", f"GRANT ALL ON {name}.* TO plain@localhost")
        return url.replace("root@", "plain@")

    def dump(self, name: str) -> str:
        return commands.run("mariadb-dump", *self._client, "--single-transaction", "--databases", name).stdout

    def restore(self, statements: str) -> None:
        commands.run("mariadb", *self._client, stdin=statements)

    def _listens(self) -> bool:
        # If it does not PyMySQL leaves a socket to the collector, which warns of it in whatever test it runs.
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(f"{self.folder}/socket") == 0

    @property
    def _client(self) -> tuple[str, ...]:
        return "--no-defaults", f"--socket={self.folder}/socket", "--user=root"

    @property
    def _tmpdir(self) -> str:
        # Each that starts deletes what another has in the same folder for its temporary tables.
        return f"--tmpdir={self.folder}"

    def _command(self) -> list[str]:
        return [
            "/usr/sbin/mariadbd",
            "--no-defaults",
            f"--datadir={self._data}",
            self._tmpdir,
            f"--socket={self.folder}/socket",
            f"--pid-file={self.folder}/pid",
            "--user=nobody",
            "--skip-networking",
            "--max-connections=500",
            "--innodb-buffer-pool-size=64M",
            "--innodb-flush-log-at-trx-commit=2",
        ]

    def _initialise(self) -> None:
        commands.run(
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={self._data}",
            self._tmpdir,
            "--user=nobody",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )

    def url(self, name: str) -> str:
        return f"mysql+pymysql://root@localhost/{name}?unix_socket={self.folder}/socket&charset=utf8mb4"


class PostgreSQL(DatabaseServer):
    """PostgreSQL, which does not run as root."""

    _first = "postgres"

    def __init__(self, namespace: namespaces.Namespace, folder: pathlib.Path) -> None:
        super().__init__("postgresql", namespace, folder)

    def set_read_only(self, read_only: bool) -> None:
        setting = "default_transaction_read_only"
        self.run(
            f"ALTER SYSTEM SET {setting} = on" if read_only else f"ALTER SYSTEM RESET {setting}",
            "SELECT pg_reload_conf()",
        )
        commands.wait_until(lambda: self._is_read_only() == read_only, what=f"{setting} of {self.daemon.name}")

    def plain(self, url: str) -> str:
        return url  # read-only is so for everybody

    def dump(self, name: str) -> str:
        return commands.run(_program("pg_dump"), *self._client, "--create", name).stdout

    def restore(self, statements: str) -> None:
        options = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={self._first}")
        commands.run(_program("psql"), *self._client, *options, stdin=statements)

    @property
    def _client(self) -> tuple[str, ...]:
        return f"--host={self.folder}", "--username=vethagent"

    def _is_read_only(self) -> bool:
        engine = sqlalchemy.create_engine(self.url(self._first))
        with engine.connect() as connection:
            told = connection.exec_driver_sql("SHOW transaction_read_only").scalar_one()
        engine.dispose()
        return bool(told == "on")

    def kill(self) -> None:
        """End it without tidying up. Killed alone it would leave its children behind, which hold its memory a while."""
        if self.daemon.running:
            self.daemon.signal(signal.SIGQUIT)
            self.daemon.process.wait(30)

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "max_connections": "500",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [*_AS_NOBODY, _program("postgres"), "-D", str(self._data), *options]

    def _initialise(self) -> None:
        # The order of a language, as most operators have it, and not that of the bytes.
        locale = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en")
        options = ("--username=vethagent", "--auth=trust", "--encoding=UTF8", "--no-sync")
        commands.run(*_AS_NOBODY, _program("initdb"), f"--pgdata={self._data}", *locale, *options)

    def url(self, name: str) -> str:
        return f"postgresql+psycopg2://vethagent@/{name}?host={self.folder}"


#: One of those above.
Kind = type[MariaDB] | type[PostgreSQL]

_AS_NOBODY = [
    "setpriv",
    f"--reuid={service_user.UID}",
    f"--regid={service_user.GID}",
    "--clear-groups",
    "env",
    "--chdir=/",
]


def _program(name: str) -> str:
    found = [path for pattern in _POSTGRESQL for path in pathlib.Path("/").glob(f"{pattern[1:]}/{name}")]
    program = str(max(found, key=lambda path: int("".join(filter(str.isdigit, path.parts[-3]))))) if found else name
    assert shutil.which(program), f"{name} is not installed (see bindep.txt)"
    return program
