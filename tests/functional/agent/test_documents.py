"""What the documents tell somebody to type, beside the quickstart, with a host that has the two bridges."""

import json
from collections.abc import Iterator

from tests.functional.agent.node import FIRST, HOST, SECOND, Node
from tests.support import commands, documents

HERE = documents.run_here(__file__)


def run(node: Node, document: str) -> str:
    """Type the lines of a document, with a device in place of what everybody fills in for himself."""
    lines = [command for command in HERE if command.document == f"doc/source/{document}.rst"]
    assert lines
    return "".join(node.type(command.text.replace("DEVICE", SECOND)) for command in lines)


def test_by_hand(node: Node) -> None:
    """What the overview shows as the other way to a link is one."""
    run(node, "overview")
    device = node.host.device(FIRST)
    assert device is not None
    assert (device["master"], device["link"]) == ("br1", SECOND)
    assert SECOND in node.host.ovs_ports("br-eth1")


def test_what_to_look_at(node: Node) -> None:
    link = node.plug_usual()
    printed = run(node, "admin/troubleshooting")
    assert printed.count(f"vethagent:{link['id']}") >= 2
    assert printed.count(f'vethagent-link-id="{link["id"]}"') >= 2


def test_by_curl(node: Node) -> None:
    """A link from the wish to the end of it."""
    lines = [command.text for command in HERE if command.document == "doc/source/reference/rest.rst"]
    link: dict[str, str] = {}
    answers = []
    for line in lines:
        text = line.replace("compute-195", HOST).replace("/LINK", f"/{link.get('id')}")
        answers.append(json.loads(node.type(text.replace("curl ", "curl --silent --show-error --fail-with-body ", 1))))
        if "?" not in line:
            link = answers[-1]
        if "--data" in line:
            node.wait(link, "ACTIVE")
    agents, created, found, changed, deleted = answers
    assert agents["agents"] == [{"host": HOST, "alive": True, "ready": True}]
    assert [row["id"] for row in found["bridge_links"]] == [created["id"]]
    assert (changed["mtu"], deleted["status"]) == (1400, "PENDING_DELETE")
    node.api.wait_until_gone(deleted["id"])


def of_vethctl(document: str) -> Iterator[str]:
    """Yield the lines of a document that are for vethctl, about the host that there is."""
    for command in documents.commands_of(documents.TOP / f"doc/source/{document}.rst"):
        if command.text.startswith("vethctl "):
            yield command.text.replace("compute-195", HOST)


def is_state(node: Node, state: str) -> bool:
    return any(rollout["state"] == state for rollout in node.api.get("/v1/rollouts")["rollouts"])


def refused(node: Node, text: str) -> str:
    """Return what a line says that ends with 1."""
    command = node.host.namespace.command("sh", "-c", text)
    done = commands.run(*command, env=node.environment, check=False)
    assert done.returncode == 1
    return done.stderr


def test_from_anywhere(node: Node) -> None:
    """The other way of the overview, and what is looked at first in trouble."""
    create, show = of_vethctl("overview")
    assert "ACTIVE" in node.type(create)
    assert {"phy-br1", "eth1-br1"} <= set(node.type(show).split())
    [link] = node.api.links()
    for line in of_vethctl("admin/troubleshooting"):
        assert HOST in node.type(line.replace("LINK", link["id"]).replace(" HOST", f" {HOST}"))


def test_operations(node: Node) -> None:
    for line in [*of_vethctl("admin/operations"), *of_vethctl("admin/speed")]:
        if line.startswith("vethctl link create --no-confirm"):
            node.set_mode("enforce")
        elif line.startswith("vethctl link diagnose"):
            node.plug_usual(name="seed")
        elif line.startswith("vethctl rollout list"):
            node.type(f"vethctl template create uplink br1 br-none --host {HOST}")
            commands.wait_until(lambda: is_state(node, "STOPPED"), what="a roll-out that waits for a person")
        assert node.type(line.replace("…", f"--host {HOST} br1 br-eth1 --dry-run"))
    node.type("vethctl template delete uplink")
    commands.wait_until(lambda: len(node.api.links()) == 1, what="the end of the template's link")


def test_templates(node: Node) -> None:
    """With one host every roll-out is over at once, so that some lines come too late, and say so."""
    over = ("vethctl rollout pause", "vethctl rollout resume")
    for line in of_vethctl("user/templates"):
        if line.startswith("vethctl template delete --keep-links"):
            node.type(f"vethctl template create uplink br1 br-eth1 --host {HOST} --wait")
        if line.startswith(over):
            assert "COMPLETED" in refused(node, line)
        else:
            node.type(line)
            commands.wait_until(lambda: not is_state(node, "RUNNING"), what="the end of the roll-out")
    [link] = node.api.links()
    assert link["status"] == "ACTIVE"
