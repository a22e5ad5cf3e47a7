"""A firewall that has forgotten connections: what belongs to them is dropped without a word, and new ones pass."""

import contextlib
from collections.abc import Iterator

from tests.support import namespaces

_TABLE = "forgotten"


@contextlib.contextmanager
def forgotten(namespace: namespaces.Namespace, port: int) -> Iterator[None]:
    """While the block lasts nothing passes of the connections that ``namespace`` has to ``port`` now."""
    connections = namespace.run("ss", "-Htn", "state", "established", "dst", f":{port}").splitlines()
    ours = ", ".join(line.split()[2].rpartition(":")[2] for line in connections)
    assert ours, f"nobody has a connection to port {port}"
    away, back = f"tcp sport {{ {ours} }} tcp dport {port} drop", f"tcp sport {port} tcp dport {{ {ours} }} drop"
    namespace.run("nft", "add", "table", "inet", _TABLE)
    try:
        for hook, rule in (("output", away), ("input", back)):
            namespace.run("nft", f"add chain inet {_TABLE} {hook} {{ type filter hook {hook} priority 0; }}")
            namespace.run("nft", f"add rule inet {_TABLE} {hook} {rule}")
        yield
    finally:
        namespace.run("nft", "delete", "table", "inet", _TABLE)
