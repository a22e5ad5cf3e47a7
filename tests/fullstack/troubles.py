"""What all hosts share is there and of no use for as long as a block lasts."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator

from tests.support import deployment, freezing, rabbit

Trouble = Callable[[deployment.Deployment], contextlib.AbstractContextManager[None]]


def hanging(made: deployment.Deployment) -> contextlib.AbstractContextManager[None]:
    """The broker takes connections, as the kernel does that, and says nothing."""
    return freezing.stopped(made.broker.daemon.pid)


@contextlib.contextmanager
def without_room(made: deployment.Deployment) -> Iterator[None]:
    """The broker has neither memory nor disk, and reads from nobody who sends."""
    made.broker.control("set_vm_memory_high_watermark", "absolute", "10MB")
    made.broker.control("set_disk_free_limit", "1000000GB")
    try:
        yield
    finally:
        made.broker.control("set_vm_memory_high_watermark", "0.4")
        made.broker.control("set_disk_free_limit", "10MB")


@contextlib.contextmanager
def without_permission(made: deployment.Deployment) -> Iterator[None]:
    """Somebody has taken all rights away and changed the password, and takes it back."""
    _grant(made, "^$")
    made.broker.control("change_password", rabbit.USER, "another")
    made.broker.control("close_all_connections", "a test")
    try:
        yield
    finally:
        made.broker.control("change_password", rabbit.USER, rabbit.PASSWORD)
        _grant(made)


@contextlib.contextmanager
def without_vhost(made: deployment.Deployment) -> Iterator[None]:
    """The virtual host is deleted with all that is in it, and made again."""
    made.broker.control("delete_vhost", "/")
    try:
        yield
    finally:
        made.broker.control("add_vhost", "/")
        _grant(made)


def without_controller(made: deployment.Deployment) -> contextlib.AbstractContextManager[None]:
    """The controller hangs; what it was sent meanwhile it reads after that, and finds it sent again."""
    return freezing.stopped(made.controller.pid)


@contextlib.contextmanager
def locked(made: deployment.Deployment) -> Iterator[None]:
    """Somebody else writes to the database and does not end."""
    with contextlib.closing(sqlite3.connect(made.database, timeout=10, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def _grant(made: deployment.Deployment, what: str = ".*") -> None:
    """Let the user configure, write and read ``what`` only."""
    made.broker.control("set_permissions", "-p", "/", rabbit.USER, what, what, what)
