import json
import logging
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from tests.unit.cli.service import Server, Service
from vethagent.cli import shell
from vethagent.controller.db import migration
from vethagent.controller.db.database import Database


class Result(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.status == 0, self.err
        return json.loads(self.out)


Vethctl = Callable[..., Result]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("template") / "controller.sqlite"
    migration.upgrade(f"sqlite:///{path}")
    return path.read_bytes()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def service(
    server: Server, template: bytes, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    # In this process vethctl would write the service's log too.
    monkeypatch.setattr(logging.getLogger("vethagent.controller"), "propagate", False)
    path = tmp_path / "controller.sqlite"
    path.write_bytes(template)
    database = Database(f"sqlite:///{path}")
    server.application = service = Service(server.url, database)
    service.report()
    yield service
    server.application = None
    database.close()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("OS_", "VETHAGENT_", "CLIFF_")):
            monkeypatch.delenv(name)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Iterator[Vethctl]:
    """Run vethctl in this process; what it does to logging is undone."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        try:
            status = shell.main(list(arguments))
        except SystemExit as error:
            status = int(error.code or 0)
        finally:
            root.handlers[:], root.level = handlers, level
        return Result(status, *capsys.readouterr())

    yield run
    root.setLevel(level)


@pytest.fixture
def vethctl(run: Vethctl, service: Service) -> Vethctl:
    """Run vethctl against the service."""
    return lambda *arguments: run("--api-url", service.url, *arguments)
