"""How long the page takes with 2000 hosts and 20,000 links: until it shows them, and until a search is answered.

    python -m tools.page_speed [--hosts 2000] [--links 20000] [--rounds 5] [--changing 0]

With --changing so many links a second are told to be DOWN or ACTIVE again meanwhile, in the process of the API.

Needs Debian's chromium. The API runs in this process on a free port of the loopback, over a SQLite file of its own.
"""

import argparse
import contextlib
import datetime
import itertools
import pathlib
import random
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import sqlalchemy
from oslo_config import cfg
from playwright import sync_api

from vethagent import model
from vethagent.controller.api import app, auth, policies
from vethagent.controller.api.server import ApiServer
from vethagent.controller.db import migration, models
from vethagent.controller.db.database import Database
from vethagent.controller.events import Events
from vethagent.controller.liveness import Liveness

NOW = datetime.datetime.now(datetime.UTC)


def seed(database: Database, hosts: int, links: int) -> None:
    """Fill the tables as agents that are well would have."""
    names = [f"compute-{number:04}" for number in range(hosts)]
    rows = [_link(names[number % hosts], number) for number in range(links)]
    with database.writer() as session:
        session.execute(sqlalchemy.insert(models.Agent), [_agent(name, links // hosts) for name in names])
        session.execute(sqlalchemy.insert(models.BridgeLink), rows)
        session.execute(sqlalchemy.insert(models.LinkEnd), [end for row in rows for end in _ends(row)])


def _agent(host: str, links: int) -> dict[str, Any]:
    return {
        **dict.fromkeys(("started_at", "reported_at"), NOW),
        **dict.fromkeys(("mode", "reported_mode"), "enforce"),
        **dict.fromkeys(("desired_digest", "observed_digest"), "0" * 32),
        "host": host,
        "agent_version": "1.0",
        "contract_version": "1.1",
        "report_interval": 30.0,
        "ready": True,
        "health": [],
        "links": {"ACTIVE": links},
        "counters": {"casts": 12, "batches": 40, "events_plugged": 10, "events_repaired": 2, "syncs": 3},
        "incarnation": str(uuid.uuid4()),
    }


def _link(host: str, number: int) -> dict[str, Any]:
    end = {"bridge": "br1", "kind": "linux", "device": f"a{number}", "present": True, "mtu": 1500, "up": True}
    return {
        **dict.fromkeys(("created_at", "updated_at", "status_changed_at"), NOW),
        **dict.fromkeys(("adopt", "allow_loop"), False),
        **dict.fromkeys(("admin_state_up", "confirm"), True),
        "id": str(uuid.uuid4()),
        "host": host,
        "name": f"link-{number}",
        "generation": 1,
        "observed_generation": 1,
        "status": "ACTIVE",
        "reported_status": "ACTIVE",
        "reason": "",
        "reported_reason": "",
        "message": "",
        "observed": [end, {**end, "device": f"b{number}"}],
        "differences": [],
    }


def _ends(row: dict[str, Any]) -> list[dict[str, Any]]:
    common = {"link_id": row["id"], "host": row["host"]}
    devices = [end["device"] for end in row["observed"]]
    return [
        {**common, "position": 0, "bridge": "br1", "kind": "linux", "device": devices[0]},
        {**common, "position": 1, "bridge": "br-eth1", "kind": "ovs", "device": devices[1]},
    ]


@contextlib.contextmanager
def changing(database: Database, each_second: int) -> Iterator[None]:
    """Have so many links a second change while the block runs."""
    with database.reader() as session:
        links = session.execute(sqlalchemy.select(models.BridgeLink.id, models.BridgeLink.host)).all()
    ended, events, numbers = threading.Event(), Events(database, Liveness(86400)), itertools.count(1)
    stream, rng = str(uuid.uuid4()), random.Random(1)

    def run() -> None:
        while not ended.wait(1 / each_second):
            link, number = rng.choice(links), next(numbers)
            status, reason, kind = (("DOWN", "DRIFT", "drifted"), ("ACTIVE", "", "repaired"))[number % 2]
            state = {"link_id": link.id, "generation": 1, "status": status, "reason": reason}
            event = {"seq": number, "kind": kind, "state": state, "observed_at": NOW}
            events.store(model.PortEvents.model_validate({"host": link.host, "stream": stream, "events": [event]}))

    thread = threading.Thread(target=run, daemon=True)
    if each_second:
        thread.start()
    yield
    ended.set()
    if each_second:
        thread.join()


def serve(database: Database) -> ApiServer:
    """Return the API, listening."""
    conf = cfg.ConfigOpts()
    conf([], project="vethagent")
    application = app.build(
        database,
        None,  # type: ignore[arg-type]  # nothing is cast
        liveness=Liveness(86400),
        authentication=auth.Noauth(),
        rules=policies.Rules(conf),
    )
    server = ApiServer(application, host="127.0.0.1", port=0, max_body=app.MAX_BODY)
    server.start()
    return server


def measure(page: sync_api.Page, url: str, host: str, link: str) -> tuple[float, float, float]:
    """Return three times in seconds.

    They are until hosts are shown, from the last key until only ``host`` is, and from Enter until ``link`` is shown.
    """
    begun = time.perf_counter()
    page.goto(url)
    page.locator("tbody tr").first.wait_for()
    shown = time.perf_counter() - begun
    search = page.evaluate(
        """(text) => {
            const field = document.getElementById("search");
            const begun = performance.now();
            field.value = text;
            field.dispatchEvent(new Event("input"));
            document.body.getBoundingClientRect();
            return [performance.now() - begun, document.querySelectorAll("tbody tr").length];
        }""",
        host,
    )
    assert search[1] == 1, search
    page.locator("#search").fill(link)
    begun = time.perf_counter()
    page.locator("#search").press("Enter")
    page.get_by_role("heading", name=f"Link {link}").wait_for()
    return shown, search[0] / 1000, time.perf_counter() - begun


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("hosts", 2000), ("links", 20_000), ("rounds", 5), ("changing", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_api.sync_playwright() as playwright:
        url = f"sqlite:///{pathlib.Path(folder, 'controller.sqlite')}"
        migration.upgrade(url)
        database = Database(url)
        seed(database, options.hosts, options.links)
        server = serve(database)
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        figures = []
        address, host, link = f"http://127.0.0.1:{server.address[1]}/ui", options.hosts - 1, options.links - 1
        with changing(database, options.changing):
            for _ in range(options.rounds):
                page = browser.new_page()
                figures.append(measure(page, address, f"compute-{host:04}", f"link-{link}"))
                page.close()
        browser.close()
        server.stop()
        database.close()
    for title, values in zip(("first view", "search", "link by name"), zip(*figures, strict=True), strict=True):
        spread = f"{min(values) * 1000:.0f} to {max(values) * 1000:.0f}"
        print(f"{title:<12} median {statistics.median(values) * 1000:6.0f} ms  ({spread} ms, {len(values)} rounds)")


if __name__ == "__main__":
    main()
