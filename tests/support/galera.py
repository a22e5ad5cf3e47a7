"""A cluster of two nodes of MariaDB with Galera, of which the second one alone has a majority."""

import contextlib
import pathlib
from collections.abc import Iterator

from tests.support import commands, databases, namespaces, tidy

#: Where Debian and Fedora have the library.
_PROVIDERS = ("/usr/lib/galera/libgalera_smm.so", "/usr/lib64/galera/libgalera_smm.so")


class Node(databases.MariaDB):
    """A node, which begins a cluster, or joins it with no data of its own but what it gets from the others."""

    def __init__(self, number: int, namespace: namespaces.Namespace, folder: pathlib.Path, member: str = "") -> None:
        """``member`` is the address of a node whose cluster it joins."""
        #: Of the cluster; clients come by the socket.
        self.address = f"127.0.1.{number}"
        self._weight, self._member = number, member
        super().__init__(namespace, folder)

    def _command(self) -> list[str]:
        options = {
            "gcache.size": "16M",
            "gmcast.listen_addr": f"tcp://{self.address}:4567",
            "ist.recv_addr": f"{self.address}:4568",
            "pc.weight": str(self._weight),
        }
        return [
            *(word for word in super()._command() if word != "--skip-networking"),
            f"--bind-address={self.address}",
            "--binlog-format=ROW",
            "--innodb-autoinc-lock-mode=2",
            "--wsrep-on=ON",
            f"--wsrep-provider={_provider()}",
            f"--wsrep-cluster-address=gcomm://{self._member}",
            f"--wsrep-node-address={self.address}",
            f"--wsrep-node-name={self.folder.name}",
            "--wsrep-sst-method=rsync",
            f"--wsrep-provider-options={';'.join(f'{name}={value}' for name, value in options.items())}",
        ]

    def _answers(self) -> bool:
        return super()._answers() and self.is_synced()

    def is_synced(self) -> bool:
        """Return whether it takes part in the cluster, and has all that was committed before."""
        return self._status("wsrep_ready") == "ON" and self._status("wsrep_local_state_comment") == "Synced"

    def set_provider(self, name: str, value: str) -> None:
        """Set an option of Galera itself."""
        self._tell(f"SET GLOBAL wsrep_provider_options = '{name}={value}'")

    def _status(self, name: str) -> str:
        return self._tell(f"SHOW STATUS LIKE '{name}'").split()[-1]

    def _tell(self, statement: str) -> str:
        # Without a transaction, which a node refuses that has no majority, also to end one.
        return commands.run("mariadb", *self._client, "--skip-column-names", f"--execute={statement}").stdout


class Cluster(tidy.Tidy):
    """Two nodes; ``first`` has to be seen by ``second``, and not the other way round, to go on."""

    def __init__(self) -> None:
        super().__init__()
        with self._building():
            folder = self._make_folder("galera")
            namespace = self._cleanup.enter_context(namespaces.Namespace("galera"))
            self.first = Node(1, namespace, folder / "first")
            self.second = Node(2, namespace, folder / "second", member=self.first.address)
            for node in (self.first, self.second):
                self._cleanup.callback(node.kill)
                node.start()
            self._address = folder / "address"
            self._address.symlink_to(self.first.folder)

    def through_address(self, url: str) -> str:
        """Return ``url``, of a database of the first node, as that of the node that the address leads to."""
        return url.replace(str(self.first.folder), str(self._address))

    def lead_to(self, node: Node) -> None:
        """Lead to ``node``; who is connected stays where he is."""
        moved = self._address.with_name("moved")
        moved.symlink_to(node.folder)
        moved.replace(self._address)

    @contextlib.contextmanager
    def parted(self) -> Iterator[None]:
        """Let the nodes see nothing of each other, so that the first one has no majority."""
        self.first.set_provider("gmcast.isolate", "1")
        commands.wait_until(lambda: not self.first.is_synced(), what="a node without a majority", timeout=30)
        commands.wait_until(self.second.is_synced, what="a node with a majority", timeout=30)
        try:
            yield
        finally:
            self.first.set_provider("gmcast.isolate", "0")
            commands.wait_until(self.first.is_synced, what="the whole cluster", timeout=60)


def _provider() -> str:
    found = [path for path in _PROVIDERS if pathlib.Path(path).exists()]
    assert found, "the library of Galera is not installed (see bindep.txt)"
    return found[0]
