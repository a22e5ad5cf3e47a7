"""Who sees from outside when links carry, and when they are gone, alike for whoever makes them.

It listens to kernel and OVSDB of a host by itself, with as little work as can be: what is measured runs beside it.
"""

import contextlib
import json
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Collection
from typing import Any

from benchmarks.shapes import Wanted
from tests.support import hosts, tidy
from vethagent.privileged import ifinfo

_HEADER = struct.Struct("=IHHII")
_IFINFO = struct.Struct("=BxHiII")
_RTMGRP_LINK, _SO_RCVBUFFORCE = 1, 33
_BUFFER = 64 << 20
_MONITOR = {"Interface": {"columns": ["name", "ofport", "error"]}}


class Watcher(tidy.Tidy):
    """Begins with what is on ``host`` now."""

    def __init__(self, host: hosts.Host) -> None:
        super().__init__()
        self._condition = threading.Condition()
        self._messages: dict[int, bytes] = {}
        self._lit: set[int] = set()
        self._rows: dict[str, dict[str, Any]] = {}
        self._text = ""
        self._ready = False
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
        """Return the time (perf_counter) at which each of ``links`` is seen whole, up and with carrier.

        None of the devices with the ifindexes ``instead`` is there any more then.
        """
        old = set(instead)
        what = f"{len(links)} links that carry"
        return self._wait(lambda: old.isdisjoint(self._messages) and self._carry(links), timeout, what)

    def indexes(self, links: Collection[Wanted]) -> set[int]:
        """Return the ifindexes of the devices of ``links`` that are there."""
        names = {end.device for link in links for end in link.ends}
        return {device.ifindex for device in self._devices() if device.name in names}

    def wait_until_gone(self, links: Collection[Wanted], timeout: float) -> float:
        """Return the time (perf_counter) at which no device and no row of ``links`` is seen any more."""
        indexes = self.indexes(links)
        rows = {end.device for link in links for end in link.ends if end.ovs}

        def gone() -> bool:
            return indexes.isdisjoint(self._messages) and rows.isdisjoint(self._names)

        return self._wait(gone, timeout, f"the end of {len(links)} links")

    def rows(self) -> int:
        """Return how many interfaces OVSDB has."""
        return len(self._rows)

    def _wait(self, reached: Any, timeout: float, what: str) -> float:
        with self._condition:
            assert self._condition.wait_for(reached, timeout), f"not within {timeout:g} s: {what}"
            return time.perf_counter()

    def _carry(self, links: Collection[Wanted]) -> bool:
        # The cheap questions first; the last one takes every message apart.
        if len(self._lit) < 2 * len(links):
            return False
        open_rows = self._open
        if not all(end.device in open_rows for link in links for end in link.ends if end.ovs):
            return False
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
        parsed = (next(ifinfo.parse(message), None) for message in list(self._messages.values()))
        return [message.device for message in parsed if message is not None and message.device is not None]

    @property
    def _names(self) -> set[str]:
        return {row["name"] for row in self._rows.values()}

    @property
    def _open(self) -> set[str]:
        return {
            row["name"]
            for row in self._rows.values()
            if isinstance(row["ofport"], int) and row["ofport"] > 0 and row["error"] == ["set", []]
        }

    # -- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for source in (self._kernel, self._rows_socket, self._end):
                selector.register(source, selectors.EVENT_READ)
            done = rows = False
            while True:
                for key, _ in selector.select():
                    with self._condition:
                        if key.fileobj is self._kernel:
                            done |= self._read_kernel()
                        elif key.fileobj is self._rows_socket:
                            rows |= self._read_rows()
                        else:
                            return
                        self._ready = done and rows
                        self._condition.notify_all()

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
        if kind == ifinfo.RTM_DELLINK:
            self._messages.pop(index, None)
            self._lit.discard(index)
            return
        self._messages[index] = message
        if flags & ifinfo.IFF_LOWER_UP:
            self._lit.add(index)
        else:
            self._lit.discard(index)

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
            for key, change in tables.get("Interface", {}).items():
                if "new" in change:
                    self._rows[key] = change["new"]
                else:
                    self._rows.pop(key, None)
        return first

    def _send(self, message: dict[str, Any]) -> None:
        self._rows_socket.sendall(json.dumps(message).encode())
