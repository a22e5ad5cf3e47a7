"""The password of the bus is in no log, in no answer and in no report of a process, whatever happens to the bus."""

import json
import os
import pathlib
import signal

import pytest

from tests.fullstack import links
from tests.support import commands, daemons, deployment, rabbit

NODES = 1


@pytest.fixture(scope="module")
def concurrency() -> str:
    """One kind: what threads are does not matter here."""
    return "threading"


def _worker(process: daemons.Daemon) -> int:
    """Return the pid of the process that works: it may be a child of the one that was started."""
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    same = [pid for pid in children if process.name in pathlib.Path(f"/proc/{pid}/cmdline").read_text()]
    return int(same[0]) if same else process.pid


def test_no_secret_is_told(clean: deployment.Deployment, node: deployment.Node) -> None:
    link = links.plug(clean, node)
    clean.broker.control("change_password", "vethagent", "another")
    clean.broker.control("close_all_connections", "a test")
    try:
        for process in (clean.controller, node.agent):
            commands.wait_until(
                lambda process=process: "ACCESS_REFUSED" in process.tail(200) or "refused" in process.tail(200).lower(),  # type: ignore[misc]
                what=f"the trouble of {process.name}",
            )
    finally:
        clean.broker.control("change_password", "vethagent", rabbit.PASSWORD)
    told = [clean.controller, clean.api, node.agent]
    for process in told:
        os.kill(_worker(process), signal.SIGUSR2)
        commands.wait_until(
            lambda process=process: "transport_url" in process.log.read_text(errors="replace"),  # type: ignore[misc]
            what=f"the report of {process.name}",
        )
    clean.rest.delete(link["id"])
    clean.rest.wait_until_gone(link["id"], timeout=60)
    answers = [
        clean.rest.get(path)
        for path in (f"/v1/agents/{node.name}", f"/v1/agents/{node.name}/history", "/v1/port-events", "/healthcheck")
    ]
    shown = clean.run("vethctl", "agent", "show", node.name).stdout
    texts = {process.name: process.log.read_text(errors="replace") for process in told}
    texts |= {"answers": json.dumps(answers), "agent show": shown}
    assert [name for name, text in texts.items() if rabbit.PASSWORD in text] == []
