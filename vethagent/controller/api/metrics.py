"""``/metrics``: the fleet, for Prometheus."""

import falcon
import prometheus_client

from vethagent.controller.api.body import parse_query
from vethagent.controller.metrics import FleetMetrics
from vethagent.controller.requests import NoQuery


class Metrics:
    """All of the fleet."""

    def __init__(self, fleet: FleetMetrics) -> None:
        self._fleet = fleet

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Show, in Prometheus' text format."""
        parse_query(NoQuery, request)
        response.content_type = prometheus_client.CONTENT_TYPE_LATEST
        response.data = self._fleet.text()
