"""The small HTTP listener where Prometheus asks a process without an API for its metrics."""

import logging
from collections.abc import Callable

import prometheus_client

LOG = logging.getLogger(__name__)

_STOP_SECONDS = 1.0


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
            server, thread = prometheus_client.start_http_server(self._port, self._host, self._registry)
        except OSError as error:
            LOG.warning("No metrics are served, %s port %d cannot be listened on: %s", self._host, self._port, error)
            return

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
