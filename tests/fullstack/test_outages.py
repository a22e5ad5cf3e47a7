"""Whatever is between a host and the database goes away under load and comes back: nothing flaps, nothing is lost."""

from tests.fullstack import troubles
from tests.fullstack.outage import Outage
from tests.support import deployment, management

NODES = 1
AGENT = {"rpc_timeout": "2", "report_interval": "5"}


def test_the_broker_is_killed_and_restarted(outage: Outage, clean: deployment.Deployment) -> None:
    clean.broker.kill()
    try:
        outage.cut()
        outage.request()
        outage.wait_for_word("events does not work")
        outage.wait_for_word("bus does not work")
    finally:
        clean.broker.start()
    outage.check()


def test_the_queues_are_deleted(outage: Outage, clean: deployment.Deployment, hub: deployment.Node) -> None:
    names = {f"vethagent-agent.{hub.name}", "vethagent-controller"}
    assert names <= set(clean.broker.control("list_queues", "--no-table-headers", "name").split())
    for name in sorted(names):
        clean.broker.control("delete_queue", name)
    outage.cut()
    outage.request()
    outage.check()


def test_all_connections_are_cut(outage: Outage, clean: deployment.Deployment) -> None:
    clean.broker.control("close_all_connections", "a test")
    outage.cut()
    outage.request()
    outage.check()


def test_the_controller_hangs(outage: Outage, clean: deployment.Deployment) -> None:
    with troubles.without_controller(clean):
        outage.cut()
        outage.request()
        outage.wait_for_word("events does not work")
    outage.check()


def test_the_database_is_locked(outage: Outage, clean: deployment.Deployment) -> None:
    with troubles.locked(clean):
        outage.cut()
        outage.wait_for_word("events does not work")
    outage.request()
    outage.check()


def test_a_reboot_without_the_bus(outage: Outage, clean: deployment.Deployment, hub: deployment.Node) -> None:
    """The kernel forgets all devices, Open vSwitch remembers its rows, and the network of the bus is not there yet."""
    hub.agent.kill()
    hub.host.ip("link", "set", management.DEVICE, "down")
    hub.host.ovs.switch.kill()
    outage.forget()
    hub.host.ovs.switch.start()
    hub.agent.start()
    outage.wait_for_restored()
    outage.wait_for_word("bus does not work: the message broker has not been reached")
    hub.host.ip("link", "set", management.DEVICE, "up")
    outage.check_restored()
