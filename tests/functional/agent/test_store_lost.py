"""The store of the agent is lost, in whatever way: nothing is wrong with it any more once all is in another one."""

import contextlib
import os
import pathlib
import shutil
import sqlite3
from collections.abc import Callable

import pytest

from tests.functional.agent.node import Node
from tests.functional.agent.outages import ENDS, wait_for_reasons
from tests.support import commands

CONCURRENCY = ("eventlet", "threading")


def _make_folder(store: pathlib.Path) -> None:
    store.unlink()
    store.mkdir()


def _make_fifo(store: pathlib.Path) -> None:
    store.unlink()
    os.mkfifo(store)


@pytest.fixture
def store(fragile: Node) -> pathlib.Path:
    """The file; nobody has been told anything yet by the agent that has it."""
    assert fragile.allinone.stop() == 0
    fragile.start()
    return fragile.allinone.folder / "agent.sqlite"


def _wait_for_mended(node: Node, store: pathlib.Path, said: int, *links: str) -> None:
    """Wait until damage was told since, and is over; what is wanted is in the store."""
    log = node.allinone.log
    commands.wait_until(lambda: "store does not work" in log.read_text(errors="replace")[said:], what="the damage")
    commands.wait_until(lambda: "store works again" in log.read_text(errors="replace")[said:], what="the end of it")
    wait_for_reasons(node)
    with contextlib.closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as database:
        assert {link_id for (link_id,) in database.execute("SELECT id FROM link")} == set(links)


@pytest.mark.parametrize("lose", [pathlib.Path.unlink, _make_folder, _make_fifo])
def test_while_it_runs(fragile: Node, store: pathlib.Path, lose: Callable[[pathlib.Path], None]) -> None:
    node = fragile
    link, said = node.plug(*ENDS), len(node.allinone.log.read_text(errors="replace"))
    lose(store)
    other = node.plug("br2", "br-eth2")
    _wait_for_mended(node, store, said, link["id"], other["id"])
    for aside in store.parent.glob("agent.sqlite.damaged-*"):
        shutil.rmtree(aside) if aside.is_dir() else aside.unlink()


def test_before_the_start(fragile: Node, store: pathlib.Path) -> None:
    """Nothing is wanted otherwise than before, so that no link has to be looked at."""
    node = fragile
    link = node.plug(*ENDS)
    assert node.allinone.stop() == 0
    said = len(node.allinone.log.read_text(errors="replace"))
    store.write_bytes(b"no database at all, but long enough to be looked at")
    node.start()
    _wait_for_mended(node, store, said, link["id"])
    node.check(node.wait(link, "ACTIVE"))
