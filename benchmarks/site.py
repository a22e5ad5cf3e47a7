"""One host with its agent, and a controller that drives it over RabbitMQ."""

import contextlib
import json
import sqlite3
import time
from collections.abc import Mapping, Sequence

from benchmarks.shapes import Wanted
from benchmarks.watcher import Watcher
from tests.support import commands, deployment, rest, tidy

HOST = "compute-1"
#: Seconds within which any number of links is to carry.
LONG = 250.0


class Site(tidy.Tidy):
    """A deployment, and a watcher that sees what becomes of links."""

    def __init__(self, *, concurrency: str, agent: Mapping[str, str] | None = None) -> None:
        super().__init__()
        with self._building():
            self.made = self._cleanup.enter_context(deployment.Deployment())
            self.node = self.made.add_node(HOST, concurrency=concurrency, agent=agent)
            self.host = self.node.host
            self.api: rest.Rest = self.made.rest
            self.watcher = self._cleanup.enter_context(Watcher(self.host))

    def plug(self, links: Sequence[Wanted]) -> list[str]:
        """Ask for links in one bulk request; return their ids once it is answered."""
        body = {"bridge_links": [link.body(HOST) for link in links]}
        answer = self.api.request("POST", "/v1/bridge-links/bulk-create", body)
        assert answer.status in (200, 201), answer
        return [link["id"] for link in answer.body["bridge_links"]]

    def place(self, links: Sequence[Wanted]) -> list[str]:
        """Plug links in one request; return their ids once each carries and is stored as ACTIVE."""
        ids = self.plug(links)
        self.watcher.wait_until_carrying(links, LONG)
        self.wait_until_stored(ids, "ACTIVE")
        return ids

    def unplug(self, ids: Sequence[str]) -> None:
        """Ask for their end in one bulk request."""
        answer = self.api.request("POST", "/v1/bridge-links/bulk-delete", {"ids": list(ids)})
        assert answer.status in (200, 202), answer

    def wait_until_stored(self, ids: Sequence[str], status: str | None) -> None:
        """Wait until the controller has ``status`` of each, None: until it knows none of them any more."""
        wanted = set(ids)

        def stored() -> bool:
            # The newest, as a page has no more, and there may be one more in place.
            shown = {link["id"]: link["status"] for link in self.api.links("limit=1000&sort=created_at:desc")}
            if status is None:
                return wanted.isdisjoint(shown)
            return all(shown.get(link_id) == status for link_id in wanted)

        commands.wait_until(stored, what=f"{status} of {len(ids)} links", timeout=120, interval=0.3)

    def tell(self) -> None:
        """Have the controller told of the host as it is now: no pair that is not its own joins bridges there.

        By itself an agent tells within a report interval of what others make and remove. Until then the API, before it
        refuses a link between bridges that a peer has joined, asks the agent again, for as long as many plugs take.
        """
        for mode in ("observe", "enforce"):  # each is reported at once
            answer = self.api.request("PATCH", f"/v1/agents/{HOST}", {"mode": mode})
            assert answer.status == 200, answer
        with contextlib.closing(sqlite3.connect(f"file:{self.made.database}?mode=ro", uri=True)) as database:
            held = "SELECT topology FROM host_inventories WHERE host = ?"

            def told() -> bool:
                row = database.execute(held, (HOST,)).fetchone()
                return row is not None and not json.loads(row[0])["ways"]

            commands.wait_until(told, what="the host as it is now", timeout=60)


def settle(site: Site) -> None:
    """Wait until nothing is on its way: ovs-vswitchd closes ports long after they have gone from its database."""
    site.host.vsctl("set", "Open_vSwitch", ".", "external_ids:benchmark=1")
    site.host.vsctl("remove", "Open_vSwitch", ".", "external_ids", "benchmark")
    time.sleep(0.2)
