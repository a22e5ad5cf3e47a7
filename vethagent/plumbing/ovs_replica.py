"""Open vSwitch's rows of this host, as they change."""

import contextlib
import dataclasses
import queue
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ovs.db import idl as ovs_idl
from ovsdbapp.backend.ovs_idl import connection

from vethagent import constants
from vethagent.plumbing import naming, ovs_rows
from vethagent.plumbing.observed import OvsBridge, OvsPort
from vethagent.plumbing.switch import Switch

SCHEMA = "Open_vSwitch"
_RECONNECT_MS = 1000
#: Rows of the server's message that are taken in before other threads have their turn: on eventlet a turn takes as long
#: as a row.
_TURN = 20
#: What is monitored. No statistics and no status: a column that changes by itself would wake the agent for nothing.
_COLUMNS = {
    "Open_vSwitch": ("bridges", "cur_cfg", "next_cfg"),
    "Bridge": ("name", "ports", "datapath_type", "stp_enable", "rstp_enable", "other_config", "external_ids"),
    "Port": ("name", "interfaces", "tag", "trunks", "vlan_mode", "external_ids"),
    "Interface": ("name", "type", "options", "ofport", "error", "external_ids", "mtu_request"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class OvsChanges:
    """Rows that changed, by name, None for those that are gone; ``whole``: everything that is not in it is gone."""

    bridges: Mapping[str, OvsBridge | None]
    ports: Mapping[str, OvsPort | None]
    whole: bool = False


Sink = Callable[[OvsChanges], None]


class Connection(connection.Connection):
    """The thread that runs a replica and does transactions for it, one after the other."""

    def stop(self, timeout: float | None = None) -> bool:
        """End, and wait ``timeout`` seconds for that; return whether it has.

        By itself the library waits for room for one more transaction, for ever if its thread takes none any more: what
        waits beside one that a server does not answer is left where it is.
        """
        self.is_running = False
        if self.thread is None:  # it waits for the first rows still
            return True
        with contextlib.suppress(queue.Full):  # then the thread is awake
            self.txns.put(None, block=False)
        self.thread.join(timeout)
        return not self.thread.is_alive()


class _Port(NamedTuple):
    """A row of Port, read once for all changes of its interfaces: the library takes 20 us for each column."""

    name: str
    tag: int | None
    vlans: str
    link_id: str | None
    mark: str | None
    alone: bool


class Replica(connection.OvsdbIdl):
    """The replica of the database; after each run it tells ``sink`` what changed, once.

    All of it happens in the one thread that runs the replica, so rows are read while they hold still.
    """

    def __init__(
        self,
        remote: str,
        schema: ovs_idl.SchemaHelper,
        sink: Sink,
        connection_changed: Callable[[bool], None],
        *,
        switch: Switch,
        timeout: float,
    ) -> None:
        _register(schema)
        super().__init__(remote, schema)
        self._keep_names()
        # By itself the library waits up to 8 s between attempts; what is on this host may be asked each second.
        self._session.reconnect.set_backoff(_RECONNECT_MS, _RECONNECT_MS)
        # Nor does it ask over a unix socket whether the server is there. A server that hangs is given up when it has
        # been silent for two of these times.
        self._session.reconnect.set_probe_interval(round(timeout * 500))
        self._switch = switch
        self._root_changed = False
        self._sink = sink
        self._connection_changed = connection_changed
        self._was_connected = False
        self._dirty: set[tuple[str, uuid.UUID]] = set()
        self._fresh = False
        self._keys: dict[tuple[str, str], uuid.UUID] = {}
        self._ports: dict[uuid.UUID, _Port] = {}
        #: Where each row was when it was last told: a row that is deleted cannot be asked any more.
        self._bridge_names: dict[uuid.UUID, str] = {}
        self._bridge_ports: dict[uuid.UUID, set[uuid.UUID]] = {}
        self._port_bridge: dict[uuid.UUID, uuid.UUID] = {}
        #: Ports that may be in several bridges, as the schema allows.
        self._shared: set[uuid.UUID] = set()
        self._port_interfaces: dict[uuid.UUID, set[uuid.UUID]] = {}
        self._interface_port: dict[uuid.UUID, uuid.UUID] = {}
        self._interface_names: dict[uuid.UUID, str] = {}
        self._rows_read = 0

    def _keep_names(self) -> None:
        """Have the library find names and types at once, not by ``__getattr__``: each row asks for them."""
        for table in self.tables.values():
            table.name = table.name
            for column in table.columns.values():
                column.name, column.type = column.name, column.type

    @property
    def connected(self) -> bool:
        """Whether the server was there when it was last looked at."""
        return self._was_connected

    def cooperative_yield(self) -> None:
        """Let other threads have their turn now and then; called by the library for each row."""
        self._rows_read += 1
        if self._rows_read % _TURN == 0:
            super().cooperative_yield()

    def notify(self, event: str, row: ovs_idl.Row, updates: ovs_idl.Row | None = None) -> None:
        """Remember that a row changed; called by the library for each."""
        table = row._table.name
        if table == "Open_vSwitch":
            # The root row is made once in the life of a database, so it comes again only when everything does: after
            # a reconnect rows come as new, and those that were deleted meanwhile are never mentioned.
            self._fresh |= event == ovs_idl.ROW_CREATE
            self._root_changed = True
        else:
            if event != ovs_idl.ROW_UPDATE:
                named = table, ovs_rows.scalar(row, "name")
                if event == ovs_idl.ROW_CREATE:
                    self._keys[named] = row.uuid
                elif self._keys.get(named) == row.uuid:
                    del self._keys[named]
            self._dirty.add((table, row.uuid))

    def named(self, table: str, name: str) -> ovs_idl.Row | None:
        """Return the row of Bridge, Port or Interface with this name, which never changes; None if there is none."""
        row = self.tables[table].rows.get(self._keys.get((table, name)))
        return row if row is not None and ovs_rows.scalar(row, "name") == name else None

    def holder(self, interface: str) -> ovs_idl.Row | None:
        """Return the row of the port that has the interface of this name, None if none has."""
        row = self.named("Interface", interface)
        key = self._interface_port.get(row.uuid) if row is not None else None
        return self.tables["Port"].rows.get(key) if key is not None else None

    def run(self) -> bool:
        """Read what the server sent, then tell what of it matters."""
        try:
            return self._run()
        except Exception:
            # A change may have been read and not told. With a new connection everything is told again.
            self.force_reconnect()
            raise

    def _run(self) -> bool:
        changed = bool(super().run())
        connected = bool(self._session.is_connected()) and self.state == self.IDL_S_MONITORING
        # Whoever is told of rows may act on them at once.
        before, self._was_connected = self._was_connected, connected
        if self._fresh or self._dirty:
            fresh, dirty = self._fresh, self._dirty
            self._fresh, self._dirty = False, set()
            self._sink(self._snapshot() if fresh else self._collect(dirty))
        if self._root_changed:
            self._root_changed = False
            for root in self.tables[SCHEMA].rows.values():
                self._switch.seen(root.next_cfg, root.cur_cfg)
        if connected != before:
            if not connected:
                self._switch.unknown()
            self._connection_changed(connected)
        return changed

    def _snapshot(self) -> OvsChanges:
        self._keys = {named: key for named, key in self._keys.items() if key in self.tables[named[0]].rows}
        for index in (
            self._ports,
            self._bridge_names,
            self._bridge_ports,
            self._port_bridge,
            self._shared,
            self._port_interfaces,
            self._interface_port,
            self._interface_names,
        ):
            index.clear()
        everything = {(table, row) for table in ("Bridge", "Port", "Interface") for row in self.tables[table].rows}
        return dataclasses.replace(self._collect(everything), whole=True)

    def _collect(self, dirty: set[tuple[str, uuid.UUID]]) -> OvsChanges:
        bridges: dict[str, OvsBridge | None] = {}
        ports = {row for table, row in dirty if table == "Port"}
        interfaces = {row for table, row in dirty if table == "Interface"}
        for bridge in (row for table, row in dirty if table == "Bridge"):
            ports |= self._collect_bridge(bridge, bridges)
        for port in ports:
            interfaces |= self._collect_port(port)
        changed: dict[str, OvsPort | None] = {}
        for interface in interfaces:
            before = self._interface_names.pop(interface, None)
            now = self._interface(interface)
            if before is not None and (now is None or now.name != before):
                changed.setdefault(before, None)
            if now is not None:
                self._interface_names[interface] = now.name
                changed[now.name] = now
        return OvsChanges(bridges, changed)

    def _collect_bridge(self, key: uuid.UUID, bridges: dict[str, OvsBridge | None]) -> set[uuid.UUID]:
        """Take in one bridge; return the ports that came to it or left it."""
        row = self.tables["Bridge"].rows.get(key)
        before, name_before = self._bridge_ports.pop(key, set()), self._bridge_names.pop(key, None)
        name = ovs_rows.scalar(row, "name") if row is not None else None
        if name_before is not None and name != name_before:
            bridges.setdefault(name_before, None)
        now: set[uuid.UUID] = set()
        if row is not None and name is not None:
            now = set(ovs_rows.values(row, "ports"))
            self._bridge_ports[key], self._bridge_names[key] = now, name
            stp = ovs_rows.scalar(row, "stp_enable") or ovs_rows.scalar(row, "rstp_enable")
            forwards = ovs_rows.mapping(row, "other_config").get("forward-bpdu") == "true"
            bridges[name] = OvsBridge(name, ovs_rows.scalar(row, "datapath_type"), bool(stp), forwards)
        for port in before - now:
            if self._port_bridge.get(port) == key:
                self._leave_bridge(port)
        self._shared |= (now - before) & self._port_bridge.keys()
        self._port_bridge.update(dict.fromkeys(now - before, key))
        return before ^ now

    def _leave_bridge(self, port: uuid.UUID) -> None:
        """A port has left the bridge that it was told to be in."""
        del self._port_bridge[port]
        for bridge in self._bridges_of(port) if port in self._shared else ():
            self._port_bridge[port] = bridge

    def _bridges_of(self, port: uuid.UUID) -> list[uuid.UUID]:
        """Return all bridges of a port that may be in several."""
        found = [bridge for bridge, ports in self._bridge_ports.items() if port in ports]
        if len(found) < 2:
            self._shared.discard(port)
        return found

    def _collect_port(self, key: uuid.UUID) -> set[uuid.UUID]:
        """Take in one port; return its interfaces, those that it had before included."""
        row = self.tables["Port"].rows.get(key)
        before = self._port_interfaces.pop(key, set())
        self._ports.pop(key, None)
        now: set[uuid.UUID] = set()
        if row is not None:
            now = set(ovs_rows.values(row, "interfaces"))
            self._port_interfaces[key] = now
            self._ports[key] = _port_of(row, alone=len(now) == 1)
        for interface in before - now:
            if self._interface_port.get(interface) == key:
                del self._interface_port[interface]
        self._interface_port.update(dict.fromkeys(now, key))
        return before | now

    def _interface(self, key: uuid.UUID) -> OvsPort | None:
        """Return an interface that is in a bridge."""
        row = self.tables["Interface"].rows.get(key)
        port_key = self._interface_port.get(key)
        port = self._ports.get(port_key) if port_key else None
        bridge = self._bridge_names.get(self._port_bridge[port_key]) if port_key in self._port_bridge else None
        if row is None or port is None or port_key is None or bridge is None:
            return None
        shared = self._bridges_of(port_key) if port_key in self._shared else ()
        name = ovs_rows.scalar(row, "name")
        external_ids = ovs_rows.mapping(row, "external_ids")
        mark = external_ids.get(constants.OVS_LINK_ID)
        inner = _owner(mark) if name == port.name else None
        link_id = port.link_id or inner
        return OvsPort(
            name=name,
            port=port.name,
            bridge=bridge,
            others=tuple(sorted({self._bridge_names[each] for each in shared} - {bridge})),
            type=ovs_rows.scalar(row, "type"),
            peer=ovs_rows.mapping(row, "options").get("peer"),
            tag=port.tag,
            vlans=port.vlans,
            link_id=link_id if name != bridge else None,  # a bridge's own port is no link's, whatever it says
            inner_link_id=inner if inner != link_id else None,
            marked=mark == port.mark,
            alone=port.alone,
            mtu_request=ovs_rows.scalar(row, "mtu_request"),
            kept_mtu=_number(external_ids.get(constants.OVS_MTU_KEPT)),
            ofport=ovs_rows.scalar(row, "ofport"),
            error=ovs_rows.scalar(row, "error"),
            key=key,
        )


def _register(schema: ovs_idl.SchemaHelper) -> None:
    """Name the columns that are monitored; of one that is not there the library only says that something is wrong."""
    tables = schema.schema_json["tables"]
    for table, columns in _COLUMNS.items():
        if missing := set(columns).difference(tables.get(table, {}).get("columns", ())):
            raise ValueError(f"{SCHEMA} has no {', '.join(sorted(missing))} in {table}, as before Open vSwitch 2.6")
        schema.register_columns(table, list(columns))


def _port_of(row: ovs_idl.Row, *, alone: bool) -> _Port:
    mark = ovs_rows.mapping(row, "external_ids").get(constants.OVS_LINK_ID)
    tag = ovs_rows.scalar(row, "tag")
    picked = _vlans(tag, ovs_rows.scalar(row, "vlan_mode"), ovs_rows.values(row, "trunks"))
    return _Port(ovs_rows.scalar(row, "name"), tag, picked, _owner(mark), mark, alone)


def owners(port: ovs_idl.Row) -> list[str]:
    """Return the links whose marks a port and its interface of the same name carry.

    Anybody can write there, and what is no link id is no mark.
    """
    rows = [port, *(interface for interface in port.interfaces if interface.name == port.name)]
    return list(filter(None, (_owner(row.external_ids.get(constants.OVS_LINK_ID)) for row in rows)))


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _owner(mark: str | None) -> str | None:
    return naming.owner(constants.ALIAS_PREFIX + (mark or ""))


def vlans(port: ovs_idl.Row) -> str:
    """Return how a row picks VLANs beside its tag, '' if as by itself: with a tag that one, without a tag all.

    Columns ``trunks`` and ``vlan_mode`` of ovs-vswitchd.conf.db(5).
    """
    return _vlans(optional(port.tag), optional(port.vlan_mode), port.trunks)


def _vlans(tag: int | None, mode: str | None, trunks: Iterable[int]) -> str:
    by_itself = "trunk" if tag is None else "access"
    trunked = ",".join(map(str, sorted(trunks)))
    return " ".join(filter(None, (mode if mode != by_itself else None, trunked and f"trunks={trunked}")))


def optional(value: Any) -> Any:
    """Return an optional column, which the library shows as a list of none or one."""
    if isinstance(value, list):
        return value[0] if value else None
    return value
