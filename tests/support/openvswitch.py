"""An Open vSwitch of its own: database server and switch in a namespace, all files in one folder."""

import contextlib
import os
import pathlib
import uuid

from tests.support import commands, daemons, namespaces

_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


class OpenVSwitch:
    """ovsdb-server and ovs-vswitchd, on the userspace datapath only.

    ``server`` and ``switch`` can be stopped, killed and started one by one.
    """

    def __init__(self, namespace: namespaces.Namespace, folder: pathlib.Path) -> None:
        self._folder = folder
        self._socket = folder / "db.sock"
        self._database = folder / "conf.db"
        self.env = {f"OVS_{kind}DIR": str(folder) for kind in ("RUN", "DB", "LOG", "SYSCONF")}
        self._create()
        self.server = self._daemon(namespace, "ovsdb-server", f"--remote=punix:{self._socket}", str(self._database))
        # --disable-system: the kernel's datapath is left alone even where the kernel has one.
        self.switch = self._daemon(namespace, "ovs-vswitchd", "--disable-system", self.connection)

    @property
    def connection(self) -> str:
        """Where its database is reached, as ovs-vsctl and ovsdbapp want it."""
        return f"unix:{self._socket}"

    def start(self) -> None:
        """Start both daemons."""
        self.start_server()
        # The socket is there a moment before the server listens.
        commands.run("ovs-vsctl", "--timeout=20", "--retry", f"--db={self.connection}", "--no-wait", "init")
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".", f"external_ids:system-id={uuid.uuid4()}")
        self.switch.start()

    def lose_database(self) -> None:
        """Start both daemons anew, with nothing in the database."""
        self.close()
        self._database.unlink()
        self._create()
        self.start()

    def start_server(self) -> None:
        """Start the database server and wait until it can be reached."""
        # A server that was killed leaves its socket.
        self._socket.unlink(missing_ok=True)
        self.server.start()
        commands.wait_until(self._socket.exists, what=f"{self._socket}\n{self.server.tail()}")

    def vsctl(self, *arguments: str) -> str:
        """Run ovs-vsctl on it and return what it printed."""
        return commands.run("ovs-vsctl", "--timeout=20", f"--db={self.connection}", *arguments, env=self.env).stdout

    def close(self) -> None:
        """Kill both daemons."""
        self.switch.kill()
        self.server.kill()

    def let_in(self, uid: int, gid: int) -> None:
        """Give the database's socket to a user, as an operator does for the user that the agent runs as."""
        with contextlib.suppress(FileNotFoundError):
            os.chown(self._socket, uid, gid)

    def _create(self) -> None:
        commands.run("ovsdb-tool", "create", str(self._database), _SCHEMA, env=self.env)

    def _daemon(self, namespace: namespaces.Namespace, program: str, *arguments: str) -> daemons.Daemon:
        common = (f"--pidfile={self._folder / program}.pid", "-vconsole:info", "-vsyslog:off")
        return daemons.Daemon(
            [program, *common, *arguments],
            name=program,
            namespace=namespace,
            log=self._folder / f"{program}.log",
            env=self.env,
        )
