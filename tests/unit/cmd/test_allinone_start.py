"""The all-in-one on its way to the work."""

import pathlib
import socket

import pytest

from tests.unit.cmd.conftest import Run, Start


@pytest.mark.parametrize("driver", ["mysql+pymysql", "postgresql+psycopg2"])
def test_a_database_that_hangs_is_what_is_waited_for(start: Start, config: pathlib.Path, driver: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with config.open("a") as file:
            file.write(
                f"[database]\nconnection = {driver}://someone:secret@127.0.0.1:{port}/links?connect_timeout=600\n"
            )
        process = start("allinone")
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Waiting" in line:
                break
        assert f"Waiting for the tables in {driver}://someone:***@127.0.0.1:{port}/links to be" in said
        assert "secret" not in said


@pytest.mark.parametrize("concurrency", ["eventlet", "threading"])
def test_a_port_of_the_api_that_is_taken(run: Run, config: pathlib.Path, concurrency: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with config.open("a") as file:
            file.write(f"[agent]\nconcurrency = {concurrency}\n[api]\nport = {port}\n")
        done = run("allinone")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last == f"vethagent-allinone: cannot listen on 127.0.0.1 port {port}: Address already in use"
