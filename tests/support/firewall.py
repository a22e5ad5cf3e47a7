"""A firewall that drops without a word: what belongs to connections that it has forgotten, or all of a service."""

import contextlib
from collections.abc import Callable, Iterator, Mapping

from tests.support import namespaces

_TABLE = "dropped"


@contextlib.contextmanager
def forgotten(namespace: namespaces.Namespace, port: int) -> Iterator[Callable[[], set[str]]]:
    """While the block lasts nothing passes of the connections that ``namespace`` has to ``port`` now.

    What it is given returns the ports of its own of those that nobody has given up.
    """
    connections = _connections(namespace, port)
    assert connections, f"nobody has a connection to port {port}"
    ours = ", ".join(connections)
    away, back = f"tcp sport {{ {ours} }} tcp dport {port}", f"tcp sport {port} tcp dport {{ {ours} }}"
    with _dropped(namespace, {"output": away, "input": back}):
        yield lambda: connections & _connections(namespace, port)


@contextlib.contextmanager
def silent(namespace: namespaces.Namespace, port: int, *, there: bool = True, back: bool = True) -> Iterator[None]:
    """While the block lasts the ``port`` of a server in ``namespace`` hears nothing, is not heard, or both."""
    rules = {"input": f"tcp dport {port}"} if there else {}
    with _dropped(namespace, rules | ({"output": f"tcp sport {port}"} if back else {})):
        yield


def unreached(namespace: namespaces.Namespace, port: int) -> contextlib.AbstractContextManager[None]:
    """While the block lasts nobody in ``namespace`` reaches a ``port`` of others."""
    return _dropped(namespace, {"output": f"tcp dport {port}", "input": f"tcp sport {port}"})


@contextlib.contextmanager
def _dropped(namespace: namespaces.Namespace, rules: Mapping[str, str]) -> Iterator[None]:
    """``rules`` tell, for each hook, what it drops."""
    namespace.run("nft", "add", "table", "inet", _TABLE)
    try:
        for hook, rule in rules.items():
            namespace.run("nft", f"add chain inet {_TABLE} {hook} {{ type filter hook {hook} priority 0; }}")
            namespace.run("nft", f"add rule inet {_TABLE} {hook} {rule} drop")
        yield
    finally:
        namespace.run("nft", "delete", "table", "inet", _TABLE)


def _connections(namespace: namespaces.Namespace, port: int) -> set[str]:
    found = namespace.run("ss", "-Htn", "state", "established", "dst", f":{port}").splitlines()
    return {line.split()[2].rpartition(":")[2] for line in found}
