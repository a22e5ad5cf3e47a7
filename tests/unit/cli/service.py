"""The real API over a real database, and in the place of the bus an agent that answers as a test wants."""

import itertools
import uuid
from collections.abc import Iterable, Sequence
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from tests.unit.controller import fakes
from tests.unit.controller.api import applications
from vethagent import exceptions, model
from vethagent.controller.api.server import ApiServer
from vethagent.controller.db.database import Database
from vethagent.controller.events import Events
from vethagent.controller.fleet.fleet import Fleet
from vethagent.controller.inventories import Inventories
from vethagent.controller.liveness import Liveness
from vethagent.controller.reports import Reports
from vethagent.rpc import transport as bus

HOST = "compute-195"
MAX_BODY = 65536


class Server:
    """Listens once for all tests, because to stop listening takes half a second, and serves ``application``."""

    def __init__(self) -> None:
        self.application: WSGIApplication | None = None
        self._server = ApiServer(self._serve, host="127.0.0.1", port=0, max_body=MAX_BODY, threads=2)
        self.start, self.stop = self._server.start, self._server.stop

    @property
    def url(self) -> str:
        return "http://{}:{}".format(*self._server.address)

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        assert self.application is not None
        return self.application(environ, start_response)


class Service:
    """``requests`` are (method, path with query); ``answer`` is what the agent makes of each plug, None is silence.

    ``planned`` is what it says of a plan.
    """

    def __init__(self, url: str, database: Database) -> None:
        self.url = url
        self.requests: list[tuple[str, str]] = []
        self.answer: dict[str, Any] | None = {"status": "ACTIVE", "kind": "plugged"}
        self.planned: dict[str, Any] = {"status": "BUILD"}
        self.unplugs = True
        self.silent = False
        self._liveness = Liveness(75)
        agent_api: Any = self
        self._fleet = Fleet(database, agent_api, self._liveness)
        self._reports = Reports(database, self._liveness, self._heard)
        self._events = Events(database, self._liveness, self._heard)
        self._inventories = Inventories(database, self._liveness)
        self._seq = itertools.count()
        self._application = applications.build(database, agent_api, self._liveness, max_body=MAX_BODY)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
        self.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"] + query))
        return self._application(environ, start_response)

    def _heard(self, template_ids: Iterable[str]) -> None:
        for template_id in template_ids:
            self._fleet.advance(template_id)

    def report(self, host: str = HOST, **fields: Any) -> None:
        self._reports.take(fakes.report(host, **fields))

    def event(self, link_id: str, host: str = HOST, **fields: Any) -> None:
        event = fakes.event(link_id, next(self._seq), **fields)
        stream = str(uuid.uuid5(uuid.NAMESPACE_DNS, host))
        self._events.store(fakes.batch([event], host, stream))

    def tell_inventory(self, host: str) -> None:
        self._inventories.store(model.inventory(self.describe_host({}, host)))

    # -- what the API says to agents

    def plug_bridge_link(self, _context: bus.Context, link: model.BridgeLink) -> None:
        if self.answer is not None:
            ends = [
                {"bridge": end.bridge, "kind": "linux", "device": end.device or f"veth{number}", "present": True}
                for number, end in enumerate(link.ends)
            ]
            self.event(link.id, link.host, **({"generation": link.generation, "ends": ends} | self.answer))

    def unplug_bridge_link(self, _context: bus.Context, host: str, ref: model.LinkRef) -> None:
        if self.unplugs:
            fields = {"generation": ref.generation, "kind": "unplugged", "status": "DOWN", "reason": "UNPLUGGED"}
            self.event(ref.link_id, host, **fields)

    def describe_host(self, _context: bus.Context, host: str) -> model.HostDescription:
        if self.silent:
            raise exceptions.AgentBusy("no answer")
        port = {"device": "phy-br1", "link_id": None}
        bridge = {"name": "br1", "kind": "linux", "mtu": 1500, "ports": [port, {"device": "tap1"}]}
        bridge["physical_network"] = "physnet1"
        pairs = [
            {"devices": ["phy-br1", "eth1-br1"], "bridges": ["br1", "br-eth1"]},
            {"devices": ["a", "b"], "bridges": [None, "br2"], "link_id": "00000000-0000-0000-0000-000000000007"},
        ]
        return model.HostDescription.model_validate({"host": host, "bridges": [bridge], "pairs": pairs})

    def plan_bridge_links(self, _context: bus.Context, host: str, links: Sequence[model.BridgeLink]) -> model.HostPlan:
        steps = ["make the pair", "put it in"]
        planned = [
            {"link_id": link.id, "steps": steps, "state": {"link_id": link.id, "generation": 1} | self.planned}
            for link in links
        ]
        return model.HostPlan.model_validate({"host": host, "links": planned})

    def set_mode(self, _context: bus.Context, host: str, mode: model.Mode) -> None:
        self.report(host, mode=mode)
