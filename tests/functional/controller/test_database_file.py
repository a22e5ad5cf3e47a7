"""SQLite on a disk without room, and on one that was made read-only, as a kernel does after an error of the disk."""

import pathlib
from collections.abc import Iterator

import pytest

from tests.functional.controller.site import Site
from tests.support import commands, filling
from tests.unit.controller import fakes
from vethagent.controller.db import migration
from vethagent.controller.db.database import Database
from vethagent.controller.liveness import Liveness
from vethagent.controller.reports import Reports


@pytest.fixture
def disk(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A small disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    commands.run("mount", "-t", "tmpfs", "-o", "size=4m", "database", str(folder))
    yield folder
    commands.run("umount", str(folder))


@pytest.fixture
def site(disk: pathlib.Path, liveness: Liveness) -> Iterator[Site]:
    """The API over a file on it."""
    url = f"sqlite:///{disk}/controller.sqlite"
    migration.upgrade(url)
    database = Database(url)
    Reports(database, liveness).take(fakes.report("h1"))
    database.close()
    made = Site(url, liveness)
    yield made
    made.database.close()


def test_no_room_is_left(site: Site, disk: pathlib.Path) -> None:
    filling.fill(disk / "filling")
    site.check_request()
    site.check_event()
    assert site.list().status_code == 200
    (disk / "filling").unlink()
    site.check()


def test_it_is_read_only(site: Site, disk: pathlib.Path) -> None:
    site.database.close()  # a disk with a file that is open for writing cannot be made so by hand
    commands.run("mount", "-o", "remount,ro", str(disk))
    site.check_request()
    site.check_event()
    commands.run("mount", "-o", "remount,rw", str(disk))
    site.check()
