"""Galera: a node without a majority is left for one that has it, and two nodes that are written to lose nothing."""

import concurrent.futures
import contextlib
import pathlib
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy
from oslo_config import cfg
from sqlalchemy import event

from tests.functional.controller.site import Site
from tests.support import galera
from tests.unit.controller import fakes
from tests.unit.controller.conftest import count
from tests.unit.controller.test_physical import Fleet
from vethagent import conf as options
from vethagent import exceptions, model
from vethagent.cmd import common
from vethagent.controller.agents import Agents
from vethagent.controller.db import migration, models
from vethagent.controller.db.database import Database
from vethagent.controller.errors import NameConflict, PhysicalLoop, PreconditionFailed
from vethagent.controller.events import Events
from vethagent.controller.fleet.templates import Templates
from vethagent.controller.inventories import Inventories
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.controller.reports import Reports
from vethagent.controller.requests import AgentUpdate


@pytest.fixture(scope="module")
def cluster(_machine: None) -> Iterator[galera.Cluster]:
    with galera.Cluster() as made:
        yield made


@pytest.fixture(scope="module")
def url(cluster: galera.Cluster) -> str:
    """A database of the first node, in which one agent has reported."""
    made = cluster.first.create()
    migration.upgrade(made)
    database = Database(made)
    Reports(database, Liveness(75, database.clock.now)).take(fakes.report("h1"))
    database.close()
    return made


class Copy:
    """An API and a controller over one node."""

    def __init__(self, url: str, liveness: Liveness) -> None:
        # What a test has stored through one node it is to find in the other.
        self.database = Database(url, wsrep_sync_wait=1)
        agent_api: Any = fakes.AgentApi()
        self.links = Links(self.database, agent_api, liveness)
        self.agents = Agents(self.database, agent_api, liveness)
        self.templates = Templates(self.database, agent_api, liveness)
        self.events = Events(self.database, liveness)
        self.fleet = Fleet(self.links, Reports(self.database, liveness), Inventories(self.database, liveness))


@pytest.fixture
def copies(cluster: galera.Cluster, url: str, liveness: Liveness) -> Iterator[tuple[Copy, Copy]]:
    on_second = url.replace(str(cluster.first.folder), str(cluster.second.folder))
    made = Copy(url, liveness), Copy(on_second, liveness)
    yield made
    for copy in made:
        copy.database.close()


def test_a_node_without_a_majority(cluster: galera.Cluster, url: str, liveness: Liveness) -> None:
    site = Site(cluster.through_address(url), liveness)
    assert site.list().status_code == 200
    with cluster.parted():
        for _ in range(3):  # by connections that were there, and by new ones
            with pytest.raises(exceptions.DatabaseUnavailable):
                site.database.ping()
            site.check_request()
            site.check_event()
            assert site.list().status_code == 503
        cluster.lead_to(cluster.second)
        site.check()
    site.database.close()


def _at_once(copies: tuple[Copy, Copy], first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
    """Do both so that neither is committed before the other is about to be; return what they return or raise."""
    met = threading.Barrier(2)
    with contextlib.ExitStack() as cleanup:
        for copy in copies:
            came = threading.Event()

            def wait(_: object, came: threading.Event = came) -> None:
                if not came.is_set():
                    came.set()
                    met.wait(30)

            engine = copy.database._engine
            event.listen(engine, "commit", wait)
            cleanup.callback(event.remove, engine, "commit", wait)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            done = [pool.submit(each) for each in (first, second)]
    return [each.exception() or each.result() for each in done]


def _one_refused(
    copies: tuple[Copy, Copy], refusal: type[Exception], first: Callable[[], Any], second: Callable[[], Any]
) -> None:
    """Check that of two that are done at once one is refused."""
    found = _at_once(copies, first, second)
    assert [isinstance(each, refusal) for each in found].count(True) == 1, found


def test_reads_wait_if_the_configuration_says_so(copies: tuple[Copy, Copy], tmp_path: pathlib.Path) -> None:
    url = copies[1].database._engine.url.render_as_string(hide_password=False)
    file = tmp_path / "vethagent.conf"
    file.write_text(f"[database]\nconnection = {url}\nmysql_wsrep_sync_wait = 1\n")
    conf = cfg.ConfigOpts()
    common.read(conf, "vethagent-api", options.list_api_opts, ["--config-file", str(file)])
    database = common.open_database(conf)
    with database.reader() as session:
        assert session.scalar(sqlalchemy.text("SELECT @@wsrep_sync_wait")) == 1
    database.close()


def test_one_name(copies: tuple[Copy, Copy]) -> None:
    one, two = (
        fakes.body(name="same", ends=[{"bridge": "br1"}, {"bridge": bridge}]) for bridge in ("br-one", "br-two")
    )
    _one_refused(
        copies,
        NameConflict,
        lambda: copies[0].links.create(fakes.CONTEXT, one),
        lambda: copies[1].links.create(fakes.CONTEXT, two),
    )


def test_one_id(copies: tuple[Copy, Copy]) -> None:
    body = fakes.body(id=str(uuid.uuid4()), ends=[{"bridge": "br-one"}, {"bridge": "br-five"}])
    found = _at_once(copies, *(lambda copy=copy: copy.links.create_once(fakes.CONTEXT, body) for copy in copies))
    assert sorted(new for _, new in found) == [False, True]


def test_one_generation(copies: tuple[Copy, Copy]) -> None:
    link = copies[0].links.create(fakes.CONTEXT, fakes.body(ends=[{"bridge": "br-one"}, {"bridge": "br-three"}]))
    _one_refused(
        copies,
        PreconditionFailed,
        *(
            lambda copy=copy, mtu=mtu: copy.links.update(
                fakes.CONTEXT, link.id, model.BridgeLinkUpdate(mtu=mtu), generations=[1]
            )
            for copy, mtu in zip(copies, (1400, 1300), strict=True)
        ),
    )
    with copies[0].database.reader() as session:
        told = session.scalars(sqlalchemy.select(models.LinkChange.generation).filter_by(link_id=link.id)).all()
    assert sorted(told) == [1, 2]


def test_one_event(copies: tuple[Copy, Copy]) -> None:
    link = copies[0].links.create(fakes.CONTEXT, fakes.body(ends=[{"bridge": "br-one"}, {"bridge": "br-four"}]))
    sent = fakes.batch([fakes.event(link.id, 1)], stream=str(uuid.uuid4()))
    before = count(copies[0].database, models.PortEvent)
    found = _at_once(copies, *(lambda copy=copy: copy.events.store(sent) for copy in copies))
    assert sorted(map(len, found)) == [0, 1], found
    assert count(copies[0].database, models.PortEvent) == before + 1


def test_one_ring(copies: tuple[Copy, Copy]) -> None:
    _one_refused(
        copies,
        PhysicalLoop,
        lambda: copies[0].fleet.create("h2", "br-a", "br-b"),
        lambda: copies[1].fleet.create("h3", "br-a", "br-b"),
    )


def test_one_ring_of_pieces_of_a_host(copies: tuple[Copy, Copy]) -> None:
    copies[0].fleet.create("h2", "br-c", "br-a")
    _one_refused(
        copies,
        PhysicalLoop,
        lambda: copies[0].fleet.create("h3", "br-c", "br-x"),
        lambda: copies[1].fleet.create("h3", "br-x", "br-a"),
    )


def test_a_template_and_a_label_for_it(copies: tuple[Copy, Copy]) -> None:
    body = model.LinkTemplateCreate.model_validate(
        {
            "name": "t",
            "link": {"ends": [{"bridge": "br-t"}, {"bridge": "br-u"}]},
            "selector": {"labels": ["rack=1"]},
        }
    )
    found = _at_once(
        copies,
        lambda: copies[0].templates.create(fakes.CONTEXT, body),
        lambda: copies[1].agents.update(fakes.CONTEXT, "h1", AgentUpdate(labels={"rack": "1"})),
    )
    assert not [each for each in found if isinstance(each, Exception)], found
    assert count(copies[0].database, models.TemplateMember) == 1
