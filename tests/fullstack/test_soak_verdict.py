"""A soak that finds nothing has looked: what is not as it has to be is found, in whatever place it is."""

import contextlib
import dataclasses
import json
import pathlib
import sqlite3
from collections.abc import Callable, Iterator

import pytest

from tests.support import commands, daemons, deployment, freezing, processes, traffic
from tools.soak import record, site, verdict, watch
from vethagent import model
from vethagent.agent.store import Store

FIRST, SECOND = site.VICTIM
OTHER = "0b0b0b0b-0b0b-4b0b-8b0b-0b0b0b0b0b0b"

Make = Callable[[site.Site], contextlib.AbstractContextManager[None]]


@dataclasses.dataclass(frozen=True)
class Wrong:
    """While ``make`` lasts a sentence with ``told`` in it is found."""

    name: str
    make: Make
    told: str


@pytest.fixture(scope="module")
def judged(controller_side: deployment.Deployment) -> Iterator[site.Site]:
    """A host of a soak; all is as it has to be."""
    made = site.Site(controller_side, "judged", concurrency="threading", record=record.Record())
    made.settle()
    for each in made.watches.values():
        each.end()
    yield made
    made.remove_all()
    controller_side.remove_node(made.node)


def _found(judged: site.Site) -> list[str]:
    return [*verdict.differences(judged), *verdict.left_over(judged, patience=0), *judged.strangers.changed()]


def _ip(line: str, back: str = "") -> Make:
    """What is not put back is repaired by the agent."""

    @contextlib.contextmanager
    def make(judged: site.Site) -> Iterator[None]:
        judged.batch(line)
        yield
        judged.batch(back)

    return make


def _vsctl(line: str, back: str = "") -> Make:
    @contextlib.contextmanager
    def make(judged: site.Site) -> Iterator[None]:
        judged.host.vsctl("--no-wait", *line.split())
        yield
        if back:
            judged.host.vsctl("--no-wait", *back.split())

    return make


@contextlib.contextmanager
def _another_wish(judged: site.Site) -> Iterator[None]:
    """Somebody else asks for another MTU."""
    before = judged.links["victim"]
    path = f"/v1/bridge-links/{before['id']}"
    assert judged.api.request("PATCH", path, {"mtu": 1400}).status == 200
    yield
    judged.links["victim"] = judged.api.request("PATCH", path, {"mtu": before["mtu"]}).body


@contextlib.contextmanager
def _row(path: pathlib.Path, table: str, where: str) -> Iterator[None]:
    """While the block lasts a database has lost a row."""
    with contextlib.closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as database:
        (row,) = database.execute(f"DELETE FROM {table} WHERE {where} RETURNING *").fetchall()
        yield
        database.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)


def _stored_row_lost(judged: site.Site) -> contextlib.AbstractContextManager[None]:
    return _row(judged.store, "link", f"id = '{judged.links['victim']['id']}'")


@contextlib.contextmanager
def _stored_row_more(judged: site.Site) -> Iterator[None]:
    with contextlib.closing(Store(str(judged.store))) as store:
        link = model.BridgeLink.model_validate(judged.links["victim"])
        store.save(wanted=[(link.model_copy(update={"id": OTHER}), None)])
        yield
        store.save(gone=[(OTHER, 1)])
        store.forget([OTHER])


@contextlib.contextmanager
def _stored_end(judged: site.Site) -> Iterator[None]:
    with contextlib.closing(Store(str(judged.store))) as store:
        store.save(removed=[(OTHER, 1, None)])
        yield
        store.forget([OTHER])


@contextlib.contextmanager
def _helper(judged: site.Site) -> Iterator[None]:
    """A process that is called like one."""
    command = ["bash", "-c", "exec -a /bin/privsep-helper sleep infinity"]
    other = daemons.Daemon(command, name="other", namespace=judged.host.namespace, log=judged.host.folder / "other.log")
    other.start()
    try:
        commands.wait_until(lambda: other.pid in processes.helpers(judged.host), what="a second helper")
        yield
    finally:
        other.kill()


#: The agent stands still meanwhile; after that it repairs what is its own.
WRONG = [
    Wrong("another MTU is wanted", _another_wish, "the controller holds"),
    Wrong("row of the store lost", _stored_row_lost, "the store has"),
    Wrong("row of the store left over", _stored_row_more, "the store has"),
    Wrong("end of a link in the store", _stored_end, f"waits for the end of ['{OTHER}']"),
    Wrong("device deleted", _ip(f"link delete {FIRST}"), f"{FIRST} is missing"),
    Wrong("MTU", _ip(f"link set {FIRST} mtu 1300"), f"{FIRST}: MTU is 1300"),
    Wrong("what is told", _ip(f"link set {SECOND} address 0e:00:00:00:00:98"), f"the controller knows {SECOND} as"),
    Wrong("set down", _ip(f"link set {SECOND} down"), f"{SECOND}: state is DOWN"),
    Wrong("bridge", _ip(f"link set {FIRST} master br2"), f"{FIRST}: master is br2"),
    Wrong("alias", _ip(f'link set {FIRST} alias ""'), f"{FIRST}: alias is None"),
    Wrong("tag", _vsctl(f"set Port {SECOND} tag=7"), f"{SECOND}: tag is 7"),
    Wrong("mark", _vsctl(f"remove Port {SECOND} external_ids vethagent-link-id"), "mark of the port is None"),
    Wrong("port deleted", _vsctl(f"del-port {SECOND}"), f"{SECOND} has no row"),
    Wrong("device left over", _ip("link add more type bridge", "link delete more"), "more is left over"),
    Wrong("row left over", _vsctl("add-port br-eth1 more", "del-port more"), "port more is left over"),
    Wrong("mark left over", _ip(f"link set tap1 alias vethagent:{OTHER}", 'link set tap1 alias ""'), OTHER),
    Wrong("helper left over", _helper, "2 helpers run, not 1"),
    Wrong("foreign alias", _ip("link set tap2 alias ours", 'link set tap2 alias ""'), "foreign device tap2"),
    Wrong("foreign device", _ip("link set tap2 down", "link set tap2 up"), "foreign device tap2"),
    Wrong(
        "foreign port",
        _vsctl("set Port for-c1 external_ids:more=1", "remove Port for-c1 external_ids more"),
        "foreign port for-c1",
    ),
]


@pytest.mark.parametrize("wrong", [pytest.param(each, id=each.name.replace(" ", "-")) for each in WRONG])
def test_what_is_wrong_is_found(judged: site.Site, wrong: Wrong) -> None:
    verdict.wait_until_calm(judged)
    assert _found(judged) == []
    with freezing.stopped(judged.node.agent.pid), wrong.make(judged):
        found = _found(judged)
    commands.wait_until(lambda: not _found(judged), what="all as before")
    assert [sentence for sentence in found if wrong.told in sentence], found


@pytest.mark.parametrize("change", ["DELETE FROM port_events", "UPDATE port_events SET seq = 2"])
def test_a_port_event_that_is_missing_or_there_twice_is_found(
    judged: site.Site, controller_side: deployment.Deployment, change: str
) -> None:
    """Another that is there twice takes the place of a third."""
    verdict.wait_until_calm(judged)  # all of them were told
    assert judged.misnumbered() == []
    number = 2 if change.startswith("DELETE") else 3
    where = f"WHERE host = '{judged.host.name}' AND seq = {number}"
    with contextlib.closing(sqlite3.connect(controller_side.database, timeout=10, isolation_level=None)) as database:
        (row,) = database.execute(f"SELECT * FROM port_events {where}").fetchall()
        database.execute(f"{change} {where}")
        found = judged.misnumbered()
        database.execute(f"REPLACE INTO port_events VALUES ({', '.join('?' * len(row))})", row)
    assert found
    assert judged.misnumbered() == []


def test_a_pair_that_was_made_anew_is_found(judged: site.Site) -> None:
    assert judged.flapped() == []
    device = judged.api.get(f"/v1/bridge-links/{judged.links['calm2']['id']}")["observed"][0]["device"]
    judged.host.ip("link", "delete", device)
    judged.wait_until_whole()
    assert len(judged.flapped()) == 2
    judged.take_stock()
    assert judged.flapped() == []


def test_a_lost_packet_is_counted(judged: site.Site) -> None:
    done = record.Record()
    source, target = judged.guests["calm1"], judged.guests["calm2"]
    watched = watch.Watch(site.KERNEL, source, target, done, interval=0.01)
    watched.begin()
    judged.host.ip("link", "set", target.device, "down")
    before = _sent(judged, source.device)
    commands.wait_until(lambda: _sent(judged, source.device) > before, what="a packet that cannot arrive")
    judged.host.ip("link", "set", target.device, "up")
    traffic.wait_for_ping(source, target.address)
    watched.end()
    assert done.lost > 0
    assert [problem for problem in done.problems if f"{done.lost} pings were lost" in problem]
    assert f"{done.lost} of " in "\n".join(done.sums())


def _sent(judged: site.Site, device: str) -> int:
    """Return how many packets a guest has sent by its device so far."""
    (shown,) = json.loads(judged.host.ip("-json", "-statistics", "link", "show", device))
    return int(shown["stats64"]["rx"]["packets"])
