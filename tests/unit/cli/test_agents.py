"""``agent list``, ``show`` and ``set`` against the real API."""

from tests.unit.cli.conftest import Vethctl
from tests.unit.cli.service import HOST, Service


def test_list(vethctl: Vethctl, service: Service) -> None:
    sick = {"ready": False, "reasons": [{"part": "ovsdb", "message": "no connection"}]}
    service.report("h2", health=sick, links={})
    service.answer = {"status": "DOWN", "reason": "DRIFT", "kind": "drifted"}
    vethctl("link", "create", "br1", "br2", "--host", HOST)
    table = vethctl("agent", "list").out
    assert "ovsdb: no connection" in table
    assert "DOWN 1" in table
    well, ill = vethctl("agent", "list", "-f", "json").json
    assert (well["Host"], well["Alive"], well["Ready"], well["Health"]) == (HOST, True, True, [])
    assert (ill["Ready"], ill["Health"], ill["Links"]) == (False, sick["reasons"], {})


def test_list_more(vethctl: Vethctl, service: Service) -> None:
    vethctl("agent", "set", HOST, "--label", "rack=7", "--description", "spare")
    [row] = vethctl("agent", "list", "--long", "-f", "json").json
    assert (row["Drifted"], row["Flapping"], row["Labels"], row["Description"]) == (0, False, {"rack": "7"}, "spare")
    assert row["Started At"].startswith("2026-01-02T03:04:05")


def test_history(vethctl: Vethctl, service: Service) -> None:
    vethctl("agent", "set", HOST, "--mode", "observe")
    told = vethctl("agent", "history", HOST, "-f", "json").json
    assert [(row["What"], row["By"]) for row in told] == [
        ("NEW", f"agent {HOST}"),
        ("MODE_WANTED", "anonymous"),
        ("MODE", f"agent {HOST}"),
    ]
    assert "from enforce to observe" in vethctl("agent", "history", HOST).out
    assert "nowhere" in vethctl("agent", "history", "nowhere").err


def test_show(vethctl: Vethctl) -> None:
    agent = vethctl("agent", "show", HOST, "-f", "json").json
    assert (agent["host"], agent["mode"], agent["counters"]) == (HOST, "enforce", {"plugs": 2})
    assert agent["rings"] == []


def test_show_what_is_not_there(vethctl: Vethctl) -> None:
    result = vethctl("agent", "show", "nowhere")
    assert result.status == 1
    assert "nowhere" in result.err and "NOT_FOUND" in result.err


def test_set(vethctl: Vethctl) -> None:
    agent = vethctl("agent", "set", HOST, "--mode", "observe", "--description", "rack 7", "-f", "json").json
    assert (agent["mode"], agent["description"]) == ("observe", "rack 7")
    assert vethctl("agent", "show", HOST, "-f", "json").json["reported_mode"] == "observe"
    agent = vethctl("agent", "set", HOST, "--description", "", "-f", "json").json
    assert (agent["mode"], agent["description"]) == ("observe", None)


def test_labels(vethctl: Vethctl, service: Service) -> None:
    service.report("h2")
    agent = vethctl("agent", "set", HOST, "--label", "rack=7", "--label", "row=2", "-f", "json").json
    assert agent["labels"] == {"rack": "7", "row": "2"}
    assert [row["Host"] for row in vethctl("agent", "list", "--label", "rack=7", "-f", "json").json] == [HOST]
    agent = vethctl("agent", "set", HOST, "--no-label", "rack", "-f", "json").json
    assert agent["labels"] == {"row": "2"}
    assert vethctl("agent", "list", "--dead", "-f", "json").json == []


def test_delete_what_is_alive_or_not_there(vethctl: Vethctl) -> None:
    result = vethctl("agent", "delete", HOST, "nowhere")
    assert result.status == 1
    assert "AGENT_ALIVE" in result.err and "NOT_FOUND" in result.err
    assert vethctl("agent", "show", HOST).status == 0
