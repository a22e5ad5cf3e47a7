"""The process with the agents: ``python -m tools.simulate.crowd``, which reads its settings as a line of JSON.

Prints a line of JSON when it is there, and one for each line that it reads after that:

* ``backlog N`` ends all state reports, and puts N of them into the queue of the controllers.
* ``answered`` tells how many of these are answered.
* Any other has it tell what the agents have done since the last.
"""

from vethagent.cmd import bootstrap

bootstrap.choose("threading")

import collections
import contextlib
import itertools
import json
import logging
import random
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import oslo_messaging
from oslo_config import cfg

from tools.simulate import agent as simulated
from tools.simulate.queues import Backlog, Casts, Depth
from vethagent import model
from vethagent.rpc import transport as bus
from vethagent.rpc import wire
from vethagent.rpc.controller_api import ControllerAPI


class TimedControllerAPI(ControllerAPI):
    """Notes how long each call took, in seconds, by method, and which failed."""

    def __init__(self, transport: Any, *, timeout: float) -> None:
        super().__init__(transport, timeout=timeout)
        self._lock = threading.Lock()
        self._took: dict[str, list[float]] = collections.defaultdict(list)

    def taken(self) -> dict[str, list[float]]:
        """Return what was noted since the last time."""
        with self._lock:
            took, self._took = self._took, collections.defaultdict(list)
        return took

    def report_inventory(self, context: bus.Context, inventory: model.HostInventory) -> None:
        with self._timed("report_inventory"):
            super().report_inventory(context, inventory)

    def _call(self, context: bus.Context, method: str, **arguments: object) -> object:
        with self._timed(method):
            return super()._call(context, method, **arguments)

    @contextlib.contextmanager
    def _timed(self, method: str) -> Iterator[None]:
        began = time.monotonic()
        name = f"{method} failed"
        try:
            yield
            name = method
        finally:
            with self._lock:
                self._took[name].append(time.monotonic() - began)


def main(settings: dict[str, Any]) -> None:
    conf = cfg.CONF
    bus.set_defaults(conf)
    conf([], project="simulate")
    pools = simulated.Pools()
    conf.set_override("rpc_conn_pool_size", pools.threads, group="oslo_messaging_rabbit")
    # It takes calls that many threads make at once for a leak, and says so again and again.
    logging.getLogger("oslo_messaging._drivers.amqpdriver").setLevel(logging.ERROR)
    transport = oslo_messaging.get_rpc_transport(conf, url=settings["url"], allowed_remote_exmods=bus.REMOTE_MODULES)
    simulated.take_kernels_place()
    controller = TimedControllerAPI(transport, timeout=60)
    interval = settings["interval"]
    began = time.monotonic()
    agents = {
        name: simulated.Agent(name, controller, pools, interval=interval, bridges=settings["bridges"])
        for name in settings["hosts"]
    }
    casts = Casts(
        settings["url"], list(agents), lambda host, name, body: getattr(agents[host].endpoint, name)({}, **body)
    )
    casts.start()
    depth = Depth(settings["url"])
    _say({"built": time.monotonic() - began})
    for each in agents.values():
        pools.reports.at(time.monotonic() + random.uniform(0, interval), each)
    backlog = Backlog(settings["url"])
    for line in sys.stdin:
        match line.split():
            case ["backlog", count]:
                pools.reports.close()
                some = itertools.islice(itertools.cycle(agents.values()), int(count))
                backlog.put(wire.dump(each.heartbeat._report()) for each in some)
                _say({})
            case ["answered"]:
                _say({"answered": backlog.answered()})
            case _:
                _say({"took": controller.taken(), "depths": depth.taken()})


def _say(body: dict[str, Any]) -> None:
    print(json.dumps(body), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.stdin.readline()))
