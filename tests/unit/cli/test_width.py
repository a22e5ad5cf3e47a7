"""Tables of lists fit a terminal, also with long names; ``--long`` asks for more than fits."""

import pytest

from tests.unit.cli.conftest import Vethctl
from tests.unit.cli.service import Service

COLUMNS = 100
LONG_HOST = "compute-0195.availability-zone-3.region-west.cloud.example.org"
NAME = "link-of-the-storage-network-between-the-two-bridges-of-rack-7"


@pytest.fixture
def link(vethctl: Vethctl, service: Service) -> str:
    service.report(LONG_HOST, health={"ready": False, "reasons": [{"part": "ovsdb", "message": "no connection " * 9}]})
    ends = ("br-abcdefghijkl:veth-abcdefghij", "br-mnopqrstuvwx:veth-mnopqrstuv")
    made = vethctl("link", "create", *ends, "--host", LONG_HOST, "--name", NAME, "-f", "json")
    selector = ("--host", "nowhere-*", "--select", "rack in (r1,r2,r3,r4,r5,r6)", "--select", "!maintenance")
    vethctl("template", "create", "everywhere", *ends, "--host", LONG_HOST, *selector)
    return str(made.json["id"])


@pytest.mark.parametrize(
    "command",
    [
        "agent list",
        "event list",
        f"host drift {LONG_HOST}",
        f"host plan {LONG_HOST}",
        "link list",
        "link history {link}",
        "link diagnose {link}",
        "template list",
        "template hosts everywhere",
        "template revisions everywhere",
        "rollout list",
        "rollout history everywhere",
    ],
)
def test_a_table_is_no_wider_than_it_was_asked_to_be(vethctl: Vethctl, link: str, command: str) -> None:
    result = vethctl(*command.format(link=link).split(), "--max-width", str(COLUMNS))
    assert result.status == 0, result.err
    assert max(map(len, result.out.splitlines())) <= COLUMNS
