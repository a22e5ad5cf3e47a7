"""What tables show."""

import datetime
import re

import pytest

from vethagent.cli import agents, columns, events, links
from vethagent.client.types import EndState
from vethagent.model import EventKind, Mode, Status

STATE: EndState = {
    "bridge": "br-eth1",
    "kind": "ovs",
    "device": "eth1-br1",
    "present": True,
    "ifindex": 7,
    "peer_ifindex": 6,
    "attached_to": "br-eth1",
    "mac": "02:00:00:00:00:01",
    "mtu": 1500,
    "up": True,
    "carrier": False,
    "tx_checksum": None,
    "stp": None,
    "datapath_type": "netdev",
    "ofport": 3,
    "tag": None,
    "error": None,
}


def test_end_state() -> None:
    assert columns.EndStates([STATE]).human_readable() == (
        "eth1-br1: in ovs bridge br-eth1, up, no carrier, mtu 1500, mac 02:00:00:00:00:01, ifindex 7, peer 6, ofport 3"
    )
    loose: EndState = {**STATE, "attached_to": None, "up": None, "carrier": None}
    assert columns.EndStates([loose]).human_readable().startswith("eth1-br1: in no bridge, mtu 1500")
    gone: EndState = {**STATE, "present": False}
    assert columns.EndStates([gone]).human_readable() == "eth1-br1: not there"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00.123456Z", "2026-01-31T12:00:00.123Z"),
        ("2026-01-31T12:00:00.123456+00:00", "2026-01-31T12:00:00.123+00:00"),
        ("2026-01-31T12:00:00.12Z", "2026-01-31T12:00:00.12Z"),
    ],
)
def test_time(text: str, shown: str) -> None:
    assert columns.Time(text).human_readable() == shown


@pytest.mark.parametrize(
    ("days", "shown"), [(0, r"\d\d:\d\d:\d\dZ"), (2, r"\d\d-\d\d \d\d:\d\dZ"), (301, r"\d{4}-\d\d-\d\d")]
)
def test_a_short_time_tells_the_day_if_that_is_another(days: int, shown: str) -> None:
    at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days)
    found = columns.Time(at.isoformat(), short=True).human_readable()
    # The day may end between the two looks at the clock.
    assert re.fullmatch(shown, found) or (days == 0 and at.date() != datetime.datetime.now(datetime.UTC).date())


def test_a_short_time_that_is_not_known() -> None:
    assert columns.Time(None, short=True).human_readable() == ""


def test_differences() -> None:
    found = columns.Differences([{"code": "MTU", "device": "eth1-br1", "wanted": "1500", "observed": "9000"}])
    assert found.human_readable() == "MTU eth1-br1: wanted 1500, is 9000"


def test_rings() -> None:
    assert columns.Rings([{"link_id": "7", "path": "br-a of h1 - net"}]).human_readable() == "7: br-a of h1 - net"
    assert columns.Rings([]).human_readable() == "none"


def test_nothing_is_nothing() -> None:
    assert columns.Text(None).human_readable() == columns.Milliseconds(None).human_readable() == ""
    assert columns.Text(None).machine_readable() is None


def test_choices_are_those_of_the_models() -> None:
    """They are written out, because the models take a tenth of a second to import."""
    assert set(links.STATUSES) == set(Status)
    assert set(agents.MODES) == set(Mode)
    assert set(events.KINDS) == set(EventKind)
