"""``link create``, ``list``, ``show``, ``set`` and ``delete`` against the real API."""

import csv
import io
import json
from typing import Any

import pytest
import yaml

from tests.unit.cli.conftest import Vethctl
from tests.unit.cli.service import HOST, Service
from vethagent.cli import resolve
from vethagent.client.links import Links
from vethagent.client.types import End, Link

ENDS = ("br1:phy-br1", "br-eth1:eth1-br1,kind=ovs,tag=100")
CREATE = ("link", "create", "--host", HOST, *ENDS)


@pytest.fixture
def link_id(vethctl: Vethctl) -> str:
    return str(vethctl(*CREATE, "--name", "seed", "-f", "json").json["id"])


def test_create_sends_what_was_typed(vethctl: Vethctl) -> None:
    options = ("--name", "seed", "--mtu", "1500", "--adopt", "--allow-loop", "--no-confirm", "--disable")
    link = vethctl(*CREATE, *options, "-f", "json").json
    wanted = {
        "host": HOST,
        "name": "seed",
        "mtu": 1500,
        "adopt": True,
        "allow_loop": True,
        "admin_state_up": False,
        "confirm": False,
    }
    assert {name: link[name] for name in wanted} == wanted
    assert link["ends"] == [
        {"bridge": "br1", "kind": "auto", "device": "phy-br1", "mac": None, "tag": None},
        {"bridge": "br-eth1", "kind": "ovs", "device": "eth1-br1", "mac": None, "tag": 100},
    ]


def test_create_makes_one_request(vethctl: Vethctl, service: Service) -> None:
    assert vethctl(*CREATE).status == 0
    assert service.requests == [("POST", "/v1/bridge-links")]


def test_create_with_a_name_that_is_taken(vethctl: Vethctl, link_id: str) -> None:
    result = vethctl("link", "create", "--host", HOST, "--name", "seed", "br3", "br4")
    assert result.status == 1
    assert "seed" in result.err and "NAME_CONFLICT" in result.err and "req-" in result.err
    assert len(result.err.splitlines()) == 1


def test_create_on_an_unknown_host(vethctl: Vethctl) -> None:
    result = vethctl("link", "create", "--host", "nowhere", *ENDS)
    assert result.status == 1
    assert "nowhere" in result.err and "UNKNOWN_HOST" in result.err


def test_list_as_a_table(vethctl: Vethctl, link_id: str) -> None:
    header, row = vethctl("link", "list").out.splitlines()[1:4:2]
    assert [cell.strip() for cell in header.strip("|").split("|")] == [
        "ID",
        "Name",
        "Host",
        "Status",
        "Reason",
        "Ends",
        "MTU",
    ]
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        link_id,
        "seed",
        HOST,
        "ACTIVE",
        "",
        "br1:phy-br1 <-> br-eth1:eth1-br1",
        "auto",
    ]


def test_list_folds_ends_in_a_narrow_terminal(vethctl: Vethctl, link_id: str) -> None:
    table = vethctl("link", "list", "--max-width", "100").out
    assert " br1:phy-br1 <-> " in table and " br-eth1:eth1-br1 " in table
    assert max(map(len, table.splitlines())) <= 100


def test_list_in_machine_formats(vethctl: Vethctl, link_id: str) -> None:
    (row,) = vethctl("link", "list", "--long", "-f", "json").json
    assert row["ID"] == link_id
    assert row["MTU"] is None
    assert row["Enabled"] is True
    assert row["Generation"] == row["Observed Generation"] == 1
    assert [end["device"] for end in row["Ends"]] == ["phy-br1", "eth1-br1"]
    assert yaml.safe_load(vethctl("link", "list", "--long", "-f", "yaml").out) == [row]
    (fields,) = csv.DictReader(io.StringIO(vethctl("link", "list", "-f", "csv").out))
    assert fields["Name"] == "seed"
    assert vethctl("link", "list", "-f", "value", "-c", "Status").out == "ACTIVE\n"


def test_list_shows_derived_devices(vethctl: Vethctl) -> None:
    vethctl("link", "create", "--host", HOST, "br1", "br2")
    assert "br1:veth0 <-> br2:veth1" in vethctl("link", "list").out


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ((), ["a", "b", "c"]),
        (("--host", "h2"), ["c"]),
        (("--name", "b"), ["b"]),
        (("--bridge", "br-b"), ["b"]),
        (("--status", "error"), ["c"]),
        (("--status", "ACTIVE", "--host", "h2"), []),
    ],
)
def test_list_filters(vethctl: Vethctl, service: Service, filters: tuple[str, ...], names: list[str]) -> None:
    service.report("h2")
    for name, host in (("a", HOST), ("b", HOST), ("c", "h2")):
        service.answer = {"status": "ACTIVE" if host == HOST else "ERROR"}
        assert vethctl("link", "create", "--host", host, "--name", name, f"br-{name}", "br0").status == 0
    rows = vethctl("link", "list", *filters, "-f", "json").json
    assert sorted(row["Name"] for row in rows) == names


def test_list_limit(vethctl: Vethctl, service: Service) -> None:
    for number in range(3):
        vethctl("link", "create", "--host", HOST, f"br-{number}", "br0")
    service.requests.clear()
    assert len(vethctl("link", "list", "--limit", "2", "-f", "json").json) == 2
    assert service.requests == [("GET", "/v1/bridge-links?limit=2")]


@pytest.mark.parametrize("by", ["id", "name", "upper-case id"])
def test_show(vethctl: Vethctl, link_id: str, by: str) -> None:
    word = {"id": link_id, "name": "seed", "upper-case id": link_id.upper()}[by]
    link = vethctl("link", "show", word, "-f", "json").json
    assert link["id"] == link_id
    assert link["observed"][0]["device"] == "phy-br1"
    assert link["differences"] == []


def test_show_says_why_a_link_does_not_work(vethctl: Vethctl, service: Service) -> None:
    service.answer = {"status": "ERROR", "reason": "LOOP", "message": "it would close a loop over br2"}
    vethctl(*CREATE, "--name", "seed")
    table = vethctl("link", "show", "seed").out
    assert "it would close a loop over br2" in table
    assert "br-eth1:eth1-br1,kind=ovs,tag=100" in table


def test_show_what_is_not_there(vethctl: Vethctl) -> None:
    result = vethctl("link", "show", "nope")
    assert (result.status, result.err) == (1, "There is no link 'nope': see 'link list'\n")


def test_ambiguous_name_lists_the_hosts(vethctl: Vethctl, service: Service, link_id: str) -> None:
    service.report("h2")
    vethctl("link", "create", "--host", "h2", "--name", "seed", *ENDS)
    result = vethctl("link", "show", "seed")
    assert result.status == 1
    assert f"{HOST}, h2" in result.err and "--host" in result.err
    assert vethctl("link", "show", "seed", "--host", HOST, "-f", "json").json["id"] == link_id


@pytest.mark.parametrize("kind", ["value", "shell"])
def test_what_is_nested_is_json_in_plain_text(vethctl: Vethctl, link_id: str, kind: str) -> None:
    told = vethctl("link", "show", link_id, "-f", kind, "-c", "ends", "-c", "template_id").out
    ends = vethctl("link", "show", link_id, "-f", "json").json["ends"]
    written = json.dumps(ends, separators=(",", ":"))
    quoted = written.replace('"', '\\"')
    assert told == {"value": f"{written}\n\n", "shell": f'ends="{quoted}"\ntemplate_id=""\n'}[kind]


@pytest.mark.parametrize("length", [8, 9, 11, 14, 24, 35])
def test_the_beginning_of_an_id_is_enough(vethctl: Vethctl, service: Service, length: int) -> None:
    ids = [f"0123abcd-0000-4000-8000-00000000000{digit}" for digit in "18"]
    for number, link_id in enumerate((*ids, "0123abce-0000-4000-8000-000000000000")):
        vethctl("link", "create", f"br{number}", "other", "--host", HOST, "--id", link_id)
    result = vethctl("link", "show", ids[0][:length].upper())
    assert (result.status, result.err) == (
        1,
        f"The ids of several links begin with {ids[0][:length].upper()}: give more of it\n",
    )
    vethctl("link", "delete", ids[1], "--wait")
    assert vethctl("link", "show", ids[0][:length].upper(), "-f", "json").json["id"] == ids[0]


@pytest.mark.parametrize("name", ["0123abc", "0123abcd-00000", "0123abcdef", "ffffffff", "00000000"])
def test_what_begins_no_id_is_a_name(vethctl: Vethctl, link_id: str, name: str) -> None:
    assert vethctl("link", "show", name).err == f"There is no link {name!r}: see 'link list'\n"


def test_set_changes_only_what_is_named(vethctl: Vethctl, link_id: str) -> None:
    before = vethctl("link", "show", link_id, "-f", "json").json
    after = vethctl("link", "set", "seed", "--mtu", "9000", "--name", "grown", "-f", "json").json
    same = set(before) - {
        "name",
        "mtu",
        "generation",
        "updated_at",
        "status_changed_at",
        "request_id",
        "status",
        "reason",
    }
    same -= {"message", "observed_generation"}
    assert (after["name"], after["mtu"], after["generation"]) == ("grown", 9000, 2)
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


def test_set_takes_values_away(vethctl: Vethctl, link_id: str) -> None:
    vethctl("link", "set", link_id, "--mtu", "9000")
    options = ("--mtu", "auto", "--no-name", "--tag", "br-eth1=none", "--disable", "--allow-loop", "--adopt")
    link = vethctl("link", "set", link_id, *options, "-f", "json").json
    assert (link["mtu"], link["name"], link["admin_state_up"], link["adopt"], link["allow_loop"]) == (
        None,
        None,
        False,
        True,
        True,
    )
    assert [end["tag"] for end in link["ends"]] == [None, None]


def test_set_exempts_from_confirmation_and_back(vethctl: Vethctl, link_id: str) -> None:
    assert vethctl("link", "set", link_id, "--no-confirm", "-f", "json").json["confirm"] is False
    assert vethctl("link", "set", link_id, "--confirm", "-f", "json").json["confirm"] is True


def test_set_tag_keeps_the_rest_of_the_end(vethctl: Vethctl, link_id: str) -> None:
    link = vethctl("link", "set", link_id, "--tag", "br-eth1=7", "-f", "json").json
    assert link["ends"][1] == {"bridge": "br-eth1", "kind": "ovs", "device": "eth1-br1", "mac": None, "tag": 7}


def test_set_tag_undoes_nothing_that_others_change_meanwhile(
    vethctl: Vethctl, link_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = resolve.link_of
    others: list[End] = [{"bridge": "br1", "device": "phy-br1"}, {"bridge": "br-eth1", "device": "eth1-br1", "tag": 8}]

    def with_others(links: Links, *arguments: Any) -> Link:
        link = found(links, *arguments)
        links.update(link["id"], {"ends": others})
        return link

    with monkeypatch.context() as patched:
        patched.setattr(resolve, "link_of", with_others)
        result = vethctl("link", "set", link_id, "--tag", "br-eth1=7")
    assert (result.status, "changed meanwhile" in result.err) == (1, True)
    assert vethctl("link", "show", link_id, "-f", "json").json["ends"][1]["tag"] == 8


def test_set_tag_of_a_bridge_that_is_not_in_the_link(vethctl: Vethctl, link_id: str) -> None:
    result = vethctl("link", "set", link_id, "--tag", "br9=7")
    assert result.status == 1
    assert "br9" in result.err and "br1 and br-eth1" in result.err


def test_delete_several(vethctl: Vethctl, link_id: str) -> None:
    vethctl("link", "create", "--host", HOST, "--name", "other", "br3", "br4")
    assert vethctl("link", "delete", "seed", link_id, "other", "--wait") == (0, "", "")
    assert vethctl("link", "list", "-f", "json").json == []


def test_delete_nothing_if_one_is_unknown(vethctl: Vethctl, link_id: str) -> None:
    result = vethctl("link", "delete", "seed", "nope")
    assert (result.status, result.err) == (1, "There is no link 'nope': see 'link list'\n")
    assert len(vethctl("link", "list", "-f", "json").json) == 1


def test_delete_by_force(vethctl: Vethctl, service: Service, link_id: str) -> None:
    service.unplugs = False
    assert vethctl("link", "delete", "seed", "--force", "--wait").status == 0
    assert vethctl("link", "list", "-f", "json").json == []
