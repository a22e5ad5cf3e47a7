"""``event list`` against the real API."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import IO

import pytest

from tests.unit.cli.conftest import Vethctl
from tests.unit.cli.service import HOST, Service

CREATE = ("link", "create", "--host", HOST, "br1:phy-br1", "br-eth1:eth1-br1", "-f", "json")


@pytest.fixture
def link_id(vethctl: Vethctl) -> str:
    return str(vethctl(*CREATE, "--name", "seed").json["id"])


def test_list(vethctl: Vethctl, service: Service, link_id: str) -> None:
    service.event(link_id, kind="repaired", status="ACTIVE", took_ms=12.34)
    plugged, repaired = vethctl("event", "list", "-f", "json").json
    assert (plugged["Kind"], repaired["Kind"]) == ("plugged", "repaired")
    assert (repaired["Link"], repaired["Took ms"], repaired["Status"]) == ("seed", 12.34, "ACTIVE")
    assert "12.3" in vethctl("event", "list").out


def test_list_tells_what_was_repaired(vethctl: Vethctl, service: Service, link_id: str) -> None:
    """In the columns that are always there; a program has the message as it is, and all of it with --long."""
    wrong = [
        {"code": "MTU", "device": "phy-br1", "wanted": "1500", "observed": "1400"},
        {"code": "TAG", "device": "eth1-br1", "wanted": "none", "observed": "7"},
    ]
    service.event(link_id, kind="repaired", status="ACTIVE", repaired=wrong)
    text = "phy-br1: MTU was 1400, wanted 1500; eth1-br1: TAG was 7, wanted none"
    assert text in vethctl("event", "list").out
    _plugged, repaired = vethctl("event", "list", "--long", "-f", "json").json
    assert (repaired["Message"], repaired["Repaired"]) == ("", wrong)


def test_list_long_has_the_whole_state(vethctl: Vethctl, link_id: str) -> None:
    (event,) = vethctl("event", "list", "--long", "-f", "json").json
    assert event["Link ID"] == link_id
    assert event["Ends"][0]["device"] == "phy-br1"


@pytest.mark.parametrize(
    ("filters", "kinds"),
    [
        (("--kind", "failed"), ["failed"]),
        (("--host", "h2"), ["failed"]),
        (("--link", "seed"), ["plugged", "repaired"]),
        (("--limit", "1"), ["failed"]),
        ((), ["plugged", "repaired", "failed"]),
    ],
)
def test_filters(vethctl: Vethctl, service: Service, link_id: str, filters: tuple[str, ...], kinds: list[str]) -> None:
    service.event(link_id, kind="repaired", status="ACTIVE")
    service.event("00000000-0000-4000-8000-000000000001", "h2", kind="failed", status="ERROR")
    assert [event["Kind"] for event in vethctl("event", "list", *filters, "-f", "json").json] == kinds


def test_events_of_a_deleted_link_by_its_id(vethctl: Vethctl, link_id: str) -> None:
    vethctl("link", "delete", "seed", "--wait")
    kinds = [event["Kind"] for event in vethctl("event", "list", "--link", link_id, "-f", "json").json]
    assert kinds == ["plugged", "unplugged"]


@pytest.fixture
def follow(service: Service) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "vethagent.cli.shell", "--api-url", service.url]
    process = subprocess.Popen(
        [*command, "event", "list", "--follow", "-f", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def read(stream: IO[str] | None) -> dict[str, object]:
    assert stream is not None
    event = json.loads(stream.readline())
    assert isinstance(event, dict)
    return event


def test_follow_until_interrupted(service: Service, link_id: str, follow: subprocess.Popen[str]) -> None:
    assert read(follow.stdout)["Kind"] == "plugged"
    for kind in ("drifted", "repaired"):
        service.event(link_id, kind=kind, status="ACTIVE")
        assert read(follow.stdout)["Kind"] == kind
    follow.send_signal(signal.SIGINT)
    _out, err = follow.communicate(timeout=30)
    assert (follow.returncode, err) == (130, "")
