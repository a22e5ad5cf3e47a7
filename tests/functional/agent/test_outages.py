"""Open vSwitch and the helper go away and come back."""

import os
import signal

from tests.functional.agent.node import FIRST, HOST, SECOND, Node, condition
from tests.support import commands

CONCURRENCY = ("eventlet", "threading")
ENDS = {"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND}


def _reasons(node: Node) -> list[str]:
    return [reason["part"] for reason in node.api.get(f"/v1/agents/{HOST}")["health"]]


# -- the helper --------------------------------------------------------------------------------------------------


def test_the_helper_is_killed_while_idle(fragile: Node) -> None:
    node = fragile
    node.unplug(node.plug(*ENDS))
    helpers = node.helpers()
    assert helpers
    for pid in helpers:
        os.kill(pid, signal.SIGKILL)
    link = node.plug(*ENDS)
    node.check(link)
    node.carries()


def test_the_helper_is_killed_while_a_file_of_options_cannot_be_read(fragile: Node) -> None:
    """It reads the files that the agent has read at its start, when there was no mistake in them."""
    node = fragile
    link = node.plug(*ENDS)
    good = node.allinone.configuration.read_text()
    try:
        node.allinone.configuration.write_text(f"[DEFAULT\n{good}")
        for pid in node.helpers():
            os.kill(pid, signal.SIGKILL)
        with node.remade(link):
            node.host.ip("link", "delete", FIRST)
    finally:
        node.allinone.configuration.write_text(good)


def test_the_helper_is_killed_in_a_call(fragile: Node) -> None:
    node = fragile
    first = node.plug("br2", "br-eth2")
    hanging = node.helpers()
    assert hanging
    node.arm("helper-looked", "hang")
    link = node.create(*ENDS)
    node.host.ip("link", "delete", first["observed"][0]["device"])
    condition(lambda: node.is_armed("helper-looked"), False, "the helper in a call")
    assert FIRST not in node.host.devices()
    for pid in hanging:
        os.kill(pid, signal.SIGKILL)
    node.check(node.wait(link, "ACTIVE"))
    node.wait_for_event(first, "repaired", 0)
    node.check(node.wait(first, "ACTIVE"))
    node.carries()


def test_the_helper_is_stopped_for_good(fragile: Node) -> None:
    node = fragile
    stopped = commands.wait_until(node.helpers, what="a helper")
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    node.check(node.plug(*ENDS))
    assert set(stopped).isdisjoint(node.helpers()), "another one has its place"
    condition(lambda: _reasons(node), [], "not degraded")


# -- the database server -----------------------------------------------------------------------------------------


def _start_server(node: Node) -> None:
    """Start the database server, and the switch anew: by itself it waits longer each time before it comes back."""
    node.host.ovs.switch.kill()
    node.host.ovs.start_server()
    node.host.ovs.switch.start()


def test_the_database_server_is_restarted(fragile: Node) -> None:
    node = fragile
    link = node.plug(*ENDS)
    indexes, last = node.indexes(link), node.last_event(link)
    node.host.ovs.server.kill()
    node.host.ovs.start_server()
    other = node.plug("br2", "br-eth2")
    node.check(other)
    node.check(node.wait(link, "ACTIVE"))
    assert node.indexes(link) == indexes
    assert [event for event in node.events(link, last) if event["kind"] in ("repaired", "failed")] == []
    node.carries()


def test_a_port_that_is_deleted_while_the_database_server_is_away(fragile: Node) -> None:
    node = fragile
    link = node.plug(*ENDS)
    port = node.host.vsctl("get", "Port", SECOND, "_uuid").strip()
    node.host.ovs.server.stop()
    where, what = '["name","==","br-eth1"]', f'["ports","delete",["set",[["uuid","{port}"]]]]'
    change = f'["Open_vSwitch",{{"op":"mutate","table":"Bridge","where":[{where}],"mutations":[{what}]}}]'
    commands.run("ovsdb-tool", "transact", str(node.host.folder / "openvswitch" / "conf.db"), change)
    with node.repaired(link, "OVS_PORT_MISSING"):
        _start_server(node)
    node.carries()


def test_a_device_that_is_deleted_while_the_database_server_is_away(fragile: Node) -> None:
    node = fragile
    link = node.plug(*ENDS)
    last = node.last_event(link)
    node.host.ovs.server.stop()
    node.host.ip("link", "delete", FIRST)
    _start_server(node)
    node.wait_for_event(link, "repaired", last)
    node.check(node.wait(link, "ACTIVE"))
    node.carries()


def test_plug_and_unplug_while_the_database_server_is_away(fragile: Node) -> None:
    node = fragile
    before = node.picture()
    going = node.plug(*ENDS)
    node.host.ovs.server.stop()
    node.api.delete(going["id"])
    coming = node.create("br2", "br-eth2")
    both_linux = node.create("br1", "br2")
    nowhere = node.create("br1", "br-made-since")
    node.wait(both_linux, "ACTIVE")
    node.wait(nowhere, "DOWN", "OVSDB_UNAVAILABLE")
    assert node.api.get(f"/v1/bridge-links/{going['id']}")["status"] == "PENDING_DELETE"
    _start_server(node)
    node.api.wait_until_gone(going["id"])
    node.check(node.wait(coming, "ACTIVE"))
    node.wait(nowhere, "ERROR", "BRIDGE_NOT_FOUND")
    for link in (coming, both_linux, nowhere):
        node.unplug(link)
    commands.wait_until(lambda: node.picture() == before, what="a host without a trace of the links")


def test_the_agent_says_that_the_database_is_away(fragile: Node) -> None:
    node = fragile
    node.host.ovs.server.stop()
    condition(lambda: "ovsdb" in _reasons(node), True, "degraded")
    node.host.ovs.start_server()
    condition(lambda: _reasons(node), [], "not degraded")


# -- the switch --------------------------------------------------------------------------------------------------


def test_the_switch_is_restarted(fragile: Node) -> None:
    node = fragile
    link = node.plug(*ENDS)
    indexes = node.indexes(link)
    node.host.ovs.switch.kill()
    node.host.ovs.switch.start()
    node.carries()
    node.check(node.wait(link, "ACTIVE"))
    assert node.indexes(link) == indexes


def test_a_device_that_is_deleted_while_the_switch_is_away(fragile: Node) -> None:
    node = fragile
    link = node.plug(*ENDS)
    last = node.last_event(link)
    node.host.ovs.switch.stop()
    node.host.ip("link", "delete", FIRST)
    node.host.ovs.switch.start()
    node.wait_for_event(link, "repaired", last)
    node.check(node.wait(link, "ACTIVE"))
    node.carries()


def test_plug_while_the_switch_is_away(fragile: Node) -> None:
    node = fragile
    node.host.ovs.switch.stop()
    link = node.create(*ENDS)
    assert "ovs-vswitchd" in node.wait(link, "BUILD", "PLUGGING")["message"]
    node.host.ovs.switch.start()
    node.check(node.wait(link, "ACTIVE"))
    node.carries()


def test_a_pair_that_somebody_made_anew_becomes_the_link_again(fragile: Node) -> None:
    """Our row put it into its bridge at once, where on a userspace datapath it would carry nothing."""
    node = fragile
    link = node.plug(*ENDS)
    last = node.last_event(link)
    with node.unseen():
        node.batch(f"link delete {FIRST}", f"link add {FIRST} type veth peer name {SECOND}")
    node.wait_for_event(link, "repaired", last)
    node.check(node.wait(link, "ACTIVE"))
    node.carries()
