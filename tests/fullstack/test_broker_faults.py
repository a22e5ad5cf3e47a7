"""A broker that is there and does not do its work: agents, controller and API say so, go on, and need nobody after it.

Of a request that comes meanwhile the API says at once that it is stored.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator

import pytest

from tests.fullstack.outage import Outage
from tests.support import commands, deployment, rabbit
from vethagent import constants

NODES = 1
AGENT = {"rpc_timeout": "2", "report_interval": "5"}


Fault = Callable[[deployment.Deployment, deployment.Node], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def _hanging(made: deployment.Deployment, _node: deployment.Node) -> Iterator[None]:
    """It takes connections, as the kernel does that, and says nothing."""
    os.killpg(made.broker.daemon.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(made.broker.daemon.pid, signal.SIGCONT)


@contextlib.contextmanager
def _without_room(made: deployment.Deployment, _node: deployment.Node) -> Iterator[None]:
    """It has neither memory nor disk, and reads from nobody who sends."""
    made.broker.control("set_vm_memory_high_watermark", "absolute", "10MB")
    made.broker.control("set_disk_free_limit", "1000000GB")
    try:
        yield
    finally:
        made.broker.control("set_vm_memory_high_watermark", "0.4")
        made.broker.control("set_disk_free_limit", "10MB")


@contextlib.contextmanager
def _without_permission(made: deployment.Deployment, _node: deployment.Node) -> Iterator[None]:
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
def _without_vhost(made: deployment.Deployment, _node: deployment.Node) -> Iterator[None]:
    """The virtual host is deleted with all that is in it, and made again."""
    made.broker.control("delete_vhost", "/")
    try:
        yield
    finally:
        made.broker.control("add_vhost", "/")
        made.broker.control("set_permissions", "-p", "/", rabbit.USER, ".*", ".*", ".*")


@pytest.mark.parametrize("fault", [_hanging, _without_room, _without_permission, _without_vhost])
def test_a_broker_that_is_of_no_use(
    outage: Outage, clean: deployment.Deployment, hub: deployment.Node, fault: Fault
) -> None:
    with fault(clean, hub):
        outage.cut()
        outage.request()
        outage.wait_for_word("events does not work")
        outage.wait_for_word("bus does not work")
    outage.check()


def _delete_exchange(made: deployment.Deployment) -> None:
    """The queues stay, without a way into them, and nobody who listens to them is told."""
    resource = 'rabbit_misc:r(<<"/">>, exchange, <<"vethagent">>)'
    made.broker.control("eval", f'rabbit_exchange:delete({resource}, false, <<"a test">>).')


def test_the_exchange_is_deleted(outage: Outage, clean: deployment.Deployment) -> None:
    _delete_exchange(clean)
    outage.cut()
    outage.request()
    outage.wait_for_word("bus does not work")
    outage.check()
    commands.wait_until(outage.is_heard, what="an agent that listens to casts anew", timeout=90)


def test_a_queue_of_another_kind(outage: Outage, clean: deployment.Deployment, hub: deployment.Node) -> None:
    name = f"{constants.AGENT_TOPIC}.{hub.name}"
    hub.agent.stop()
    clean.broker.control("delete_queue", name)
    resource = f'rabbit_misc:r(<<"/">>, queue, <<"{name}">>)'
    clean.broker.control(
        "eval", f'{{new, _}} = rabbit_amqqueue:declare({resource}, true, false, [], none, <<"a test">>).'
    )
    hub.agent.start()
    outage.wait_for_word("casts are not heard")
    clean.broker.control("delete_queue", name)
    commands.wait_until(outage.is_heard, what="casts", timeout=60)
