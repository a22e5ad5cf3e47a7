"""What all hosts share is there and of no use for as long as a block lasts."""

import contextlib
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator

from tests.support import deployment, rabbit

Trouble = Callable[[deployment.Deployment], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def hanging(made: deployment.Deployment) -> Iterator[None]:
    """The broker takes connections, as the kernel does that, and says nothing."""
    os.killpg(made.broker.daemon.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(made.broker.daemon.pid, signal.SIGCONT)


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
    made.broker.control("set_permissions", "-p", "/", rabbit.USER, "^$", "^$", "^$")
    made.broker.control("change_password", rabbit.USER, "another")
    made.broker.control("close_all_connections", "a test")
    try:
        yield
    finally:
        made.broker.control("change_password", rabbit.USER, rabbit.PASSWORD)
        made.broker.control("set_permissions", "-p", "/", rabbit.USER, ".*", ".*", ".*")


@contextlib.contextmanager
def without_vhost(made: deployment.Deployment) -> Iterator[None]:
    """The virtual host is deleted with all that is in it, and made again."""
    made.broker.control("delete_vhost", "/")
    try:
        yield
    finally:
        made.broker.control("add_vhost", "/")
        made.broker.control("set_permissions", "-p", "/", rabbit.USER, ".*", ".*", ".*")


@contextlib.contextmanager
def without_controller(made: deployment.Deployment) -> Iterator[None]:
    """The controller hangs; what it was sent meanwhile it reads after that, and finds it sent again."""
    os.killpg(made.controller.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(made.controller.pid, signal.SIGCONT)


@contextlib.contextmanager
def locked(made: deployment.Deployment) -> Iterator[None]:
    """Somebody else writes to the database and does not end."""
    with contextlib.closing(sqlite3.connect(made.database, timeout=10, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")
