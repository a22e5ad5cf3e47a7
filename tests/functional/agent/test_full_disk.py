"""No room is left where the store is; a file system of its own, so that nothing else is short of it."""

import pathlib
from collections.abc import Iterator

import pytest

from tests.functional.agent.node import FIRST, Node
from tests.functional.agent.outages import ENDS, wait_for_reasons
from tests.support import commands, filling

VARIABLE = "OS_AGENT__STORE"


@pytest.fixture
def disk(fragile: Node, tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A small disk, on which the agent has its store."""
    node = fragile
    assert node.allinone.stop() == 0
    commands.run("mount", "-t", "tmpfs", "-o", "size=1m", "store", str(tmp_path))
    try:
        node.allinone.env[VARIABLE] = str(tmp_path / "agent.sqlite")
        node.start()
        yield tmp_path
        node.clean()
        assert node.allinone.stop() == 0
    finally:
        node.allinone.kill()
        del node.allinone.env[VARIABLE]
        commands.run("umount", str(tmp_path))
        node.start()


def test_a_full_disk_stops_no_repair(fragile: Node, disk: pathlib.Path) -> None:
    node = fragile
    link, file = node.plug(*ENDS), disk / "filling"
    wait_for_reasons(node)
    filling.fill(file)
    other = node.plug("br2", "br-eth2")
    wait_for_reasons(node, "store")
    with node.repaired(link, "DEVICE_MISSING", "NOT_A_PAIR", passing=("ADMIN_STATE", "NOT_ATTACHED")), node.unseen():
        node.host.ip("link", "delete", FIRST)
    file.unlink()
    wait_for_reasons(node)
    before = node.indexes(other)
    assert (node.allinone.stop(), before) == (0, node.indexes(other))
    node.host.ip("link", "delete", other["observed"][0]["device"])
    node.start()
    node.check_repaired(other)
