"""Who sees from outside when links carry, and when they are gone, alike for whoever makes them.

It listens to kernel and OVSDB of a host by itself, with as little work as can be: what is measured runs beside it. So
it reads once a millisecond at most, keeps count of what is still to come, and takes messages apart only once
nothing is. A time is that at which the last of it was read.
"""

import contextlib
import json
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

from benchmarks.shapes import Wanted
from tests.support import hosts, tidy
from vethagent.privileged import ifinfo

_HEADER = struct.Struct("=IHHII")
_IFINFO = struct.Struct("=BxHiII")
_ATTRIBUTE = struct.Struct("=HH")
_ATTRIBUTES = _HEADER.size + _IFINFO.size
_LIT = ifinfo.IFF_UP | ifinfo.IFF_LOWER_UP | ifinfo.IFF_RUNNING
_IFLA_IFNAME = 3
_RTMGRP_LINK, _SO_RCVBUFFORCE = 1, 33
_BUFFER = 64 << 20
_MONITOR = {"Interface": {"columns": ["name", "ofport", "error"]}}
#: Seconds between two looks. What comes meanwhile is read together: to be woken for each message is most of the work.
_PAUSE = 0.001

#: What may be so: a device is "there" (by ifindex) or "lit" (by name), a row of Interface "kept" or "open" (by name).
Fact = tuple[str, object]


class Watcher(tidy.Tidy):
    """Begins with what is on ``host`` now."""

    def __init__(self, host: hosts.Host) -> None:
        super().__init__()
        self._condition = threading.Condition()
        self._messages: dict[int, bytes] = {}
        self._lit: dict[int, str] = {}
        self._rows: dict[str, str] = {}
        self._text = ""
        self._ready = False
        self._facts: set[Fact] = set()
        self._wanted: frozenset[Fact] = frozenset()
        self._unwanted: frozenset[Fact] = frozenset()
        self._missing: set[Fact] = set()
        self._read_at = self._changed_at = time.perf_counter()
        #: How often the kernel has told of a device.
        self.messages = 0
        with self._building(), host.namespace.entered():
            self._kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            self._cleanup.callback(self._kernel.close)
            self._kernel.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
            self._kernel.bind((0, _RTMGRP_LINK))
            self._rows_socket = socket.socket(socket.AF_UNIX)
            self._cleanup.callback(self._rows_socket.close)
            self._rows_socket.connect(host.ovsdb.removeprefix("unix:"))
            self._end, self._ended = os.pipe()
            self._send({"method": "monitor", "params": ["Open_vSwitch", None, _MONITOR], "id": 0})
            # All devices that are there: they come as messages of the same kind.
            dump = struct.pack("=IHHIIBxHiII", 32, ifinfo.RTM_GETLINK, 0x301, 1, 0, 0, 0, 0, 0, 0)
            self._kernel.send(dump)
            thread = threading.Thread(target=self._run, name="watcher", daemon=True)
            thread.start()
            self._cleanup.callback(thread.join, 10)
            self._cleanup.callback(os.close, self._ended)
            with self._condition:
                assert self._condition.wait_for(lambda: self._ready, 30)

    # -- what is asked -------------------------------------------------------------------------------------------

    def wait_until_carrying(
        self, links: Collection[Wanted], timeout: float, *, instead: Collection[int] = frozenset()
    ) -> float:
        """Return the time (perf_counter) since which each of ``links`` is seen whole, up and with carrier.

        None of the devices with the ifindexes ``instead`` is there any more then.
        """
        ends = [end for link in links for end in link.ends]
        wanted: list[Fact] = [("lit", end.device) for end in ends]
        wanted += [("open", end.device) for end in ends if end.ovs]
        unwanted: list[Fact] = [("there", index) for index in instead]
        return self._wait(wanted, unwanted, timeout, f"{len(links)} links that carry", lambda: self._carry(links))

    def indexes(self, links: Collection[Wanted]) -> set[int]:
        """Return the ifindexes of the devices of ``links`` that are there."""
        names = {end.device for link in links for end in link.ends}
        return {device.ifindex for device in self._devices() if device.name in names}

    def wait_until_gone(self, links: Collection[Wanted], timeout: float) -> float:
        """Return the time (perf_counter) since which no device and no row of ``links`` is seen any more."""
        unwanted: list[Fact] = [("there", index) for index in self.indexes(links)]
        unwanted += [("kept", end.device) for link in links for end in link.ends if end.ovs]
        return self._wait((), unwanted, timeout, f"the end of {len(links)} links")

    def rows(self) -> int:
        """Return how many interfaces OVSDB has."""
        return len(self._rows)

    def _wait(
        self,
        wanted: Iterable[Fact],
        unwanted: Iterable[Fact],
        timeout: float,
        what: str,
        sure: Callable[[], bool] = lambda: True,
    ) -> float:
        doubts = 0

        def reached() -> bool:
            nonlocal doubts
            if self._missing:
                return False
            if sure():
                return True
            doubts += 1
            return False

        with self._condition:
            self._wanted, self._unwanted = frozenset(wanted), frozenset(unwanted)
            self._missing = set(self._wanted - self._facts) | set(self._unwanted & self._facts)
            assert self._condition.wait_for(reached, timeout), f"not within {timeout:g} s: {what}"
            self._wanted = self._unwanted = frozenset()
            return self._read_at if doubts else self._changed_at

    def _carry(self, links: Collection[Wanted]) -> bool:
        """Take every message apart, to be sure."""
        devices = self._devices()
        by_name = {device.name: device for device in devices}
        by_index = {device.ifindex: device for device in devices}

        def right(device: ifinfo.Device | None, bridge: str, ovs: bool) -> bool:
            if device is None or not (device.up and device.carrier):
                return False
            master = by_index.get(device.master or 0)
            return ovs or (master is not None and master.name == bridge)

        return all(right(by_name.get(end.device), end.bridge, end.ovs) for link in links for end in link.ends)

    def _devices(self) -> list[ifinfo.Device]:
        return [ifinfo.device(message) for message in list(self._messages.values())]

    # -- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for source in (self._kernel, self._rows_socket, self._end):
                selector.register(source, selectors.EVENT_READ)
            done = rows = False
            while True:
                for key, _ in selector.select():
                    with self._condition:
                        self._read_at = time.perf_counter()
                        if key.fileobj is self._kernel:
                            done |= self._read_kernel()
                        elif key.fileobj is self._rows_socket:
                            rows |= self._read_rows()
                        else:
                            return
                        self._ready = done and rows
                        if not self._missing:
                            self._condition.notify_all()
                time.sleep(_PAUSE)

    def _hold(self, fact: Fact, holds: bool) -> None:
        """Something is so, or is not so any more."""
        if (fact in self._facts) is holds:
            return
        (self._facts.add if holds else self._facts.discard)(fact)
        if fact in self._wanted:
            (self._missing.discard if holds else self._missing.add)(fact)
        elif fact in self._unwanted:
            (self._missing.add if holds else self._missing.discard)(fact)
        elif self._wanted or self._unwanted:
            return
        self._changed_at = self._read_at

    def _read_kernel(self) -> bool:
        done = False
        with contextlib.suppress(BlockingIOError):
            while True:
                data = self._kernel.recv(ifinfo.READ, socket.MSG_DONTWAIT)
                offset = 0
                while offset + 16 <= len(data):
                    length, kind, *_ = _HEADER.unpack_from(data, offset)
                    done |= kind == ifinfo.NLMSG_DONE
                    if kind in (ifinfo.RTM_NEWLINK, ifinfo.RTM_DELLINK) and data[offset + 16] == ifinfo.AF_UNSPEC:
                        _, _, index, flags, _ = _IFINFO.unpack_from(data, offset + 16)
                        self._device(kind, index, flags, data[offset : offset + length])
                    offset += (length + 3) & ~3
        return done

    def _device(self, kind: int, index: int, flags: int, message: bytes) -> None:
        self.messages += 1
        there = kind == ifinfo.RTM_NEWLINK
        self._hold(("there", index), there)
        if there:
            self._messages[index] = message
        else:
            self._messages.pop(index, None)
        name = _name(message) if there and flags & _LIT == _LIT else None
        if name != (before := self._lit.pop(index, None)) and before is not None:
            self._hold(("lit", before), False)
        if name is not None:
            self._lit[index] = name
            self._hold(("lit", name), True)

    def _read_rows(self) -> bool:
        first = False
        self._text += self._rows_socket.recv(1 << 20).decode()
        while self._text:
            try:
                message, length = json.JSONDecoder().raw_decode(self._text)
            except ValueError:
                break  # the rest has yet to come
            self._text = self._text[length:]
            if message.get("method") == "echo":
                self._send({"id": message["id"], "result": message["params"], "error": None})
                continue
            first |= message.get("id") == 0
            tables = message["params"][1] if message.get("method") == "update" else message["result"]
            # First what has gone: another row may have come under its name.
            for key, change in sorted(tables.get("Interface", {}).items(), key=lambda item: "new" in item[1]):
                self._row(key, change.get("new"))
        return first

    def _row(self, key: str, row: dict[str, Any] | None) -> None:
        if (before := self._rows.pop(key, None)) is not None and row is None:
            self._hold(("kept", before), False)
            self._hold(("open", before), False)
        if row is not None:
            self._rows[key] = name = row["name"]
            self._hold(("kept", name), True)
            opened = isinstance(row["ofport"], int) and row["ofport"] > 0 and row["error"] == ["set", []]
            self._hold(("open", name), opened)

    def _send(self, message: dict[str, Any]) -> None:
        self._rows_socket.sendall(json.dumps(message).encode())


def _name(message: bytes) -> str:
    """Return the name of a device, the first thing that the kernel tells of it (rtnl_fill_ifinfo in rtnetlink.c)."""
    length, kind = _ATTRIBUTE.unpack_from(message, _ATTRIBUTES)
    assert kind == _IFLA_IFNAME
    return message[_ATTRIBUTES + _ATTRIBUTE.size : _ATTRIBUTES + length - 1].decode()
