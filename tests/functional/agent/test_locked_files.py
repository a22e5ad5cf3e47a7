"""Somebody holds the lock of a file for as long as he likes, as a person does who looks into it with sqlite3(1)."""

import contextlib
import sqlite3
from collections.abc import Iterator

from tests.functional.agent.node import FIRST, Node
from tests.functional.agent.outages import ENDS, wait_for_reasons
from tests.support import commands
from tests.support.rest import Link

CONCURRENCY = ("eventlet", "threading")


@contextlib.contextmanager
def _locked(node: Node, name: str) -> Iterator[None]:
    file = node.allinone.folder / name
    with contextlib.closing(sqlite3.connect(file, timeout=60, isolation_level=None)) as somebody:
        somebody.execute("BEGIN EXCLUSIVE")
        yield
        somebody.execute("ROLLBACK")


def _harm(node: Node, link: Link) -> None:
    """Delete a device of a link, and wait until the pair is there again."""
    before = set(node.indexes(link))
    node.host.ip("link", "delete", FIRST)

    def is_remade() -> bool:
        found = set(node.indexes(link))
        return len(found) == len(before) and not found & before

    commands.wait_until(is_remade, what="the pair")


def test_the_store(fragile: Node) -> None:
    node = fragile
    link = node.plug(*ENDS)
    wait_for_reasons(node)
    with _locked(node, "agent.sqlite"):
        other = node.plug("br2", "br-eth2")
        wait_for_reasons(node, "store")
        with node.remade(link):
            _harm(node, link)
    wait_for_reasons(node)
    node.crash()
    node.host.ip("link", "delete", other["observed"][0]["device"])
    node.start()
    node.check_repaired(other)


def test_the_database(fragile: Node) -> None:
    """Those who read are answered, those who write are refused, and a repair is told when there is no lock any more."""
    node = fragile
    link = node.plug(*ENDS)
    with node.remade(link), _locked(node, "controller.sqlite"):
        _harm(node, link)
        assert node.api.request("DELETE", f"/v1/bridge-links/{link['id']}").status == 503
        assert node.api.get(f"/v1/bridge-links/{link['id']}")["status"] == "ACTIVE"
        _harm(node, link)
