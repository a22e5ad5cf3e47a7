"""The images, built and run as it is written, where VETHAGENT_IMAGES names what they are built on.

For a machine of its own: it needs podman and the network, takes minutes, leaves the images, and reads /etc/vethagent,
which has to be as the installation document has it, with a RabbitMQ and a database that the machine can reach.
"""

import json
import os
import urllib.request
from typing import Any

import pytest

from tests.support import commands, documents

BASE = os.environ.get("VETHAGENT_IMAGES", "")
SERVICES = ("vethagent-agent", "vethagent-api", "vethagent-controller")


def agents() -> list[dict[str, Any]]:
    try:
        with urllib.request.urlopen("http://127.0.0.1:9798/v1/agents", timeout=10) as answer:
            return [agent for agent in json.load(answer)["agents"] if agent["alive"] and agent["ready"]]
    except OSError:
        return []


@pytest.mark.timeout(3600)
@pytest.mark.skipif(not BASE, reason="VETHAGENT_IMAGES names no image to build on")
def test_images_are_built_and_run() -> None:
    try:
        for command in documents.run_here(__file__):
            text = command.text.replace("podman build ", f"podman build --build-arg BASE={BASE} ")
            commands.run("sh", "-c", f"cd {documents.TOP} && {text}", timeout=1800)
        commands.wait_until(agents, what="an agent in step", timeout=120, interval=1)
    except AssertionError as error:
        logs = [commands.run("podman", "logs", "--tail=20", name, check=False) for name in SERVICES]
        raise AssertionError(f"{error}\n" + "\n".join(log.stdout + log.stderr for log in logs)) from error
    finally:
        commands.run("podman", "rm", "--force", "--ignore", *SERVICES)
