"""The API's part of a plug, with a look at the clock just before the cast leaves. Started by ``one_link``.

Reads one request body a line, stores and casts it as the API does, and answers with one line of JSON: the link's id and
the time of the cast, in seconds since the epoch.
"""

from vethagent.cmd import bootstrap

bootstrap.choose("threading")

import json
import sys
import time
from typing import TextIO

from oslo_config import cfg

from vethagent import conf as options
from vethagent import model
from vethagent.cmd import common
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.rpc import transport as bus
from vethagent.rpc.agent_api import AgentAPI


class TimedAgentAPI(AgentAPI):
    """Remembers when the last cast left."""

    cast_at = 0.0

    def plug_bridge_link(self, context: bus.Context, link: model.BridgeLink) -> None:
        self.cast_at = time.time()
        super().plug_bridge_link(context, link)


def serve(requests: TextIO, answers: TextIO) -> None:
    """Answer until ``requests`` ends."""
    conf = cfg.CONF
    agent_api = TimedAgentAPI(common.open_transport(conf))
    links = Links(common.open_database(conf), agent_api, Liveness(conf.controller.agent_down_time))
    for line in requests:
        link = links.create({"request_id": None}, model.BridgeLinkCreate.model_validate_json(line))
        print(json.dumps({"id": link.id, "cast_at": agent_api.cast_at}), file=answers, flush=True)


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout, sys.stderr  # where the logs go by themselves
    common.configure(cfg.CONF, "vethagent-api", options.list_api_opts)
    serve(sys.stdin, answers)
