"""Devices of this network namespace: all of them when asked, and each change as it comes. Needs no privilege."""

import array
import contextlib
import errno
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable

from vethagent.privileged import ifinfo, rtnl
from vethagent.privileged.ifinfo import Device

_RTMGRP_LINK = 1
_RECEIVE_BUFFER = 8 << 20
_AGAIN_SECONDS = 1.0

_SO_ATTACH_FILTER = 26
_BPF_LOAD_BYTE, _BPF_JUMP_IF_EQUAL, _BPF_RETURN = 0x30, 0x15, 0x06
#: The family stands behind the 16 bytes of struct nlmsghdr.
_AF_BRIDGE, _FAMILY_AT, _ALL = 7, 16, 0xFFFFFFFF

#: After so many datagrams, each so soon after the one before, a batch is under way, and they are read with pauses.
_ROW, _ROW_SECONDS, _ROW_PAUSE = 20, 0.005, 0.002

_NOTHING = (0, b"")

#: ifindex -> the device as it is now, None if it is gone.
Changes = dict[int, Device | None]
Sink = Callable[[Changes], None]


class LinkMonitor:
    """Listens to link events. ``sink`` gets changes; ``overflow`` is called when some were lost.

    ``deaf`` is called with why none can be heard, again each time that it is tried in vain, and with '' when they are.

    The kernel queues the events of a change before the change returns, so ``drain`` after a call of the helper brings
    in all that the call did. The thread only keeps what comes, so that the kernel has room for more, and calls ``news``
    for somebody to drain: of many events about one device only the last one is ever taken apart. A lock keeps the
    order.
    """

    def __init__(
        self, sink: Sink, overflow: Callable[[], None], news: Callable[[], None], deaf: Callable[[str], None]
    ) -> None:
        self._sink = sink
        self._overflow = overflow
        self._news = news
        self._deaf = deaf
        self._lock = threading.Lock()
        self._newest: dict[int, tuple[int, bytes]] = {}
        self._lost = False
        self._socket: socket.socket | None = None
        self._wake, self._woken = socket.socketpair()

    def start(self) -> None:
        """Listen from now on."""
        self._socket = _listen()
        threading.Thread(target=self._watch, name="link-monitor", daemon=True).start()

    def stop(self) -> None:
        """End; the thread closes the socket."""
        self._wake.close()

    def drain(self) -> None:
        """Take in everything that has been queued until now."""
        with self._lock:
            self._keep()
            newest, self._newest = self._newest, {}
            lost, self._lost = self._lost, False
            if newest:
                self._sink({ifindex: _now(*each) for ifindex, each in newest.items()})
            if lost:
                # After those that were not lost: what is listed now must not be overwritten by something older.
                self._overflow()

    def _keep(self) -> None:
        """Read what the kernel has queued, without a look at what it says of a device."""
        while self._socket is not None:
            try:
                data = self._socket.recv(ifinfo.READ, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._lost = True
                continue
            for ifindex, kind, message in ifinfo.newest(data):
                if self._newest.get(ifindex, _NOTHING)[0] == ifinfo.RTM_DELLINK != kind:
                    self._sink({ifindex: None})  # it has been somewhere else, and is not what it was
                self._newest[ifindex] = kind, message

    def _watch(self) -> None:
        while True:
            try:
                if self._socket is None:
                    self._begin_anew()
                self._watch_socket()
                return
            except OSError as error:
                self._deaf(str(error))
            time.sleep(_AGAIN_SECONDS)

    def _begin_anew(self) -> None:
        with self._lock:
            self._socket = _listen()
        self._overflow()

    def _watch_socket(self) -> None:
        """Keep what comes, until ``stop``."""
        listening = self._socket
        assert listening is not None
        try:
            with contextlib.closing(listening), selectors.DefaultSelector() as selector:
                selector.register(listening, selectors.EVENT_READ)
                selector.register(self._woken, selectors.EVENT_READ)
                self._deaf("")
                row, last = 0, 0.0
                while all(key.fileobj is not self._woken for key, _ in selector.select()):
                    row = row + 1 if time.monotonic() - last < _ROW_SECONDS else 0
                    if row > _ROW:
                        # Of what comes meanwhile most is about the same devices. A socket holds more than that.
                        time.sleep(_ROW_PAUSE)
                    with self._lock:
                        self._keep()
                    self._news()
                    last = time.monotonic()
        finally:
            with self._lock:
                self._socket = None


def dump() -> dict[int, Device]:
    """Return all devices by ifindex."""
    with rtnl.RouteSocket() as route:
        return route.dump()


def _now(kind: int, message: bytes) -> Device | None:
    return None if kind == ifinfo.RTM_DELLINK else ifinfo.device(message)


def _listen() -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    opened.setblocking(False)
    # As much as the kernel allows without privilege; what still gets lost is noticed and looked up.
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    with contextlib.suppress(OSError):  # then they are only passed over later
        _leave_out_bridging(opened)
    opened.bind((0, _RTMGRP_LINK))
    return opened


def _leave_out_bridging(listening: socket.socket) -> None:
    """Have the kernel drop what bridges tell of their ports; ``ifinfo`` reads none of that.

    It is a third of what a plug causes. The filter is one of classic BPF (socket(7), SO_ATTACH_FILTER).
    """
    program = (
        (_BPF_LOAD_BYTE, 0, 0, _FAMILY_AT),
        (_BPF_JUMP_IF_EQUAL, 0, 1, _AF_BRIDGE),
        (_BPF_RETURN, 0, 0, 0),
        (_BPF_RETURN, 0, 0, _ALL),
    )
    code = array.array("B", b"".join(struct.pack("=HBBI", *instruction) for instruction in program))
    described = struct.pack("HP", len(program), code.buffer_info()[0])
    listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
