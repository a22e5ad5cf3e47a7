"""No room is left where a store or Open vSwitch's database is, or for temporary files; nothing else is short of it."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
from collections.abc import Iterator

import pytest

from tests.functional.agent.node import FIRST, Node
from tests.functional.agent.outages import ENDS, wait_for_reasons
from tests.support import commands, filling

CONCURRENCY = ("eventlet", "threading")
VARIABLE, TEMPORARY = "OS_AGENT__STORE", "TMPDIR"


@contextlib.contextmanager
def _started_with(node: Node, variable: str, value: str) -> Iterator[None]:
    """The agent has this in its environment meanwhile."""
    assert node.allinone.stop() == 0
    node.allinone.env[variable] = value
    try:
        node.start()
        yield
        node.clean()
        assert node.allinone.stop() == 0
    finally:
        node.allinone.kill()
        del node.allinone.env[variable]


@contextlib.contextmanager
def _mounted(folder: pathlib.Path, size: str) -> Iterator[None]:
    """A disk of its own is there meanwhile."""
    commands.run("mount", "-t", "tmpfs", "-o", f"size={size}", "small", str(folder))
    try:
        yield
    finally:
        commands.run("umount", str(folder))


@pytest.fixture
def disk(fragile: Node, tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A small disk, on which the agent has its store."""
    try:
        with _mounted(tmp_path, "1m"), _started_with(fragile, VARIABLE, str(tmp_path / "agent.sqlite")):
            yield tmp_path
    finally:
        fragile.start()


def test_a_full_disk_stops_no_repair(fragile: Node, disk: pathlib.Path) -> None:
    node = fragile
    link, file = node.plug(*ENDS), disk / "filling"
    wait_for_reasons(node)
    filling.fill(file)
    other = node.plug("br2", "br-eth2")
    wait_for_reasons(node, "store")
    with node.remade(link), node.unseen():
        node.host.ip("link", "delete", FIRST)
    file.unlink()
    wait_for_reasons(node)
    before = node.indexes(other)
    assert (node.allinone.stop(), before) == (0, node.indexes(other))
    node.host.ip("link", "delete", other["observed"][0]["device"])
    node.start()
    node.check_repaired(other)


def test_a_reboot_with_a_full_disk(fragile: Node, disk: pathlib.Path) -> None:
    node = fragile
    link, file = node.plug(*ENDS), disk / "filling"
    assert node.allinone.stop() == 0
    filling.fill(file)
    node.host.ip("link", "delete", FIRST)
    node.start()
    wait_for_reasons(node, "store")
    node.check_repaired(link)
    other = node.plug("br2", "br-eth2")
    file.unlink()
    wait_for_reasons(node)
    node.crash()
    node.host.ip("link", "delete", other["observed"][0]["device"])
    node.start()
    node.check_repaired(other)


@pytest.fixture
def database(fragile: Node, tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A disk on which Open vSwitch has its database."""
    ovs = fragile.host.ovs
    place, moved = fragile.host.folder / "openvswitch" / "conf.db", tmp_path / "conf.db"
    with _mounted(tmp_path, "64m"):
        ovs.close()
        shutil.move(place, moved)
        place.symlink_to(moved)
        ovs.start()
        try:
            yield tmp_path
        finally:
            ovs.close()
            place.unlink()
            shutil.move(moved, place)
            ovs.start()


def test_a_database_without_room_is_no_end_of_links(fragile: Node, database: pathlib.Path) -> None:
    node = fragile
    wait_for_reasons(node)
    before = node.picture()
    damaged, going = node.plug(*ENDS), node.plug("br2", "br-eth2")
    file = database / "filling"
    filling.fill(file)
    commands.wait_until(lambda: "No space" in _write_least(node), what="the end of the database's last block")
    node.host.ip("link", "delete", FIRST)
    node.api.delete(going["id"])
    new = node.create("br1", "br-eth2")
    for link, status in ((damaged, "ERROR"), (going, "PENDING_DELETE"), (new, "ERROR")):
        assert "No space left on device" in node.wait(link, status, "OVSDB_REFUSED")["message"]
    other = node.plug("br1", "br2")
    file.unlink()
    node.api.wait_until_gone(going["id"])
    for link in (damaged, new):
        node.check(node.wait(link, "ACTIVE"))
    node.carries()
    for link in (damaged, new, other):
        node.unplug(link)
    assert node.picture() == before


def _write_least(node: Node) -> str:
    """Return the answer to the shortest transaction that there is."""
    step = {"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [["next_cfg", "+=", 1]]}
    return node.host.run("ovsdb-client", "transact", node.host.ovsdb, json.dumps(["Open_vSwitch", step]))


@pytest.fixture
def scratch(fragile: Node, tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """The folder of the agent's temporary files."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    try:
        with _started_with(fragile, TEMPORARY, str(folder)):
            yield folder
    finally:
        fragile.start()


def test_another_helper_needs_no_temporary_files(fragile: Node, scratch: pathlib.Path) -> None:
    node = fragile
    link, helpers = node.plug(*ENDS), node.helpers()
    scratch.rename(scratch.with_name("away"))
    with node.repaired(link, "ADMIN_STATE"):
        for pid in helpers:
            os.kill(pid, signal.SIGKILL)
        node.host.ip("link", "set", FIRST, "down")
    assert helpers and not set(helpers) & set(node.helpers())
    wait_for_reasons(node)
