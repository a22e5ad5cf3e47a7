"""Transactions of the agent in a real OVSDB, while others change the same rows."""

import uuid
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest

from tests.support import commands, hosts
from vethagent import constants, exceptions
from vethagent.plumbing import ovs
from vethagent.plumbing.steps import AttachPort, DetachPort, KeepBridge

LINK, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
BRIDGE, DEVICE = "ob", "eth1-ob"


@pytest.fixture
def agent(host: hosts.Host) -> Iterator[ovs.Ovs]:
    """What the agent has of the database, with a bridge and a port of a link in it."""
    host.ovs_bridge(BRIDGE)
    opened = ovs.Ovs(
        host.ovsdb, lambda _: None, timeout=20, connection_changed=lambda _: None, switch_back=lambda: None
    )
    opened.connect()
    commands.wait_until(lambda: opened.connected, what="the rows")
    opened.commit(attach=[AttachPort(BRIDGE, DEVICE, LINK, None)])
    yield opened
    opened.close()


@pytest.fixture
def just_now(monkeypatch: pytest.MonkeyPatch) -> Callable[[type, Callable[[], object]], None]:
    """Have somebody change rows after a step has looked at them, and before its transaction is there."""

    def arrange(step: type, change: Callable[[], object]) -> None:
        look, changes = step.run_idl, [change]  # type: ignore[attr-defined]

        def look_and_let_change(self: object, txn: object) -> None:
            look(self, txn)
            if changes:
                changes.pop()()

        monkeypatch.setattr(step, "run_idl", look_and_let_change)

    return arrange


def _give_away(host: hosts.Host) -> None:
    """Give the port to another link; with the mark of its interface as it was it would be ours still."""
    key = f"external_ids:{constants.OVS_LINK_ID}={OTHER}"
    host.vsctl("--no-wait", "set", "Port", DEVICE, key, "--", "set", "Interface", DEVICE, key)


def _owner(host: hosts.Host) -> object:
    return host.ovs_row("Port", DEVICE, "external_ids")["external_ids"].get(constants.OVS_LINK_ID)


def test_a_port_that_has_just_become_somebody_elses_stays(
    host: hosts.Host, agent: ovs.Ovs, just_now: Callable[[type, Callable[[], object]], None]
) -> None:
    just_now(ovs._Detach, lambda: _give_away(host))
    agent.commit(detach=[DetachPort(BRIDGE, DEVICE, LINK)])
    assert host.ovs_ports(BRIDGE) == [DEVICE] and _owner(host) == OTHER


def test_a_port_that_has_just_become_somebody_elses_is_not_changed(
    host: hosts.Host, agent: ovs.Ovs, just_now: Callable[[type, Callable[[], object]], None]
) -> None:
    just_now(ovs._Attach, lambda: _give_away(host))
    with pytest.raises(exceptions.OvsdbRefused, match=f"^port .* belongs to link {OTHER}$"):
        agent.commit(attach=[AttachPort(BRIDGE, DEVICE, LINK, 7)])
    assert host.ovs_row("Port", DEVICE, "tag")["tag"] == [] and _owner(host) == OTHER


def test_what_somebody_has_just_set_of_a_bridge_stays(
    host: hosts.Host, agent: ovs.Ovs, just_now: Callable[[type, Callable[[], object]], None]
) -> None:
    def change() -> None:
        own = ["set", "Interface", BRIDGE, "mtu_request=9000"]
        host.vsctl("--no-wait", *own, "--", "set", "Bridge", BRIDGE, "other_config:hwaddr=02:00:00:00:00:09")

    just_now(ovs._Keep, change)
    agent.commit(keep=[KeepBridge(BRIDGE, 1500, "02:00:00:00:00:01")])
    assert host.ovs_row("Interface", BRIDGE, "mtu_request", "external_ids") == {
        "mtu_request": 9000,
        "external_ids": {},
    }
    assert host.ovs_row("Bridge", BRIDGE, "other_config")["other_config"]["hwaddr"] == "02:00:00:00:00:09"


def test_what_a_bridge_has_is_read_once_however_many_ports_leave(
    host: hosts.Host, agent: ovs.Ovs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And before the first leaves: the library compares each port with those that are leaving."""
    agent.commit(attach=[AttachPort(BRIDGE, "eth2-ob", OTHER, None)], keep=[KeepBridge(BRIDGE, 1500, None)])
    release, leaving = ovs._Detach._release, []

    def look(self: ovs._Detach, bridge: Any, ports: Collection[uuid.UUID]) -> None:
        leaving.append((len(ports), dict(bridge._mutations)))
        release(self, bridge, ports)

    monkeypatch.setattr(ovs._Detach, "_release", look)
    agent.commit(detach=[DetachPort(BRIDGE, DEVICE, LINK), DetachPort(BRIDGE, "eth2-ob", OTHER)])
    assert leaving == [(2, {})]
    assert host.ovs_ports(BRIDGE) == []
    assert host.ovs_row("Interface", BRIDGE, "mtu_request", "external_ids") == {"mtu_request": [], "external_ids": {}}
