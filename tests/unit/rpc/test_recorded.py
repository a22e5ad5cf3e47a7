"""Messages of earlier minor versions are understood, as they once went over a real bus; and theirs what is said today.

``tests/fullstack/test_contract.py`` writes the records, ``tests/fullstack/test_upgrade.py`` has two releases speak.
"""

import json
import pathlib
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.agent.test_endpoint import Setup
from tests.unit.rpc.test_wire import messages
from vethagent import model
from vethagent.controller.db.database import Database
from vethagent.controller.endpoint import ControllerEndpoint
from vethagent.controller.events import Events
from vethagent.controller.inventories import Inventories
from vethagent.controller.liveness import Liveness
from vethagent.controller.metrics import ControllerMetrics
from vethagent.controller.reports import Reports
from vethagent.controller.requests import EventQuery
from vethagent.rpc import wire

RECORDS: dict[str, Any] = {
    path.stem: json.loads(path.read_text())
    for path in sorted(pathlib.Path(__file__).with_name("recorded").glob("*.json"))
}
EARLIER = [f"1.{minor}" for minor in range(int(model.MODEL_VERSION.partition(".")[2]))]
VERSIONS = [*EARLIER, model.MODEL_VERSION]

#: What is answered to an agent.
ANSWERS: dict[str, type[model.Message]] = {"report_state": model.ReportAnswer, "get_bridge_links": model.HostState}


def said_to(whom: str, version: str) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Yield method, arguments and answer of each message of the record; there is no answer to most."""
    for said in RECORDS[version]["messages"]:
        if said["to"] == whom:
            yield said["method"], said["arguments"], said.get("answer")


def check_understood(version: str, kind: type[model.Message], message: object) -> None:
    """Raise ValidationError if a reader of ``version`` would not take ``message``."""
    jsonschema_rs.validator_for(RECORDS[version]["schemas"][kind.__name__]).validate(message)


@pytest.fixture
def database(template: pathlib.Path, tmp_path: pathlib.Path) -> Iterator[Database]:
    path = tmp_path / "controller.sqlite"
    path.write_bytes(template.read_bytes())
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


def test_each_version_has_a_record() -> None:
    assert list(RECORDS) == VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_a_record_is_of_its_version(version: str) -> None:
    reports = [arguments["report"] for method, arguments, _ in said_to("controller", version) if "report" in arguments]
    plugs = [arguments["link"] for method, arguments, _ in said_to("agent", version) if method == "plug_bridge_link"]
    assert {each["version"] for each in (*reports, *plugs)} == {version}


@pytest.mark.parametrize("version", VERSIONS)
def test_an_older_agent_is_heard_and_understands_the_answers(version: str, database: Database) -> None:
    liveness = Liveness(75)
    events = Events(database, liveness)
    parts = (Reports(database, liveness), events, Inventories(database, liveness))
    endpoint = ControllerEndpoint(*parts, ControllerMetrics(ping=database.ping))
    for method, arguments, _ in said_to("controller", version):
        answer = getattr(endpoint, method)({}, **arguments)
        if method in ANSWERS:
            check_understood(version, ANSWERS[method], answer)
    told = [
        arguments["events"]["events"]
        for method, arguments, _ in said_to("controller", version)
        if "events" in arguments
    ]
    heard = [event.kind for event in events.list(EventQuery())]
    assert heard == [event["kind"] for batch in told for event in batch]
    assert {"plugged", "repaired", "unplugged"} <= set(heard)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_older_controller_is_obeyed(version: str) -> None:
    host = next(arguments["link"]["host"] for _, arguments, _ in said_to("agent", version) if "link" in arguments)
    setup, calls = Setup(host), ("describe_host", "plan_bridge_links")
    for method, arguments, _ in said_to("agent", version):
        if method not in calls:
            getattr(setup.endpoint, method)({}, **arguments)
        elif "links" in arguments:
            assert wire.parse_all(model.BridgeLink, arguments["links"])
    casts = [method for method, *_ in said_to("agent", version) if method not in calls]
    assert (setup.counts("casts"), setup.counts("casts_refused")) == (len(casts), 0)
    for method, _, answer in said_to("controller", version):
        if method in ANSWERS:
            parsed = wire.parse(ANSWERS[method], answer)
            assert answer.items() <= wire.dump(parsed).items()


@pytest.mark.parametrize("version", EARLIER[-1:])
@pytest.mark.parametrize("kind", messages, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_what_is_said_today_is_understood_by_the_version_before(
    version: str, kind: type[model.Message], data: st.DataObject
) -> None:
    if kind.__name__ in RECORDS[version]["schemas"]:
        check_understood(version, kind, wire.dump(data.draw(messages[kind])))
