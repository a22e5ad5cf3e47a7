"""What is there, what differs, what would be done, and why."""

import json

import yaml

from tests.unit.cli.conftest import Vethctl
from tests.unit.cli.service import HOST, Service

ENDS = ("br1:phy-br1", "br-eth1:eth1-br1")


def test_show_host(vethctl: Vethctl) -> None:
    lines = vethctl("host", "show", HOST).out.splitlines()
    assert lines[0] == HOST
    assert any("| eth1-br1 +----" in line and "not ours" in line for line in lines), lines
    assert lines[-4:] == [
        "br1: linux, MTU 1500, physical network physnet1, further ports: tap1",
        "",
        "veth pairs with an end in no bridge:",
        "  a <-> b in br2  [link 00000000-0000-0000-0000-000000000007]",
    ]


def test_show_host_for_a_program(vethctl: Vethctl) -> None:
    found = vethctl("host", "show", HOST, "-f", "json").json
    assert (found["host"], found["live"], found["bridges"][0]["name"]) == (HOST, True, "br1")
    assert found["pairs"][0]["devices"] == ["phy-br1", "eth1-br1"]
    assert yaml.safe_load(vethctl("host", "show", HOST, "-f", "yaml").out)["bridges"] == found["bridges"]
    assert json.loads(vethctl("host", "show", HOST, "-f", "value", "-c", "pairs").out) == found["pairs"]
    assert '["phy-br1", "eth1-br1"]' in vethctl("host", "show", HOST, "-c", "pairs").out


def test_show_a_host_whose_agent_is_away(vethctl: Vethctl, service: Service) -> None:
    service.tell_inventory(HOST)
    shown = vethctl("host", "show", HOST).out.splitlines()
    service.silent = True
    first, *others = vethctl("host", "show", HOST).out.splitlines()
    assert first.startswith(f"{HOST}, as its agent told it at 20") and first.endswith("Z; it cannot be asked now")
    assert others == shown[1:]


def test_dry_run(vethctl: Vethctl, service: Service) -> None:
    done = vethctl("link", "create", "--host", HOST, "--dry-run", *ENDS)
    assert "1. make the pair" in done.out
    assert "2. put it in" in done.out
    assert vethctl("link", "list", "-f", "json").json == []


def test_dry_run_of_what_would_be_an_error(vethctl: Vethctl, service: Service) -> None:
    """It fails as --wait would, after it was shown."""
    service.planned = {"status": "ERROR", "reason": "LOOP", "message": "br1 and br2 are joined"}
    done = vethctl("link", "create", "--host", HOST, "--dry-run", "-f", "json", *ENDS)
    assert (done.status, done.err) == (1, "The link would be ERROR (LOOP): br1 and br2 are joined\n")
    assert json.loads(done.out)["status_now"] == "ERROR"


def test_plan_and_drift(vethctl: Vethctl, service: Service) -> None:
    difference = {"code": "MTU", "device": "phy-br1", "wanted": "1500", "observed": "1400"}
    service.answer = {"status": "DOWN", "reason": "DRIFT", "kind": "drifted", "differences": [difference]}
    vethctl("link", "create", "--host", HOST, "--name", "seed", *ENDS)
    rows = vethctl("host", "plan", HOST, "-f", "json").json
    assert [(row["Link"], row["Step"]) for row in rows] == [("seed", 1), ("seed", 2)]
    [row] = vethctl("host", "drift", "-f", "json").json
    assert (row["Link"], row["What"], row["Device"], row["Wanted"], row["Is"]) == ("seed", *difference.values())
    unknown = vethctl("host", "drift", "h9")
    assert (unknown.status, unknown.out) == (1, "") and "no agent has ever reported from 'h9'" in unknown.err
    service.report("h9")
    assert vethctl("host", "drift", "h9", "-f", "json").json == []
    assert vethctl("host", "drift", "h9").out == "Nothing differs, as far as agents have told.\n"


def test_diagnosis_and_history(vethctl: Vethctl, service: Service) -> None:
    service.answer = {"status": "ERROR", "reason": "LOOP", "message": "br1 and br2 are joined", "kind": "failed"}
    link = vethctl("link", "create", "--host", HOST, "--name", "seed", "-f", "json", *ENDS).json
    assert vethctl("link", "diagnose", "seed").out.startswith("ERROR. LOOP: br1 and br2 are joined\n+")
    service.answer = {"status": "ACTIVE", "kind": "plugged"}
    changed = vethctl("link", "set", "seed", "--enable", "--wait", "-f", "json").json
    assert (changed["status"], changed["generation"]) == ("ACTIVE", 2)
    assert vethctl("link", "delete", "seed").status == 0
    told = vethctl("link", "history", link["id"], "-f", "json").json
    assert [(row["Status"], row["By"]) for row in told] == [
        ("BUILD", "anonymous"),
        ("ERROR", f"agent {HOST}"),
        ("BUILD", "anonymous"),
        ("ACTIVE", f"agent {HOST}"),
        ("PENDING_DELETE", "anonymous"),
        ("DELETED", f"agent {HOST}"),
    ]


def test_timing(vethctl: Vethctl, service: Service) -> None:
    service.answer = {"kind": "plugged"}
    vethctl("link", "create", "--host", HOST, "--name", "seed", *ENDS)
    told = vethctl("link", "show", "seed", "--timing")
    assert told.status == 1 and "no times are known" in told.err
    service.answer = {"kind": "plugged", "timing": {"planned_at": "2026-01-02T03:04:05Z"}}
    vethctl("link", "set", "seed", "--mtu", "1400")
    shown = vethctl("link", "show", "seed", "--timing")
    assert "the agent knew what to do, and began (agent)" in shown.out and "ms in all, plugged" in shown.out
    found = vethctl("link", "show", "seed", "--timing", "-f", "json").json["timing"]
    assert [each["name"] for each in found["stations"]] == ["planned", "seen", "received"]


def test_labels(vethctl: Vethctl) -> None:
    made = vethctl("link", "create", "--host", HOST, "--name", "seed", "--label", "a=1", "--label", "b=", *ENDS)
    assert made.status == 0, made.err
    vethctl("link", "set", "seed", "--label", "c=2", "--no-label", "a")
    assert vethctl("link", "show", "seed", "-f", "json").json["labels"] == {"b": "", "c": "2"}
    assert len(vethctl("link", "list", "--label", "b,c=2", "--sort", "name:desc", "-f", "json").json) == 1
    assert vethctl("link", "list", "--label", "a", "-f", "json").json == []
    assert vethctl("link", "set", "seed", "--label", "c").status == 2


def test_history_of_a_deleted_link_is_found_by_its_id(vethctl: Vethctl, service: Service) -> None:
    link = vethctl("link", "create", "--host", HOST, "--name", "seed", "-f", "json", *ENDS).json
    vethctl("link", "delete", "seed")
    assert "is named by its id" in vethctl("link", "history", "seed").err
    assert vethctl("link", "history", link["id"], "-f", "json").json[-1]["Status"] == "DELETED"


def test_what_a_filter_has_to_be_is_said_in_words(vethctl: Vethctl) -> None:
    assert "sort: must be of created_at, host, id" in vethctl("link", "list", "--sort", "size").err
    assert "label: must be NAME or NAME=VALUE" in vethctl("link", "list", "--label", "a b").err
    for command in ("agent", "set", HOST), ("link", "set", "seed"), ("link", "create", "--host", HOST, *ENDS):
        told = vethctl(*command, "--label", "ü=c")
        assert (told.status, told.err.partition("have")[0]) == (2, "--label: a label's name must ")
