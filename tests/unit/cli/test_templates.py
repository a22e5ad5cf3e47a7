"""``vethctl template`` and ``vethctl rollout``."""

import re
from typing import Any

import pytest

from tests.unit.cli.conftest import Vethctl
from tests.unit.cli.service import HOST, Service
from vethagent.cli import progress, waiting

ENDS = ("br1:phy-br1", "br-eth1,tag=100")
CREATE = ("template", "create", "uplink", *ENDS, "--host", "compute-*", "--pause", "0")
BAD = {"status": "ERROR", "reason": "BRIDGE_NOT_FOUND", "message": "there is no bridge br1", "kind": "failed"}


@pytest.fixture
def fleet(service: Service) -> list[str]:
    hosts = [f"compute-{number}" for number in range(3)]
    for host in hosts:
        service.report(host)
    return [HOST, *hosts]


@pytest.mark.usefixtures("fleet")
def test_create_until_everybody_has_it(vethctl: Vethctl) -> None:
    made = vethctl(*CREATE, "--mtu", "1400", "--label", "a=b", "--batch-size", "2", "--wait", "-f", "json").json
    assert (made["rollout"], made["hosts"]["done"], made["mtu"], made["labels"]) == ("COMPLETED", 4, 1400, {"a": "b"})
    links = vethctl("link", "list", "--template", "uplink", "-f", "json").json
    assert [link["Status"] for link in links] == ["ACTIVE"] * 4
    shown = vethctl("link", "show", links[0]["ID"], "-f", "json").json
    assert shown["template_id"] == made["id"]
    refused = vethctl("link", "delete", links[0]["ID"])
    assert (refused.status, "out of its selector" in refused.err) == (1, True)


@pytest.mark.usefixtures("fleet")
def test_a_canary_that_fails(vethctl: Vethctl, service: Service) -> None:
    service.answer = BAD
    failed = vethctl(*CREATE, "--wait")
    assert failed.status == 1
    assert (
        "The roll-out of uplink is STOPPED: 1 of 1 hosts begun have failed, 0% may; see 'template hosts" in failed.err
    )
    hosts = vethctl("template", "hosts", "uplink", "-f", "json").json
    assert (hosts[0]["Host"], hosts[0]["State"]) == ("compute-0", "FAILED")
    assert "BRIDGE_NOT_FOUND: there is no bridge br1" in vethctl("template", "hosts", "uplink", "--state", "failed").out
    service.answer = {"status": "ACTIVE", "kind": "plugged"}
    assert vethctl("rollout", "resume", "uplink", "--wait", "-f", "json").json["state"] == "COMPLETED"
    told = vethctl("rollout", "history", "uplink", "-f", "json").json
    assert [each["State"] for each in told] == ["RUNNING", "RUNNING", "STOPPED", "RUNNING", "RUNNING", "COMPLETED"]


@pytest.mark.usefixtures("fleet")
def test_change_and_undo(vethctl: Vethctl) -> None:
    vethctl(*CREATE, "--wait")
    changed = vethctl("template", "set", "uplink", "--mtu", "1400", "--description", "d", "--wait", "-f", "json").json
    assert (changed["revision"], changed["mtu"], changed["description"]) == (2, 1400, "d")
    undone = vethctl("rollout", "undo", "uplink", "--wait", "-f", "json").json
    assert (undone["revision"], undone["state"]) == (3, "COMPLETED")
    assert vethctl("template", "show", "uplink", "-f", "json").json["mtu"] is None
    assert [each["Revision"] for each in vethctl("template", "revisions", "uplink", "-f", "json").json] == [1, 2, 3]
    told = vethctl("template", "revisions", "uplink", "--max-width", "80").out
    assert told.count("mtu=1400") == 1, "what the revisions differ in is to be seen"
    vethctl("rollout", "undo", "uplink", "--to-revision", "2")
    listed = vethctl("rollout", "list", "--template", "uplink", "-f", "json").json
    assert sorted(each["Revision"] for each in listed) == [1, 2, 3, 4]
    gone = vethctl("rollout", "undo", "uplink", "--to-revision", "9")
    assert (gone.status, "has no revision 9" in gone.err) == (1, True)


@pytest.mark.usefixtures("fleet")
def test_set_keeps_what_is_not_named(vethctl: Vethctl) -> None:
    vethctl(*CREATE, "--label", "a=b", "--canary", "2")
    before = vethctl("template", "show", "uplink", "-f", "json").json
    vethctl("template", "set", "uplink", "--select", "rack", "--pause", "5", "--label", "c=d", "--no-label", "a")
    after = vethctl("template", "show", "uplink", "-f", "json").json
    assert (after["selector"], after["labels"]) == ({"hosts": ["compute-*"], "labels": ["rack"]}, {"c": "d"})
    assert (after["pause"], after["canary"], after["ends"]) == (5, 2, before["ends"])


def test_pause(vethctl: Vethctl, service: Service, fleet: list[str]) -> None:
    service.answer = None
    vethctl(*CREATE)
    assert vethctl("rollout", "pause", "uplink", "-f", "json").json["state"] == "PAUSED"
    waited = vethctl("rollout", "status", "uplink", "--wait")
    assert (waited.status, "is PAUSED: 1 at work, 3 waiting; 'rollout resume uplink'" in waited.err) == (1, True)
    late = vethctl("rollout", "resume", "uplink", "--wait", "--timeout", "0.2")
    assert (late.status, "is not over after 0.2 s: 1 at work" in late.err) == (1, True)
    assert len(fleet) == 4


@pytest.mark.usefixtures("fleet")
def test_dry_runs(vethctl: Vethctl) -> None:
    planned = vethctl(*CREATE, "--batch-size", "2", "--dry-run")
    assert "batch_1 | create compute-0" in re.sub(" +", " ", planned.out)
    assert "4 to create, 0 unchanged" in planned.out
    assert vethctl("template", "list", "-f", "json").json == []
    vethctl(*CREATE, "--wait")
    planned = vethctl("template", "set", "uplink", "--host", "compute-0", "--dry-run")
    assert "3 to remove, 1 unchanged" in planned.out


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(("option", "left"), [((), 0), (("--keep-links",), 4)])
def test_delete(vethctl: Vethctl, option: tuple[str, ...], left: int) -> None:
    vethctl(*CREATE, "--wait")
    assert vethctl("template", "delete", "uplink", "--wait", *option).status == 0
    assert len(vethctl("link", "list", "-f", "json").json) == left
    again = vethctl("template", "delete", "uplink")
    assert (again.status, "There is no template 'uplink'" in again.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("template", "create", "x", *ENDS), "which hosts? give --host or --select; --host '*' selects all"),
        (("template", "create", "x", *ENDS, "--host", "a b"), "--host: must be a host name"),
        (("template", "create", "x", *ENDS, "--select", "a=b=c"), "--select: must be NAME, !NAME, NAME=VALUE"),
        (("template", "create", "x", "br1", "br1", "--host", "*"), "must join two different bridges"),
        (("template", "create", "x", *ENDS, "--host", "*", "--batch-size", "201"), "--batch-size: must be less"),
        (("template", "create", "x", *ENDS, "--host", "*", "--max-failure-share", "2"), "must be a share from 0 to 1"),
        (("template", "create", "x", *ENDS, "--host", "*", "--pause", "-1"), "must be a number of seconds"),
        (("template", "set", "x", "--end", "br1"), "give both ENDs"),
    ],
)
def test_wrong_usage(vethctl: Vethctl, service: Service, arguments: tuple[str, ...], words: str) -> None:
    result = vethctl(*arguments)
    assert (result.status, words in result.err) == (2, True), result.err
    assert service.requests == []


def test_ctrl_c_leaves_the_rollout_alone(
    vethctl: Vethctl, service: Service, fleet: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answer = None
    assert fleet

    def interrupt(_done: object, _timeout: float) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(waiting, "poll", interrupt)
    result = vethctl(*CREATE, "--wait")
    assert (result.status, "The roll-out goes on: see 'rollout status uplink'" in result.err) == (130, True)
    assert vethctl("rollout", "status", "uplink", "-f", "json").json["state"] == "RUNNING"


@pytest.mark.parametrize(("done", "failed", "filled"), [(0, 0, 0), (10, 2, 12), (23, 1, 24)])
def test_the_bar(done: int, failed: int, filled: int) -> None:
    counts = {"total": 24, "done": done, "failed": failed, "away": 0, "started": 0, "waiting": 24 - done - failed}
    rollout: Any = {"counts": counts, "state": "RUNNING"}
    line = progress.bar(rollout)
    assert line.count("#") == filled
    assert line.startswith("[") and f"] {done + failed}/24 RUNNING" in line
    assert len(line) <= 80
