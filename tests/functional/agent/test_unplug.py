"""After an unplug nothing is left, whatever happened before; and many links at once."""

import contextlib
import threading
from collections.abc import Iterator

import pytest

from tests.functional.agent.node import FIRST, HOST, SECOND, Node, condition
from tests.support import commands, freezing, rest

CONCURRENCY = ("threading",)

MANY = 100


@pytest.mark.parametrize(
    "harm",
    [
        ("ip", "link", "delete", FIRST),
        ("ip", "link", "set", FIRST, "nomaster"),
        ("ip", "link", "set", FIRST, "alias", ""),
        ("ip", "link", "set", SECOND, "name", "other"),
        ("ip", "link", "set", SECOND, "netns", "{guest}"),
        ("ovs-vsctl", "del-port", SECOND),
        ("ovs-vsctl", "remove", "Port", SECOND, "external_ids", "vethagent-link-id"),
    ],
    ids=lambda harm: " ".join(harm[:4]),
)
def test_after_something_was_done_by_hand(node: Node, harm: tuple[str, ...]) -> None:
    before = node.picture()
    link = node.plug_usual()
    node.api.delete(link["id"])
    words = [word.format(guest=node.guests["br2"].name) for word in harm]
    program = [f"--db={node.host.ovsdb}"] if words[0] == "ovs-vsctl" else []
    # The agent may have been faster: then there is nothing to do it to.
    node.host.run(words[0], *program, *words[1:], check=False)
    node.api.wait_until_gone(link["id"])
    commands.wait_until(lambda: node.picture() == before, what="a host without a trace of the link")


@contextlib.contextmanager
def _stopped_at(node: Node, link: rest.Link, point: str) -> Iterator[None]:
    """Have a link unplugged; the agent stands still at a point of that while the block is done."""
    node.arm(point, "stop")
    request = threading.Thread(target=node.api.delete, args=(link["id"],))
    request.start()
    try:
        condition(lambda: node.is_armed(point), False, f"{point} armed")
        yield
    finally:
        freezing.go_on(node.allinone.pid)
        request.join()
    node.api.wait_until_gone(link["id"])


def test_the_mark_of_the_port_is_taken_off_at_the_last_moment(node: Node) -> None:
    """The steps are planned by then; with the pair goes all that would tell whose the port is."""
    before = node.picture()
    with _stopped_at(node, node.plug_usual(), "agent-saved"):
        node.host.vsctl("--no-wait", "remove", "Port", SECOND, "external_ids", "vethagent-link-id")
    commands.wait_until(lambda: node.picture() == before, what="a host without a trace of the link")


def test_the_port_goes_before_the_pair(node: Node) -> None:
    link = node.plug_usual()
    with _stopped_at(node, link, "agent-detached"):
        assert node.port_marks() == set()
        assert node.indexes(link) == [end["ifindex"] for end in link["observed"]]


def test_the_pair_and_the_mark_of_the_port_are_gone(node: Node) -> None:
    """That of the interface still tells whose both are."""
    before = node.picture()
    link = node.plug_usual()
    node.set_mode("paused")
    node.host.ip("link", "delete", FIRST)
    node.host.vsctl("--no-wait", "clear", "Port", SECOND, "external_ids")
    node.api.delete(link["id"])
    node.set_mode("enforce")
    node.api.wait_until_gone(link["id"])
    assert node.picture() == before


def test_of_a_link_that_never_came(node: Node) -> None:
    before = node.picture()
    node.unplug(node.create("br1", "no-such-bridge"))
    assert node.picture() == before


def test_again_and_of_an_unknown_one(node: Node) -> None:
    link = node.plug_usual()
    for _ in range(3):
        node.api.delete(link["id"])
    node.api.wait_until_gone(link["id"])
    assert node.api.request("DELETE", f"/v1/bridge-links/{link['id']}").status == 404


def test_plug_and_unplug_of_the_same_names_over_and_over(node: Node) -> None:
    before = node.picture()
    for _ in range(5):
        link = node.plug_usual()
        node.check(link)
        node.unplug(link)
    link = node.plug_usual()
    node.carries()
    node.unplug(link)
    assert node.picture() == before


def test_unplug_at_once_after_plug(node: Node) -> None:
    before = node.picture()
    for _ in range(5):
        link = node.create({"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND})
        node.api.delete(link["id"])
        node.api.wait_until_gone(link["id"])
    assert node.picture() == before


def test_many_links_at_once(node: Node) -> None:
    names = [f"lb{number}" for number in range(MANY)]
    node.batch(*(f"link add {name} up group 77 type bridge" for name in names))
    before = node.host.devices()
    made = [node.create(name, "br-eth1") for name in names]
    wanted = {link["id"] for link in made}

    def active() -> bool:
        found = node.api.links(f"host={HOST}&status=ACTIVE&limit=1000")
        return wanted <= {link["id"] for link in found}

    commands.wait_until(active, what=f"{MANY} links", timeout=30)
    assert len(node.host.ovs_ports("br-eth1")) == MANY + 1
    node.check(node.wait(made[-1], "ACTIVE"))
    for link in made:
        node.api.delete(link["id"])
    commands.wait_until(lambda: not node.api.links(), what=f"the end of {MANY} links", timeout=30)
    assert node.host.devices() == before
    assert node.host.ovs_ports("br-eth1") == [node.guests["br-eth1"].device]
    node.host.ip("link", "delete", "group", "77")


def test_many_links_deleted_by_hand_at_once_come_back(node: Node) -> None:
    names = [f"lb{number}" for number in range(20)]
    node.batch(*(f"link add {name} up group 77 type bridge" for name in names))
    made = [node.plug(name, "br-eth1") for name in names]
    indexes = {link["id"]: node.indexes(link) for link in made}
    for link in made:
        node.batch(*(f"link set {end['device']} group 78" for end in link["observed"]))
    node.host.ip("link", "delete", "group", "78")
    for link in made:
        node.wait_for_event(link, "repaired", 0)
        found = node.wait(link, "ACTIVE")
        assert node.indexes(found) != indexes[link["id"]]
    node.check(node.wait(made[0], "ACTIVE"))
    node.clean()
