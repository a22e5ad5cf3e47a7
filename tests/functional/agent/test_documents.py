"""What the documents tell somebody to type on a host, beside the quickstart, on a host with a link."""

from tests.functional.agent.node import FIRST, SECOND, Node
from tests.support import documents

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
