"""The API's part of many plugs, with the casts held back until they are asked for. Started by ``casts`` and ``burst``.

Reads one request a line and answers with one line of JSON:

* ``{"create": [body, ...]}`` stores links and holds their cast; the answer is their ids
* ``{"cast": "bulk"}`` or ``{"cast": "single"}`` casts what is held, by one cast or by one for each link; the answer is
  the time just before the first one left, by the machine's monotonic clock
* ``{"again": count}`` casts what was cast last, over and over, one link a cast; the answer is when it began and ended
"""

from vethagent.cmd import bootstrap

bootstrap.choose("threading")

import itertools
import json
import sys
import time
from collections.abc import Sequence
from typing import Any, TextIO

from oslo_config import cfg

from vethagent import conf as options
from vethagent import model
from vethagent.cmd import common
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.rpc import transport as bus
from vethagent.rpc.agent_api import AgentAPI

_CONTEXT: bus.Context = {"request_id": None}


class HoldingAgentAPI(AgentAPI):
    """Holds back what is to be plugged."""

    held: Sequence[model.BridgeLink] = ()

    def plug_bridge_link(self, context: bus.Context, link: model.BridgeLink) -> None:
        self.held = [link]

    def plug_bridge_links(self, context: bus.Context, host: str, links: Sequence[model.BridgeLink]) -> None:
        self.held = links

    def let_go(self, *, single: bool) -> float:
        """Cast what is held; return when that began."""
        begun = time.perf_counter()
        if single:
            for link in self.held:
                super().plug_bridge_link(_CONTEXT, link)
        else:
            super().plug_bridge_links(_CONTEXT, self.held[0].host, self.held)
        return begun

    def again(self, count: int) -> tuple[float, float]:
        """Cast one link after the other, ``count`` times; return when that began and ended."""
        begun = time.perf_counter()
        for link in itertools.islice(itertools.cycle(self.held), count):
            super().plug_bridge_link(_CONTEXT, link)
        return begun, time.perf_counter()


def answer(request: dict[str, Any], links: Links, agent_api: HoldingAgentAPI) -> object:
    """Do what one request asks for."""
    if "create" in request:
        bodies = [model.BridgeLinkCreate.model_validate(body) for body in request["create"]]
        return [link.id for link in links.create_all(_CONTEXT, bodies)]
    if "cast" in request:
        return agent_api.let_go(single=request["cast"] == "single")
    return agent_api.again(request["again"])


def serve(requests: TextIO, answers: TextIO) -> None:
    """Answer until ``requests`` ends."""
    conf = cfg.CONF
    agent_api = HoldingAgentAPI(common.open_transport(conf))
    links = Links(common.open_database(conf), agent_api, Liveness(conf.controller.agent_down_time))
    for line in requests:
        print(json.dumps(answer(json.loads(line), links, agent_api)), file=answers, flush=True)


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout, sys.stderr  # where the logs go by themselves
    common.configure(cfg.CONF, "vethagent-api", options.list_api_opts)
    serve(sys.stdin, answers)
