"""Takes connections, collects requests, hands each to a worker once it is whole, and sends what is left of the answer.

cheroot hands over a connection as soon as it is made, and shakes hands for TLS on the thread that accepts. So ten
clients that send slowly, or nothing, hold up everybody, as ten workers wait for them; and so do ten that read slowly.
"""

import collections
import contextlib
import logging
import selectors
import socket
import ssl
import time
from typing import Any

from cheroot import makefile

from vethagent.controller.api.framing import Frame, Progress

LOG = logging.getLogger(__name__)

#: Seconds for a request line with all headers, and to shake hands; also how long an idle connection is kept.
HEAD_SECONDS = 10.0
#: Seconds for a body, and for a part of an answer to go. Nobody waits for these, so they may be slow.
BODY_SECONDS = 60.0
#: Seconds for what a worker reads of a request that is too long or makes no sense.
_BROKEN_SECONDS = 5.0
#: Connections that are not at a worker; of more the one that waits longest is closed.
MAX_WAITING = 500
#: Bytes of theirs, of any number of connections; the same.
MAX_HELD = 128 * 1024 * 1024
#: Seconds for answers that are under way at the end.
_STOP_SECONDS = 2.0
#: Seconds, so that what cannot be helped now is not tried all the time.
_BREATH = 0.05
#: Seconds between two lines that say that connections are not accepted: it is tried twenty times in each.
_QUIET_SECONDS = 60.0
_PIECE = 64 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_NO_TLS = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nThis port speaks HTTPS.\n"
#: With TLS a read may have to wait for a write.
_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _Given(socket.SocketIO):
    """What has come already, and after it, until ``deadline``, what comes of the socket."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock, "rb")
        self._socket = sock
        self.given = bytearray()
        self.deadline = 0.0

    def readinto(self, buffer: Any) -> int | None:
        if self.given:
            count = min(len(buffer), len(self.given))
            buffer[:count] = self.given[:count]
            del self.given[:count]
            return count
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        before = self._socket.gettimeout()
        self._socket.settimeout(left)
        try:
            return super().readinto(buffer)
        finally:
            self._socket.settimeout(before)


class _Reader(makefile.StreamReader):
    def __init__(self, sock: socket.socket) -> None:
        self.source = _Given(sock)
        super(makefile.StreamReader, self).__init__(self.source)
        self.bytes_read = 0


class _Writer:
    """Sends at once what the socket takes without waiting; the rest is ``left``."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.left = bytearray()
        self.bytes_written = 0

    def write(self, data: bytes) -> int:
        waits = bool(self.left)
        self.left += data
        self.bytes_written += len(data)
        if not waits:
            before = self._socket.gettimeout()
            self._socket.setblocking(False)
            try:
                self.send()
            except _LATER:
                pass
            finally:
                self._socket.setblocking(True)  # eventlet's takes a timeout for no end of not blocking
                self._socket.settimeout(before)
        return len(data)

    def send(self) -> None:
        """Send what is left; OSError, one of _LATER too, if not all of it can be."""
        while self.left:
            del self.left[: self._socket.send(self.left[:_PIECE])]


def _open(sock: socket.socket, mode: str, _size: int) -> Any:
    return _Reader(sock) if "r" in mode else _Writer(sock)


class _Guest:
    """A connection that is not at a worker; ``conn`` is cheroot's, None until hands are shaken."""

    def __init__(self, sock: socket.socket, address: tuple[Any, ...], frame: Frame) -> None:
        self.sock = sock
        self.address = address
        self.frame = frame
        self.conn: Any = None
        self.deadline = time.monotonic() + HEAD_SECONDS
        self.told = False
        #: The connection ends with the answer that is on its way.
        self.last = False

    @property
    def left(self) -> int:
        """Bytes of the answer that are to be sent."""
        return 0 if self.conn is None else len(self.conn.wfile.left)

    @property
    def held(self) -> int:
        """Bytes that it takes here."""
        return len(self.frame.data) + self.left


class Reception:
    """In the place of cheroot's ConnectionManager; ``run`` is the only thread that touches what waits."""

    can_add_keepalive_connection = True

    def __init__(self, server: Any, max_body: int) -> None:
        self._server = server
        self._max_body = max_body
        self._selector = selectors.DefaultSelector()
        self._guests: dict[int, _Guest] = {}
        self._held = 0
        self._back: collections.deque[Any] = collections.deque()
        self._bell, self._button = socket.socketpair()
        for sock in (self._bell, self._button, server.socket):
            sock.setblocking(False)
        self._selector.register(server.socket, selectors.EVENT_READ)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._told_at = float("-inf")
        self._stopping = False
        self._running = False
        self._end = 0.0

    def put(self, conn: Any, *, last: bool = False) -> bool:
        """Take a connection back from a worker, for the rest of its answer and, unless that is the ``last``, a request.

        Return False if it is too late for that.
        """
        if self._stopping:
            if not last:
                conn.close()  # nobody else would
            return False
        conn.guest.last = last
        self._back.append(conn)
        self._ring()
        return True

    def stop(self) -> None:
        """Have ``run`` return, and wait for that; answers that are under way have a moment."""
        self._end = time.monotonic() + _STOP_SECONDS
        self._stopping = True
        self._ring()
        while self._running:
            time.sleep(0.01)

    def close(self) -> None:
        """Close all that waits."""
        for guest in [*self._guests.values()]:
            self._dismiss(guest)
        for conn in self._back:
            self._dismiss(conn.guest)
        self._selector.close()
        self._bell.close()
        self._button.close()

    def run(self, expiration_interval: float) -> None:
        """Receive until ``stop``; look each so many seconds for what waits too long."""
        self._running = True
        looked = 0.0
        try:
            while not self._stopping or self._is_sending():
                for key, _ in self._selector.select(expiration_interval):
                    self._attend(key)
                if (now := time.monotonic()) - looked >= expiration_interval:
                    looked = now
                    self._expire(now)
        finally:
            self._running = False

    def _is_sending(self) -> bool:
        sending = bool(self._back) or any(guest.left for guest in self._guests.values())
        return sending and time.monotonic() < self._end

    def _attend(self, key: selectors.SelectorKey) -> None:
        if isinstance(key.data, _Guest):
            self._go_on(key.data)
        elif key.fileobj is self._bell:
            with contextlib.suppress(BlockingIOError):
                self._bell.recv(_PIECE)
            while self._back:
                self._come_back(self._back.popleft())
        else:
            self._accept()

    def _accept(self) -> None:
        try:
            sock, address = self._server.socket.accept()
        except BlockingIOError:
            return
        except OSError as error:  # the client has gone, or of file descriptors there are no more
            if (now := time.monotonic()) - self._told_at >= _QUIET_SECONDS:
                self._told_at = now
                LOG.warning("a connection was not accepted: %s", error)
            self._make_room(max(0, len(self._guests) - 1))
            time.sleep(_BREATH)
            return
        self._make_room(MAX_WAITING - 1)
        if adapter := self._server.ssl_adapter:
            try:
                sock = adapter.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            except OSError:  # the client has gone
                sock.close()
                return
        sock.setblocking(False)  # of eventlet's what is around the socket has to be told, not the one within
        self._watch(_Guest(sock, address, Frame(self._max_body)))

    def _watch(self, guest: _Guest) -> None:
        self._guests[guest.sock.fileno()] = guest
        self._held += guest.held
        self._selector.register(guest.sock, selectors.EVENT_READ, guest)
        self._bound(guest)
        self._go_on(guest)

    def _go_on(self, guest: _Guest) -> None:
        if not guest.left or self._is_sent(guest):
            self._receive(guest)

    def _is_sent(self, guest: _Guest) -> bool:
        """Send of an answer what can go now; return whether that was all, and a request may follow."""
        before = guest.left
        try:
            guest.conn.wfile.send()
        except _LATER as later:
            wants = selectors.EVENT_READ if isinstance(later, ssl.SSLWantReadError) else selectors.EVENT_WRITE
            self._selector.modify(guest.sock, wants, guest)
        except OSError:
            self._dismiss(guest)
            return False
        finally:
            self._held -= before - guest.left
        if guest.left:
            if guest.left < before:
                guest.deadline = time.monotonic() + BODY_SECONDS
            return False
        if guest.last:
            self._dismiss(guest)
            return False
        guest.deadline = time.monotonic() + HEAD_SECONDS
        self._selector.modify(guest.sock, selectors.EVENT_READ, guest)
        return True

    def _come_back(self, conn: Any) -> None:
        guest: _Guest = conn.guest
        guest.sock.setblocking(False)
        guest.deadline, guest.told = time.monotonic() + (BODY_SECONDS if guest.left else HEAD_SECONDS), False
        self._watch(guest)

    def _receive(self, guest: _Guest) -> None:
        """Read what there is; TLS may have read it already, and then the kernel does not tell of it."""
        try:
            if guest.conn is None:
                self._shake_hands(guest)
            while guest.frame.progress in (Progress.HEAD, Progress.BODY):
                piece = guest.sock.recv(_PIECE)
                if not piece:
                    guest.frame.progress = Progress.BROKEN
                    break
                self._take(guest, piece)
        except _LATER as later:
            wants = selectors.EVENT_WRITE if isinstance(later, ssl.SSLWantWriteError) else selectors.EVENT_READ
            self._selector.modify(guest.sock, wants, guest)
        except ssl.SSLError as error:
            self._refuse(guest, error)
        except OSError:
            self._dismiss(guest)
        else:
            self._hand_over(guest)

    def _take(self, guest: _Guest, piece: bytes) -> None:
        before, held = guest.frame.progress, len(guest.frame.data)
        progress = guest.frame.take(piece)
        self._held += len(guest.frame.data) - held
        self._bound(guest)
        if progress is Progress.BODY and before is Progress.HEAD:
            guest.deadline = time.monotonic() + BODY_SECONDS
        if progress is Progress.BODY and guest.frame.expects and not guest.told:
            guest.told = True
            guest.sock.send(_CONTINUE)

    def _bound(self, guest: _Guest) -> None:
        """Let others go whose bytes are too many with those of ``guest``."""
        for other in [each for each in self._guests.values() if each is not guest] if self._held > MAX_HELD else ():
            if self._held > MAX_HELD:
                self._dismiss(other)

    def _shake_hands(self, guest: _Guest) -> None:
        environ: dict[str, Any] = {}
        if adapter := self._server.ssl_adapter:
            assert isinstance(guest.sock, ssl.SSLSocket)  # nosec B101 - that is what the adapter made of it
            guest.sock.do_handshake()
            environ = adapter.get_environ(guest.sock)
        conn = self._server.ConnectionClass(self._server, guest.sock, _open)
        conn.remote_addr, conn.remote_port = guest.address[:2]
        conn.ssl_env = environ
        conn.guest, guest.conn = guest, conn

    def _hand_over(self, guest: _Guest) -> None:
        frame = guest.frame
        whole = frame.progress is Progress.WHOLE
        if not whole and not frame.data:
            self._dismiss(guest)  # nothing was asked
            return
        self._forget(guest)
        given = frame.data[: frame.end] if whole else frame.data
        guest.frame = Frame(self._max_body)
        if whole:
            guest.frame.take(bytes(frame.data[frame.end :]))
        guest.sock.setblocking(True)  # eventlet's takes a timeout for no end of not blocking
        guest.sock.settimeout(self._server.timeout)
        # Another one for each request: what the last one has left unread is nothing to this one.
        guest.conn.rfile = reader = _Reader(guest.sock)
        reader.source.given += given
        reader.source.deadline = time.monotonic() + (0 if whole else _BROKEN_SECONDS)
        self._server.process_conn(guest.conn)

    def _refuse(self, guest: _Guest, error: ssl.SSLError) -> None:
        LOG.info("no TLS with %s: %s", guest.address[0], error.reason or error)
        if guest.conn is None and error.reason == "HTTP_REQUEST":
            self._forget(guest)
            guest.sock = socket.socket(fileno=guest.sock.detach())
            _say(guest.sock, _NO_TLS)
        self._dismiss(guest)

    def _expire(self, now: float) -> None:
        for guest in [each for each in self._guests.values() if each.deadline < now]:
            self._go_on(guest)  # this process may have stood still, and not they
            if self._guests.get(guest.sock.fileno()) is not guest or guest.deadline >= now:
                continue
            if guest.frame.data and not guest.left:
                _say(guest.sock, _TIMEOUT)
            self._dismiss(guest)

    def _make_room(self, limit: int) -> None:
        while len(self._guests) > limit:
            self._dismiss(next(iter(self._guests.values())))

    def _forget(self, guest: _Guest) -> None:
        if self._guests.pop(guest.sock.fileno(), None) is not None:
            self._selector.unregister(guest.sock)
            self._held -= guest.held

    def _dismiss(self, guest: _Guest) -> None:
        self._forget(guest)
        with contextlib.suppress(OSError):
            guest.sock.shutdown(socket.SHUT_RDWR)
        guest.sock.close()

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # it is full, so it rings, or closed
            self._button.send(b".")


def _say(sock: socket.socket, text: bytes) -> None:
    with contextlib.suppress(OSError):
        sock.send(text)
