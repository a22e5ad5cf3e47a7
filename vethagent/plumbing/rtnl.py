"""Devices of this network namespace: all of them when asked, and each change as it comes. Needs no privilege."""

import contextlib
import errno
import selectors
import socket
import threading
from collections.abc import Callable

from vethagent.privileged import ifinfo, rtnl
from vethagent.privileged.ifinfo import Device

_RTMGRP_LINK = 1
_RECEIVE_BUFFER = 8 << 20
_READ = 1 << 18

#: ifindex -> the device as it is now, None if it is gone.
Changes = dict[int, Device | None]
Sink = Callable[[Changes], None]


class LinkMonitor:
    """Listens to link events. ``sink`` gets changes; ``overflow`` is called when some were lost.

    The kernel queues the events of a change before the change returns, so ``drain`` after a call of the helper brings
    in all that the call did. The thread only waits; whoever wants to know drains. A lock keeps the order.
    """

    def __init__(self, sink: Sink, overflow: Callable[[], None]) -> None:
        self._sink = sink
        self._overflow = overflow
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._wake, self._woken = socket.socketpair()
        self.overflows = 0

    def start(self) -> None:
        """Listen from now on."""
        self._socket = _listen()
        threading.Thread(target=self._watch, name="link-monitor", daemon=True).start()

    def stop(self) -> None:
        """End; the thread closes the socket."""
        self._wake.close()

    def drain(self) -> None:
        """Take in everything that has been queued until now."""
        changes: Changes = {}
        with self._lock:
            while self._socket is not None:
                try:
                    data = self._socket.recv(_READ, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    break
                except OSError as error:
                    if error.errno != errno.ENOBUFS:
                        raise
                    self.overflows += 1
                    self._overflow()
                    continue
                for message in ifinfo.parse(data):
                    if message.device is not None:
                        gone = message.type == ifinfo.RTM_DELLINK
                        changes[message.device.ifindex] = None if gone else message.device
            if changes:
                self._sink(changes)

    def _watch(self) -> None:
        assert self._socket is not None
        with selectors.DefaultSelector() as selector, contextlib.closing(self._socket), self._woken:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while all(key.fileobj is not self._woken for key, _ in selector.select()):
                self.drain()
            with self._lock:
                self._socket = None


def dump() -> dict[int, Device]:
    """Return all devices by ifindex."""
    with rtnl.RouteSocket() as route:
        return route.dump()


def _listen() -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    opened.setblocking(False)
    # As much as the kernel allows without privilege; what still gets lost is noticed and looked up.
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    opened.bind((0, _RTMGRP_LINK))
    return opened
