"""``/healthcheck``: whether a load balancer may send requests here."""

from collections.abc import Callable

import falcon
import oslo_middleware
import webob

from vethagent import exceptions


class Healthcheck:
    """oslo.middleware's answer, with its ways for an operator to take a server out; and the database must be there."""

    def __init__(self, ping: Callable[[], None]) -> None:
        self._ping = ping
        self._healthcheck = oslo_middleware.Healthcheck(None, {"detailed": False})

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Answer 200, or 503 with the reason."""
        try:
            self._ping()
        except exceptions.DatabaseUnavailable:
            response.status = 503
            response.content_type = falcon.MEDIA_TEXT
            response.text = "DATABASE_UNAVAILABLE"
            return
        # Falcon sends no body for HEAD; asked for HEAD itself, oslo.middleware answers 204.
        found = webob.Request({**request.env, "REQUEST_METHOD": "GET"}).get_response(self._healthcheck)
        response.status = found.status
        response.content_type = found.headers["Content-Type"]
        response.data = found.body
