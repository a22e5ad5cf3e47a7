"""The API for those who run no WSGI server of their own."""

import contextlib
import logging
import os
import socket
import threading
from typing import Any
from wsgiref.types import WSGIApplication

import cheroot.errors
import cheroot.server
import cheroot.ssl.builtin
import cheroot.workers.threadpool
import cheroot.wsgi

from vethagent import exceptions
from vethagent.controller.api.errors import BodyTooLarge, InvalidRequest
from vethagent.controller.api.framing import MAX_HEADERS
from vethagent.controller.api.reception import Reception

LOG = logging.getLogger(__name__)

_STOP_TIMEOUT = 2


class ListenError(exceptions.VethagentError):
    """The address is taken or is none of this host, or the TLS files are not good."""

    code = "LISTEN_ERROR"


class ApiServer:
    """Serves ``application`` over HTTP, with ``certificate`` and ``key`` (PEM files) over HTTPS."""

    def __init__(
        self,
        application: WSGIApplication,
        *,
        host: str,
        port: int,
        max_body: int,
        threads: int = 10,
        certificate: str | None = None,
        key: str | None = None,
    ) -> None:
        self._server = _Server((host, port), application, threads, max_body)
        # What frames the chunks counts here; the application counts the body alone, exactly.
        self._server.max_chunked_body = max_body + 64 * 1024
        self._files = (certificate, key or certificate) if certificate is not None else None
        if self._files is not None:
            self._server.ssl_adapter = _tls(*self._files)
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that are really listened on; the port is known after ``start`` if 0 was asked for."""
        host, port = self._server.bind_addr[:2]
        return host, port

    def try_out(self) -> None:
        """Raise ListenError if ``start`` could not listen now."""
        host, port = self.address
        try:
            _try_out(host, port)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else str(error)
            raise ListenError(f"cannot listen on {host} port {port}: {reason}") from error

    def start(self) -> None:
        """Listen, and serve on threads of its own; raise ListenError."""
        self.try_out()  # cheroot does not tell it in a sentence
        try:
            self._server.prepare()
        except OSError as error:
            raise ListenError(f"cannot listen on {self.address[0]} port {self.address[1]}: {error}") from error
        self._thread = threading.Thread(target=self._serve, name="api", daemon=True)
        self._thread.start()
        LOG.info("serving the API on %s port %d", *self.address)

    def renew(self) -> None:
        """Read the TLS files again, for connections from now on; if they are not good those that were read stay."""
        if self._files is None:
            return
        try:
            self._server.ssl_adapter = _tls(*self._files)
        except ListenError as error:
            LOG.error("the certificate stays as it is: %s", error)
        else:
            LOG.info("the certificate %s was read again", self._files[0])

    def stop(self) -> None:
        """Finish the requests that are being served, for a few seconds at most, and listen no more."""
        self._server.stop()
        if self._thread is not None:
            self._thread.join(_STOP_TIMEOUT)

    def _serve(self) -> None:
        self._server.serve()


def _try_out(host: str, port: int) -> None:
    """Raise OSError if nobody could listen on any address of ``host``."""
    refused: OSError | None = None
    for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE):
        try:
            socket.create_server(address, family=family).close()
        except OSError as error:
            refused = error
        else:
            return
    if refused is not None:
        raise refused


def _tls(certificate: str, key: str) -> cheroot.ssl.builtin.BuiltinSSLAdapter:
    try:
        for path in (certificate, key):
            with open(path, "rb"):  # the libraries do not tell which of the two is not there
                pass
        return cheroot.ssl.builtin.BuiltinSSLAdapter(certificate, key)
    except OSError as error:
        raise ListenError(f"TLS with certificate {certificate} and key {key}: {error}") from error


class _Gateway(cheroot.wsgi.Gateway_10):
    """Bounds chunked bodies: cheroot reads each chunk at once, however long the client says that it is."""

    def get_environ(self) -> Any:
        if self.req.chunked_read:
            self.req.rfile = _Chunks(self.req)
        return super().get_environ()  # type: ignore[no-untyped-call]


class _Chunks(cheroot.server.ChunkedRFile):
    """After an error the rest of the body is unknown, so the connection cannot be used again."""

    def __init__(self, req: cheroot.server.HTTPRequest) -> None:
        super().__init__(req.conn.rfile, req.server.max_chunked_body)
        self._req = req

    def _fetch(self) -> None:
        try:
            super()._fetch()  # type: ignore[misc]
        except ValueError as error:
            self._req.close_connection = True
            raise InvalidRequest(f"the body could not be read: {error}") from error
        except (cheroot.errors.MaxSizeExceeded, OSError) as error:
            self._req.close_connection = True
            if isinstance(error, TimeoutError):
                raise
            raise BodyTooLarge("the body has more bytes than are allowed") from error


class _Once(dict[bytes, bytes]):
    """Headers; a second length is refused, as a proxy may have taken the other one for the end of the request."""

    def __setitem__(self, name: bytes, value: bytes) -> None:
        if name == b"Content-Length" and self.get(name, value) != value:
            raise ValueError("Content-Length is given twice.")
        super().__setitem__(name, value)


class _HeaderReader(cheroot.server.HeaderReader):
    """Leaves out names with an underscore: in WSGI X_Forwarded_For would be the same as X-Forwarded-For."""

    def _allow_header(self, key_name: bytes) -> bool:  # cheroot's own class for it fails on bytes
        return b"_" not in key_name

    def __call__(self, rfile: Any, hdict: Any = None) -> Any:
        found = _Once()
        super().__call__(rfile, found)
        if b"Content-Length" in found and b"Transfer-Encoding" in found:
            raise ValueError("Content-Length and Transfer-Encoding exclude each other.")
        read = {} if hdict is None else hdict
        read.update(found)
        return read


class _Request(cheroot.server.HTTPRequest):
    header_reader = _HeaderReader()


class _Connection(cheroot.server.HTTPConnection):
    RequestHandlerClass = _Request

    def close(self) -> None:
        """Close it when the answer has gone; no worker waits for that, until the server ends."""
        if self.wfile.left and self.server._connections.put(self, last=True):
            return
        with contextlib.suppress(OSError):  # the client has gone, or reads nothing
            self.wfile.send()
        super().close()


class _Workers(cheroot.workers.threadpool.ThreadPool):
    """Threads that hold up nobody's end. Those of cheroot serve all that waits first, for as long as that takes."""

    def start(self) -> None:
        starting = threading.Thread(target=super().start, name="api-start", daemon=True)
        starting.start()  # what it starts is a daemon too
        starting.join()

    def stop(self, timeout: float | None = _STOP_TIMEOUT) -> None:
        ending = threading.Thread(target=super().stop, args=[timeout], name="api-stop", daemon=True)
        ending.start()
        ending.join(timeout)


class _Server(cheroot.wsgi.Server):
    max_chunked_body = 0
    max_request_header_size = MAX_HEADERS
    ConnectionClass = _Connection

    def __init__(self, bind_addr: tuple[str, int], application: WSGIApplication, threads: int, max_body: int) -> None:
        super().__init__(bind_addr, application, shutdown_timeout=_STOP_TIMEOUT, request_queue_size=128)
        self.requests = _Workers(self, min=threads)
        self.gateway = _Gateway
        self._max_body = max_body

    def prepare(self) -> None:
        super().prepare()
        self._connections.close()  # type: ignore[has-type]  # cheroot's stubs leave it out
        self._connections = Reception(self, self._max_body)

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        LOG.log(level, "%s", msg, exc_info=traceback)
