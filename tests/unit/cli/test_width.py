"""Tables of lists fit a terminal, also with long names; ``--long`` asks for more than fits.

A terminal that is not wide is told less, so that nothing is broken into pieces.
"""

import pytest

from tests.unit.cli.conftest import Vethctl
from tests.unit.cli.service import HOST, Service

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


@pytest.mark.parametrize(
    ("command", "columns"),
    [
        ("agent list", 60),
        ("agent history {host}", 80),
        ("event list", 80),
        ("link list", 60),
        ("link history seed", 80),
    ],
)
def test_a_narrow_terminal_has_one_thing_on_a_line(vethctl: Vethctl, command: str, columns: int) -> None:
    vethctl("link", "create", "br1:phy-br1", "br-eth1:eth1-br1", "--host", HOST, "--name", "seed")
    words = command.format(host=HOST).split()
    narrow = vethctl(*words, "--max-width", str(columns)).out.splitlines()
    wide = vethctl(*words, "--max-width", "200").out.splitlines()
    assert max(map(len, narrow)) <= columns < max(map(len, wide))
    ends = command == "link list"  # each on a line of its own
    assert len(narrow) == len(wide) + ends
    everything = vethctl(*words, "--max-width", str(columns), "-f", "json").json[0]
    assert len(everything) > len(narrow[1].split("|")) - 2


@pytest.mark.parametrize("command", ["event list", "link list", f"host drift {HOST}", f"host plan {HOST}"])
def test_a_link_without_a_name_is_called_by_what_commands_take(
    vethctl: Vethctl, service: Service, command: str
) -> None:
    difference = {"device": "phy-br1", "code": "MTU", "wanted": "1500", "observed": "9000"}
    service.answer = {"status": "DOWN", "reason": "DRIFT", "kind": "drifted", "differences": [difference]}
    vethctl("link", "create", "br1:phy-br1", "br2", "--host", HOST, "--id", "0123abcd-0000-4000-8000-000000000001")
    told = [line for line in vethctl(*command.split(), "--max-width", "80").out.splitlines() if "0123abcd" in line]
    assert told and all("0123abcd " in line for line in told)


def test_what_is_unusual_of_an_agent_is_told_in_a_narrow_terminal(vethctl: Vethctl, service: Service) -> None:
    vethctl("agent", "set", HOST, "--mode", "observe")
    service.report(HOST, health={"ready": False, "reasons": [{"part": "ovsdb", "message": "away"}]}, mode="observe")
    shown = vethctl("agent", "list", "--max-width", "80").out
    assert all(text in shown for text in ("ovsdb: away", "not ready", "mode observe", " s ago"))


def test_columns_that_are_named_are_there_however_narrow_it_is(vethctl: Vethctl) -> None:
    shown = vethctl("agent", "list", "--max-width", "60", "-c", "Host", "-c", "Version").out
    assert "Version" in shown
