"""The REST API of a controller in a namespace, spoken to without a process in between."""

import http.client
import json
import socket
from typing import Any, NamedTuple

from tests.support import commands, namespaces

PORT = 9798

Link = dict[str, Any]


class Answer(NamedTuple):
    """An answer; ``body`` is decoded JSON, None if there is none."""

    status: int
    body: Any
    headers: dict[str, str]


class Rest:
    """The API on a ``port`` of the loopback of ``namespace``."""

    def __init__(self, namespace: namespaces.Namespace, port: int = PORT) -> None:
        self._namespace = namespace
        self._port = port

    def request(
        self, method: str, path: str, body: object = None, *, raw: bytes | None = None, media_type: str | None = None
    ) -> Answer:
        """Send ``body`` as JSON, or ``raw`` as it is; OSError if nobody listens."""
        headers = {} if body is None and raw is None else {"Content-Type": media_type or "application/json"}
        data = json.dumps(body).encode() if body is not None else raw
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        with self._namespace.entered():
            connection.sock = socket.create_connection(("127.0.0.1", self._port), timeout=20)
        try:
            connection.request(method, path, body=data, headers=headers)
            response = connection.getresponse()
            text = response.read()
            names = {name.lower(): value for name, value in response.getheaders()}
        finally:
            connection.close()
        is_json = names.get("content-type", "").startswith("application/json")
        return Answer(response.status, json.loads(text) if text and is_json else None, names)

    def get(self, path: str) -> Any:
        """Return the body of a GET that succeeds."""
        answer = self.request("GET", path)
        assert answer.status == http.client.OK, answer
        return answer.body

    def create(self, link: Link) -> Link:
        """Create a link and return it."""
        answer = self.request("POST", "/v1/bridge-links", link)
        assert answer.status == http.client.CREATED, answer
        created: Link = answer.body
        return created

    def delete(self, link_id: str) -> None:
        """Ask for the end of a link."""
        answer = self.request("DELETE", f"/v1/bridge-links/{link_id}")
        assert answer.status in (http.client.ACCEPTED, http.client.NOT_FOUND), answer

    def links(self, query: str = "") -> list[Link]:
        """Return the links that ``query`` selects."""
        links: list[Link] = self.get(f"/v1/bridge-links?{query}")["bridge_links"]
        return links

    def events(self, query: str = "") -> list[dict[str, Any]]:
        """Return the port events that ``query`` selects, the oldest first."""
        events: list[dict[str, Any]] = self.get(f"/v1/port-events?{query}")["port_events"]
        return events

    def wait_until_served(self) -> None:
        """Wait until the API answers."""
        commands.wait_until(self.is_served, what="the API", timeout=30, interval=0.1)

    def wait_for_agent(self, host: str, *, timeout: float = 30) -> dict[str, Any]:
        """Wait until the agent of ``host`` is alive and in step; return what the API says of it."""

        def ready() -> dict[str, Any] | None:
            answer = self.request("GET", f"/v1/agents/{host}")
            found: dict[str, Any] | None = answer.body
            return found if answer.status == http.client.OK and found and found["alive"] and found["ready"] else None

        found = commands.wait_until(ready, what=f"the agent of {host}", timeout=timeout)
        assert found is not None
        return found

    def wait_for_status(self, link_id: str, status: str, *, timeout: float = 30) -> Link:
        """Wait until a link has ``status`` and return it."""
        seen: Link = {}

        def reached() -> bool:
            seen.update(self.get(f"/v1/bridge-links/{link_id}"))
            return bool(seen["status"] == status)

        try:
            commands.wait_until(reached, what=status, timeout=timeout)
        except AssertionError as error:
            raise AssertionError(f"the link is not {status} within {timeout:g} s: {seen}") from error
        return seen

    def wait_until_gone(self, link_id: str, *, timeout: float = 30) -> None:
        """Wait until a link is not known any more."""
        commands.wait_until(
            lambda: self.request("GET", f"/v1/bridge-links/{link_id}").status == http.client.NOT_FOUND,
            what=f"the end of {link_id}",
            timeout=timeout,
        )

    def is_served(self) -> bool:
        """Return whether the API answers, and all that it needs is there."""
        try:
            return self.request("GET", "/healthcheck").status == http.client.OK
        except OSError:
            return False


class PatientRest(Rest):
    """As of somebody who asks again when the API is killed, whatever came of what he had asked for."""

    def __init__(self, namespace: namespaces.Namespace, *, patience: float) -> None:
        """``patience`` are the seconds in which it has to be back."""
        super().__init__(namespace)
        self._patience = patience

    def request(
        self, method: str, path: str, body: object = None, *, raw: bytes | None = None, media_type: str | None = None
    ) -> Answer:
        """Ask until there is an answer."""

        def answer() -> Answer | None:
            try:
                return super(PatientRest, self).request(method, path, body, raw=raw, media_type=media_type)
            except (ConnectionError, http.client.HTTPException):
                return None

        found = commands.wait_until(answer, what=f"an answer to {method} {path}", timeout=self._patience, interval=0.1)
        assert found is not None
        return found
