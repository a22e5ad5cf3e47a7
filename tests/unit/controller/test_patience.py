"""What a driver would ask a name server for by itself."""

import socket

import pytest

from vethagent import exceptions
from vethagent.controller.db.database import Database

PORT = 1  # nobody listens there


def test_a_name_is_looked_up_as_threads_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def known(host: str, *_: object, **__: object) -> list[object]:
        assert host == "database.invalid"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in ("127.0.0.1", "127.0.0.2")]

    monkeypatch.setattr(socket, "getaddrinfo", known)
    with pytest.raises(exceptions.DatabaseUnavailable, match="refused"):
        Database(f"postgresql+psycopg2://user:secret@database.invalid:{PORT}/x").ping()


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_AGAIN, "not now")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(exceptions.DatabaseUnavailable, match=r"database\.invalid: .*not now"):
        Database(f"postgresql+psycopg2://user:secret@database.invalid:{PORT}/x").ping()


@pytest.mark.parametrize("host", ["127.0.0.1", "/nowhere"])
def test_a_folder_is_no_name(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    found: list[str] = []

    def known(name: str, *_: object, **__: object) -> list[object]:
        found.append(name)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (name, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", known)
    with pytest.raises(exceptions.DatabaseUnavailable):
        Database(f"postgresql+psycopg2://user:secret@/x?host={host}&port={PORT}").ping()
    assert found == ([host] if host == "127.0.0.1" else [])
