"""What is told of rows that change: put together it is always what a look at all rows says."""

import dataclasses
import types
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.unit.plumbing.builders import LINK_ID, OTHER_ID
from vethagent import constants
from vethagent.plumbing.observed import OvsBridge, OvsPort
from vethagent.plumbing.ovs_replica import OvsChanges, Replica

Told = TypeVar("Told")

BRIDGES, PORTS = ("br-a", "br-b"), ("p1", "p2", "p3", "p4")


class Row(types.SimpleNamespace):
    """A row; its columns can be read as the library keeps them too."""

    @property
    def _data(self) -> dict[str, "Datum"]:
        return {name: Datum(value) for name, value in vars(self).items()}


class Datum(NamedTuple):
    """What is in a column; the values of a set are in no order."""

    value: Any

    def as_scalar(self) -> Any:
        return (self.value or [None])[0] if isinstance(self.value, list) else self.value

    def as_list(self) -> list[Any]:
        if isinstance(self.value, dict):
            return [list(item) for item in self.value.items()]
        return [each.uuid if isinstance(each, Row) else each for each in reversed(self.value)]


class Database:
    """Rows as the library's replica holds them, and a ``Replica`` that reads them."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[uuid.UUID, Any]] = {"Bridge": {}, "Port": {}, "Interface": {}}
        self.told: list[OvsChanges] = []
        self.idl = Replica.__new__(Replica)
        self.idl.tables = {name: types.SimpleNamespace(rows=rows) for name, rows in self.rows.items()}
        self.idl._sink = self.told.append
        self.idl._dirty, self.idl._fresh, self.idl._shared = set(), False, set()
        for index in ("_bridge_names", "_bridge_ports", "_port_bridge", "_port_interfaces", "_interface_port"):
            setattr(self.idl, index, {})
        self.idl._interface_names, self.idl._ports, self.idl._keys = {}, {}, {}

    def put(self, table: str, key: uuid.UUID | None = None, **columns: Any) -> Any:
        key = key or uuid.uuid4()
        row = self.rows[table].get(key) or Row(uuid=key)
        vars(row).update(columns)
        self.rows[table][key] = row
        self.touch(table, key)
        return row

    def drop(self, table: str, row: Any) -> None:
        del self.rows[table][row.uuid]
        self.touch(table, row.uuid)

    def touch(self, table: str, key: uuid.UUID) -> None:
        of = types.SimpleNamespace(_table=types.SimpleNamespace(name=table), uuid=key)
        self.idl.notify("update", of)

    def add_port(self, name: str, bridge: Any, **columns: Any) -> None:
        interface = self.add_interface(name)
        port = self.put("Port", name=name, interfaces=[interface], tag=[], trunks=[], vlan_mode=[], external_ids={})
        vars(port).update(columns)
        self.put("Bridge", bridge.uuid, ports=[*bridge.ports, port])

    def add_interface(self, name: str, **columns: Any) -> Any:
        plain = {"type": "", "options": {}, "ofport": [], "ifindex": [], "error": [], "mtu_request": []}
        return self.put("Interface", name=name, **plain | {"external_ids": {}} | columns)

    def add_bridge(self, name: str) -> Any:
        plain: dict[str, Any] = {"ports": [], "datapath_type": "netdev", "other_config": {}}
        plain |= {"stp_enable": False, "rstp_enable": False}
        return self.put("Bridge", name=name, **plain)

    def tell(self) -> OvsChanges:
        """Do what the library's run does after it has read what the server sent."""
        fresh, dirty = self.idl._fresh, self.idl._dirty
        self.idl._fresh, self.idl._dirty = False, set()
        return self.idl._snapshot() if fresh else self.idl._collect(dirty)


class Changes(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.database = Database()
        self.bridges: dict[str, OvsBridge] = {}
        self.ports: dict[str, OvsPort] = {}

    # -- one transaction is several of these before the next ``told`` -----------------------------------------------

    def bridge(self, name: str) -> Any:
        return next((row for row in self.database.rows["Bridge"].values() if row.name == name), None)

    def port(self, name: str) -> tuple[Any, Any]:
        for bridge in self.database.rows["Bridge"].values():
            for port in bridge.ports:
                if port.name == name:
                    return bridge, port
        return None, None

    @rule(name=st.sampled_from(BRIDGES))
    def add_bridge(self, name: str) -> None:
        if self.bridge(name) is None:
            self.database.add_bridge(name)

    @rule(name=st.sampled_from(BRIDGES))
    def drop_bridge(self, name: str) -> None:
        if bridge := self.bridge(name):
            for port in list(bridge.ports):
                self.drop_port(port.name)
            self.database.drop("Bridge", bridge)

    @rule(name=st.sampled_from(PORTS), bridge=st.sampled_from(BRIDGES))
    def add_port(self, name: str, bridge: str) -> None:
        if self.port(name)[0] is None and (row := self.bridge(bridge)):
            self.database.add_port(name, row)

    @rule(name=st.sampled_from(PORTS))
    def drop_port(self, name: str) -> None:
        bridge, port = self.port(name)
        if bridge is not None:
            self.database.put("Bridge", bridge.uuid, ports=[each for each in bridge.ports if each is not port])
            for interface in port.interfaces:
                self.database.drop("Interface", interface)
            self.database.drop("Port", port)

    @rule(name=st.sampled_from(PORTS), to=st.sampled_from(BRIDGES))
    def move_port(self, name: str, to: str) -> None:
        bridge, port = self.port(name)
        target = self.bridge(to)
        if bridge is not None and target is not None and target is not bridge:
            self.database.put("Bridge", bridge.uuid, ports=[each for each in bridge.ports if each is not port])
            self.database.put("Bridge", target.uuid, ports=[*target.ports, port])

    @rule(name=st.sampled_from(PORTS), bridge=st.sampled_from(BRIDGES))
    def make_port_again(self, name: str, bridge: str) -> None:
        self.drop_port(name)
        self.add_port(name, bridge)

    @rule(name=st.sampled_from(PORTS), to=st.sampled_from(PORTS))
    def give_interface_to_another_port(self, name: str, to: str) -> None:
        _, port = self.port(name)
        _, other = self.port(to)
        if port is not None and other is not None and port is not other and len(port.interfaces) > 1:
            interface = port.interfaces[-1]
            self.database.put("Port", port.uuid, interfaces=port.interfaces[:-1])
            self.database.put("Port", other.uuid, interfaces=[*other.interfaces, interface])

    @rule(name=st.sampled_from(PORTS))
    def bond(self, name: str) -> None:
        _, port = self.port(name)
        if port is not None and len(port.interfaces) == 1:
            interface = self.database.add_interface(f"{name}-slave")
            self.database.put("Port", port.uuid, interfaces=[*port.interfaces, interface])

    @rule(
        name=st.sampled_from(PORTS), tag=st.sampled_from([[], [7], 7]), owned=st.booleans(), ofport=st.integers(-1, 9)
    )
    def change_port(self, *, name: str, tag: object, owned: bool, ofport: int) -> None:
        _, port = self.port(name)
        if port is not None:
            mark = {constants.OVS_LINK_ID: LINK_ID} if owned else {}
            self.database.put("Port", port.uuid, tag=tag, external_ids=mark)
            self.database.put("Interface", port.interfaces[0].uuid, ofport=[ofport])

    @rule(name=st.sampled_from(PORTS), request=st.sampled_from([[], [1400]]), owned=st.booleans())
    def change_interface(self, name: str, request: list[int], owned: bool) -> None:
        _, port = self.port(name)
        if port is not None:
            mark = {constants.OVS_LINK_ID: LINK_ID} if owned else {}
            self.database.put("Interface", port.interfaces[0].uuid, mtu_request=request, external_ids=mark)

    @rule(name=st.sampled_from(BRIDGES), stp=st.booleans())
    def change_bridge(self, name: str, stp: bool) -> None:
        if bridge := self.bridge(name):
            self.database.put("Bridge", bridge.uuid, rstp_enable=stp)

    # -- what must hold ---------------------------------------------------------------------------------------------

    @rule(fresh=st.booleans())
    def told(self, fresh: bool) -> None:
        self.database.idl._fresh = fresh
        changes = self.database.tell()
        assert changes.whole is fresh
        if changes.whole:
            self.bridges, self.ports = {}, {}
        self.bridges = _changed(self.bridges, changes.bridges)
        self.ports = _changed(self.ports, changes.ports)
        assert self.bridges == {row.name: self._as_bridge(row) for row in self.database.rows["Bridge"].values()}
        assert self.ports == self._all_ports()

    @invariant()
    def nothing_is_told_by_itself(self) -> None:
        assert self.database.told == []

    def _as_bridge(self, row: Any) -> OvsBridge:
        return OvsBridge(row.name, row.datapath_type, row.stp_enable or row.rstp_enable)

    def _all_ports(self) -> dict[str, OvsPort]:
        return {
            interface.name: OvsPort(
                interface.name,
                port.name,
                bridge.name,
                tag=port.tag[0] if isinstance(port.tag, list) and port.tag else port.tag or None,
                link_id=port.external_ids.get(constants.OVS_LINK_ID),
                marked=interface.external_ids == port.external_ids,
                alone=port.interfaces == [interface],
                mtu_request=interface.mtu_request[0] if interface.mtu_request else None,
                ofport=interface.ofport[0] if interface.ofport else None,
                key=interface.uuid,
            )
            for bridge in self.database.rows["Bridge"].values()
            for port in bridge.ports
            for interface in port.interfaces
        }


def _changed(book: Mapping[str, Told | None], changed: Mapping[str, Told | None]) -> dict[str, Told]:
    return {name: row for name, row in (dict(book) | dict(changed)).items() if row is not None}


TestReplica = Changes.TestCase
TestReplica.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def test_an_interface_that_goes_from_one_port_to_another_is_in_the_other() -> None:
    for _ in range(20):  # the order in which the two ports are looked at is that of random keys
        database = Database()
        bridge = database.add_bridge("br-a")
        for name in ("p1", "p2"):
            database.add_port(name, bridge)
        first, second = bridge.ports
        extra = database.add_interface("x")
        database.put("Port", first.uuid, interfaces=[*first.interfaces, extra])
        database.tell()
        database.put("Port", first.uuid, interfaces=first.interfaces[:1])
        database.put("Port", second.uuid, interfaces=[*second.interfaces, extra])
        changed = database.tell().ports["x"]
        assert changed is not None and changed.port == "p2"


def test_a_port_that_leaves_one_of_its_bridges_is_in_the_other() -> None:
    database = Database()
    first, second = (database.add_bridge(name) for name in BRIDGES)
    database.add_port("p1", first)
    database.tell()
    database.put("Bridge", second.uuid, ports=first.ports)
    shared = database.tell().ports["p1"]
    database.put("Bridge", second.uuid, ports=[])
    left = database.tell().ports["p1"]
    assert shared is not None and (shared.bridge, shared.others) == (second.name, (first.name,))
    assert left is not None and (left.bridge, left.others) == (first.name, ())


def test_all_bridges_of_a_port_are_told_also_if_all_is_told() -> None:
    for _ in range(20):  # the order in which the two bridges are looked at is that of random keys
        database = Database()
        first, second = (database.add_bridge(name) for name in BRIDGES)
        database.add_port("p1", first)
        database.put("Bridge", second.uuid, ports=first.ports)
        database.idl._fresh = True
        shared = database.tell().ports["p1"]
        assert shared is not None and sorted((shared.bridge, *shared.others)) == [*BRIDGES]
        database.put("Bridge", second.uuid, ports=[])
        left = database.tell().ports["p1"]
        assert left is not None and (left.bridge, left.others) == (first.name, ())


def test_a_mark_that_names_no_link_is_none() -> None:
    """Anybody can write into external_ids; what is no link id must not travel as one."""
    for text in ("", "foo", LINK_ID.upper()[:-1] + "X", LINK_ID + " "):
        database = Database()
        bridge = database.add_bridge("br-a")
        database.add_port("p1", bridge, external_ids={constants.OVS_LINK_ID: text})
        (port,) = filter(None, database.tell().ports.values())
        assert port.link_id is None
        assert dataclasses.replace(port, link_id=None) == port


def test_a_port_and_its_interface_with_the_marks_of_two_links() -> None:
    database = Database()
    bridge = database.add_bridge("br-a")
    inner, outer = ({constants.OVS_LINK_ID: link_id} for link_id in (LINK_ID, OTHER_ID))
    interface = database.add_interface("p1", external_ids=inner)
    database.add_port("p1", bridge, interfaces=[interface], external_ids=outer)
    (port,) = filter(None, database.tell().ports.values())
    assert (port.link_id, port.inner_link_id, port.marked) == (OTHER_ID, LINK_ID, False)


def test_a_mark_on_the_own_port_of_a_bridge_is_none() -> None:
    """Nor on its interface: taken for a link's it would be taken out, and the device of the bridge with it."""
    database = Database()
    bridge = database.add_bridge("br-a")
    mark = {constants.OVS_LINK_ID: LINK_ID}
    database.add_port("br-a", bridge, interfaces=[database.add_interface("br-a", external_ids=mark)], external_ids=mark)
    (port,) = filter(None, database.tell().ports.values())
    assert port.link_id is None


@pytest.mark.parametrize(("config", "passes"), [({}, False), ({"forward-bpdu": "true"}, True)])
def test_whether_a_bridge_passes_on_what_stp_tells(config: dict[str, str], passes: bool) -> None:
    database = Database()
    bridge = database.add_bridge("br-a")
    database.put("Bridge", bridge.uuid, other_config=config)
    told = database.tell().bridges["br-a"]
    assert told is not None and told.forwards_bpdus is passes


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({}, ""),
        ({"vlan_mode": "trunk"}, ""),
        ({"tag": [7], "vlan_mode": ["access"]}, ""),
        ({"trunks": [5, 6]}, "trunks=5,6"),
        ({"tag": [7], "trunks": [5]}, "trunks=5"),
        ({"tag": [7], "vlan_mode": ["trunk"]}, "trunk"),
        ({"vlan_mode": ["access"]}, "access"),
        ({"tag": 7, "vlan_mode": "native-untagged", "trunks": [5]}, "native-untagged trunks=5"),
    ],
)
def test_what_a_port_lets_pass_beside_its_tag(columns: dict[str, Any], wanted: str) -> None:
    database = Database()
    database.add_port("p1", database.add_bridge("br-a"), **columns)
    port = database.tell().ports["p1"]
    assert port is not None
    assert port.vlans == wanted
