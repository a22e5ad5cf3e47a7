"""Two database servers behind one address, of which the second one takes over.

The address is a link to the folder with the socket of one of them. As with that of a proxy, or one that moves from host
to host, who connects meets the server that it leads to by then, and who is connected stays where he is.
"""

import sqlalchemy

from tests.support import databases, namespaces, tidy


class Pair(tidy.Tidy):
    """Two servers of a ``kind``; ``url`` is that of a database in the one that the address leads to."""

    def __init__(self, kind: databases.Kind) -> None:
        super().__init__()
        with self._building():
            folder = self._make_folder("failover")
            namespace = self._cleanup.enter_context(namespaces.Namespace("databases"))
            self._old, self._new = (kind(namespace, folder / name) for name in ("first", "second"))
            for server in (self._old, self._new):
                self._cleanup.callback(server.kill)
                server.start()
            self._address = folder / "address"
            self._address.symlink_to(self._old.folder)
            own = self._old.create()
            self._name = str(sqlalchemy.make_url(own).database)
            self.url = self._old.plain(own).replace(str(self._old.folder), str(self._address))

    def fail_over(self) -> None:
        """Let the first server take no changes, and lead to the second one, which has all that the first one had."""
        self._old.set_read_only(True)
        self._new.restore(self._old.dump(self._name))
        self._new.plain(self._new.url(self._name))
        moved = self._address.with_name("moved")
        moved.symlink_to(self._new.folder)
        moved.replace(self._address)
