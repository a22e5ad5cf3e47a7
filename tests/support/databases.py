"""Database servers of their own: all files in one folder, reached by a socket in it, gone with it."""

import itertools
import pathlib
import shutil
import signal

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
        self._folder = folder
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
        engine = sqlalchemy.create_engine(self._url(self._first), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self._url(name)

    @property
    def _data(self) -> pathlib.Path:
        return self._folder / "data"

    def _answers(self) -> bool:
        assert self.daemon.running, f"{self.daemon.name} ended:\n{self.daemon.tail()}"
        engine = sqlalchemy.create_engine(self._url(self._first))
        try:
            engine.connect().close()
        except sqlalchemy.exc.OperationalError:
            return False
        finally:
            engine.dispose()
        return True

    #: Name of a database that is always there.
    _first = ""

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _initialise(self) -> None:
        raise NotImplementedError

    def _url(self, name: str) -> str:
        raise NotImplementedError


class MariaDB(DatabaseServer):
    """MariaDB, with InnoDB as operators have it."""

    _first = "mysql"

    def __init__(self, namespace: namespaces.Namespace, folder: pathlib.Path) -> None:
        super().__init__("mariadb", namespace, folder)

    @property
    def _tmpdir(self) -> str:
        # Each that starts deletes what another has in the same folder for its temporary tables.
        return f"--tmpdir={self._folder}"

    def _command(self) -> list[str]:
        return [
            "/usr/sbin/mariadbd",
            "--no-defaults",
            f"--datadir={self._data}",
            self._tmpdir,
            f"--socket={self._folder}/socket",
            f"--pid-file={self._folder}/pid",
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

    def _url(self, name: str) -> str:
        return f"mysql+pymysql://root@localhost/{name}?unix_socket={self._folder}/socket&charset=utf8mb4"


class PostgreSQL(DatabaseServer):
    """PostgreSQL, which does not run as root."""

    _first = "postgres"

    def __init__(self, namespace: namespaces.Namespace, folder: pathlib.Path) -> None:
        super().__init__("postgresql", namespace, folder)

    def kill(self) -> None:
        """End it without tidying up. Killed alone it would leave its children behind, which hold its memory a while."""
        if self.daemon.running:
            self.daemon.signal(signal.SIGQUIT)
            self.daemon.process.wait(30)

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._folder),
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

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg2://vethagent@/{name}?host={self._folder}"


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
