"""What of Keystone the API asks: one token for itself, and whether those of clients are good."""

import json
import uuid
from typing import Any

import cheroot.wsgi
import falcon
from keystoneauth1 import fixture


class Identity:
    """A server of its own on the loopback; ``url`` after ``start``."""

    def __init__(self) -> None:
        self.url = ""
        self._tokens: dict[str, Any] = {}
        app = falcon.App()
        app.add_route("/v3/auth/tokens", self)
        app.add_sink(self._versions, "/")
        self.server = cheroot.wsgi.Server(("127.0.0.1", 0), app, numthreads=2)

    def start(self) -> None:
        """Listen; ``server.serve`` is to be run on a thread."""
        self.server.prepare()
        self.url = f"http://127.0.0.1:{self.server.bind_addr[1]}"

    def give(self, *roles: str, system: bool = False, **options: Any) -> str:
        """Return a new token of erin with ``roles`` in a project or, with ``system``, in the whole system."""
        made = fixture.V3Token(user_name="erin", **options)
        if system:
            made.set_system_scope()
        else:
            made.set_project_scope()
        for role in roles:
            made.add_role(name=role)
        made.add_service("identity").add_standard_endpoints(public=self.url, internal=self.url, admin=self.url)
        token = uuid.uuid4().hex
        self._tokens[token] = made
        return token

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Give the service its token."""
        token = self.give("service")
        response.status = 201
        response.set_header("X-Subject-Token", token)
        response.text = json.dumps(self._tokens[token])

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Tell what a token is good for."""
        found = self._tokens.get(request.get_header("X-Subject-Token") or "")
        response.status = 200 if found else 404
        response.text = json.dumps(found)

    def _versions(self, req: falcon.Request, resp: falcon.Response, **_: Any) -> None:
        found = fixture.DiscoveryList(self.url, v2=False)
        resp.status = 300 if req.path == "/" else 200
        resp.text = json.dumps(found if req.path == "/" else {"version": found["versions"]["values"][0]})
