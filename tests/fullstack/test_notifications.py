"""Notifications over RabbitMQ, from a controller and an API, and their broker away, which nobody notices."""

import collections
import contextlib
import json
import pathlib
import sys
from collections.abc import Iterator

import pytest

from tests.fullstack import links
from tests.support import commands, daemons, deployment

_PROGRAM = pathlib.Path(__file__).with_name("listen.py")
NODES = 1


@pytest.fixture(scope="module")
def concurrency() -> str:
    """One kind: agents have nothing to do with it."""
    return "threading"


@contextlib.contextmanager
def _notifying(made: deployment.Deployment, url: str) -> Iterator[None]:
    """While the block lasts controller and API send notifications to the broker at ``url``."""
    processes = (made.controller, made.api)
    before = [process.configuration.read_text() for process in processes]
    options = f"[oslo_messaging_notifications]\ndriver = messagingv2\ntransport_url = {url}\n"
    _restart(made, [text + options for text in before])
    yield
    _restart(made, before)


def _restart(made: deployment.Deployment, configurations: list[str]) -> None:
    for process, text in zip((made.controller, made.api), configurations, strict=True):
        process.stop()
        process.configuration.write_text(text)
        process.start()
    made.rest.wait_until_served()


def test_each_change_is_told_once(clean: deployment.Deployment, node: deployment.Node, tmp_path: pathlib.Path) -> None:
    log = tmp_path / "heard"
    heard = daemons.Daemon(
        [sys.executable, "-I", str(_PROGRAM), clean.broker.url], name="listener", namespace=clean.network, log=log
    )
    heard.start()
    with _notifying(clean, clean.broker.url):
        link = links.plug(clean, node)
        clean.rest.delete(link["id"])
        clean.rest.wait_until_gone(link["id"])
        wanted = {
            ("api", "bridge_link.build"): 1,
            ("controller", "bridge_link.active"): 1,
            ("api", "bridge_link.pending_delete"): 1,
            ("controller", "bridge_link.deleted"): 1,
        }

        def told() -> dict[tuple[str, str], int]:
            found = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
            of_link = [each for each in found if each["payload"].get("link_id") == link["id"]]
            return collections.Counter(
                (each["publisher"].split("-")[1].split(".")[0], each["event_type"]) for each in of_link
            )

        commands.wait_until(lambda: sum(told().values()) >= len(wanted), what="the notifications", timeout=60)
        assert told() == wanted
    heard.kill()


def test_nobody_waits_for_a_broker_that_is_away(clean: deployment.Deployment, node: deployment.Node) -> None:
    with _notifying(clean, "rabbit://nobody:nothing@127.0.0.1:9/"):
        links.check_plugged(node.host, links.plug(clean, node)["id"])
