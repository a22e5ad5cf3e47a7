"""What became wrong while no agent ran is restored when one does."""

import os
import signal

import pytest

from tests.functional.agent import sabotage
from tests.functional.agent.node import FIRST, GUESTS, SECOND, Node, condition
from tests.support import traffic

CONCURRENCY = ("threading",)

ENDS = {"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND}


def test_reboot(fragile: Node) -> None:
    """The kernel forgets all devices, Open vSwitch remembers its rows."""
    node = fragile
    links = [node.plug(*ENDS), node.plug("br2", "br-eth2", mtu=1400)]
    node.crash()
    node.host.ovs.switch.stop()
    for link in links:
        node.host.ip("link", "delete", link["observed"][0]["device"])
    node.host.ovs.switch.start()
    node.start()
    for link in links:
        codes = {found["code"] for found in node.wait_for_event(link, "repaired", 0)["repaired"]}
        assert "DEVICE_MISSING" in codes
        node.check(node.wait(link, "ACTIVE"))
    node.carries()


def test_bridges_that_come_after_the_agent(fragile: Node) -> None:
    node = fragile
    node.host.linux_bridge("late")
    link = node.plug("late", "br-eth1")
    assert node.allinone.stop() == 0
    node.host.ip("link", "delete", "late")
    node.host.ip("link", "delete", link["observed"][0]["device"])
    node.start()
    node.wait(link, "ERROR", "BRIDGE_NOT_FOUND")
    node.host.linux_bridge("late")
    node.check(node.wait(link, "ACTIVE"))


def test_what_was_done_meanwhile_is_repaired(fragile: Node) -> None:
    node = fragile
    link = node.plug(*ENDS)
    assert node.allinone.stop() == 0
    node.batch(f"link set {FIRST} nomaster down", f"link set {SECOND} mtu 1000", f'link set {SECOND} alias ""')
    node.host.vsctl("set", "Port", SECOND, "tag=7")
    node.start()
    codes = {found["code"] for found in node.wait_for_event(link, "repaired", 0)["repaired"]}
    assert codes == {"NOT_ATTACHED", "ADMIN_STATE", "MTU", "ALIAS", "TAG"}
    node.check(node.wait(link, "ACTIVE"))
    node.carries()


def test_a_port_that_was_put_into_another_bridge_as_well(fragile: Node) -> None:
    node = fragile
    link = node.plug(*ENDS)
    assert node.allinone.stop() == 0
    sabotage.share_port(node)
    node.start()
    repaired = node.wait_for_event(link, "repaired", 0)["repaired"]
    assert ("WRONG_BRIDGE", "br-eth2") in [(found["code"], found["observed"]) for found in repaired]
    node.check(node.wait(link, "ACTIVE"))
    node.carries()


@pytest.mark.parametrize("bridge", ["br2", "br-eth1"])
def test_a_pair_without_any_mark_waits_to_be_adopted(fragile: Node, bridge: str) -> None:
    """Nothing tells any more that it is ours."""
    node = fragile
    link = node.plug({"bridge": "br1", "device": FIRST}, {"bridge": bridge, "device": SECOND})
    assert node.allinone.stop() == 0
    node.batch(*(f'link set {device} alias ""' for device in (FIRST, SECOND)))
    for table in ("Port", "Interface"):
        node.host.vsctl("--if-exists", "clear", table, SECOND, "external_ids")
    before, devices = node.picture(), node.indexes(link)
    node.start()
    message = node.wait(link, "ERROR", "NAME_CONFLICT")["message"]
    assert message == f"the name {FIRST} is taken by a veth device of something else"
    assert node.picture() == before
    traffic.wait_for_ping(node.guests["br1"], GUESTS[bridge])
    node.patch(link, adopt=True)
    node.check(node.wait(link, "ACTIVE"))
    assert node.indexes(link) == devices


def test_an_unplug_that_was_cut_short_goes_on(fragile: Node) -> None:
    node = fragile
    before = node.picture()
    link = node.plug(*ENDS)
    helpers = node.helpers()
    node.arm("helper-looked", "hang")
    node.api.delete(link["id"])
    condition(lambda: SECOND in node.host.ovs_ports("br-eth1"), False, "the port")
    os.kill(node.allinone.pid, signal.SIGSTOP)
    for helper in helpers:
        os.kill(helper, signal.SIGKILL)
    node.crash()
    node.start()
    node.api.wait_until_gone(link["id"])
    assert node.picture() == before
