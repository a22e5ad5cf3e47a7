"""A firewall that has forgotten connections: what belongs to them is dropped without a word, and new ones pass."""

import contextlib
from collections.abc import Callable, Iterator

from tests.support import namespaces

_TABLE = "forgotten"


@contextlib.contextmanager
def forgotten(namespace: namespaces.Namespace, port: int) -> Iterator[Callable[[], set[str]]]:
    """While the block lasts nothing passes of the connections that ``namespace`` has to ``port`` now.

    What it is given returns the ports of its own of those that nobody has given up.
    """
    connections = _connections(namespace, port)
    assert connections, f"nobody has a connection to port {port}"
    ours = ", ".join(connections)
    away, back = f"tcp sport {{ {ours} }} tcp dport {port} drop", f"tcp sport {port} tcp dport {{ {ours} }} drop"
    namespace.run("nft", "add", "table", "inet", _TABLE)
    try:
        for hook, rule in (("output", away), ("input", back)):
            namespace.run("nft", f"add chain inet {_TABLE} {hook} {{ type filter hook {hook} priority 0; }}")
            namespace.run("nft", f"add rule inet {_TABLE} {hook} {rule}")
        yield lambda: connections & _connections(namespace, port)
    finally:
        namespace.run("nft", "delete", "table", "inet", _TABLE)


def _connections(namespace: namespaces.Namespace, port: int) -> set[str]:
    found = namespace.run("ss", "-Htn", "state", "established", "dst", f":{port}").splitlines()
    return {line.split()[2].rpartition(":")[2] for line in found}
