"""Open vSwitch of this host: one transaction for a batch."""

import contextlib
import logging
import queue
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from ovs.db import idl as ovs_idl
from ovsdbapp import exceptions as ovsdbapp_exceptions
from ovsdbapp.backend.ovs_idl import command, connection, idlutils, transaction
from ovsdbapp.schema.open_vswitch import impl_idl

from vethagent import constants, exceptions
from vethagent.plumbing import ovs_json, ovs_rows, ovs_schema, running
from vethagent.plumbing.ovs_replica import SCHEMA, Connection, Replica, Sink, optional, owners, vlans
from vethagent.plumbing.steps import AttachPort, DetachPort, KeepBridge
from vethagent.plumbing.switch import Switch

LOG = logging.getLogger(__name__)

#: Seconds of silence that a batch allows ovs-vswitchd to let go of a device; with 1000 ports it takes a tenth of one.
_SETTLE = 5.0
#: Seconds more for each of them: on the userspace datapath it closes a packet socket, and the kernel has it wait for an
#: RCU grace period then (packet_release in net/packet/af_packet.c). Half of that was seen.
_CLOSE = 0.03


class _Transaction(impl_idl.OvsVsctlTransaction):
    """A transaction that is done when the server has it; ``number`` is what it has raised ``next_cfg`` to.

    To wait until ovs-vswitchd has acted takes 115 ms of each 117 with 1000 ports; the ofport event tells of an attached
    port all the same.
    """

    def __init__(self, api: impl_idl.OvsdbIdl, conn: connection.Connection) -> None:
        super().__init__(api, conn, check_error=True, log_errors=False)
        self.number = 0

    def do_post_commit(self, txn: ovs_idl.Transaction) -> None:
        """Do not wait."""
        self.number = txn.get_increment_new_value()

    def begin(self) -> None:
        """Have it done by the thread of the connection; the first half of ``commit``."""
        self.ovsdb_connection.queue_txn(self)

    def end(self) -> None:
        """Wait until the server has it; the other half."""
        try:
            result = self.results.get(timeout=self.timeout)
        except queue.Empty as error:
            raise ovsdbapp_exceptions.TimeoutException(
                commands=self.commands, timeout=self.timeout, cause="no result"
            ) from error
        if isinstance(result, idlutils.ExceptionResult):
            raise result.ex


class _Api(impl_idl.OvsdbIdl):
    # The library keeps the connection on the class, where a second object would silently find the first one's.
    ovsdb_connection = None
    idl: Replica

    def __init__(self, conn: connection.Connection) -> None:
        self.ovsdb_connection = conn
        # The library's indexes are sorted lists, into which each change of a row puts all of it anew: a third of the
        # time that the replica takes for many ports. Names do not change, so the replica has a dictionary.
        super().__init__(conn, start=False, auto_index=False)

    def named(self, table: str, name: str) -> ovs_idl.Row | None:
        """Return the row of Bridge, Port or Interface with this name, None if there is none."""
        return self.idl.named(table, name)

    def holder(self, interface: str) -> ovs_idl.Row | None:
        """Return the row of the port, whatever its name, that has the interface of this name; None if none has."""
        return self.idl.holder(interface)

    def bridge(self, name: str) -> ovs_idl.Row:
        """Return the row of a bridge; raise RowNotFound."""
        row = self.named("Bridge", name)
        if row is None:
            raise idlutils.RowNotFound(table="Bridge", col="name", match=name)
        return row


class _Attach(command.BaseCommand):
    """Steps of ``AttachPort``, each for rows that are new or owned.

    New rows go to the server as they are. The library would build each in its replica first, which takes ten times as
    long, and drop it again to wait for the server's word.
    """

    def __init__(self, api: _Api, steps: Iterable[AttachPort]) -> None:
        super().__init__(api)
        self._steps = steps

    def run_idl(self, txn: ovs_idl.Transaction) -> None:
        """Insert or change the rows."""
        inserted: dict[uuid.UUID, list[list[str]]] = {}
        for number, step in enumerate(self._steps):
            bridge = self.api.bridge(step.bridge)
            port = self.api.named("Port", step.device)
            if port is None:
                for operation in ovs_rows.insertions(step, number):
                    txn.add_op(operation)
                inserted.setdefault(bridge.uuid, []).append(["named-uuid", f"port{number}"])
            else:
                _change(port, step)
            _keep(self.api, bridge, step.keep_mtu, step.keep_mac)
        for key, ports in inserted.items():
            where = [["_uuid", "==", ["uuid", str(key)]]]
            mutation = ["ports", "insert", ["set", ports]]
            txn.add_op({"op": "mutate", "table": "Bridge", "where": where, "mutations": [mutation]})


class _Keep(command.BaseCommand):
    """``KeepBridge``; what somebody else has set stays."""

    def __init__(self, api: _Api, step: KeepBridge) -> None:
        super().__init__(api)
        self._step = step

    def run_idl(self, txn: ovs_idl.Transaction) -> None:
        """Change the rows of the bridge."""
        _keep(self.api, self.api.bridge(self._step.bridge), self._step.mtu, self._step.mac)


def _change(port: ovs_idl.Row, step: AttachPort) -> None:
    """Set what is to be of a port that is there."""
    port.verify("external_ids")
    if (found := owners(port)) and step.link_id not in found:
        raise RuntimeError(f"port {port.name} belongs to link {found[0]}")
    interface = _alone(port)
    for row in (port, interface):
        row.setkey("external_ids", constants.OVS_LINK_ID, step.link_id)
    if step.request_id:
        interface.setkey("external_ids", constants.OVS_REQUEST_ID, step.request_id)
    if interface.mtu_request:
        interface.mtu_request = []
    if vlans(port):
        port.trunks, port.vlan_mode = [], []
    port.tag = [] if step.tag is None else [step.tag]


class _Detach(command.BaseCommand):
    """Steps of ``DetachPort``: nothing is done if a port is gone or another link's, all are refused if a mark is gone.

    What a bridge has is read once, and before the first port leaves it: from then on the library compares each port
    with each that leaves. Read for each of 500 steps that took 5 s, in which nothing else had its turn on eventlet.
    """

    def __init__(self, api: _Api, steps: Iterable[DetachPort]) -> None:
        super().__init__(api)
        self._steps = steps

    def run_idl(self, txn: ovs_idl.Transaction) -> None:
        """Take ports out of their bridges' columns, which deletes their rows without a look at the other ports."""
        leaving: dict[str, dict[uuid.UUID, ovs_idl.Row]] = {}
        for step in self._steps:
            if (port := self._leaving(step)) is not None:
                leaving.setdefault(step.bridge, {})[port.uuid] = port
        for name, ports in leaving.items():
            bridge = self.api.bridge(name)
            self._release(bridge, ports.keys())
            for key, port in ports.items():
                txn.add_op(ovs_rows.unchanged(port, "external_ids"))
                bridge.delvalue("ports", key)

    def _leaving(self, step: DetachPort) -> ovs_idl.Row | None:
        port = self.api.named("Port", step.device)
        if port is None and step.marked:
            port = self.api.holder(step.device)  # of our port somebody has exchanged the interface
        if port is None or self.api.named("Bridge", step.bridge) is None:
            return None
        found = owners(port)
        if step.marked and not found:
            # Of the row alone nothing tells any more whose it is. As long as the pair is there a new plan can.
            raise RuntimeError(f"port {port.name} has lost its mark just now")
        return port if (step.link_id in found if step.marked else not found) else None

    def _release(self, bridge: ovs_idl.Row, leaving: Collection[uuid.UUID]) -> None:
        """Take back with the last link what kept the bridge as it was, unless somebody has set something else since."""
        local = self.api.named("Interface", bridge.name)
        mtu = local.external_ids.get(constants.OVS_MTU_KEPT) if local is not None else None
        mac = bridge.external_ids.get(constants.OVS_MAC_KEPT)
        if mtu is None and mac is None:
            return
        if any(constants.OVS_LINK_ID in port.external_ids for port in bridge.ports if port.uuid not in leaving):
            return
        if mtu is not None:
            if str(optional(local.mtu_request)) == mtu:
                local.mtu_request = []
            local.delkey("external_ids", constants.OVS_MTU_KEPT)
        if mac is not None:
            if bridge.other_config.get("hwaddr") == mac:
                bridge.delkey("other_config", "hwaddr")
            bridge.delkey("external_ids", constants.OVS_MAC_KEPT)


class _Ask(command.BaseCommand):
    """Ask ovs-vswitchd to say when it has seen this; nothing changes but the number of the last change."""

    def run_idl(self, txn: ovs_idl.Transaction) -> None:
        """Raise the number; the library's own way to do so has no effect in a transaction without another change."""
        root = self.api._ovs
        root.verify("next_cfg")
        root.next_cfg += 1


class Ovs:
    """The database of one host.

    ``sink`` is called with all rows first and after each reconnect, else with changes; ``connection_changed`` with
    whether the server is there, after that; ``switch_back`` when ovs-vswitchd acts again after it has not for a while.
    All from a thread that must not be held up.
    """

    def __init__(
        self,
        remote: str,
        sink: Sink,
        *,
        timeout: float,
        connection_changed: Callable[[bool], None],
        switch_back: Callable[[], None],
    ) -> None:
        """``remote`` as in ``unix:/var/run/openvswitch/db.sock``.

        ``timeout`` is in seconds, for one transaction and for a server that says nothing at all.
        """
        self._remote = remote
        self._sink = sink
        self._connection_changed = connection_changed
        self._timeout = timeout
        self._patience = min(_SETTLE, timeout)
        self._switch = Switch(switch_back)
        pid_file = running.pidfile(remote)
        self._pulse = running.Pulse(pid_file) if pid_file is not None else None
        self._api: _Api | None = None

    @property
    def connected(self) -> bool:
        """Whether the server is there now."""
        api = self._api
        return api is not None and api.idl.connected

    def connect(self) -> None:
        """Connect and take in all rows; raise OvsdbUnavailable if the server does not answer.

        After that the library connects again by itself whenever the server was away.
        """
        ovs_json.install()
        try:
            self._start(ovs_schema.fetch(self._remote, SCHEMA, self._timeout))
        except ovsdbapp_exceptions.TimeoutException as error:  # has no text, and fails if it is asked for one
            raise exceptions.OvsdbUnavailable(f"{self._remote}: no answer") from error
        except Exception as error:  # the library raises bare Exception, OSError and its own
            raise exceptions.OvsdbUnavailable(f"{self._remote}: {exceptions.one_line(error)}") from error

    def _start(self, schema: ovs_idl.SchemaHelper) -> None:
        replica = Replica(
            self._remote,
            schema,
            self._sink,
            self._connection_changed,
            switch=self._switch,
            timeout=self._timeout,
        )
        try:
            conn = Connection(replica, self._timeout)
            self._api = _Api(conn)  # before the start tells of rows, for who hears of them may act on that at once
            conn.start()
        except BaseException:
            self._api = None
            replica.close()
            raise

    def close(self) -> None:
        """Disconnect."""
        api, self._api = self._api, None
        if api is not None:
            api.connection.stop(timeout=1)

    def commit(
        self,
        *,
        detach: Iterable[DetachPort] = (),
        attach: Iterable[AttachPort] = (),
        keep: Iterable[KeepBridge] = (),
    ) -> None:
        """Do all steps in one transaction; the changes have gone to ``sink`` when this returns.

        What ovs-vswitchd has not let go of is not attached again before. Raise OvsdbUnavailable if the server does not
        answer or ovs-vswitchd does not act, OvsdbRefused if a step cannot be done: then none is.
        """
        self.begin(detach=detach, attach=attach, keep=keep)()

    def begin(
        self,
        *,
        detach: Iterable[DetachPort] = (),
        attach: Iterable[AttachPort] = (),
        keep: Iterable[KeepBridge] = (),
    ) -> Callable[[], None]:
        """Begin what ``commit`` does, and return what waits for its end. Both raise as ``commit`` does."""
        api = self._api
        if api is None or not api.idl.connected:
            raise exceptions.OvsdbUnavailable(f"{self._remote} is not connected")
        detached, attached, kept = tuple(detach), tuple(attach), tuple(keep)
        if not (detached or attached or kept):
            return lambda: None
        self.settle([step.device for step in attached])
        change = _Transaction(api, api.connection)
        for item in [
            _Detach(api, detached),
            *(_Keep(api, step) for step in kept),
            _Attach(api, attached),
        ]:
            change.add(item)
        with self._judged():
            change.begin()
        return lambda: self._end(change, [step.device for step in detached])

    def _end(self, change: _Transaction, detached: list[str]) -> None:
        with self._judged():
            change.end()
        self._switch.left(detached, change.number)

    @contextlib.contextmanager
    def _judged(self) -> Iterator[None]:
        """Tell what the library says in our own words."""
        try:
            yield
        except ovsdbapp_exceptions.TimeoutException as error:
            raise exceptions.OvsdbSilent(f"no answer in {self._timeout} s") from error
        except RuntimeError as error:  # in the server's words, or in ours
            raise exceptions.OvsdbRefused(exceptions.one_line(error)) from error
        except Exception as error:  # RowNotFound, and what python-ovs comes up with
            raise exceptions.OvsdbRefused(exceptions.named(error)) from error

    def settle(self, ports: Sequence[str]) -> None:
        """Wait until ovs-vswitchd has let go of the devices of ``ports``; raise OvsdbUnavailable if it does not act."""
        patience = self._patience + len(ports) * _CLOSE
        if not self._switch.wait(ports, max(0.0, patience - self._switch.silent_for())):
            raise exceptions.OvsdbUnavailable(f"ovs-vswitchd has not acted for {self._switch.silent_for():.0f} s")

    # -- ovs-vswitchd --------------------------------------------------------------------------------------------

    def switch_silent_for(self) -> float:
        """Return for how many seconds ovs-vswitchd has owed an answer; 0 if it owes none, or none is known of."""
        return self._switch.silent_for()

    def is_stuck(self, ports: Iterable[str]) -> bool:
        """Return whether ovs-vswitchd does not act, and may still hold the device of one of ``ports``."""
        return self._switch.silent_for() >= self._patience and self._switch.is_leaving(ports)

    def ask_switch(self, idle: float) -> None:
        """Ask ovs-vswitchd for a sign if it has given none for ``idle`` seconds. Nothing is waited for.

        A question is a change of the database, so it is asked only if it is not seen to go on.
        """
        api = self._api
        if api is None or not api.idl.connected or self._switch.idle_for() < idle or self._switch.silent_for():
            return
        still = self._pulse.still_for() if self._pulse is not None else None
        if still is not None and still < idle:
            return
        question = transaction.Transaction(api, api.connection, check_error=True, log_errors=False)
        question.add(_Ask(api))
        with contextlib.suppress(queue.Full):  # then another one is on its way
            api.connection.txns.put(question, block=False)


def _keep(api: _Api, bridge: ovs_idl.Row, mtu: int | None, mac: str | None) -> None:
    local = api.named("Interface", bridge.name)
    if mtu is not None and local is not None and not local.mtu_request:
        local.verify("mtu_request")
        local.mtu_request = [mtu]
        local.setkey("external_ids", constants.OVS_MTU_KEPT, str(mtu))
    if mac is not None and "hwaddr" not in bridge.other_config:
        bridge.verify("other_config")
        bridge.setkey("other_config", "hwaddr", mac)
        bridge.setkey("external_ids", constants.OVS_MAC_KEPT, mac)


def _alone(port: ovs_idl.Row) -> ovs_idl.Row:
    """Return the interface that has the port's name, and leave it no other."""
    interface: ovs_idl.Row = next(row for row in port.interfaces if row.name == port.name)
    if len(port.interfaces) > 1:
        port.interfaces = [interface]
    return interface
