"""The examples of the client in the documents, against the real API."""

import pathlib
import runpy

import pytest

from tests.unit.cli.conftest import Vethctl
from tests.unit.cli.service import HOST, Service

EXAMPLES = pathlib.Path(__file__).parents[3] / "doc/source/user/examples"


def run(name: str, *arguments: str) -> None:
    runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"](*arguments)


def test_create(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    run("create", service.url, HOST, "br1", "br-eth1")
    assert capsys.readouterr().out.split()[1] == "ACTIVE"


def test_drain(service: Service, vethctl: Vethctl, capsys: pytest.CaptureFixture[str]) -> None:
    service.report("h2")
    vethctl("agent", "set", HOST, "--label", "rack=7")
    capsys.readouterr()
    run("drain", service.url, "rack=7")
    assert capsys.readouterr().out == f"{HOST} is paused\n"
    modes = {row["Host"]: row["Mode"] for row in vethctl("agent", "list", "-f", "json").json}
    assert modes == {HOST: "paused", "h2": "enforce"}


def test_why(service: Service, vethctl: Vethctl, capsys: pytest.CaptureFixture[str]) -> None:
    vethctl("link", "create", "br1", "br2", "--host", HOST)
    message = "there is no bridge br3"
    service.answer = {"status": "DOWN", "reason": "BRIDGE_NOT_FOUND", "message": message, "kind": "failed"}
    vethctl("link", "create", "br1", "br3", "--host", HOST)
    capsys.readouterr()
    run("why", service.url)
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith(HOST) and message in line


def test_fleet(service: Service, vethctl: Vethctl, capsys: pytest.CaptureFixture[str]) -> None:
    service.report("h2")
    vethctl("agent", "set", "h2", "--label", "rack=7")
    capsys.readouterr()
    run("fleet", service.url, "uplink", "rack=7", "br1", "br-eth1")
    assert capsys.readouterr().out == "COMPLETED 1 of 1 hosts \n"
    service.report("h3")
    vethctl("agent", "set", "h3", "--label", "rack=7")
    capsys.readouterr()
    service.answer = {"status": "ERROR", "reason": "BRIDGE_NOT_FOUND", "message": "no bridge br2", "kind": "failed"}
    run("fleet", service.url, "other", "rack=7", "br1", "br2")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("STOPPED 0 of 2 hosts 1 of 1 hosts begun have failed")
    assert second == "h2 BRIDGE_NOT_FOUND: no bridge br2"


def test_all_examples_are_run_and_shown() -> None:
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    assert names == {"create", "drain", "fleet", "why"}
    shown = (EXAMPLES.parent / "client.rst").read_text()
    assert all(f"examples/{name}.py" in shown for name in names)
