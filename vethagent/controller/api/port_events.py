"""``/v1/port-events``."""

import falcon

from vethagent import model
from vethagent.controller import views
from vethagent.controller.api.body import parse_query
from vethagent.controller.api.partial import partial
from vethagent.controller.api.resource import answer_list
from vethagent.controller.events import Events
from vethagent.controller.requests import EventQuery


class EventList(model.Model):
    """Port events by rising id."""

    port_events: list[partial(views.Event)]  # type: ignore[valid-type]


class PortEvents:
    """All port events."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """List."""
        query = parse_query(EventQuery, request)
        answer_list(response, "port_events", self._events.list(query), fields=query.fields)
