"""The small HTTP listener where Prometheus asks a process without an API for its metrics."""

import contextlib
import http.server
import logging
import socket
import socketserver
import threading
import time
import urllib.parse
from collections.abc import Callable
from typing import Any
from wsgiref.types import WSGIApplication

import prometheus_client

LOG = logging.getLogger(__name__)

#: Seconds for which a client is waited for that sends nothing, or takes nothing of its answer.
SECONDS = 10.0
#: Connections, a thread for each; of more the first is closed, so that who holds them holds up nobody.
MOST = 16
_STOP_SECONDS = 1.0
#: Seconds, so that what cannot be helped now is not tried all the time.
_BREATH = 0.05


class MetricsListener:
    """Serves ``/metrics`` of one registry, from ``start`` to ``stop``."""

    def __init__(self, registry: prometheus_client.CollectorRegistry, *, host: str, port: int) -> None:
        """``port`` 0 is no listener at all."""
        self._registry = registry
        self._host = host
        self._port = port
        self._stop: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Listen, on threads of its own. That it cannot be listened there is logged: metrics hold up no link."""
        if self._port == 0:
            return
        try:
            server = _Server(self._host, self._port, prometheus_client.make_wsgi_app(self._registry))
        except OSError as error:
            LOG.warning("No metrics are served, %s port %d cannot be listened on: %s", self._host, self._port, error)
            return
        thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
        thread.start()

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join(_STOP_SECONDS)

        self._stop = stop
        LOG.info("serving metrics on %s port %d", self._host, self._port)

    def stop(self) -> None:
        """Listen no more."""
        self._stop()
        self._stop = lambda: None


class _Server(socketserver.ThreadingTCPServer):
    """Not one of http.server: that asks name servers what the address is called, and they may not answer."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, host: str, port: int, application: WSGIApplication) -> None:
        self.application = application
        self._lock = threading.Lock()
        self._open: dict[socket.socket, None] = {}
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family, address = found[0][0], found[0][4]
        super().__init__(address, _Handler)  # type: ignore[arg-type]  # with IPv6 there are more than two parts

    def get_request(self) -> tuple[socket.socket, Any]:
        try:
            return super().get_request()
        except OSError:  # of file descriptors there are no more
            time.sleep(_BREATH)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            if len(self._open) >= MOST:
                first = next(iter(self._open))
                del self._open[first]
                with contextlib.suppress(OSError):  # the client has gone
                    first.shutdown(socket.SHUT_RDWR)  # its thread closes it
            self._open[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        LOG.debug("A scrape from %s has failed", client_address[0], exc_info=True)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(SECONDS)

    def do_GET(self) -> None:
        """Answer as the application does."""
        parts = urllib.parse.urlsplit(self.path)
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "HTTP_ACCEPT": self.headers.get("Accept", ""),
            "HTTP_ACCEPT_ENCODING": self.headers.get("Accept-Encoding", ""),
        }

        def begin(status: str, headers: list[tuple[str, str]], *_: object) -> Callable[[bytes], object]:
            self.send_response(int(status.partition(" ")[0]))
            for header in headers:
                self.send_header(*header)
            return self.wfile.write

        body = b"".join(self.server.application(environ, begin))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: who asks and how often is of no use in a log."""
